/* SPDX-License-Identifier: MIT */
#include "sync/discover.h"

#include "api/reason.h"
#include "api/run.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/relation.h"
#include "catalog/run_state.h"
#include "client/identity.h"
#include "client/lister.h"
#include "client/listing.h"
#include "client/older_runs.h"
#include "client/wait.h"
#include "sync/assign.h"

#include <string.h>

#define OVERLAP_US ((int64_t)3600 * 1000000) /* runs may appear in the list late */
#define DOUBTED    20 /* runs listed as in progress whose records are fetched nevertheless */
#define DOUBTED_OF 10 /* plus one of this many further ones */

static int64_t known(int64_t us)
{
    return us == CLOCK_NONE ? DB_UNKNOWN : us;
}

/* Whether a run that ended matches the wanted statuses. */
static bool is_wanted(const struct discover_opts *opts, const char *status)
{
    const struct api_runs *what = &opts->query->what;
    size_t i;

    for (i = 0; status && i < what->status_count; i++) {
        if (strcmp(what->statuses[i], status) == 0)
            return true;
    }
    return !what->status_count;
}

/* An archived run will be retried: set it back to running. */
static int go_on_again(const struct discover_opts *opts, const struct run_state_row *row,
                       struct err *err)
{
    int open = run_state_is(opts->catalog, row->run_id, RUN_STATE_OPEN, err);

    if (open == 0)
        open = run_state_is(opts->catalog, row->run_id, RUN_STATE_SEALED, err);
    return open <= 0 ? open
                     : run_state_set(opts->catalog, row->run_id, RUN_STATE_RUNNING, 0,
                                     RUN_STATE_RETRY, err);
}

/* Record what the service says of a run; 1: the run was not known. */
static int note_run(const struct discover_opts *opts, const struct run_state_row *row,
                    bool retry_pending, struct err *err)
{
    bool over = run_is_terminal(row->status) && !retry_pending;

    if (retry_pending && go_on_again(opts, row, err) < 0)
        return -1;
    if (over && !is_wanted(opts, row->status))
        return run_state_drop(opts->catalog, row->run_id, err);
    return run_state_seen(opts->catalog, row, over, opts->now_ms, err);
}

/* Record a run that a list names, if it is of the directory's shard; 1: it was not known. */
static int note_listed(const struct discover_opts *opts, const struct run_state_row *row,
                       bool retry_pending, struct err *err)
{
    bool over = run_is_terminal(row->status) && !retry_pending;
    enum assign_verdict verdict = ASSIGN_HERE;

    if ((!over || is_wanted(opts, row->status)) &&
        assign_run(opts->assign, opts->catalog, row->run_id, &verdict, err) < 0)
        return -1;
    switch (verdict) {
    case ASSIGN_ELSEWHERE:
        return 0;
    case ASSIGN_UNDECIDED:
        return run_state_undecided(opts->catalog, row, opts->now_ms, err);
    case ASSIGN_HERE:
        break;
    }
    return note_run(opts, row, retry_pending, err);
}

struct lister {
    const struct discover_opts *opts;
    struct discover_result *result;
    int64_t stop;   /* runs created before are known; DB_UNKNOWN: no run is */
    int64_t newest; /* newest run listed; DB_UNKNOWN: none */
};

static int on_row(void *ctx, const struct runs_row *row, struct err *err)
{
    struct lister *l = ctx;
    struct run_state_row seen = { .run_id = row->run_id,
                                  .status = row->status,
                                  .created_at = known(row->created_us),
                                  .finished_at = db_us(row->finished_at) };
    int rc;

    if (l->stop != DB_UNKNOWN && seen.created_at != DB_UNKNOWN && seen.created_at < l->stop)
        return 1;
    if (seen.created_at != DB_UNKNOWN && seen.created_at > l->newest)
        l->newest = seen.created_at;
    rc = note_listed(l->opts, &seen, row->retry_pending, err);
    l->result->fresh += rc > 0;
    return rc < 0 ? -1 : 0;
}

/*
 * Extend the known interval by a list that covers all runs since `wanted`. If it began after
 * the interval's end, what lies between is not known, and the interval is the list's.
 */
static void widen(struct frontier *f, int64_t wanted, int64_t newest)
{
    if (f->from != DB_UNKNOWN && wanted > f->until) {
        *f = (struct frontier){ wanted, newest };
        return;
    }
    if (f->from == DB_UNKNOWN || wanted < f->from)
        f->from = wanted;
    if (newest > f->until)
        f->until = newest;
}

/* If the service truncated the list of all runs, list older runs by other lists. */
static int list_older(const struct discover_opts *opts, const struct runs_query *query,
                      struct lister *lister, struct err *err)
{
    struct runs_query older = *query;

    if (lister->stop != DB_UNKNOWN &&
        (older.since_us == CLOCK_NONE || older.since_us < lister->stop))
        older.since_us = lister->stop;
    return older_runs_list(opts->callers, &older, on_row, lister, &lister->result->end, err);
}

/*
 * Update the known interval. If not all runs were reached, only those since the oldest run of
 * the list of all runs are known; the next sync lists the others again.
 */
static void advance(struct frontier *f, const struct lister *l, int64_t wanted)
{
    const struct runs_end *end = &l->result->end;

    if (!end->cut)
        widen(f, wanted, l->newest);
    else if (end->oldest_us != CLOCK_NONE && end->oldest_us <= l->newest)
        *f = (struct frontier){ end->oldest_us, l->newest };
}

int discover_list(const struct discover_opts *opts, struct discover_result *result,
                  struct err *err)
{
    struct lister lister = { opts, result, DB_UNKNOWN, DB_UNKNOWN };
    struct runs_query query = *opts->query;
    struct frontier frontier;
    int64_t wanted = opts->query->since_us == CLOCK_NONE ? 0 : opts->query->since_us;
    int rc = db_begin(opts->catalog, err);

    query.what.statuses = NULL;
    query.what.status_count = 0;
    if (rc < 0)
        return -1;
    rc = run_state_frontier(opts->catalog, opts->filter, &frontier, err);
    if (rc == 0 && frontier.from != DB_UNKNOWN && frontier.from <= wanted)
        lister.stop = frontier.until - OVERLAP_US;
    if (rc == 0)
        rc = runs_list(opts->loop, opts->callers, &query, on_row, &lister, &result->end, err);
    if (rc == 0)
        rc = list_older(opts, &query, &lister, err);
    /* a row without a valid ID: list this interval again next time */
    if (rc == 0 && lister.newest != DB_UNKNOWN && !result->end.unread) {
        advance(&frontier, &lister, wanted);
        rc = run_state_set_frontier(opts->catalog, opts->filter, &frontier, err);
    }
    if (rc == 0)
        return db_commit(opts->catalog, err);
    db_rollback(opts->catalog);
    return -1;
}

static int add_id(void *ctx, const struct run_state_row *row, struct err *err)
{
    return text_list_add(ctx, row->run_id, DISCOVER_BATCH, err);
}

int discover_batches(const struct discover_opts *opts, struct run_state_which *which,
                     size_t most, discover_batch_fn *fn, void *ctx, struct err *err)
{
    size_t count = DISCOVER_BATCH;
    int rc = 0;

    while (rc == 0 && count == DISCOVER_BATCH && most) {
        struct text_list ids = { 0 };

        which->most = most < DISCOVER_BATCH ? most : DISCOVER_BATCH;
        rc = run_state_each(opts->catalog, which, add_id, &ids, err);
        count = ids.count;
        most -= count;
        if (rc == 0 && count)
            rc = fn(ctx, opts, &ids, err);
        text_list_clear(&ids);
    }
    return rc;
}

static int note_answer(const struct discover_opts *opts, const struct waited *run,
                       const char *state, struct err *err)
{
    struct run_state_row seen = { .run_id = run->id,
                                  .status = run->run.status,
                                  .created_at = db_us(run->run.created_at),
                                  .finished_at = db_us(run->run.finished_at) };

    if (run->failed && run->err.kind == ERR_DENIED) {
        *err = run->err;
        return -1;
    }
    if (run->failed && run->err.kind == ERR_NOT_FOUND) {
        log_line(LOG_WARNING, "the service no longer has run '%s'", run->id);
        return run_state_vanished(opts->catalog, run->id, reason_word(REASON_RUN_NOT_FOUND),
                                  err) < 0
                   ? -1
                   : 0;
    }
    if (run->failed)
        return run_state_put_off(opts->catalog, run->id, state, opts->now_ms, run->err.text,
                                 err);
    if (note_run(opts, &seen, run->run.retry_pending, err) < 0)
        return -1;
    return run_state_asked(opts->catalog, run->id, opts->now_ms, err);
}

/* Record the answers about a batch of runs, in one transaction. */
static int note_answers(const struct discover_opts *opts, const struct waited *runs,
                        size_t count, const char *state, struct err *err)
{
    size_t i;
    int rc = db_begin(opts->catalog, err);

    if (rc < 0)
        return -1;
    for (i = 0; rc == 0 && i < count; i++)
        rc = note_answer(opts, &runs[i], state, err);
    if (rc == 0)
        return db_commit(opts->catalog, err);
    db_rollback(opts->catalog);
    return -1;
}

/* Fetch the records of a batch of runs concurrently, and record the answers. */
static int poll_batch(void *ctx, const struct discover_opts *opts, const struct text_list *ids,
                      struct err *err)
{
    const struct run_state_which *which = ctx;
    struct waited *runs = wait_new(ids->at, ids->count, err);
    struct wait_opts how = { .api = opts->api,
                             .loop = opts->loop,
                             .callers = opts->callers,
                             .deadline = UINT64_MAX,
                             .once = true,
                             .ended = wait_ignore_ended,
                             .news = wait_ignore_news };
    int rc;

    if (!runs)
        return -1;
    rc = wait_for(&how, runs, ids->count, err);
    if (rc == 0)
        rc = note_answers(opts, runs, ids->count, which->state, err);
    wait_free(runs, ids->count);
    return rc;
}

/* Ask for all runs that `which` describes, in batches, up to a limit. */
static int poll_all(const struct discover_opts *opts, struct run_state_which *which,
                    size_t most, struct err *err)
{
    return discover_batches(opts, which, most, poll_batch, which, err);
}

/* A row of the list of runs in progress: a run known as running is marked as seen. */
static int on_going(void *ctx, const struct runs_row *row, struct err *err)
{
    const struct discover_opts *opts = ctx;
    struct run_state_row seen = { .run_id = row->run_id,
                                  .status = row->status,
                                  .created_at = known(row->created_us),
                                  .finished_at = DB_UNKNOWN };
    int rc = run_state_is(opts->catalog, row->run_id, RUN_STATE_RUNNING, err);

    if (rc > 0)
        rc = run_state_seen(opts->catalog, &seen, false, opts->now_ms, err);
    return rc < 0 ? -1 : 0;
}

/* List the runs in progress, page by page; these need not be asked for singly. If the
 * service rejects the request, that is not an error. */
static int list_going(const struct discover_opts *opts, struct err *err)
{
    static const char *const statuses[] = { "created", "queued", "running", "paused" };
    struct runs_query query = { .what = { .statuses = statuses, .status_count = 4 },
                                .since_us = CLOCK_NONE,
                                .until_us = CLOCK_NONE };
    struct err why = { 0 };
    struct runs_end end;
    int rc = db_begin(opts->catalog, err);

    if (rc < 0)
        return -1;
    rc = runs_list(opts->loop, opts->callers, &query, on_going, (void *)(uintptr_t)opts, &end,
                   &why);
    if (rc < 0 && (why.kind == ERR_HTTP || why.kind == ERR_FORMAT)) {
        log_line(LOG_INFO, "%s; asking for each run in progress instead", why.text);
        rc = 0;
    }
    if (rc == 0)
        return db_commit(opts->catalog, err);
    db_rollback(opts->catalog);
    *err = why;
    return -1;
}

/* Whether more than one running run was not named by any list. */
static int are_many(const struct discover_opts *opts, struct run_state_which *which,
                    struct err *err)
{
    struct text_list ids = { 0 };
    bool many;
    int rc;

    which->most = 2;
    rc = run_state_each(opts->catalog, which, add_id, &ids, err);
    many = ids.count > 1;
    text_list_clear(&ids);
    return rc < 0 ? -1 : many;
}

int discover_poll(const struct discover_opts *opts, struct err *err)
{
    struct run_state_which going = { .state = RUN_STATE_RUNNING,
                                     .now_ms = opts->now_ms,
                                     .horizon = opts->horizon,
                                     .seen_ms = opts->now_ms };
    struct run_state_which due = going;
    int64_t count;
    int many = are_many(opts, &going, err);

    due.state = RUN_STATE_DUE;
    due.doubtful = true;
    if (many < 0 || (many && list_going(opts, err) < 0) ||
        poll_all(opts, &going, SIZE_MAX, err) < 0 || poll_all(opts, &due, SIZE_MAX, err) < 0)
        return -1;
    /* the list may be older than the records */
    count = run_state_count(opts->catalog, RUN_STATE_RUNNING, err);
    going.seen_ms = 0;
    going.in_turn = true;
    return count < 0 ? -1 : poll_all(opts, &going, DOUBTED + (size_t)count / DOUBTED_OF, err);
}

/* Record a run given by its ID. */
static int note_given(const struct discover_opts *opts, const char *run_id, struct err *err)
{
    const struct run_state_row row = { .run_id = run_id,
                                       .created_at = DB_UNKNOWN,
                                       .finished_at = DB_UNKNOWN };
    enum assign_verdict verdict;

    if (assign_run(opts->assign, opts->catalog, run_id, &verdict, err) < 0)
        return -1;
    switch (verdict) {
    case ASSIGN_ELSEWHERE:
        log_line(LOG_INFO, "run '%s' is of another shard: not archived here", run_id);
        opts->assign->given++;
        return 0;
    case ASSIGN_UNDECIDED:
        return run_state_undecided(opts->catalog, &row, 0, err);
    case ASSIGN_HERE:
        break;
    }
    return run_state_seen(opts->catalog, &row, false, 0, err) < 0 ? -1 : 0;
}

int discover_given(const struct discover_opts *opts, char *const *run_ids, size_t count,
                   struct err *err)
{
    size_t i;
    int rc = db_begin(opts->catalog, err);

    for (i = 0; rc == 0 && i < count; i++)
        rc = note_given(opts, run_ids[i], err);
    if (rc == 0)
        return db_commit(opts->catalog, err);
    db_rollback(opts->catalog);
    return rc;
}

/* The service cannot tell which shard a run is of. */
static int put_off_undecided(const struct discover_opts *opts, const struct listed_run *run,
                             struct discover_result *result, struct err *err)
{
    if (run->err.kind == ERR_DENIED) {
        *err = run->err;
        return -1;
    }
    log_line(LOG_WARNING, "it is not known which shard run '%s' is of: %s", run->id,
             run->err.text);
    result->failed++;
    return run_state_put_off(opts->catalog, run->id, RUN_STATE_UNDECIDED, opts->now_ms,
                             run->err.text, err);
}

/* Decide which shard an undecided run is of. */
static int decide(const struct discover_opts *opts, const struct listed_run *run,
                  struct discover_result *result, struct err *err)
{
    const struct run_state_row row = { .run_id = run->id,
                                       .status = run->run.status,
                                       .created_at = db_us(run->run.created_at),
                                       .finished_at = db_us(run->run.finished_at) };
    bool gone = run->failed && run->err.kind == ERR_NOT_FOUND;
    const char *name = run->id;
    const char *other = run->other;
    int here;

    if (run->failed && !gone)
        return put_off_undecided(opts, run, result, err);
    if (!gone && !*other && !run_is_over(&run->run)) /* it may get one */
        return run_state_set(opts->catalog, run->id, RUN_STATE_UNDECIDED, opts->now_ms + 1,
                             NULL, err);
    if (*other) {
        identity_order(&name, &other);
        if (relation_learn(opts->catalog, name, other, err) < 0)
            return -1;
        name = other; /* also if another run has it as well: each directory decides the same */
    }
    here = assign_by(opts->assign, opts->catalog, run->id, name, err);
    if (here <= 0)
        return here;
    if (gone)
        return run_state_vanished(opts->catalog, run->id, reason_word(REASON_RUN_NOT_FOUND),
                                  err) < 0
                   ? -1
                   : 0;
    result->fresh++;
    return note_run(opts, &row, run->run.retry_pending, err) < 0 ? -1 : 0;
}

static int decide_all(const struct discover_opts *opts, const struct listing *listing,
                      struct discover_result *result, struct err *err)
{
    size_t i;
    int rc = db_begin(opts->catalog, err);

    if (rc < 0)
        return -1;
    for (i = 0; rc == 0 && i < listing->count; i++)
        rc = decide(opts, &listing->runs[i], result, err);
    if (rc == 0)
        return db_commit(opts->catalog, err);
    db_rollback(opts->catalog);
    return -1;
}

/* Ask for the records of a batch of undecided runs. */
static int decide_batch(void *ctx, const struct discover_opts *opts,
                        const struct text_list *ids, struct err *err)
{
    struct listing listing = { .api = opts->api,
                               .callers = opts->callers,
                               .filter = opts->types,
                               .names = true,
                               .calm = true };
    int rc = lister_fetch(&listing, opts->loop, ids->at, ids->count, err);

    if (rc == 0)
        rc = decide_all(opts, &listing, ctx, err);
    if (rc < 0)
        loop_clear(opts->loop); /* the loop may still run the listing's calls */
    lister_clear(&listing);
    return rc;
}

int discover_undecided(const struct discover_opts *opts, struct discover_result *result,
                       struct err *err)
{
    struct run_state_which which = { .state = RUN_STATE_UNDECIDED,
                                     .now_ms = opts->now_ms,
                                     .horizon = opts->horizon };

    return discover_batches(opts, &which, SIZE_MAX, decide_batch, result, err);
}
