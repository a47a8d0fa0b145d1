/* SPDX-License-Identifier: MIT */
#include "pull/missing.h"

#include "base/log.h"

#include <string.h>

enum reason missing_reason(const struct fetch *fetch, const struct item *item)
{
    enum reason reason = fetch_reason(fetch, item);

    return reason ? reason : REASON_NOT_FETCHED;
}

/* Whether an item is listed, and not in the archive. */
static bool is_missing(const struct fetch *fetch, const struct item *item)
{
    return !item->unlisted && !fetch_packed(fetch, item)->here;
}

size_t missing_coming(const struct fetch *fetch, const struct plan *plan)
{
    size_t coming = 0;
    size_t i;

    for (i = 0; i < plan_count(plan); i++) {
        const struct item *item = plan_at(plan, i);

        coming += is_missing(fetch, item) && reason_is_passing(missing_reason(fetch, item));
    }
    return coming;
}

static size_t count_reason(struct missing_reason *out, size_t count, size_t most,
                           enum reason reason)
{
    size_t i;

    for (i = 0; i < count; i++) {
        if (out[i].reason == reason) {
            out[i].count++;
            return count;
        }
    }
    if (count < most)
        out[count++] = (struct missing_reason){ reason, 1 };
    return count;
}

size_t missing_reasons(const struct listing *listing, const struct plan *plan,
                       const struct fetch *fetch, struct missing_reason *out, size_t most)
{
    size_t count = 0;
    size_t i;

    for (i = 0; i < listing->count; i++) {
        if (listing->runs[i].failed)
            count = count_reason(out, count, most, listing->runs[i].reason);
    }
    for (i = 0; i < plan_count(plan); i++) {
        const struct item *item = plan_at(plan, i);

        if (is_missing(fetch, item))
            count = count_reason(out, count, most, missing_reason(fetch, item));
    }
    return count;
}

void missing_tell(const struct pull_opts *opts, const struct plan *plan,
                  const struct fetch *fetch)
{
    size_t i;

    for (i = 0; i < plan_count(plan); i++) {
        const struct item *item = plan_at(plan, i);

        if (is_missing(fetch, item))
            opts->lost(opts->ctx, item->what.run_id, item->what.artifact_id, item->what.type,
                       missing_reason(fetch, item));
    }
}

/* Say which records of a run are lost. */
static void warn_records(const struct listed_run *run)
{
    size_t i;

    for (i = 0; i < run->records.count; i++) {
        const struct record_row *row = &run->records.rows[i];

        if (row->lost)
            log_line(LOG_WARNING, "run '%s': the record '%s' could not be had: %s", run->id,
                     row->name, reason_word(row->reason));
    }
}

void missing_records(const struct listing *listing, struct pull_result *result)
{
    size_t i;

    for (i = 0; i < listing->count; i++) {
        const struct listed_run *run = &listing->runs[i];

        result->records += run->records.here;
        result->records_lost += run->records.lost;
        result->children += run->depth > 0;
        result->incomplete = result->incomplete || run->cut;
        warn_records(run);
    }
}

void missing_wrong(const struct plan *plan, const struct fetch *fetch)
{
    size_t i;

    for (i = 0; i < plan_count(plan); i++) {
        const struct item *item = plan_at(plan, i);
        const struct packed *packed = fetch_packed(fetch, item);

        if (packed->mismatch)
            log_line(
                LOG_WARNING,
                "artifact '%s' of run '%s' does not have the checksum that the service gave",
                item->what.artifact_id, item->what.run_id);
        if (packed->suspect)
            log_line(LOG_WARNING,
                     "artifact '%s' (%s) of run '%s' is kept, but its content cannot be what "
                     "its type says: look at '%s'",
                     item->what.artifact_id, item->what.type ? item->what.type : "no type",
                     item->what.run_id, packed->path);
    }
}
