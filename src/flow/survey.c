/* SPDX-License-Identifier: MIT */
#include "flow/survey.h"

#include "ask/extras.h"
#include "ask/identity.h"
#include "ask/listing.h"
#include "ask/older.h"
#include "ask/wait.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "flow/draft.h"
#include "skyvern/redact.h"
#include "skyvern/run.h"
#include "vault/entry.h"
#include "vault/relation.h"
#include "vault/state.h"

#include <string.h>

#define OVERLAP_US ((int64_t)3600 * 1000000) /* runs may enter the list late */
#define BATCH      100
#define DOUBTED                                                                                \
    20 /* runs that a list says are going on, and that are asked for all the same              \
        */
#define DOUBTED_OF 10 /* and one of so many more */
#define NIGHTS     3  /* that a run without artifacts is looked at again */
#define CHANGES_MAX                                                                            \
    8 /* copies of an artifact that changes; then it is let be, and never safe */

static int64_t known(int64_t us)
{
    return us == CLOCK_NONE ? CATALOG_UNKNOWN : us;
}

/* Whether a run that has ended is one of those that are wanted. */
static bool is_wanted(const struct survey_opts *opts, const char *status)
{
    const struct api_runs *what = &opts->query->what;
    size_t i;

    for (i = 0; status && i < what->status_count; i++) {
        if (strcmp(what->statuses[i], status) == 0)
            return true;
    }
    return !what->status_count;
}

/* One that is archived is going to be tried again: nothing of it is final. */
static int go_on_again(const struct survey_opts *opts, const struct state_row *row,
                       struct err *err)
{
    int open = state_is(opts->catalog, row->run_id, STATE_OPEN, err);

    if (open == 0)
        open = state_is(opts->catalog, row->run_id, STATE_SEALED, err);
    return open <= 0 ? open
                     : state_set(opts->catalog, row->run_id, STATE_RUNNING, 0,
                                 "is going to be tried again", err);
}

/* What the service says of a run; 1: it was not known. */
static int note_run(const struct survey_opts *opts, const struct state_row *row,
                    bool retry_pending, struct err *err)
{
    bool over = run_is_terminal(row->status) && !retry_pending;

    if (retry_pending && go_on_again(opts, row, err) < 0)
        return -1;
    if (over && !is_wanted(opts, row->status))
        return state_drop(opts->catalog, row->run_id, err);
    return state_seen(opts->catalog, row, over, opts->now_ms, err);
}

struct lister {
    const struct survey_opts *opts;
    struct survey_result *result;
    int64_t stop;   /* what was made before is known already; CATALOG_UNKNOWN: nothing is */
    int64_t newest; /* of those listed; CATALOG_UNKNOWN: none */
    int64_t oldest;
};

static int on_row(void *ctx, const struct runs_row *row, struct err *err)
{
    struct lister *l = ctx;
    struct state_row seen = { .run_id = row->run_id,
                              .status = row->status,
                              .created_at = known(row->created_us),
                              .finished_at = catalog_us(row->finished_at) };
    int rc;

    if (l->stop != CATALOG_UNKNOWN && seen.created_at != CATALOG_UNKNOWN &&
        seen.created_at < l->stop)
        return 1;
    if (seen.created_at != CATALOG_UNKNOWN && seen.created_at > l->newest)
        l->newest = seen.created_at;
    if (seen.created_at != CATALOG_UNKNOWN &&
        (l->oldest == CATALOG_UNKNOWN || seen.created_at < l->oldest))
        l->oldest = seen.created_at;
    rc = note_run(l->opts, &seen, row->retry_pending, err);
    l->result->fresh += rc > 0;
    return rc < 0 ? -1 : 0;
}

/* The stretch that is known after a list from wanted on. */
static void widen(struct frontier *f, int64_t wanted, int64_t newest)
{
    if (f->from == CATALOG_UNKNOWN || wanted < f->from)
        f->from = wanted;
    if (newest > f->until)
        f->until = newest;
}

/* The service's list of all runs was cut: what it left out, by other lists. */
static int list_older(const struct survey_opts *opts, const struct runs_query *query,
                      struct lister *lister, struct err *err)
{
    struct runs_query older = *query;
    bool whole = false;

    if (!older_can(query) || lister->oldest == CATALOG_UNKNOWN)
        return 0;
    if (lister->stop != CATALOG_UNKNOWN &&
        (older.since_us == CLOCK_NONE || older.since_us < lister->stop))
        older.since_us = lister->stop;
    if (older_list(opts->loop, opts->callers, &older, lister->oldest, on_row, lister, &whole,
                   err) < 0)
        return -1;
    lister->result->cut = !whole;
    return 0;
}

int survey_list(const struct survey_opts *opts, struct survey_result *result, struct err *err)
{
    struct lister lister = { opts, result, CATALOG_UNKNOWN, CATALOG_UNKNOWN, CATALOG_UNKNOWN };
    struct runs_query query = *opts->query;
    struct frontier frontier;
    int64_t wanted = opts->query->since_us == CLOCK_NONE ? 0 : opts->query->since_us;
    int rc = catalog_begin(opts->catalog, err);

    query.what.statuses = NULL;
    query.what.status_count = 0;
    if (rc < 0)
        return -1;
    rc = state_frontier(opts->catalog, opts->filter, &frontier, err);
    if (rc == 0 && frontier.from != CATALOG_UNKNOWN && frontier.from <= wanted)
        lister.stop = frontier.until - OVERLAP_US;
    if (rc == 0)
        rc = runs_list(opts->loop, opts->callers, &query, on_row, &lister, &result->cut, err);
    if (rc == 0 && result->cut)
        rc = list_older(opts, &query, &lister, err);
    if (rc == 0 && lister.newest != CATALOG_UNKNOWN) {
        if (result->cut) /* what was not reached is looked for again */
            frontier = (struct frontier){ lister.oldest, lister.newest };
        else
            widen(&frontier, wanted, lister.newest);
        rc = state_set_frontier(opts->catalog, opts->filter, &frontier, err);
    }
    if (rc == 0)
        return catalog_commit(opts->catalog, err);
    catalog_rollback(opts->catalog);
    return -1;
}

/* Run IDs of a state, as copies. */
struct ids {
    struct region *region;
    char **at;
    size_t count;
};

static int add_id(void *ctx, const struct state_row *row, struct err *err)
{
    struct ids *ids = ctx;

    ids->at[ids->count] = region_copy(ids->region, row->run_id, strlen(row->run_id), err);
    return ids->at[ids->count] ? (ids->count++, 0) : -1;
}

static int take_ids(struct ids *ids, const struct survey_opts *opts,
                    const struct state_which *which, struct err *err)
{
    *ids =
        (struct ids){ .region = region_new(err), .at = mem_array(BATCH, sizeof(char *), err) };
    if (!ids->region || !ids->at)
        return -1;
    return state_each(opts->catalog, which, add_id, ids, err);
}

static void drop_ids(struct ids *ids)
{
    region_free(ids->region);
    mem_free(ids->at);
    *ids = (struct ids){ 0 };
}

static int note_answer(const struct survey_opts *opts, const struct waited *run,
                       const char *state, struct err *err)
{
    struct state_row seen = { .run_id = run->id,
                              .status = run->run.status,
                              .created_at = catalog_us(run->run.created_at),
                              .finished_at = catalog_us(run->run.finished_at) };

    if (run->failed && run->err.kind == ERR_DENIED) {
        *err = run->err;
        return -1;
    }
    if (run->failed && run->err.kind == ERR_NOT_FOUND) {
        log_line(LOG_WARNING, "the service does not have run '%s' any more", run->id);
        return state_vanished(opts->catalog, run->id, "run-not-found", err) < 0 ? -1 : 0;
    }
    if (run->failed)
        return state_put_off(opts->catalog, run->id, state, opts->now_ms, run->err.text, err);
    if (note_run(opts, &seen, run->run.retry_pending, err) < 0)
        return -1;
    return state_asked(opts->catalog, run->id, opts->now_ms, err);
}

/* Ask for the records of a batch, all at a time, and note what came. */
static int poll_batch(const struct survey_opts *opts, const struct ids *ids, const char *state,
                      struct err *err)
{
    struct waited *runs = mem_array(ids->count, sizeof(*runs), err);
    struct wait_opts how = { .api = opts->api,
                             .loop = opts->loop,
                             .callers = opts->callers,
                             .deadline = UINT64_MAX,
                             .once = true };
    size_t i;
    int rc = runs ? 0 : -1;

    for (i = 0; rc == 0 && i < ids->count; i++)
        runs[i].id = ids->at[i];
    if (rc == 0)
        rc = wait_for(&how, runs, ids->count, err);
    if (rc == 0)
        rc = catalog_begin(opts->catalog, err);
    if (rc == 0) {
        for (i = 0; rc == 0 && i < ids->count; i++)
            rc = note_answer(opts, &runs[i], state, err);
        if (rc == 0)
            rc = catalog_commit(opts->catalog, err);
        else
            catalog_rollback(opts->catalog);
    }
    if (runs)
        wait_clear(runs, ids->count);
    mem_free(runs);
    return rc;
}

/* Ask for all runs of a kind, a batch at a time, and for at most so many. */
static int poll_all(const struct survey_opts *opts, struct state_which *which, size_t most,
                    struct err *err)
{
    struct ids ids = { 0 };
    size_t count = BATCH;
    int rc = 0;

    while (rc == 0 && count == BATCH && most) {
        which->most = most < BATCH ? most : BATCH;
        rc = take_ids(&ids, opts, which, err);
        count = ids.count;
        most -= count;
        if (rc == 0 && count)
            rc = poll_batch(opts, &ids, which->state, err);
        drop_ids(&ids);
    }
    return rc;
}

/* A row of the list of what is going on: of one that is known as that, nothing is new. */
static int on_going(void *ctx, const struct runs_row *row, struct err *err)
{
    const struct survey_opts *opts = ctx;
    struct state_row seen = { .run_id = row->run_id,
                              .status = row->status,
                              .created_at = known(row->created_us),
                              .finished_at = CATALOG_UNKNOWN };
    int rc = state_is(opts->catalog, row->run_id, STATE_RUNNING, err);

    if (rc > 0)
        rc = state_seen(opts->catalog, &seen, false, opts->now_ms, err);
    return rc < 0 ? -1 : 0;
}

/* List what is going on, a page at a time; those that it names need not be asked for. What the
 * service refuses of that is no error. */
static int list_going(const struct survey_opts *opts, struct err *err)
{
    static const char *const statuses[] = { "created", "queued", "running", "paused" };
    struct runs_query query = { .what = { .statuses = statuses, .status_count = 4 },
                                .since_us = CLOCK_NONE,
                                .until_us = CLOCK_NONE };
    struct err why = { 0 };
    bool cut;
    int rc = catalog_begin(opts->catalog, err);

    if (rc < 0)
        return -1;
    rc = runs_list(opts->loop, opts->callers, &query, on_going, (void *)(uintptr_t)opts, &cut,
                   &why);
    if (rc < 0 && (why.kind == ERR_HTTP || why.kind == ERR_FORMAT)) {
        log_line(LOG_INFO, "%s; runs that are going on are asked for one by one", why.text);
        rc = 0;
    }
    if (rc == 0)
        return catalog_commit(opts->catalog, err);
    catalog_rollback(opts->catalog);
    *err = why;
    return -1;
}

/* Whether more than one run is going on of which no list has told. */
static int are_many(const struct survey_opts *opts, struct state_which *which, struct err *err)
{
    struct ids ids = { 0 };
    bool many;
    int rc;

    which->most = 2;
    rc = take_ids(&ids, opts, which, err);
    many = ids.count > 1;
    drop_ids(&ids);
    return rc < 0 ? -1 : many;
}

int survey_poll(const struct survey_opts *opts, struct err *err)
{
    struct state_which going = { .state = STATE_RUNNING,
                                 .now_ms = opts->now_ms,
                                 .horizon = opts->horizon,
                                 .seen_ms = opts->now_ms };
    struct state_which due = going;
    int64_t count;
    int many = are_many(opts, &going, err);

    due.state = STATE_DUE;
    due.doubtful = true;
    if (many < 0 || (many && list_going(opts, err) < 0) ||
        poll_all(opts, &going, SIZE_MAX, err) < 0 || poll_all(opts, &due, SIZE_MAX, err) < 0)
        return -1;
    /* a list may be behind what records say */
    count = state_count(opts->catalog, STATE_RUNNING, err);
    going.seen_ms = 0;
    going.in_turn = true;
    return count < 0 ? -1 : poll_all(opts, &going, DOUBTED + (size_t)count / DOUBTED_OF, err);
}

/* The objects of which a list has members: ZIPs that are taken apart. */
static struct table *zips_of(const struct artifact_list *list, struct err *err)
{
    struct table *zips = table_new(err);
    size_t i;

    for (i = 0; zips && i < list->count; i++) {
        const char *uri = list->rows[i].bundle_key ? list->rows[i].uri : NULL;

        if (uri && !table_get(zips, uri, strlen(uri)) &&
            table_add(zips, uri, strlen(uri), zips, err) < 0) {
            table_free(zips);
            return NULL;
        }
    }
    return zips;
}

/* What one row is: 1: as the volumes have it; 0: *match says; or -1. */
static int compare_row(struct catalog *catalog, const char *run_id, const struct artifact *a,
                       enum survey_match *match, struct err *err)
{
    const struct entry_listing says = { a->checksum, a->modified_at,
                                        a->sized ? a->file_size : UINT64_MAX };
    int settled = entry_settled(catalog, run_id, a->artifact_id, err);
    bool none = false;
    int same;

    *match = SURVEY_NEW;
    if (settled <= 0)
        return settled;
    same = entry_is_listed(catalog, run_id, a->artifact_id, &says, &none, err);
    if (same < 0)
        return none ? 1 : -1;
    *match = SURVEY_CHANGED;
    return same;
}

int survey_compare(struct catalog *catalog, const struct kind_filter *types,
                   const struct listed_run *run,
                   int (*fn)(void *ctx, const struct artifact *artifact,
                             enum survey_match match, struct err *err),
                   void *ctx, struct err *err)
{
    struct table *zips = zips_of(&run->list, err);
    size_t i;
    int rc = zips ? 0 : -1;

    for (i = 0; rc == 0 && i < run->list.count; i++) {
        const struct artifact *a = &run->list.rows[i];
        enum survey_match match;
        int same;

        if (a->unnamed || !kind_filter_match(types, a->artifact_type))
            continue;
        same = compare_row(catalog, run->id, a, &match, err);
        if (same == 0 && match == SURVEY_NEW && draft_is_zip(a) && !types->wanted_count &&
            a->uri && table_get(zips, a->uri, strlen(a->uri)))
            same = 1; /* its members are looked at, each by itself */
        rc = same < 0 ? -1 : same ? 0 : fn(ctx, a, match, err);
    }
    table_free(zips);
    return rc;
}

struct growing {
    struct catalog *catalog;
    const char *run_id;
    bool more;
};

/* What changed is wanted once more, unless there are many copies already. */
static int on_grown(void *ctx, const struct artifact *a, enum survey_match match,
                    struct err *err)
{
    struct growing *g = ctx;
    const struct entry_missing again = { g->run_id, a->artifact_id, a->artifact_type, "changed",
                                         false };
    int settled = 0;

    if (match == SURVEY_CHANGED && a->origin)
        return 0; /* no list has it: what its record says of it is no second list */
    if (match == SURVEY_CHANGED) {
        if (entry_again(g->catalog, &again, CHANGES_MAX, err) < 0)
            return -1;
        settled = entry_settled(g->catalog, g->run_id, a->artifact_id, err);
    }
    g->more = g->more || !settled;
    return settled < 0 ? -1 : 0;
}

/* Note that a run has two names. */
static int learn_names(const struct survey_opts *opts, const struct listed_run *run,
                       struct err *err)
{
    bool task = identity_is_task(run->id);

    if (!*run->other)
        return 0;
    return relation_learn(opts->catalog, task ? run->id : run->other,
                          task ? run->other : run->id, err);
}

/* Whether a run is in no volume at all. */
static bool is_unknown(const struct survey_opts *opts, const struct listed_run *run)
{
    char volume[256];

    return !entry_volume_of(opts->catalog, run->id, volume, sizeof(volume));
}

/* Whether there is more of a run than is archived: artifacts, another end, or the run itself.
 */
static int has_grown(const struct survey_opts *opts, struct listed_run *run, struct err *err)
{
    struct growing growing = { opts->catalog, run->id, false };
    int rc = learn_names(opts, run, err);

    if (rc < 0 || extras_add(run, opts->types, err) < 0)
        return -1;
    if (run->depth && is_unknown(opts, run))
        return 1;
    rc = survey_compare(opts->catalog, opts->types, run, on_grown, &growing, err);
    rc = rc < 0 ? -1 : growing.more;
    return rc ? rc
              : entry_differs(opts->catalog, run->id, run->run.status,
                              catalog_us(run->run.finished_at), err);
}

static bool has_note(const struct listed_run *run, const char *word)
{
    unsigned i;

    for (i = 0; i < run->note_count; i++) {
        if (strcmp(run->notes[i], word) == 0)
            return true;
    }
    return false;
}

/* A run of which nothing is new. */
static int settle_run(const struct survey_opts *opts, const struct listed_run *run,
                      struct survey_result *result, struct err *err)
{
    int rc;

    if (run->depth) { /* a run that was started by another, which stands where it does */
        rc = state_is(opts->catalog, run->id, STATE_OPEN, err);
        if (rc <= 0)
            return rc;
    }
    if (!run_is_over(&run->run))
        return state_set(opts->catalog, run->id, STATE_RUNNING, 0,
                         run->run.retry_pending ? "is going to be tried again" : NULL, err);
    if (has_note(run, "no-artifacts")) {
        rc = state_empty(opts->catalog, run->id, opts->now_ms, NIGHTS, err);
        if (rc > 0)
            log_line(LOG_WARNING,
                     "run '%s' is completed and has no artifacts%s; it was looked at again on "
                     "%d nights, and is not any more",
                     run->id, *run->other ? ", under both of its names" : "", NIGHTS);
        result->sealed += rc > 0;
        return rc < 0 ? -1 : 0;
    }
    result->sealed++;
    return state_set(opts->catalog, run->id, STATE_SEALED, 0, "two lists agree", err);
}

/* A run, with those that it has started behind it: those that failed, or grew, are its own. */
static int recheck_run(const struct survey_opts *opts, struct listed_run *runs, size_t count,
                       struct survey_result *result, struct err *err)
{
    struct listed_run *root = &runs[0];
    const struct listed_run *failed = NULL;
    int grown = 0;
    size_t i;

    for (i = 0; i < count && !grown; i++) {
        if (!runs[i].failed)
            grown = has_grown(opts, &runs[i], err);
        else if (runs[i].err.kind != ERR_NOT_FOUND || !i)
            failed = failed ? failed : &runs[i];
    }
    if (grown < 0)
        return -1;
    if (failed && failed->err.kind == ERR_DENIED) {
        *err = failed->err;
        return -1;
    }
    if (root->failed && root->err.kind == ERR_NOT_FOUND) {
        result->sealed++;
        return state_vanished(opts->catalog, root->id, STATE_LEFT, err) < 0 ? -1 : 0;
    }
    if (failed)
        return state_put_off(opts->catalog, root->id, STATE_OPEN, opts->now_ms,
                             failed->err.text, err);
    if (grown) {
        result->grown++;
        return state_grown(opts->catalog, root->id, err);
    }
    for (i = 0; i < count; i++) {
        if (!runs[i].failed && settle_run(opts, &runs[i], result, err) < 0)
            return -1;
    }
    return 0;
}

static int recheck_batch(const struct survey_opts *opts, const struct ids *ids,
                         struct survey_result *result, struct err *err)
{
    struct listing listing = {
        .bundles = true, .children = opts->children, .deep = true, .calm = true
    };
    size_t i;
    size_t to;
    int rc = listing_fetch(&listing, opts->loop, opts->callers, opts->api, ids->at, ids->count,
                           opts->types, err);

    if (rc == 0)
        rc = catalog_begin(opts->catalog, err);
    if (rc == 0) {
        for (i = 0; rc == 0 && i < listing.count; i = to) {
            for (to = i + 1; to < listing.count && listing.runs[to].depth;)
                to++;
            rc = recheck_run(opts, &listing.runs[i], to - i, result, err);
        }
        if (rc == 0)
            rc = catalog_commit(opts->catalog, err);
        else
            catalog_rollback(opts->catalog);
    }
    if (rc < 0)
        loop_clear(opts->loop); /* it may still run the listing's calls */
    listing_clear(&listing);
    return rc;
}

int survey_recheck(const struct survey_opts *opts, struct survey_result *result,
                   struct err *err)
{
    struct state_which which = {
        .state = STATE_OPEN, .now_ms = opts->now_ms, .horizon = opts->horizon, .most = BATCH
    };
    struct ids ids = { 0 };
    size_t count = BATCH;
    int rc = 0;

    while (rc == 0 && count == BATCH) {
        rc = take_ids(&ids, opts, &which, err);
        count = ids.count;
        if (rc == 0 && count)
            rc = recheck_batch(opts, &ids, result, err);
        drop_ids(&ids);
    }
    return rc;
}
