/* SPDX-License-Identifier: MIT */
#include "fetch/task.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "writer/packer.h"

#include <assert.h>
#include <string.h>

#define WRONG_LENGTHS_MAX 3  /* then the artifact is missing */
#define REFRESHES_MAX     20 /* lists fetched again for one task */
#define DENIALS_MAX       2  /* of these, lists fetched again after a 403 */

/* pause after which a closed connection counts as caused by this program */
#define EXCUSE_MS   1000
#define EXCUSES_MAX 100

struct tasks {
    struct tasks_opts opts;
    struct region *region;
    struct segments all;     /* of struct task, by the plan's index */
    struct region *memory;   /* for the entries, since queues are not read in order */
    struct segments entries; /* of struct task_entry, by the plan's index */
    size_t count;
    size_t *firsts; /* the first task of each run, and the number of tasks */
    size_t runs;    /* number of runs with tasks, or before one with tasks */
    struct task_queue *queue;
    struct origin *api_origin; /* origin of the content endpoint */
    size_t open;
    bool over;
    struct err err; /* fatal */
};

/* The transitions: the state that follows each event, and 0 where the event cannot happen (no
 * event leads to TASK_IDLE). */
/* clang-format off */
static const enum task_state transitions[TASK_STATES][TASK_EVENTS] = {
    [TASK_IDLE] = {
        [TASK_OPENED] = TASK_WAITING,
        [TASK_STORED] = TASK_ENDED, /* with its leader, or by an interrupted attempt */
    },
    [TASK_WAITING] = {
        [TASK_RELEASED] = TASK_READY,
        [TASK_STORED] = TASK_ENDED, /* out of its bundle's ZIP */
        [TASK_LOST] = TASK_ENDED,
    },
    [TASK_READY] = {
        [TASK_STARTED] = TASK_RUNNING,
        [TASK_LIMITED] = TASK_HELD,
        [TASK_REQUEUED] = TASK_READY,
        [TASK_EXPIRED] = TASK_STALE,
        [TASK_STORED] = TASK_ENDED, /* out of a ZIP received for another member; also below */
        [TASK_LOST] = TASK_ENDED,
    },
    [TASK_DELAYED] = {
        [TASK_DUE] = TASK_READY,
        [TASK_STORED] = TASK_ENDED,
        [TASK_LOST] = TASK_ENDED,
    },
    [TASK_HELD] = {
        [TASK_ADMITTED] = TASK_READY,
        [TASK_STORED] = TASK_ENDED,
        [TASK_LOST] = TASK_ENDED,
    },
    [TASK_STALE] = {
        [TASK_REFRESHED] = TASK_READY,
        [TASK_STORED] = TASK_ENDED,
        [TASK_LOST] = TASK_ENDED,
        [TASK_ABORTED] = TASK_ENDED,
    },
    [TASK_RUNNING] = {
        [TASK_BACKOFF] = TASK_DELAYED,
        [TASK_REQUEUED] = TASK_READY,
        [TASK_EXPIRED] = TASK_STALE,
        [TASK_RECEIVED] = TASK_PACKING,
        [TASK_STORED] = TASK_ENDED, /* its own request has failed since */
        [TASK_LOST] = TASK_ENDED,
        [TASK_ABORTED] = TASK_ENDED,
    },
    [TASK_PACKING] = {
        [TASK_REQUEUED] = TASK_READY, /* the packer has refused its content; also below */
        [TASK_EXPIRED] = TASK_STALE,
        [TASK_RECEIVED] = TASK_PACKING,
        [TASK_STORED] = TASK_ENDED,
        [TASK_LOST] = TASK_ENDED,
    },
};
/* clang-format on */

enum task_state task_transition(enum task_state state, enum task_event event)
{
    enum task_state next = transitions[state][event];

    return next == TASK_IDLE ? TASK_STATES : next;
}

/*
 * The only place where a task's state is set. Before a task becomes HELD, the queue must have
 * space for it.
 */
void task_apply(struct tasks *tasks, struct task *task, enum task_event event)
{
    enum task_state next = task_transition(task->state, event);

    assert(next != TASK_STATES);
    task_queue_remove(task->entry);
    if (task->state == TASK_IDLE)
        tasks->open++;
    task->state = next;
    if (next == TASK_RUNNING || next == TASK_PACKING || next == TASK_ENDED)
        plan_close(tasks->opts.plan, task->item);
    if (next == TASK_ENDED)
        tasks->open--;
    task->entry->rank = task->rank;
    task->entry->expiry = task->route == FETCH_ROUTE_CONTENT ? EXPIRY_NEVER : task->url.expiry;
    if (next == TASK_READY)
        task_queue_ready(tasks->queue, task->entry);
    else if (next == TASK_DELAYED)
        task_queue_delay(tasks->queue, task->entry);
    else if (next == TASK_HELD)
        task_queue_hold(tasks->queue, task->entry, task_origin(tasks, task), task_costly(task));
}

struct tasks *tasks_new(const struct tasks_opts *opts, struct err *err)
{
    struct tasks *tasks = mem_new(sizeof(*tasks), err);

    if (!tasks)
        return NULL;
    tasks->opts = *opts;
    tasks->api_origin = engine_origin(opts->engine, opts->api->base);
    tasks->region = region_on(opts->pagefile, err);
    tasks->memory = region_new(err);
    segments_init(&tasks->all, tasks->region, sizeof(struct task));
    segments_init(&tasks->entries, tasks->memory, sizeof(struct task_entry));
    tasks->queue = task_queue_new(plan_count(opts->plan), err);
    if (tasks->region && tasks->memory && tasks->queue && tasks_grow(tasks, err) == 0)
        return tasks;
    tasks_free(tasks);
    return NULL;
}

/* Make room for a number of tasks, and for the runs up to one. */
static int make_room(struct tasks *tasks, size_t count, size_t last, struct err *err)
{
    size_t *firsts;

    if (segments_reach(&tasks->all, count, err) < 0 ||
        segments_reach(&tasks->entries, count, err) < 0 ||
        task_queue_reach(tasks->queue, count, err) < 0)
        return -1;
    firsts = mem_resize(tasks->firsts, last + 2, sizeof(*firsts), err);
    if (firsts)
        tasks->firsts = firsts;
    return firsts ? 0 : -1;
}

int tasks_grow(struct tasks *tasks, struct err *err)
{
    const struct plan *plan = tasks->opts.plan;
    size_t count = plan_count(plan);

    if (tasks->count == count)
        return 0;
    if (make_room(tasks, count, plan_at(plan, count - 1)->run, err) < 0)
        return -1;
    for (; tasks->count < count; tasks->count++) {
        struct task *task = segments_at(&tasks->all, tasks->count);

        task->item = plan_at(plan, tasks->count);
        task->entry = segments_at(&tasks->entries, tasks->count);
        *task->entry = (struct task_entry){ .task = task, .index = tasks->count };
        fetch_url_clear(&task->url);
        for (; tasks->runs <= task->item->run; tasks->runs++) /* the plan is in their order */
            tasks->firsts[tasks->runs] = tasks->count;
    }
    tasks->firsts[tasks->runs] = count;
    return 0;
}

size_t tasks_count(const struct tasks *tasks)
{
    return tasks->count;
}

void tasks_free(struct tasks *tasks)
{
    if (!tasks)
        return;
    task_queue_free(tasks->queue);
    segments_clear(&tasks->all);
    segments_clear(&tasks->entries);
    mem_free(tasks->firsts);
    region_free(tasks->region);
    region_free(tasks->memory);
    mem_free(tasks);
}

struct task *tasks_of(const struct tasks *tasks, const struct item *item)
{
    return segments_at(&tasks->all, item->index);
}

size_t tasks_open(const struct tasks *tasks)
{
    return tasks->open;
}

bool tasks_over(const struct tasks *tasks)
{
    return tasks->over;
}

const struct err *tasks_failure(const struct tasks *tasks)
{
    return tasks->err.kind ? &tasks->err : NULL;
}

void tasks_fail(struct tasks *tasks, const struct err *err)
{
    if (!tasks->err.kind)
        tasks->err = *err;
}

const struct artifact *task_artifact(const struct tasks *tasks, const struct task *task)
{
    return &tasks->opts.listing->runs[task->item->run].list.rows[task->item->row];
}

static bool has_local(const struct tasks *tasks, const struct task *task)
{
    return tasks->opts.local && task_artifact(tasks, task)->file;
}

/*
 * Whether only its row's own URL, or its file, is certain to be the task's: neither the content
 * endpoint nor a fresh list tells its row from another one of its ID.
 */
static bool by_url_only(const struct task *task)
{
    return !item_known_by_id(task->item);
}

/* Fetch a task by a URL obtained by a route; without a URL, by the content endpoint. */
static void take_url(const struct tasks *tasks, struct task *task, const char *text,
                     enum fetch_route route)
{
    bool usable =
        fetch_url_parse(&task->url, text, tasks->opts.engine, tasks->opts.api->secure);

    task->route = usable ? route : FETCH_ROUTE_CONTENT;
    if (!usable && text && expiry_cut(text))
        log_line(LOG_INFO, "the signature of artifact '%s' was truncated",
                 task->item->what.artifact_id);
}

struct task *task_open(struct tasks *tasks, const struct item *item)
{
    struct task *task = tasks_of(tasks, item);

    task->backoff =
        (struct backoff){ .retries = tasks->opts.retries, .deadline = tasks->opts.deadline };
    take_url(tasks, task, task_artifact(tasks, task)->signed_url, FETCH_ROUTE_SIGNED);
    task_apply(tasks, task, TASK_OPENED);
    return task;
}

static void on_due(void *ctx, struct task *task)
{
    task_apply(ctx, task, TASK_DUE);
}

static void on_room(void *ctx, struct task *task)
{
    task_apply(ctx, task, TASK_ADMITTED);
}

uint64_t tasks_release_due(struct tasks *tasks, uint64_t now)
{
    return task_queue_release_due(tasks->queue, now, on_due, tasks);
}

uint64_t tasks_release_held(struct tasks *tasks, uint64_t now, unsigned most)
{
    return task_queue_release_held(tasks->queue, now, most, on_room, tasks);
}

struct task *tasks_first(const struct tasks *tasks)
{
    return tasks->over || tasks->err.kind ? NULL : task_queue_first(tasks->queue);
}

/* Whether a task's next request is by the content endpoint with the key, not by its URL. */
static bool by_key(const struct task *task)
{
    return task->route == FETCH_ROUTE_CONTENT || !task->url.text;
}

struct origin *task_origin(const struct tasks *tasks, const struct task *task)
{
    return by_key(task) ? tasks->api_origin : task->url.origin;
}

bool task_costly(const struct task *task)
{
    return by_key(task) || task->url.is_content;
}

bool task_needs_refresh(const struct tasks *tasks, const struct task *task, bool listing,
                        int64_t now)
{
    if (by_key(task) || task->refreshes >= REFRESHES_MAX || by_url_only(task))
        return false;
    return listing ||
           fetch_route_stale(task->url.expiry,
                             tasks->opts.listing->runs[task->item->run].listed_at, now);
}

struct task_step task_expire(struct tasks *tasks, struct task *task)
{
    task->refreshes++;
    task_apply(tasks, task, TASK_EXPIRED);
    return (struct task_step){ TASK_DO_REFRESH, REASON_NONE };
}

int task_hold(struct tasks *tasks, struct task *task, struct err *err)
{
    if (task_queue_reserve(tasks->queue, task_origin(tasks, task), task_costly(task), err) < 0)
        return -1;
    task_apply(tasks, task, TASK_LIMITED);
    return 0;
}

void task_start(struct tasks *tasks, struct task *task)
{
    if (!task->url.text)
        task->route = FETCH_ROUTE_CONTENT;
    task->outcome.attempts++;
    task->has_other_route =
        !task->any_content &&
        (has_local(tasks, task) ||
         (!by_url_only(task) && (task->route != FETCH_ROUTE_CONTENT || !task->suspects)));
    task->url_replaced = task->changed = false;
    task_apply(tasks, task, TASK_STARTED);
}

unsigned task_again(const struct task *task)
{
    return (task->item->what.checksum && !task->rechecked ? PACKER_AGAIN_SUM : 0) |
           (task->has_other_route ? PACKER_AGAIN_SUSPECT : 0);
}

struct fetch_route_facts task_facts(const struct tasks *tasks, const struct task *task)
{
    return (struct fetch_route_facts){
        .route = task->route,
        .local = has_local(tasks, task),
        .archived = task_artifact(tasks, task)->archived,
        .renewable = !by_url_only(task) && task->refreshes < DENIALS_MAX,
        .by_url = by_url_only(task),
        .refuted = task->route == FETCH_ROUTE_CONTENT && task->url_refuted,
        .file_size = task->item->what.file_size
    };
}

/* Fetch a task by the content endpoint, or if that may not be used, by its URL again. */
static struct task_step to_content(struct tasks *tasks, struct task *task)
{
    if (!by_url_only(task))
        task->route = FETCH_ROUTE_CONTENT;
    task->backoff.failures = 0;
    task_apply(tasks, task, TASK_REQUEUED);
    return TASK_NO_STEP;
}

/*
 * The task is lost. "Gone" is final, and is not reported if its URL failed for a reason that
 * may be temporary: older servers have no content endpoint, and answer 404 there to everything.
 */
static struct task_step give_up(struct task *task, enum reason reason)
{
    if (reason == REASON_GONE && task->url_outcome.reason) {
        reason = task->url_outcome.reason;
        task->outcome.http_status = task->url_outcome.http_status;
    }
    return (struct task_step){ TASK_DO_LOSE, reason };
}

/* The route of the last attempt failed for good: take the next route. */
static struct task_step next_route(struct tasks *tasks, struct task *task, enum reason reason)
{
    if (task->route != FETCH_ROUTE_CONTENT && !by_url_only(task))
        return to_content(tasks, task);
    return has_local(tasks, task) ? (struct task_step){ TASK_DO_LOCAL, reason }
                                  : give_up(task, reason);
}

/*
 * Set when a task is retried. An attempt whose connection was closed because this program did
 * not read from it is not counted.
 */
static uint64_t next_try(struct task *task, const struct task_attempt *attempt)
{
    backoff_received(&task->backoff, attempt->kept, attempt->have);
    if (attempt->request->err.kind == ERR_NET && attempt->pause >= EXCUSE_MS &&
        task->excused < EXCUSES_MAX) {
        task->excused++;
        return clock_mono() + EXCUSE_MS;
    }
    return backoff_next(&task->backoff, clock_mono(), attempt->request->retry_after,
                        attempt->dice);
}

/* Give the task's body to the packer, with the route that it was fetched by. */
static void receive(struct tasks *tasks, struct task *task)
{
    task->outcome.via = fetch_route_name(task->route);
    task->outcome.fetched_at = clock_wall();
    task_apply(tasks, task, TASK_RECEIVED);
}

struct task_step task_settle(struct tasks *tasks, struct task *task,
                             const struct task_attempt *attempt)
{
    enum reason reason = attempt->verdict.reason;

    task->outcome.http_status = attempt->request->status;
    if (task->route != FETCH_ROUTE_CONTENT)
        task->url_refuted = reason != REASON_GONE;
    switch (attempt->verdict.step) {
    case FETCH_ROUTE_DONE:
        receive(tasks, task);
        return TASK_NO_STEP;
    case FETCH_ROUTE_AGAIN:
        task->entry->due = next_try(task, attempt);
        if (task->entry->due == BACKOFF_NEVER) {
            if (task->route != FETCH_ROUTE_CONTENT)
                task->url_outcome = (struct outcome){ .reason = reason,
                                                      .http_status = attempt->request->status };
            return next_route(tasks, task, reason);
        }
        task_apply(tasks, task, TASK_BACKOFF);
        return TASK_NO_STEP;
    case FETCH_ROUTE_RENEW:
        if (!task->url_replaced)
            return task_expire(tasks, task);
        take_url(tasks, task, task->url.text, FETCH_ROUTE_RENEWED);
        task_apply(tasks, task, TASK_REQUEUED);
        return TASK_NO_STEP;
    case FETCH_ROUTE_TO_CONTENT:
        return to_content(tasks, task);
    case FETCH_ROUTE_TO_LOCAL:
        return (struct task_step){ TASK_DO_LOCAL, reason };
    case FETCH_ROUTE_GIVE_UP:
        return give_up(task, reason);
    }
    return TASK_NO_STEP;
}

struct task_step task_unstarted(struct tasks *tasks, struct task *task)
{
    return next_route(tasks, task,
                      task->outcome.http_status == 403 ? REASON_DENIED : REASON_NO_URL);
}

struct task_step task_bypass(struct tasks *tasks, struct task *task)
{
    if (task->url.text || !by_url_only(task))
        return TASK_NO_STEP;
    task_apply(tasks, task, TASK_STARTED);
    return next_route(tasks, task, REASON_NO_URL);
}

void task_local(struct tasks *tasks, struct task *task)
{
    task->outcome.attempts++;
    task->route = FETCH_ROUTE_LOCAL;
    receive(tasks, task);
}

struct task_step task_local_failed(struct tasks *tasks, struct task *task, enum reason reason)
{
    task->outcome.attempts++;
    if (task->state != TASK_PACKING)
        return give_up(task, reason);
    /* the former content was suspect: fetch it again, and keep the result */
    task->any_content = true;
    return to_content(tasks, task);
}

/*
 * The content does not match its type: try the other routes; the content of the last route is
 * kept.
 */
static struct task_step suspect(struct tasks *tasks, struct task *task)
{
    log_line(
        LOG_INFO,
        "artifact '%s', by %s: the content does not match its type (%s); trying another route",
        task->item->what.artifact_id, fetch_route_name(task->route),
        task->item->what.type ? task->item->what.type : "none");
    task->suspects++;
    if (task->suspects == 1 && task->refreshes < REFRESHES_MAX && !by_url_only(task))
        return task_expire(tasks, task);
    if (task->route != FETCH_ROUTE_CONTENT && !by_url_only(task))
        return to_content(tasks, task);
    if (has_local(tasks, task))
        return (struct task_step){ TASK_DO_LOCAL, REASON_NONE };
    task->any_content = true;
    return to_content(tasks, task);
}

struct task_step task_refused(struct tasks *tasks, struct task *task, enum pack_event answer)
{
    task->outcome.via = NULL;
    task->rechecked = task->rechecked || answer == PACK_MISMATCH;
    task->wrong_lengths += answer == PACK_LENGTH;
    if (tasks->over)
        return (struct task_step){ TASK_DO_LOSE, REASON_TIMEOUT };
    if (answer == PACK_SUSPECT)
        return suspect(tasks, task);
    if (task->wrong_lengths > WRONG_LENGTHS_MAX)
        return (struct task_step){ TASK_DO_LOSE, REASON_LENGTH_MISMATCH };
    log_line(LOG_INFO,
             answer == PACK_LENGTH
                 ? "artifact '%s' did not have the length that its server announced; retrying"
                 : "checksum mismatch for artifact '%s'; retrying",
             task->item->what.artifact_id);
    task_apply(tasks, task, TASK_REQUEUED);
    return TASK_NO_STEP;
}

/* Whether a fresh list describes a task's artifact otherwise than the list before. */
static bool is_changed(const struct tasks *tasks, const struct task *task,
                       const struct url_refresh_list *list)
{
    const char *id = task->item->what.artifact_id;
    const struct artifact *now = hashmap_get(list->rows, id, strlen(id));
    const struct artifact *before = task_artifact(tasks, task);

    /* a checksum that appears is a change once: else no body could outlast two of its URLs */
    return now && (artifact_changed(before, now) ||
                   (!before->checksum && now->checksum && task->refreshes <= 1));
}

void tasks_refreshed(struct tasks *tasks, const struct url_refresh_list *list)
{
    size_t i;

    for (i = tasks->firsts[list->run]; i < tasks->firsts[list->run + 1]; i++) {
        struct task *task = segments_at(&tasks->all, i);
        const char *id = task->item->what.artifact_id;
        const char *text;

        if (task->state == TASK_IDLE || task->state == TASK_ENDED ||
            (task->state != TASK_STALE && (!list->came || by_url_only(task))))
            continue;
        if (list->came && !task->item->twinned)
            task->changed = task->changed || is_changed(tasks, task, list);
        /* two rows have the same ID, and a fresh list does not tell which is which */
        text = list->came && !task->item->twinned ? hashmap_get(list->by_id, id, strlen(id))
                                                  : NULL;
        if (task->state == TASK_STALE) {
            if (!by_url_only(task))
                take_url(tasks, task, text, FETCH_ROUTE_RENEWED);
            task_apply(tasks, task, TASK_REFRESHED);
        } else if (task->route == FETCH_ROUTE_SIGNED || task->route == FETCH_ROUTE_RENEWED) {
            /* the list with the former text is freed; the place in the queue stays */
            bool usable =
                fetch_url_parse(&task->url, text, tasks->opts.engine, tasks->opts.api->secure);

            task->url_replaced = usable && task->state == TASK_RUNNING;
            if (task->state != TASK_RUNNING)
                task->route = FETCH_ROUTE_RENEWED;
        }
    }
}

void tasks_stop(struct tasks *tasks)
{
    tasks->over = true;
}
