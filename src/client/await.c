/* SPDX-License-Identifier: MIT */
#include "client/await.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "client/children.h"
#include "client/lister.h"

/* Wait until runs have ended; runs that cannot be polled are left to the listing. */
static int wait_runs(struct await *a, char *const *ids, size_t count, struct err *err)
{
    struct waited *runs = wait_new(ids, count, err);
    size_t left = 0;
    size_t i;
    int rc;

    if (!runs)
        return -1;
    a->waiting = true;
    rc = wait_for(&a->how, runs, count, err);
    a->waiting = false;
    for (i = 0; i < count; i++)
        left += !runs[i].ended && !runs[i].failed;
    wait_free(runs, count);
    if (rc == 0 && left)
        return err_set(err, ERR_BUSY, "%zu of %zu run%s %s not ended in time; try again later",
                       left, count, text_plural(count), left == 1 ? "has" : "have");
    return rc;
}

/* Collect the IDs of listed runs that are not over; returns how many there are. */
static size_t find_going(const struct listing *listing, char **ids)
{
    size_t count = 0;
    size_t i;

    for (i = 0; i < listing->count; i++) {
        const struct listed_run *run = &listing->runs[i];

        if (!run->failed && !run_is_over(&run->run))
            ids[count++] = (char *)(uintptr_t)run->id;
    }
    return count;
}

/* Wait for the listed runs that are not over: 1, 0 if all are over, or -1. */
static int wait_listed(struct await *a, const struct listing *listing, struct err *err)
{
    char **ids = mem_array(listing->count, sizeof(*ids), err);
    size_t count = ids ? find_going(listing, ids) : 0;
    int rc = !ids ? -1 : !count ? 0 : wait_runs(a, ids, count, err) < 0 ? -1 : 1;

    mem_free(ids);
    return rc;
}

int await_list(struct await *a, struct listing *listing, char *const *ids, size_t count,
               struct err *err)
{
    const struct listing blank = *listing; /* what the caller has set */
    unsigned level;
    int rc = a->how.interval ? wait_runs(a, ids, count, err) : 0;

    if (rc == 0)
        rc = lister_fetch(listing, a->how.loop, ids, count, err);
    for (level = 0; rc == 0 && a->how.interval && level < CHILDREN_DEPTH; level++) {
        int waited = wait_listed(a, listing, err);

        if (waited <= 0)
            return waited;
        lister_clear(listing);
        *listing = blank;
        rc = lister_fetch(listing, a->how.loop, ids, count, err);
    }
    return rc;
}

void await_warn(const struct listing *listing)
{
    const struct listed_run *first = NULL;
    size_t count = 0;
    size_t i;

    for (i = 0; i < listing->count; i++) {
        const struct listed_run *run = &listing->runs[i];

        if (run->failed ||
            run_is_terminal(run->run.status)) /* a pending retry is logged elsewhere */
            continue;
        first = first ? first : run;
        count++;
    }
    if (count == 1)
        log_line(LOG_WARNING,
                 "run '%s' is still running; 'pull --wait' waits for it, and archives what it "
                 "has then",
                 first->id);
    else if (count)
        log_line(
            LOG_WARNING,
            "%zu run%s are still running, the first is '%s'; 'pull --wait' waits for them, "
            "and archives what they have then",
            count, text_plural(count), first->id);
}
