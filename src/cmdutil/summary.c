/* SPDX-License-Identifier: MIT */
#include "cmdutil/summary.h"

#include "base/jsonw.h"
#include "base/mem.h"
#include "base/text.h"

#include <string.h>

static int put_file(void *ctx, const void *bytes, size_t len, struct err *err)
{
    if (fwrite(bytes, 1, len, ctx) == len)
        return 0;
    return err_sys(err, "cannot write the result");
}

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
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
                  plural(r->runs - r->runs_failed), (unsigned long long)t->unique,
                  text_size(sizes[0], t->bytes));
    if (r->children)
        (void)fprintf(out,
                      "children    %zu of the runs were started by other runs in the archive\n",
                      r->children);
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
        (void)fprintf(out, "duplicates  %llu, saving %s of download\n",
                      (unsigned long long)t->duplicates, text_size(sizes[3], saved));
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
    (void)fprintf(out, "%s%-11s %s\n", t->missing ? "\n" : "",
                  r->directory ? "directory" : "archive", archive);
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
    jsonw_bool(w, "incomplete", r->incomplete);
    jsonw_text(w, "error", error);
    jsonw_u64(w, "runs", r->runs);
    jsonw_u64(w, "runs_failed", r->runs_failed);
    jsonw_u64(w, "children", r->children);
    jsonw_u64(w, "records", r->records);
    jsonw_u64(w, "records_missing", r->records_lost);
    manifest_totals(w, "totals", &r->totals);
    jsonw_object(w, "missing", JSONW_INLINE);
    for (i = 0; i < r->reason_count; i++)
        jsonw_u64(w, reason_word(r->reasons[i].reason), r->reasons[i].count);
    jsonw_close(w);
    jsonw_u64(w, "checksum_mismatches", r->mismatches);
    jsonw_u64(w, "suspect_contents", r->suspects);
    jsonw_u64(w, "retries", r->retries);
    jsonw_u64(w, error ? "kept" : "restored", error ? r->kept : r->restored);
    jsonw_u64(w, "elapsed_ms", r->elapsed);
    jsonw_close(w);
    rc = jsonw_end(w, err);
    mem_free(w);
    return rc;
}

/* Estimate the time left: by bytes if all sizes are known, otherwise by artifacts. */
static bool time_left(const struct pull_status *s, uint64_t *ms)
{
    if (s->bytes_expected)
        *ms = s->bytes && s->bytes_expected > s->bytes
                  ? (uint64_t)((double)s->elapsed * (double)(s->bytes_expected - s->bytes) /
                               (double)s->bytes)
                  : 0;
    else
        *ms = s->artifacts_done && s->artifacts > s->artifacts_done
                  ? s->elapsed * (s->artifacts - s->artifacts_done) / s->artifacts_done
                  : 0;
    return *ms > 0;
}

const char *summary_status(char *out, size_t size, const struct pull_status *s)
{
    char bytes[TEXT_SIZE_MAX];
    char all[TEXT_SIZE_MAX];
    char rate[TEXT_SIZE_MAX];
    char left[TEXT_SIZE_MAX];
    uint64_t bps = s->elapsed ? s->bytes * 1000 / s->elapsed : 0;
    uint64_t ms;
    size_t used;

    if (s->waiting) {
        (void)snprintf(out, size, "waiting: %zu of %zu run%s ended", s->runs_ended, s->runs,
                       plural(s->runs));
        return out;
    }
    if (s->runs_listed < s->runs || !s->artifacts) {
        (void)snprintf(out, size, "listing: %zu of %zu run%s", s->runs_listed, s->runs,
                       plural(s->runs));
        return out;
    }
    (void)snprintf(out, size, "%zu run%s, %zu of %zu artifacts, %s", s->runs, plural(s->runs),
                   s->artifacts_done, s->artifacts, text_size(bytes, s->bytes));
    used = strlen(out);
    if (s->bytes_expected)
        (void)snprintf(out + used, size - used, " of %s", text_size(all, s->bytes_expected));
    used = strlen(out);
    (void)snprintf(out + used, size - used, ", %s/s", text_size(rate, bps));
    used = strlen(out);
    if (time_left(s, &ms))
        (void)snprintf(out + used, size - used, ", %s left", text_duration(left, ms));
    used = strlen(out);
    if (s->retries)
        (void)snprintf(out + used, size - used, ", %u retries", s->retries);
    used = strlen(out);
    if (s->missing)
        (void)snprintf(out + used, size - used, ", %zu missing", s->missing);
    return out;
}
