/* SPDX-License-Identifier: MIT */
#include "pull/missing.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/text.h"

#include <stdio.h>

#define NAMED_MAX 10   /* artifacts that a message names */
#define NAMES_MAX 8192 /* their names */

enum reason missing_reason(const struct fetch *fetch, const struct item *item)
{
    enum reason reason = fetch_reason(fetch, item);

    return reason ? reason : REASON_NOT_FETCHED;
}

/* Whether an item is listed and not in the archive. */
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

/* Log one line for the artifacts that are missing for one reason. */
static void warn_missing(enum reason reason, size_t count, const struct item *first)
{
    const struct plan_artifact *what = &first->what;
    char id[128];

    (void)text_shown(id, sizeof(id), what->artifact_id);
    if (count == 1)
        log_line(LOG_WARNING, "artifact '%s' (%s) of run '%s' is missing: %s", id,
                 what->type ? what->type : "no type", what->run_id, reason_word(reason));
    else
        log_line(
            LOG_WARNING,
            "%zu artifacts are missing: %s; the first is '%s' (%s) of run '%s', the manifest "
            "lists all",
            count, reason_word(reason), id, what->type ? what->type : "no type", what->run_id);
}

void missing_tell(const struct pull_opts *opts, const struct plan *plan,
                  const struct fetch *fetch)
{
    const struct item *first[REASON_COUNT] = { NULL };
    size_t counts[REASON_COUNT] = { 0 };
    size_t i;

    for (i = 0; i < plan_count(plan); i++) {
        const struct item *item = plan_at(plan, i);
        enum reason reason;

        if (!is_missing(fetch, item))
            continue;
        reason = missing_reason(fetch, item);
        if (!counts[reason]++)
            first[reason] = item;
        opts->lost(opts->ctx, item->what.run_id, item->what.artifact_id, item->what.type,
                   reason);
    }
    for (i = 0; i < REASON_COUNT; i++) {
        if (counts[i])
            warn_missing((enum reason)i, counts[i], first[i]);
    }
}

/* A lost record. */
struct lost_record {
    const struct listed_run *run;
    const struct record_row *row;
};

static void tell_record(enum log_level level, const struct lost_record *lost)
{
    log_line(level, "run '%s': the record '%s' could not be fetched: %s", lost->run->id,
             lost->row->name, reason_word(lost->row->reason));
}

/* Log one line for each reason why records are lost; at -v one line for each record. */
static void tell_records(const struct listing *listing)
{
    struct lost_record first[REASON_COUNT] = { { NULL, NULL } };
    size_t counts[REASON_COUNT] = { 0 };
    size_t i;
    size_t k;

    for (i = 0; i < listing->count; i++) {
        const struct listed_run *run = &listing->runs[i];

        for (k = 0; k < run->records.count; k++) {
            const struct lost_record lost = { run, &run->records.rows[k] };

            if (!lost.row->lost)
                continue;
            if (!counts[lost.row->reason]++)
                first[lost.row->reason] = lost;
            tell_record(LOG_INFO, &lost);
        }
    }
    for (i = 0; i < REASON_COUNT; i++) {
        if (counts[i] == 1)
            tell_record(LOG_WARNING, &first[i]);
        else if (counts[i])
            log_line(LOG_WARNING,
                     "%zu records could not be fetched: %s; the first is '%s' of run '%s', the "
                     "manifest lists all",
                     counts[i], reason_word((enum reason)i), first[i].row->name,
                     first[i].run->id);
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
        result->incomplete = result->incomplete || run->cut || run->other_lost;
    }
    tell_records(listing);
}

/* Append a wrong artifact's ID, type and run. */
static int name_wrong(struct buf *names, const struct item *item, struct err *err)
{
    char id[128];

    return buf_addf(names, err, "%s'%s' (%s) of run '%s'", names->len ? ", " : "",
                    text_shown(id, sizeof(id), item->what.artifact_id),
                    item->what.type ? item->what.type : "no type", item->what.run_id);
}

/*
 * Log one line for the artifacts that differ from what the service announced, which names the
 * first NAMED_MAX; at -v one line for each.
 */
static void warn_wrong(const struct plan *plan, const struct fetch *fetch, bool suspect)
{
    const struct item *first = NULL;
    struct buf names;
    struct err err;
    char rest[64] = "";
    size_t count = 0;
    size_t i;

    buf_init(&names, NAMES_MAX);
    for (i = 0; i < plan_count(plan); i++) {
        const struct item *item = plan_at(plan, i);
        const struct packed *packed = fetch_packed(fetch, item);

        if (!(suspect ? packed->suspect : packed->mismatch))
            continue;
        first = first ? first : item;
        if (count++ < NAMED_MAX && name_wrong(&names, item, &err) < 0)
            break; /* the first is named below */
        log_line(LOG_INFO, "artifact '%s' (%s) of run '%s' %s", item->what.artifact_id,
                 item->what.type ? item->what.type : "no type", item->what.run_id,
                 suspect ? "has suspect content" : "has a wrong checksum");
    }
    if (count > NAMED_MAX)
        (void)snprintf(rest, sizeof(rest), " and %zu more (-v names all)", count - NAMED_MAX);
    if (count == 1 && suspect)
        log_line(LOG_WARNING,
                 "artifact '%s' (%s) of run '%s' is kept, but its content does not match its "
                 "type: check '%s'",
                 first->what.artifact_id, first->what.type ? first->what.type : "no type",
                 first->what.run_id, fetch_packed(fetch, first)->path);
    else if (count == 1)
        log_line(LOG_WARNING,
                 "artifact '%s' of run '%s' does not have the checksum that the service gave",
                 first->what.artifact_id, first->what.run_id);
    else if (count)
        log_line(LOG_WARNING, "%zu artifact%s %s: %s%s; the manifest notes all", count,
                 text_plural(count),
                 suspect ? "are kept, but their content does not match their types"
                         : "do not have the checksums that the service gave",
                 buf_text(&names), rest);
    buf_clear(&names);
}

int missing_refuse(const struct plan *plan, const struct fetch *fetch,
                   const struct pull_result *result, struct err *err)
{
    static const char *const wrong[] = { "is missing",
                                         "does not have the checksum that the service gave",
                                         "has content that does not match its type" };
    const struct item *first[3] = { NULL };
    size_t counts[3] = { 0 };
    char id[128];
    size_t i;

    for (i = 0; i < plan_count(plan); i++) {
        const struct item *item = plan_at(plan, i);
        const struct packed *packed = fetch_packed(fetch, item);
        const bool here[] = { is_missing(fetch, item), packed->mismatch, packed->suspect };
        size_t k;

        for (k = 0; k < 3; k++) {
            first[k] = first[k] || !here[k] ? first[k] : item;
            counts[k] += here[k];
        }
    }
    for (i = 0; i < 3 && !counts[i];)
        i++;
    if (i < 3)
        (void)err_set(err, ERR_MISMATCH, "artifact '%s' (%s) of run '%s' %s%s",
                      text_shown(id, sizeof(id), first[i]->what.artifact_id),
                      first[i]->what.type ? first[i]->what.type : "no type",
                      first[i]->what.run_id, wrong[i],
                      counts[i] > 1 || counts[0] + counts[1] + counts[2] > counts[i]
                          ? ", and more is missing or wrong"
                          : "");
    else if (result->records_lost)
        (void)err_set(err, ERR_MISMATCH, "%zu record%s missing", result->records_lost,
                      result->records_lost == 1 ? " is" : "s are");
    else if (result->runs_unmatched)
        (void)err_set(err, ERR_MISMATCH, "%zu run%s nothing of what was asked for",
                      result->runs_unmatched, result->runs_unmatched == 1 ? " has" : "s have");
    else if (result->incomplete)
        (void)err_set(err, ERR_MISMATCH, "a run has more than could be listed");
    else
        return 0;
    return err_hint(err, "without --strict the rest is archived");
}

void missing_wrong(const struct plan *plan, const struct fetch *fetch)
{
    warn_wrong(plan, fetch, false);
    warn_wrong(plan, fetch, true);
}
