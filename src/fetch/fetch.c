/* SPDX-License-Identifier: MIT */
#include "fetch/fetch.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "fetch/attempt_log.h"
#include "fetch/completion.h"
#include "fetch/fallback.h"
#include "fetch/task.h"
#include "fetch/transfer.h"
#include "fetch/url_refresh.h"

#include <string.h>

#define OVERDUE_MS 1000 /* interval between checks for overdue transfers */

/*
 * The loop starts the first task of the queue while there are free slots and its host
 * allows it, and passes the result of each attempt and each answer of the packer to the task.
 * follow() does what the task then asks for (struct task_step). Before each start the
 * expiry of the task's URL is checked, so that no URL is used that is about to expire; one list
 * gives fresh URLs to all stale tasks of a run.
 */
struct fetch {
    struct fetch_opts opts;
    struct loop *loop;
    struct tasks *tasks;
    struct completion *completion;
    struct url_refresh *refresh;
    struct transfers transfers;
    bool growing;        /* the plan is not complete */
    uint64_t overdue_at; /* when end_overdue last ran */
};

/* Discard the partial body of a task. */
static void forget(struct fetch *f, struct task *task)
{
    struct err err;

    if (transfer_forget(&f->transfers, task, &err) < 0)
        tasks_fail(f->tasks, &err);
}

/*
 * Read a task's file from below --local-root and give it to the packer.
 *
 * reason   set on failure: why the artifact is missing
 */
static struct task_step read_local(struct fetch *f, struct task *task, enum reason reason)
{
    const struct plan_artifact *what = &task->item->what;
    const char *name = task_artifact(f->tasks, task)->file;
    struct err err;
    int fd = file_open_beneath(f->opts.local_root, name, &err);
    struct body *body = fd < 0 ? NULL : body_of_file(fd, f->opts.spool, f->opts.max_size, &err);

    file_close(&fd);
    if (!body) {
        log_line(LOG_INFO, "artifact '%s', by local-root: %s", what->artifact_id, err.text);
        return task_local_failed(f->tasks, task,
                                 err.kind == ERR_LIMIT  ? REASON_TOO_LARGE
                                 : err.kind == ERR_BUSY ? REASON_NO_SPACE
                                                        : reason);
    }
    forget(f, task);
    task_local(f->tasks, task);
    if (packer_item(f->opts.packer, task->item, body, 0, &err) < 0)
        tasks_fail(f->tasks, &err);
    return TASK_NO_STEP;
}

/* Do what a task's step asks for, and the steps that follow from it. */
static void follow(struct fetch *f, struct task *task, struct task_step step)
{
    struct err err;

    while (step.action != TASK_DO_NOTHING) {
        switch (step.action) {
        case TASK_DO_LOCAL:
            step = read_local(f, task, step.reason);
            break;
        case TASK_DO_LOSE:
            forget(f, task);
            step = completion_lose(f->completion, task, step.reason);
            break;
        case TASK_DO_REFRESH:
            if (url_refresh_ask(f->refresh, task->item->run, &err) < 0) {
                tasks_fail(f->tasks, &err);
                task_apply(f->tasks, task, TASK_ABORTED);
            }
            return;
        case TASK_DO_NOTHING:
            return;
        }
    }
}

/* Record that a task is missing. */
static void lose(struct fetch *f, struct task *task, enum reason reason)
{
    follow(f, task, (struct task_step){ TASK_DO_LOSE, reason });
}

static void on_refreshed(void *ctx, const struct url_refresh_list *list)
{
    tasks_refreshed(((struct fetch *)ctx)->tasks, list);
}

/* Free a slot whose bytes are not needed; an error of the packer has been reported already. */
static void discard(struct transfer *t)
{
    struct err ignored;

    if (transfer_abort(t, &ignored) < 0)
        log_line(LOG_DEBUG, "%s", ignored.text);
}

/* Abort all running transfers, whose tasks stay RUNNING, and discard all partial bodies. */
static void discard_all(struct fetch *f)
{
    unsigned i;
    size_t k;

    for (i = 0; i < f->transfers.count; i++) {
        if (!f->transfers.slots[i].task)
            continue;
        engine_drop(f->loop->engine, &f->transfers.slots[i].request);
        discard(&f->transfers.slots[i]);
    }
    for (k = 0; k < tasks_count(f->tasks); k++)
        forget(f, tasks_of(f->tasks, plan_at(f->opts.plan, k)));
}

/* Process the packer's results. */
static void take_results(struct fetch *f)
{
    struct pack_result result;

    while (packer_result(f->opts.packer, &result)) {
        struct task *task = tasks_of(f->tasks, result.item);

        f->loop->retries += result.event == PACK_SUSPECT && task->state == TASK_PACKING;
        follow(f, task, completion_result(f->completion, &result));
    }
}

/* Give a received body to the packer, keep it for the next attempt, or discard it. */
static int dispose(struct transfer *t, struct fetch_route_verdict verdict, struct err *err)
{
    if (verdict.step == FETCH_ROUTE_DONE)
        return transfer_commit(t, task_again(t->task), err);
    return verdict.broken ? transfer_abort(t, err) : transfer_hold(t, err);
}

/* There was no memory for an attempt's body: start it again, and have fewer run. */
static void give_back(struct fetch *f, struct transfer *t)
{
    struct task *task = t->task;
    uint64_t spent = task->spent;

    fallback_narrow(&f->transfers);
    discard(t);
    task->spent = spent; /* it was not its server that took this time */
    follow(f, task, fallback_give_back(f->tasks, task));
}

static void on_done(void *ctx, struct request *request)
{
    struct transfer *t = ctx;
    struct fetch *f = t->all->owner;
    struct task *task = t->task;
    struct fetch_route_facts facts = task_facts(f->tasks, task);
    struct task_attempt attempt = { .request = request,
                                    .pause = transfer_pause(t),
                                    .dice = loop_dice(f->loop) };
    struct err err;

    facts.sized = transfer_sized(t);
    facts.have = transfer_have(t);
    attempt.verdict = fetch_route_judge(&facts, request);
    attempt.have = facts.have;
    attempt.kept = request_good(request) ? request->received : 0;
    if (f->transfers.err.kind) { /* the spool or the packer failed, not the network */
        tasks_fail(f->tasks, &f->transfers.err);
        discard(t);
        task_apply(f->tasks, task, TASK_ABORTED);
        return;
    }
    if (t->yields) {
        give_back(f, t);
        return;
    }
    if (attempt.verdict.step == FETCH_ROUTE_AGAIN &&
        (request->status == 429 || request->status == 503))
        engine_slow(request);
    if (dispose(t, attempt.verdict, &err) < 0) {
        tasks_fail(f->tasks, &err);
        return;
    }
    attempt_log(f->opts.callers->log, task, request, attempt.verdict);
    if (!task->part)
        attempt.kept = attempt.have = 0;
    follow(f, task, task_settle(f->tasks, task, &attempt));
    f->loop->retries += task->state == TASK_DELAYED;
}

/* The size of a task's body as it is asked for: see request.expected. */
static uint64_t expected_size(const struct fetch *f, const struct task *task)
{
    const struct plan_artifact *what = &task->item->what;
    uint64_t size = !what->sized ? 0 : what->file_size ? what->file_size : 1;

    return fallback_by_http1(&f->transfers, size) ? UINT64_MAX : size;
}

/* Write the URL of a task's next request into its transfer. */
static int put_url(const struct fetch *f, struct transfer *t, struct err *err)
{
    const struct task *task = t->task;

    buf_reset(&t->url);
    return task->route == FETCH_ROUTE_CONTENT
               ? api_url_content(f->opts.api, &t->url, task->item->what.artifact_id, err)
               : buf_adds(&t->url, task->url.text, err);
}

static int start(struct fetch *f, struct task *task, const struct origin *origin,
                 struct err *err)
{
    struct transfer *t = transfer_open(&f->transfers, task, err);
    uint64_t expected;
    struct err why;
    int rc;

    if (!t)
        return -1;
    err_clear(&why);
    task_start(f->tasks, task);
    t->part.resume.same_host = origin && origin == t->part.origin;
    rc = put_url(f, t, &why);
    expected = t->part.passing ? UINT64_MAX : expected_size(f, task);
    t->waitable = expected > REQUEST_STREAM;
    t->request = (struct request){ .url = buf_text(&t->url),
                                   .max = item_most(task->item, f->opts.max_size),
                                   .resume = t->part.resume,
                                   .expected = expected,
                                   .as_sent = true,
                                   .costly = task_costly(task),
                                   .sink = transfer_sink,
                                   .done = on_done,
                                   .ctx = t };
    /* the engine sends the key to its own origin only */
    if (task->route == FETCH_ROUTE_CONTENT || !task->url.is_signed)
        api_sign(f->opts.api, &t->request);
    if (rc == 0 && engine_start(f->loop->engine, &t->request, &why) == 0)
        return 0;
    if (transfer_abort(t, err) < 0)
        return -1;
    if (why.kind == ERR_MEMORY) {
        *err = why;
        return -1;
    }
    follow(f, task, task_unstarted(f->tasks, task));
    return 0;
}

/*
 * Whether a task's host allows one more transfer. The packer waits for the first task: the
 * number of transfers to its host must not delay it, only the host's own retry delay may.
 */
static bool has_room(const struct task *task, const struct origin *origin, uint64_t now)
{
    return task->rank == TASK_RANK_HEAD ? now >= origin->until
                                        : origin_room(origin, task_costly(task), now) > 0;
}

/* Whether the memory for connections allows one more transfer; for the first task, it must. */
static bool has_memory(const struct fetch *f, const struct task *task)
{
    return task->rank == TASK_RANK_HEAD ||
           engine_affords(f->loop->engine, task_origin(f->tasks, task), expected_size(f, task));
}

/* Start a task, or have it wait for what it needs first. */
static int start_or_wait(struct fetch *f, struct task *task, uint64_t now, struct err *err)
{
    const struct origin *origin = task_origin(f->tasks, task);
    struct task_step step = task_bypass(f->tasks, task);

    if (step.action != TASK_DO_NOTHING) {
        follow(f, task, step);
        return 0;
    }
    if (task_needs_refresh(f->tasks, task, url_refresh_busy(f->refresh, task->item->run),
                           clock_wall() + f->opts.listing->skew)) {
        follow(f, task, task_expire(f->tasks, task));
        return 0;
    }
    /*
     * its content has changed, or it cannot be checked whether a rest from this origin belongs
     * to the kept part
     */
    if (task->part && (task->changed || !transfer_resumable(task, origin))) {
        forget(f, task);
        task_apply(f->tasks, task, TASK_REQUEUED);
        return 0;
    }
    if (origin && !has_room(task, origin, now))
        return task_hold(f->tasks, task, err);
    return start(f, task, origin, err);
}

/* Give free slots to the first tasks of the queue; *due: when to call this again. */
static int fill_slots(struct fetch *f, uint64_t now, uint64_t *due, struct err *err)
{
    uint64_t again =
        tasks_release_held(f->tasks, now, f->transfers.count - f->transfers.running);
    struct task *task;

    *due = again < *due ? again : *due;
    while ((task = tasks_first(f->tasks)) && has_memory(f, task) &&
           transfers_room(&f->transfers, task)) {
        if (start_or_wait(f, task, now, err) < 0)
            return -1;
    }
    again = tasks_release_held(f->tasks, now, 0);
    *due = again < *due ? again : *due;
    return 0;
}

/* End transfers that have taken longer than any transfer may take. */
static void end_overdue(struct fetch *f, uint64_t now)
{
    unsigned i;

    if (now < f->overdue_at + OVERDUE_MS || !f->opts.stall.time)
        return;
    f->overdue_at = now;
    for (i = 0; i < f->transfers.count; i++) {
        struct transfer *t = &f->transfers.slots[i];
        struct task *task = t->task;

        if (!task || !transfer_overdue(t, &f->opts.stall, now))
            continue;
        engine_drop(f->loop->engine, &t->request);
        discard(t);
        lose(f, task, REASON_TOO_SLOW);
    }
}

/* Say why an artifact is lost for want of memory, and what helps. */
static void tell_no_space(const struct fetch *f, const struct transfer *t)
{
    const struct spool *spool = f->opts.spool;

    log_line(
        LOG_WARNING,
        "artifact '%s' of run '%s' is larger than the memory for bodies (%zu KiB), and %s: "
        "it needs --spool-dir with free space, or a larger --memory",
        t->task->item->what.artifact_id, t->task->item->what.run_id,
        pool_count(spool->pool) * pool_chunk_size(spool->pool) >> 10,
        request_total(&t->request) == REQUEST_UNSAID
            ? "its server does not tell its size"
            : "cannot be written while it is received");
}

/*
 * Without temporary files: end transfers that wait for memory for which nothing would end it.
 */
static void relieve(struct fetch *f, uint64_t now)
{
    struct transfer *t;
    enum fallback fallback;

    while ((fallback = fallback_find(&f->transfers, now, &t)) != FALLBACK_NONE) {
        struct task *task = t->task;
        uint64_t spent = task->spent;

        if (fallback == FALLBACK_LOSE)
            tell_no_space(f, t);
        engine_drop(f->loop->engine, &t->request);
        discard(t);
        task->spent = spent; /* it was not its server that took this time */
        if (fallback == FALLBACK_LOSE)
            lose(f, task, REASON_NO_SPACE);
        else
            follow(f, task,
                   fallback == FALLBACK_SUSPECT ? task_refused(f->tasks, task, PACK_SUSPECT)
                                                : fallback_give_back(f->tasks, task));
    }
    if (f->transfers.err.kind)
        tasks_fail(f->tasks, &f->transfers.err);
}

/*
 * Start what can be started; *due: when to call this again. API calls are first: they are few,
 * and tasks may wait for their lists.
 */
static int begin_turn(struct fetch *f, uint64_t *due, struct err *err)
{
    uint64_t now = clock_mono();
    uint64_t called;

    *due = tasks_release_due(f->tasks, now);
    if (now >= f->opts.deadline && !tasks_over(f->tasks)) {
        discard_all(f);
        completion_expire(f->completion);
    }
    end_overdue(f, now);
    called = callers_pump(f->opts.callers);
    *due = called < *due ? called : *due;
    return fill_slots(f, now, due, err);
}

/* Have the plan grow, and open the tasks of what was added. */
static int grow(struct fetch *f, struct err *err)
{
    bool over = false;

    if (f->opts.grow(f->opts.ctx, &over, err) < 0 || tasks_grow(f->tasks, err) < 0)
        return -1;
    if (!over) {
        completion_ahead(f->completion);
        return 0;
    }
    f->growing = false;
    return url_refresh_reach(f->refresh, err) < 0 ? -1 : completion_finish(f->completion, err);
}

static int turn(struct fetch *f, struct err *err)
{
    uint64_t due;
    bool again;

    if ((f->growing && grow(f, err) < 0) || begin_turn(f, &due, err) < 0)
        return -1;
    if ((tasks_open(f->tasks) || f->growing) && !tasks_failure(f->tasks) &&
        loop_turn(f->loop, due, err) < 0)
        return -1;
    take_results(f);
    completion_flush(f->completion, false);
    relieve(f, clock_mono());
    if (transfers_look(&f->transfers, clock_mono(), &again, err) < 0)
        return -1;
    if (loop_woken(f->loop) || again)
        transfers_offer(&f->transfers, engine_resume);
    if (tasks_failure(f->tasks)) {
        *err = *tasks_failure(f->tasks);
        return -1;
    }
    if (packer_failed(f->opts.packer))
        return packer_join(f->opts.packer, err);
    return 0;
}

int fetch_run(struct fetch *f, struct err *err)
{
    int rc = 0;

    f->growing = f->opts.growing;
    if (!f->growing)
        completion_begin(f->completion, &f->opts.before);
    while (rc == 0 && (f->growing || tasks_open(f->tasks)))
        rc = turn(f, err);
    completion_flush(f->completion, true);
    return rc;
}

int fetch_stop(struct fetch *f, struct err *err)
{
    int rc;

    discard_all(f);
    rc = packer_join(f->opts.packer, err);
    tasks_stop(f->tasks);
    take_results(f);
    completion_flush(f->completion, true);
    return rc;
}

struct fetch *fetch_new(const struct fetch_opts *opts, struct loop *loop, struct err *err)
{
    struct fetch *f = mem_new(sizeof(*f), err);
    struct tasks_opts tasks = { .api = opts->api,
                                .engine = loop->engine,
                                .listing = opts->listing,
                                .plan = opts->plan,
                                .pagefile = opts->listing->pagefile,
                                .retries = opts->retries,
                                .deadline = opts->deadline,
                                .local = opts->local_root != NULL };
    struct completion_opts completion = { .plan = opts->plan,
                                          .journal = opts->journal,
                                          .strict = opts->strict };

    if (!f)
        return NULL;
    f->opts = *opts;
    f->loop = loop;
    f->transfers.owner = f;
    f->transfers.packer = opts->packer;
    f->transfers.spool = opts->spool;
    f->transfers.pass = opts->pass;
    f->transfers.files_max = opts->files;
    f->transfers.pass_min = opts->pass_min ? opts->pass_min : PASS_MIN;
    f->tasks = completion.tasks = tasks_new(&tasks, err);
    f->completion = completion_new(&completion, err);
    f->refresh = url_refresh_new(opts->listing, opts->callers, on_refreshed, f, err);
    if (f->tasks && f->completion && f->refresh &&
        transfers_init(&f->transfers, opts->jobs, err) == 0)
        return f;
    fetch_free(f);
    return NULL;
}

void fetch_free(struct fetch *f)
{
    size_t i;

    if (!f)
        return;
    for (i = 0; f->tasks && i < tasks_count(f->tasks); i++)
        part_free(tasks_of(f->tasks, plan_at(f->opts.plan, i))->part);
    transfers_clear(&f->transfers);
    url_refresh_free(f->refresh);
    completion_free(f->completion);
    tasks_free(f->tasks);
    mem_free(f);
}

const struct outcome *fetch_outcome(const struct fetch *f, const struct item *item)
{
    return &tasks_of(f->tasks, item)->outcome;
}

const struct packed *fetch_packed(const struct fetch *f, const struct item *item)
{
    return &tasks_of(f->tasks, item)->packed;
}

size_t fetch_stored(const struct fetch *f)
{
    size_t count = 0;
    size_t i;

    for (i = 0; i < tasks_count(f->tasks); i++)
        count += fetch_packed(f, plan_at(f->opts.plan, i))->here;
    return count;
}

enum reason fetch_reason(const struct fetch *f, const struct item *item)
{
    return completion_reason(f->completion, item);
}

struct fetch_progress fetch_progress(const struct fetch *f)
{
    struct fetch_progress progress = { .running = f->transfers.running,
                                       .bytes = f->transfers.bytes };

    completion_count(f->completion, &progress.done, &progress.missing);
    return progress;
}

const char *fetch_via(const char *via)
{
    static const char *const others[] = { VIA_JOINED, VIA_BUNDLE };
    int i;

    for (i = FETCH_ROUTE_SIGNED; i <= FETCH_ROUTE_LOCAL; i++) {
        if (strcmp(via, fetch_route_name((enum fetch_route)i)) == 0)
            return fetch_route_name((enum fetch_route)i);
    }
    for (i = 0; i < 2; i++) {
        if (strcmp(via, others[i]) == 0)
            return others[i];
    }
    return "unknown";
}
