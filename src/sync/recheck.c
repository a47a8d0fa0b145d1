/* SPDX-License-Identifier: MIT */
#include "sync/recheck.h"

#include "api/reason.h"
#include "api/run.h"
#include "base/hashmap.h"
#include "base/log.h"
#include "catalog/contents.h"
#include "catalog/relation.h"
#include "catalog/run_state.h"
#include "catalog/search.h"
#include "client/extras.h"
#include "client/identity.h"
#include "client/lister.h"
#include "client/listing.h"
#include "pull/planner.h"

#include <string.h>

#define NIGHTS 3 /* nights on which a run without artifacts is listed again */

/* The objects with listed members: ZIPs that are archived member by member. */
static struct hashmap *zips_of(const struct artifact_list *list, struct err *err)
{
    struct hashmap *zips = hashmap_new(err);
    size_t i;

    for (i = 0; zips && i < list->count; i++) {
        const char *uri = list->rows[i].bundle_key ? list->rows[i].uri : NULL;

        if (uri && !hashmap_get(zips, uri, strlen(uri)) &&
            hashmap_add(zips, uri, strlen(uri), zips, err) < 0) {
            hashmap_free(zips);
            return NULL;
        }
    }
    return zips;
}

/* Compare one row: 1: as in the volumes; 0: *match says how it differs; -1. */
static int compare_row(struct db *catalog, const char *run_id, const struct artifact *a,
                       enum recheck_match *match, struct err *err)
{
    const struct contents_listing says = { a->checksum, a->modified_at,
                                           a->sized ? a->file_size : UINT64_MAX };
    int settled = contents_settled(catalog, run_id, a->artifact_id, err);
    bool none = false;
    int same;

    *match = RECHECK_NEW;
    if (settled <= 0)
        return settled;
    same = contents_is_listed(catalog, run_id, a->artifact_id, &says, &none, err);
    if (same < 0)
        return none ? 1 : -1;
    *match = RECHECK_CHANGED;
    return same;
}

int recheck_compare(struct db *catalog, const struct kind_filter *types,
                    const struct listed_run *run,
                    int (*fn)(void *ctx, const struct artifact *artifact,
                              enum recheck_match match, struct err *err),
                    void *ctx, struct err *err)
{
    struct hashmap *zips = zips_of(&run->list, err);
    size_t i;
    int rc = zips ? 0 : -1;

    for (i = 0; rc == 0 && i < run->list.count; i++) {
        const struct artifact *a = &run->list.rows[i];
        enum recheck_match match;
        int same;

        if (a->unnamed || !kind_filter_match(types, a->artifact_type))
            continue;
        same = compare_row(catalog, run->id, a, &match, err);
        if (same == 0 && match == RECHECK_NEW && planner_is_zip(a) && !types->wanted_count &&
            !types->all && a->uri && hashmap_get(zips, a->uri, strlen(a->uri)))
            same = 1; /* its members are compared, each by itself */
        rc = same < 0 ? -1 : same ? 0 : fn(ctx, a, match, err);
    }
    hashmap_free(zips);
    return rc;
}

struct growing {
    struct db *catalog;
    const char *run_id;
    bool more;
};

/* Request another copy of a changed artifact; after CONTENTS_COPIES copies none is fetched, and
 * the artifact's run is never listed as safe. */
static int on_grown(void *ctx, const struct artifact *a, enum recheck_match match,
                    struct err *err)
{
    struct growing *g = ctx;
    const struct contents_missing again = { g->run_id, a->artifact_id, a->artifact_type,
                                            reason_word(REASON_CHANGED), false };
    int settled = 0;

    if (match == RECHECK_CHANGED && a->origin)
        return 0; /* named by no list: data of its own record cannot show a change */
    if (match == RECHECK_CHANGED) {
        if (contents_again(g->catalog, &again, CONTENTS_COPIES, err) < 0)
            return -1;
        settled = contents_settled(g->catalog, g->run_id, a->artifact_id, err);
    }
    g->more = g->more || !settled;
    return settled < 0 ? -1 : 0;
}

/* Record the second ID of a run: 1, 0 if there is none or another run has it, or -1. */
static int learn_names(struct db *catalog, const struct listed_run *run, struct err *err)
{
    const char *name = run->id;
    const char *other = run->other;

    if (!*other)
        return 0;
    identity_order(&name, &other);
    return relation_learn(catalog, name, other, err);
}

/* The reason stored with the state of a run that is not over. */
static const char *why_going(const struct listed_run *run)
{
    return run->run.retry_pending ? RUN_STATE_RETRY : NULL;
}

int recheck_meet(struct db *catalog, const struct listed_run *run, struct err *err)
{
    int same = db_begin(catalog, err);

    if (same < 0)
        return -1;
    same = learn_names(catalog, run, err);
    if (same >= 0 && !run->failed && !run_is_over(&run->run) &&
        run_state_set(catalog, run->id, RUN_STATE_RUNNING, 0, why_going(run), err) < 0)
        same = -1;
    if (same >= 0)
        return db_commit(catalog, err) < 0 ? -1 : same;
    db_rollback(catalog);
    return -1;
}

/* Whether a run is in no volume. */
static bool is_unknown(const struct discover_opts *opts, const struct listed_run *run)
{
    char volume[256];

    return !contents_volume_of(opts->catalog, run->id, volume, sizeof(volume));
}

/* Whether a run has more than is archived: artifacts, another status or end, or itself. */
static int has_news(const struct discover_opts *opts, struct listed_run *run, struct err *err)
{
    struct growing growing = { opts->catalog, run->id, false };
    int rc = learn_names(opts->catalog, run, err);

    if (rc < 0 || extras_add(run, opts->types, err) < 0)
        return -1;
    if (run->depth && is_unknown(opts, run))
        return 1;
    rc = recheck_compare(opts->catalog, opts->types, run, on_grown, &growing, err);
    rc = rc < 0 ? -1 : growing.more;
    return rc ? rc
              : search_differs(opts->catalog, run->id, run->run.status,
                               db_us(run->run.finished_at), err);
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

/* Update the state of a run without news. */
static int settle_run(const struct discover_opts *opts, const struct listed_run *run,
                      struct discover_result *result, struct err *err)
{
    int rc;

    if (run->depth) { /* a child run keeps its state unless it is open */
        rc = run_state_is(opts->catalog, run->id, RUN_STATE_OPEN, err);
        if (rc <= 0)
            return rc;
    }
    if (!run_is_over(&run->run))
        return run_state_set(opts->catalog, run->id, RUN_STATE_RUNNING, 0, why_going(run), err);
    if (run->other_lost) { /* a warning was logged */
        result->failed++;
        return run_state_put_off(opts->catalog, run->id, RUN_STATE_OPEN, opts->now_ms,
                                 "the other ID cannot be looked up", err);
    }
    if (has_note(run, RUN_NOTE_EMPTY)) {
        rc = run_state_empty(opts->catalog, run->id, opts->now_ms, NIGHTS, err);
        if (rc > 0)
            log_line(
                LOG_WARNING,
                "run '%s' is completed and has no artifacts%s; it was listed on %d nights, "
                "and is not listed again",
                run->id, *run->other ? ", under both of its IDs" : "", NIGHTS);
        result->sealed += rc > 0;
        return rc < 0 ? -1 : 0;
    }
    result->sealed++;
    return run_state_set(opts->catalog, run->id, RUN_STATE_SEALED, 0, "two lists agree", err);
}

/* Check a run together with its child runs, which follow it in the array. */
static int recheck_run(const struct discover_opts *opts, struct listed_run *runs, size_t count,
                       struct discover_result *result, struct err *err)
{
    struct listed_run *root = &runs[0];
    const struct listed_run *failed = NULL;
    int grown = 0;
    size_t i;

    for (i = 0; i < count && !grown; i++) {
        if (!runs[i].failed)
            grown = has_news(opts, &runs[i], err);
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
        return run_state_vanished(opts->catalog, root->id, RUN_STATE_LEFT, err) < 0 ? -1 : 0;
    }
    if (failed) {
        log_line(LOG_WARNING, "%s; run '%s' is archived, and will be checked again later",
                 failed->err.text, root->id);
        result->failed++;
        return run_state_put_off(opts->catalog, root->id, RUN_STATE_OPEN, opts->now_ms,
                                 failed->err.text, err);
    }
    if (grown) {
        result->grown++;
        return run_state_grown(opts->catalog, root->id, err);
    }
    for (i = 0; i < count; i++) {
        if (!runs[i].failed && settle_run(opts, &runs[i], result, err) < 0)
            return -1;
    }
    return 0;
}

static int recheck_batch(void *ctx, const struct discover_opts *opts,
                         const struct text_list *ids, struct err *err)
{
    struct discover_result *result = ctx;
    struct listing listing = { .api = opts->api,
                               .callers = opts->callers,
                               .filter = opts->types,
                               .bundles = true,
                               .children = opts->children,
                               .deep = true,
                               .calm = true };
    size_t i;
    size_t to;
    int rc = lister_fetch(&listing, opts->loop, ids->at, ids->count, err);

    if (rc == 0)
        rc = db_begin(opts->catalog, err);
    if (rc == 0) {
        for (i = 0; rc == 0 && i < listing.count; i = to) {
            for (to = i + 1; to < listing.count && listing.runs[to].depth;)
                to++;
            rc = recheck_run(opts, &listing.runs[i], to - i, result, err);
        }
        if (rc == 0)
            rc = db_commit(opts->catalog, err);
        else
            db_rollback(opts->catalog);
    }
    if (rc < 0)
        loop_clear(opts->loop); /* the loop may still be running the listing's calls */
    lister_clear(&listing);
    return rc;
}

int recheck_runs(const struct discover_opts *opts, struct discover_result *result,
                 struct err *err)
{
    struct run_state_which which = { .state = RUN_STATE_OPEN,
                                     .now_ms = opts->now_ms,
                                     .horizon = opts->horizon };

    return discover_batches(opts, &which, SIZE_MAX, recheck_batch, result, err);
}
