/* SPDX-License-Identifier: MIT */
#include "cmdutil/summary.h"

#include "base/buf.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/pace.h"
#include "cli/progress.h"

#include <stdarg.h>
#include <string.h>

#define LACKS_MAX 2000 /* bytes of what an archive lacks */

static int put_file(void *ctx, const void *bytes, size_t len, struct err *err)
{
    if (fwrite(bytes, 1, len, ctx) == len)
        return 0;
    return err_sys(err, "cannot write the result");
}

static void put_stamps(FILE *out, const struct pull_result *r)
{
    if (r->stamps_failed)
        (void)fprintf(out, "time stamps %u, and %u that did not come\n", r->stamps,
                      r->stamps_failed);
    else if (r->stamps)
        (void)fprintf(out, "time stamps %u\n", r->stamps);
}

void summary_text(FILE *out, const char *archive, const struct pull_result *r)
{
    const struct manifest_totals *t = &r->totals;
    char sizes[4][TEXT_SIZE_MAX];
    char took[TEXT_SIZE_MAX];
    char sha256[SHA256_TEXT];
    uint64_t rate = r->elapsed ? t->downloaded_bytes * 1000 / r->elapsed : 0;
    uint64_t came = t->downloaded_bytes + r->restored_bytes;
    uint64_t saved = t->bytes > came ? t->bytes - came : 0;
    size_t i;

    text_hex(sha256, r->sha256, SHA256_SIZE);
    (void)fprintf(out, "artifacts   %llu of %zu run%s, %llu unique, %s\n",
                  (unsigned long long)t->artifacts, r->runs - r->runs_failed,
                  text_plural(r->runs - r->runs_failed), (unsigned long long)t->unique,
                  text_size(sizes[0], t->bytes));
    if (r->children)
        (void)fprintf(out,
                      "children    %zu of the runs %s started by other runs in the archive\n",
                      r->children, r->children == 1 ? "was" : "were");
    if (r->records || r->records_lost)
        (void)fprintf(out, "records     %zu", r->records);
    if (r->records_lost)
        (void)fprintf(out, ", and %zu that could not be fetched", r->records_lost);
    if (r->records || r->records_lost)
        (void)fputc('\n', out);
    (void)fprintf(out, "downloaded  %s in %s (%s/s)\n",
                  text_size(sizes[0], t->downloaded_bytes), text_duration(took, r->elapsed),
                  text_size(sizes[1], rate));
    if (r->restored)
        (void)fprintf(out, "kept        %zu from an interrupted attempt, %s\n", r->restored,
                      text_size(sizes[2], r->restored_bytes));
    (void)fprintf(out, "stored      %s\n", text_size(sizes[2], r->size));
    if (t->duplicates)
        (void)fprintf(out, "duplicates  %llu", (unsigned long long)t->duplicates);
    if (t->duplicates && saved)
        (void)fprintf(out, ", saving %s of download", text_size(sizes[3], saved));
    if (t->duplicates)
        (void)fputc('\n', out);
    if (r->retries)
        (void)fprintf(out, "retries     %u\n", r->retries);
    if (r->mismatches)
        (void)fprintf(out, "mismatches  %llu with a checksum other than the service stated\n",
                      (unsigned long long)r->mismatches);
    if (r->suspects)
        (void)fprintf(out, "suspect     %llu whose content does not fit the artifact type\n",
                      (unsigned long long)r->suspects);
    if (t->missing)
        (void)fprintf(out, "missing     %llu:", (unsigned long long)t->missing);
    for (i = 0; i < r->reason_count; i++)
        (void)fprintf(out, "%s %llu %s", i ? "," : "", (unsigned long long)r->reasons[i].count,
                      reason_word(r->reasons[i].reason));
    (void)fprintf(out, "%s", t->missing ? "\n" : "");
    put_stamps(out, r);
    (void)fprintf(out, "%-11s %s\n", r->directory ? "directory" : "archive", archive);
    if (!r->directory)
        (void)fprintf(out, "sha256      %s\n", sha256);
    text_hex(sha256, r->manifest_sha256, SHA256_SIZE);
    (void)fprintf(out, "head        %s\n", sha256);
}

void summary_head(FILE *out, const char *archive, const struct pull_result *r)
{
    char sha256[SHA256_TEXT];

    text_hex(sha256, r->manifest_sha256, SHA256_SIZE);
    (void)fprintf(out, "%s: head %s\n", archive, sha256);
}

void summary_incomplete(const char *archive, const struct pull_result *r)
{
    struct buf lacks;
    struct err err;
    size_t i;
    int rc = 0;

    buf_init(&lacks, LACKS_MAX);
    if (r->totals.missing)
        rc = buf_addf(&lacks, &err, ", %llu missing", (unsigned long long)r->totals.missing);
    for (i = 0; rc == 0 && i < r->reason_count; i++)
        rc = buf_addf(&lacks, &err, "%s%llu %s", i ? ", " : " (",
                      (unsigned long long)r->reasons[i].count,
                      reason_word(r->reasons[i].reason));
    if (rc == 0 && r->reason_count)
        rc = buf_addf(&lacks, &err, ")");
    if (rc == 0 && r->mismatches)
        rc = buf_addf(&lacks, &err, ", %llu with a checksum mismatch",
                      (unsigned long long)r->mismatches);
    if (rc == 0 && r->suspects)
        rc = buf_addf(&lacks, &err, ", %llu suspect", (unsigned long long)r->suspects);
    if (rc == 0 && r->records_lost)
        rc = buf_addf(&lacks, &err, ", %zu record%s missing", r->records_lost,
                      text_plural(r->records_lost));
    if (rc == 0 && r->runs_unmatched)
        rc = buf_addf(&lacks, &err, ", %zu run%s without what was asked for", r->runs_unmatched,
                      text_plural(r->runs_unmatched));
    log_line(LOG_WARNING, "'%s' was written, but it is incomplete%s%s", archive,
             lacks.len ? ": " : "", lacks.len ? buf_text(&lacks) + 2 : "");
    buf_clear(&lacks);
}

/* The hosts: what they allowed, and how fast they were. */
static void put_origins(struct jsonw *w, const struct pull_result *r)
{
    size_t i;

    jsonw_array(w, "hosts", JSONW_LINES);
    for (i = 0; i < r->origin_count; i++) {
        const struct origin_state *state = &r->origins[i];

        jsonw_object(w, NULL, JSONW_INLINE);
        jsonw_text(w, "origin", state->name);
        jsonw_u64(w, "limit", state->limit);
        jsonw_u64(w, "highest", state->highest);
        jsonw_u64(w, "responses", state->responses);
        jsonw_u64(w, "rejected", state->rejected);
        jsonw_u64(w, "bytes", state->bytes);
        jsonw_u64(w, "bytes_per_second", state->rate_bps);
        jsonw_u64(w, "latency_us", state->latency);
        jsonw_close(w);
    }
    jsonw_close(w);
}

int summary_json(FILE *out, const char *archive, const struct pull_result *r, const char *error,
                 struct err *err)
{
    struct jsonw *w = mem_new(sizeof(*w), err);
    bool written = archive && !error;
    char sha256[SHA256_TEXT];
    size_t i;
    int rc;

    if (!w)
        return -1;
    text_hex(sha256, r->sha256, SHA256_SIZE);
    jsonw_init(w, put_file, out);
    jsonw_object(w, NULL, JSONW_LINES);
    jsonw_text(w, "archive", written ? archive : NULL);
    jsonw_text(w, "sha256", written && !r->directory ? sha256 : NULL);
    text_hex(sha256, r->manifest_sha256, SHA256_SIZE);
    jsonw_text(w, "manifest_sha256", written ? sha256 : NULL);
    jsonw_u64(w, "size", r->size);
    jsonw_bool(w, "incomplete", error || r->incomplete);
    jsonw_text(w, "error", error);
    jsonw_u64(w, "runs", r->runs);
    jsonw_u64(w, "failed_runs", r->runs_failed);
    jsonw_u64(w, "unmatched_runs", r->runs_unmatched);
    jsonw_u64(w, "children", r->children);
    jsonw_u64(w, "records", r->records);
    jsonw_u64(w, "missing_records", r->records_lost);
    manifest_totals(w, "totals", &r->totals);
    jsonw_object(w, "missing_reasons", JSONW_INLINE);
    for (i = 0; i < r->reason_count; i++)
        jsonw_u64(w, reason_word(r->reasons[i].reason), r->reasons[i].count);
    jsonw_close(w);
    jsonw_u64(w, "checksum_mismatches", r->mismatches);
    jsonw_u64(w, "suspect_contents", r->suspects);
    jsonw_u64(w, "time_stamps_kept", r->stamps);
    jsonw_u64(w, "time_stamps_failed", r->stamps_failed);
    jsonw_u64(w, "retries", r->retries);
    jsonw_u64(w, "kept", error ? r->kept : r->restored); /* of an interrupted attempt */
    jsonw_u64(w, "elapsed_ms", r->elapsed);
    put_origins(w, r);
    jsonw_close(w);
    rc = jsonw_end(w, err);
    mem_free(w);
    return rc;
}

/* Append a part of the status line. */
static void part(char out[SUMMARY_STATUS_MAX], const char *fmt, ...) PRINTF_LIKE(2, 3);

static void part(char out[SUMMARY_STATUS_MAX], const char *fmt, ...)
{
    size_t used = strlen(out);
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(out + used, SUMMARY_STATUS_MAX - used, fmt, args);
    va_end(args);
}

static void put_asked(char out[SUMMARY_STATUS_MAX], const struct pull_status *s, bool all)
{
    if (s->asked)
        part(out, ", %s %llu s", all ? "host asks to wait," : "waits",
             (unsigned long long)(s->asked + 999) / 1000);
}

/*
 * What a status line leaves out if it is too wide, in this order. The rate, the time left and a
 * wait that a host asks for are never left out.
 */
enum status_level { EVERYTHING, NO_RUNS, NO_TOTAL, NO_WORDS, NO_COUNTS, SHORT_WAIT, NO_BYTES };

/* The bytes and how many there will be, the rate, the time left, and a host's wait. */
static void put_bytes(char out[SUMMARY_STATUS_MAX], const struct pull_status *s, uint64_t bps,
                      enum status_level level)
{
    uint64_t expected = s->bytes_expected > s->bytes ? s->bytes_expected : s->bytes;
    bool rated = bps != PACE_UNKNOWN && (bps || !s->asked);
    bool counted = level < NO_BYTES || !rated;
    char text[TEXT_SIZE_MAX];
    uint64_t ms;

    if (counted)
        part(out, "%s", text_size(text, s->bytes));
    if (level < NO_TOTAL && (s->unsized || s->bytes_expected))
        part(out, " of %s%s", s->unsized || s->early ? "at least " : "",
             text_size(text, expected));
    if (rated)
        part(out, "%s%s/s", counted ? ", " : "", text_size(text, bps));
    if (!s->unsized && !s->early && pace_left(expected - s->bytes, bps, &ms))
        part(out, ", %s left", text_duration(text, ms));
    put_asked(out, s, level < SHORT_WAIT);
}

/* The status line of a pull that fetches. */
static void put_fetching(char out[SUMMARY_STATUS_MAX], const struct pull_status *s,
                         uint64_t bps, enum status_level level)
{
    if (level < NO_RUNS && s->early)
        part(out, "listing: %zu of %zu runs, ", s->runs_listed, s->runs);
    else if (level < NO_RUNS)
        part(out, "%zu run%s, ", s->runs, text_plural(s->runs));
    if (level < NO_COUNTS)
        part(out, "%zu of %s%zu%s, ", s->artifacts_done,
             s->early && level < NO_WORDS ? "at least " : "", s->artifacts,
             level < NO_WORDS ? " artifacts" : "");
    put_bytes(out, s, bps, level);
    if (s->retries && level < NO_RUNS)
        part(out, ", %u retr%s", s->retries, s->retries == 1 ? "y" : "ies");
    if (s->missing && level < NO_TOTAL)
        part(out, ", %zu missing", s->missing);
}

/* The status line of a pull that waits for runs, or lists them. */
static void put_runs(char out[SUMMARY_STATUS_MAX], const struct pull_status *s, size_t columns)
{
    size_t done = s->waiting ? s->runs_ended : s->runs_listed;

    part(out, "%s: %zu of %zu run%s%s", s->waiting ? "waiting" : "listing", done, s->runs,
         text_plural(s->runs), s->waiting ? " ended" : "");
    put_asked(out, s, true);
    if (text_width(out) <= columns)
        return;
    out[0] = '\0';
    part(out, "%zu of %zu", done, s->runs);
    put_asked(out, s, true);
}

const char *summary_status(char out[SUMMARY_STATUS_MAX], const struct pull_status *s,
                           uint64_t bps, size_t columns)
{
    unsigned level = EVERYTHING;

    out[0] = '\0';
    if (s->verified)
        return progress_text(
            out,
            &(struct progress_read){ "verifying", s->verified, s->bytes, s->bytes_expected },
            bps, columns);
    if (s->waiting || (s->runs_listed < s->runs && !s->early) || !s->artifacts) {
        put_runs(out, s, columns);
        return out;
    }
    do {
        out[0] = '\0';
        put_fetching(out, s, bps, (enum status_level)level);
    } while (text_width(out) > columns && ++level <= NO_BYTES);
    return out;
}
