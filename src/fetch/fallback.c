/* SPDX-License-Identifier: MIT */
#include "fetch/fallback.h"

#define AGAIN_MS   500  /* between two bodies that are given up since one has waited for long */
#define GIVEN_BACK 1000 /* attempts of one task: no server can make a pull endless */

/* The running transfers except the head. */
struct fallback_wait {
    struct transfer *oldest;
    struct transfer *youngest;
    struct transfer *longest; /* the one that has waited longest; NULL: none waits */
    bool all;                 /* all of them wait */
    size_t chunks;            /* that they hold */
};

bool fallback_by_http1(const struct transfers *all, uint64_t expected)
{
    return spool_barred(all->spool) &&
           (!expected || expected > pool_chunk_size(all->spool->pool));
}

static struct fallback_wait who_waits(struct transfers *all)
{
    struct fallback_wait w = { .all = true };
    unsigned i;

    for (i = 0; i < all->count; i++) {
        struct transfer *t = &all->slots[i];

        if (!t->task || t->part.passing)
            continue;
        w.all = w.all && t->paused;
        w.chunks += t->part.body ? body_chunks(t->part.body) : 0;
        if (!w.oldest || t->begun < w.oldest->begun)
            w.oldest = t;
        if (!w.youngest || t->begun >= w.youngest->begun)
            w.youngest = t;
        if (t->paused && (!w.longest || t->paused_at < w.longest->paused_at))
            w.longest = t;
    }
    return w;
}

/* The only body that runs, and has all the chunks. */
static enum fallback last_resort(struct transfers *all, const struct transfer *t)
{
    if (transfers_choose_head(all, true) < 0)
        return FALLBACK_NONE;
    if (all->head) {
        all->offers = true;
        return FALLBACK_NONE;
    }
    if (t->part.body &&
        t->part.body->fd >= 0) /* a part of it in a file: it cannot pass through */
        return FALLBACK_GIVE_BACK;
    return t->part.body && transfer_doubtful(t) ? FALLBACK_SUSPECT : FALLBACK_LOSE;
}

/* Decide by what the waiting transfers wait for. */
static enum fallback decide(struct transfers *all, const struct fallback_wait *w, uint64_t now,
                            struct transfer **which)
{
    bool stuck = w->all && w->chunks >= pool_count(all->spool->pool);
    bool late = now - w->longest->paused_at >= TRANSFER_PAUSE;

    if (all->head) {
        *which = w->longest;
        return late ? FALLBACK_GIVE_BACK : FALLBACK_NONE;
    }
    *which = w->youngest;
    if (w->youngest == w->oldest)
        return stuck ? last_resort(all, w->oldest) : FALLBACK_NONE;
    if (!stuck && (!late || now - all->relieved_at < AGAIN_MS))
        return FALLBACK_NONE;
    all->relieved_at = now;
    return FALLBACK_GIVE_BACK;
}

void fallback_narrow(struct transfers *all)
{
    all->width = all->running > 1 ? all->running - 1 : 1;
    all->ended = 0;
}

enum fallback fallback_find(struct transfers *all, uint64_t now, struct transfer **which)
{
    enum fallback fallback;
    struct fallback_wait w;

    *which = NULL;
    if (!spool_barred(all->spool))
        return FALLBACK_NONE;
    w = who_waits(all);
    if (!w.longest)
        return FALLBACK_NONE;
    if (all->spare) { /* nothing starts now */
        chunk_unref(all->spare);
        all->spare = NULL;
        all->offers = true;
    }
    if (!all->head) {
        if (transfers_choose_head(all, false) < 0)
            return FALLBACK_NONE;
        if (all->head) {
            all->offers = true;
            return FALLBACK_NONE;
        }
    }
    fallback = decide(all, &w, now, which);
    if (fallback != FALLBACK_NONE)
        fallback_narrow(all);
    return fallback;
}

struct task_step fallback_give_back(struct tasks *tasks, struct task *task)
{
    if (task->given_back >= GIVEN_BACK)
        return (struct task_step){ TASK_DO_LOSE, REASON_NO_SPACE };
    task->given_back++;
    task->outcome.attempts--;
    task_apply(tasks, task, TASK_REQUEUED);
    return TASK_NO_STEP;
}
