/* SPDX-License-Identifier: MIT */
#include "pull/run_lists.h"

#include "base/clock.h"
#include "base/log.h"
#include "client/lister.h"

#define EARLY_MS 100 /* a pull whose lists are complete by then is planned at once */

static void on_ended(void *ctx, size_t ended, size_t count)
{
    (void)count;
    ((struct run_lists *)ctx)->ended = ended;
}

/* Set what the listing has to find out. */
static int set_up(struct run_lists *r, struct callers *callers, struct err *err)
{
    const struct pull_opts *opts = r->opts;
    struct listing *l = &r->listing;
    struct planner_opts planner = { .listing = l,
                                    .filter = opts->filter,
                                    .must_match = opts->must_match,
                                    .dedupe = opts->dedupe,
                                    .bundles = opts->bundles,
                                    .skip = opts->skip,
                                    .ctx = opts->ctx };

    l->api = opts->api;
    l->callers = callers;
    l->pagefile = r->pagefile;
    l->filter = &opts->filter->kinds;
    l->lazy = true;
    l->calm = opts->calm;
    l->bundles = opts->bundles != BUNDLE_MEMBERS;
    l->children = opts->children;
    l->deep = true;
    l->tell = opts->must_match;
    r->asked = opts->run_count;
    r->names = planner.names = entry_names_on(r->pagefile, err);
    if (!r->names || planner_begin(&r->planner, &planner, err) < 0)
        return -1;
    if (!opts->records)
        return 0;
    r->records = records_new(opts->records, secret_peek(opts->api->key), opts->spool_dir,
                             callers->log, err);
    l->records = r->records;
    return r->records ? 0 : -1;
}

/*
 * Log which runs failed; an error if none is left, or if --strict does not allow a failed run.
 */
static int check_runs(struct run_lists *r, struct err *err)
{
    const struct listing *listing = &r->listing;
    const struct listed_run *first = NULL;
    size_t i;

    for (i = 0; i < listing->count; i++) {
        const struct listed_run *run = &listing->runs[i];

        if (!run->failed)
            continue;
        r->result->runs_failed++;
        if (first || (listing->count > 1 && !r->opts->strict))
            log_line(LOG_ERROR, "%s", run->err.text);
        first = first ? first : run;
    }
    if (!first)
        return 0;
    if (r->result->runs_failed == listing->count || r->opts->strict) {
        r->refused = true;
        *err = first->err;
        if (r->result->runs_failed < listing->count)
            (void)err_hint(err, "without --strict the other runs are archived");
        else if (listing->count > 1)
            (void)err_set(err, first->err.kind,
                          "none of the %zu runs could be listed; nothing was written",
                          listing->count);
        return -1;
    }
    return 0;
}

/* Pass the runs before index `to` to the hook of the options. */
static int meet(struct run_lists *r, size_t to, struct err *err)
{
    for (; r->met < to; r->met++) {
        struct listed_run *run = &r->listing.runs[r->met];
        int rc = r->opts->met(r->opts->ctx, run, err);

        if (rc < 0 || (rc && listing_canonical(&r->listing, run, err) < 0))
            return -1;
        r->result->runs_going += !run->failed && !run_is_over(&run->run);
    }
    return 0;
}

/* Everything is listed: check the lists, and plan the remaining runs. */
static int finish(struct run_lists *r, struct err *err)
{
    const struct pull_opts *opts = r->opts;
    struct pull_result *result = r->result;

    if (opts->must_match)
        await_warn(&r->listing);
    if (check_runs(r, err) < 0 || meet(r, r->listing.count, err) < 0)
        return -1;
    if (opts->most_bytes)
        result->runs_left =
            listing_cut(&r->listing, planner_fit(&r->planner, opts->most_bytes), &r->asked);
    result->runs = r->listing.count;
    if (planner_finish(&r->planner, err) < 0 ||
        planner_check(&r->planner.opts, r->planner.plan, &result->runs_unmatched, err) < 0)
        return -1;
    result->incomplete = result->runs_unmatched || (opts->dry_run && result->runs_failed);
    r->over = true;
    return 0;
}

/*
 * The number of runs that can be planned before all is listed. At first none, until one of them
 * did not fail: if all fail, nothing is written. With --strict none from a failed run on, since
 * the pull will end.
 */
static size_t plannable(const struct run_lists *r)
{
    const struct listing *l = &r->listing;
    bool good = r->planner.runs > 0;
    size_t i;

    for (i = r->planner.runs;
         i < l->count && lister_settled(l, i) && !(r->opts->strict && l->runs[i].failed); i++)
        good = good || !l->runs[i].failed;
    return good ? i : r->planner.runs;
}

/* Plan the runs that were listed, in the order of the request. */
static int advance(struct run_lists *r, struct err *err)
{
    size_t to = r->stopped ? r->planner.runs : plannable(r);

    while (r->planner.runs < to) {
        if (meet(r, r->planner.runs + 1, err) < 0)
            return -1;
        r->stopped = r->opts->most_bytes && !planner_admits(&r->planner, r->opts->most_bytes);
        if (r->stopped)
            return 0;
        if (planner_next(&r->planner, err) < 0)
            return -1;
    }
    return 0;
}

int run_lists_step(struct run_lists *r, struct err *err)
{
    bool listed;

    if (lister_step(&r->listing, &listed, err) < 0)
        return -1;
    return listed ? finish(r, err) : advance(r, err);
}

/* Whether bodies may be fetched before all is listed. */
static bool may_be_early(const struct run_lists *r)
{
    const struct pull_opts *opts = r->opts;

    return opts->run_count > 1 && !opts->dry_run && !opts->wait_interval && !r->resumes;
}

/* List all runs, with --wait after they have ended. */
static int list_all(struct run_lists *r, struct callers *callers, struct err *err)
{
    const struct pull_opts *opts = r->opts;

    r->await.how = (struct wait_opts){ .api = opts->api,
                                       .loop = r->loop,
                                       .callers = callers,
                                       .interval = opts->wait_interval,
                                       .deadline = r->deadline,
                                       .ended = wait_ignore_ended,
                                       .news = on_ended,
                                       .ctx = r };
    return await_list(&r->await, &r->listing, opts->run_ids, opts->run_count, err);
}

int run_lists_begin(struct run_lists *r, struct callers *callers, struct err *err)
{
    uint64_t early = clock_mono() + EARLY_MS;
    bool listed = false;

    if (set_up(r, callers, err) < 0)
        return -1;
    if (!may_be_early(r))
        return list_all(r, callers, err) < 0 ? -1 : finish(r, err);
    if (lister_begin(&r->listing, r->opts->run_ids, r->opts->run_count, err) < 0)
        return -1;
    for (;;) {
        if (lister_step(&r->listing, &listed, err) < 0)
            return -1;
        if (listed)
            return finish(r, err);
        if (clock_mono() >= early && advance(r, err) < 0)
            return -1;
        if (plan_count(r->planner.plan))
            return 0;
        if (lister_turn(&r->listing, r->loop, err) < 0)
            return -1;
    }
}

void run_lists_clear(struct run_lists *r)
{
    planner_clear(&r->planner);
    entry_names_free(r->names);
    lister_clear(&r->listing);
    records_free(r->records);
    *r = (struct run_lists){ 0 };
}
