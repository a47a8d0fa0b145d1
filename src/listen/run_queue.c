/* SPDX-License-Identifier: MIT */
#include "listen/run_queue.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

void run_queue_clear(struct run_queue *queue)
{
    while (queue->first)
        run_queue_drop(queue, queue->first);
}

struct queued *run_queue_add(struct run_queue *queue, const char *id, int64_t arrived,
                             struct err *err)
{
    struct queued *run;
    struct queued **last = &queue->first;

    if (queue->count >= RUN_QUEUE_MAX) {
        (void)err_set(err, ERR_LIMIT, "the queue is full: %d runs", RUN_QUEUE_MAX);
        return NULL;
    }
    run = mem_new(sizeof(*run), err);
    if (!run)
        return NULL;
    (void)snprintf(run->id, sizeof(run->id), "%s", id);
    run->arrived = arrived;
    run->due = arrived + (int64_t)queue->delay;
    while (*last)
        last = &(*last)->next;
    *last = run;
    queue->count++;
    return run;
}

struct queued *run_queue_find(const struct run_queue *queue, const char *id)
{
    struct queued *run = queue->first;

    while (run && strcmp(run->id, id) != 0)
        run = run->next;
    return run;
}

static bool returns(const struct queued *run)
{
    return run->failures || run->put_back || run->incomplete;
}

/* Input of the choice of run_queue_take. */
struct view {
    struct queued *first[2]; /* due: fresh, returning */
    size_t active[2];
    int64_t next; /* when the next run becomes due */
};

static struct view look(const struct run_queue *queue, int64_t now)
{
    struct view view = { .next = INT64_MAX };
    struct queued *run;

    for (run = queue->first; run; run = run->next) {
        bool kind = returns(run);

        if (run->active)
            view.active[kind]++;
        else if (run->due > now)
            view.next = run->due < view.next ? run->due : view.next;
        else if (!view.first[kind] || run->due < view.first[kind]->due)
            view.first[kind] = run;
    }
    return view;
}

bool run_queue_busy(const struct run_queue *queue)
{
    const struct queued *run = queue->first;

    while (run && !run->active)
        run = run->next;
    return run;
}

static struct queued *choose(const struct view *view, size_t places)
{
    struct queued *fresh = view->first[0];
    struct queued *back = view->first[1];

    if (view->active[0] + view->active[1] >= places)
        return NULL;
    if (places < 2)
        return !fresh ? back : !back || fresh->due <= back->due ? fresh : back;
    if (view->active[1] + 1 >= places) /* the last place is for fresh runs */
        return fresh;
    return fresh && !(back && view->active[0] + 1 >= places) ? fresh : back;
}

struct queued *run_queue_take(struct run_queue *queue, size_t places, int64_t now,
                              int64_t *next)
{
    struct view view = look(queue, now);
    struct queued *run = choose(&view, places);

    *next = view.next;
    if (run) {
        run->active = true;
        run->again = false;
        run->tried = run->tried ? run->tried : now;
    }
    return run;
}

bool run_queue_wait(const struct run_queue *queue, int64_t now)
{
    struct view view = look(queue, now);

    return view.first[0] || view.first[1];
}

void run_queue_later(struct run_queue *queue, struct queued *run, enum run_queue_why why,
                     int64_t due)
{
    run->active = false;
    run->due = due;
    run->failures += why == RUN_QUEUE_FAILURE || why == RUN_QUEUE_MISSING;
    run->incomplete = run->incomplete || why == RUN_QUEUE_MISSING;
    run->put_back += why == RUN_QUEUE_MADE_ROOM;
    if (run->again)
        run_queue_renew(queue, run, run->arrived);
}

void run_queue_renew(const struct run_queue *queue, struct queued *run, int64_t now)
{
    run->arrived = now;
    if (run->active) {
        run->again = true;
        return;
    }
    run->failures = 0;
    run->tried = 0;
    run->due = now + (int64_t)queue->delay;
}

bool run_queue_hurry(const struct run_queue *queue, struct queued *run, int64_t now)
{
    int64_t due = now + (int64_t)queue->delay;

    if (!run->failures)
        return false;
    if (!run->active && due < run->due)
        run->due = due;
    return true;
}

void run_queue_drop(struct run_queue *queue, struct queued *run)
{
    struct queued **at = &queue->first;

    while (*at != run)
        at = &(*at)->next;
    *at = run->next;
    queue->count--;
    mem_free(run);
}

uint64_t run_queue_again(const struct queued *run, uint64_t again)
{
    again <<= run->failures < 16 ? run->failures : 16;
    return again < RUN_QUEUE_AGAIN_MAX ? again : RUN_QUEUE_AGAIN_MAX;
}
