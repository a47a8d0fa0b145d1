/* SPDX-License-Identifier: MIT */
#include "evidence/inspection_json.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "evidence/inspection.h"

#include <stdio.h>

static void put_ms(struct jsonw *w, const char *key, int64_t ms)
{
    char text[CLOCK_TEXT_MAX];

    jsonw_text(w, key, ms == DB_UNKNOWN ? NULL : clock_format(text, ms, CLOCK_RFC3339));
}

static void put_us(struct jsonw *w, const char *key, int64_t us)
{
    put_ms(w, key, us == DB_UNKNOWN ? DB_UNKNOWN : us / 1000);
}

static void put_sum(struct jsonw *w, const struct inspection_sum *sum)
{
    char key[32];
    enum verdict i;

    jsonw_object(w, "summary", JSONW_LINES);
    jsonw_u64(w, "run_count", sum->runs);
    for (i = 0; i < VERDICTS; i++) {
        (void)snprintf(key, sizeof(key), "%s_runs", verdict_word(i));
        jsonw_u64(w, key, sum->verdicts[i]);
    }
    jsonw_u64(w, "held_runs", sum->held);
    jsonw_u64(w, "artifacts", sum->artifacts);
    jsonw_u64(w, "missing", sum->missing);
    jsonw_u64(w, "bytes", sum->bytes);
    jsonw_u64(w, "faults", sum->faults);
    jsonw_u64(w, "gaps", sum->gaps);
    jsonw_u64(w, "sync_count", sum->syncs);
    jsonw_u64(w, "failed_syncs", sum->failed_syncs);
    jsonw_close(w);
}

static int put_run(void *ctx, const struct inspection_run *run, struct err *err)
{
    struct jsonw *w = ctx;
    const struct period_run *facts = run->facts;
    size_t i;

    (void)err; /* jsonw_end returns the first error */
    jsonw_object(w, NULL, JSONW_INLINE);
    jsonw_text(w, "run_id", facts->run_id);
    jsonw_text(w, "other_run_id", facts->other);
    jsonw_text(w, "parent_run_id", facts->parent);
    jsonw_text(w, "run_type", facts->run_type);
    jsonw_text(w, "title", facts->title);
    jsonw_text(w, "status", facts->status);
    put_us(w, "created_at", facts->created_at);
    put_us(w, "finished_at", facts->finished_at);
    jsonw_text(w, "verdict", verdict_word(run->verdict));
    jsonw_text(w, "why", run->why);
    jsonw_u64(w, "artifacts", facts->artifacts);
    jsonw_u64(w, "missing", facts->missing + facts->lost);
    jsonw_bool(w, "held", run->hold != NULL);
    jsonw_text(w, "hold_reason", run->hold ? run->hold->reason : NULL);
    jsonw_array(w, "archives", JSONW_INLINE);
    for (i = 0; i < run->archive_count; i++)
        jsonw_text(w, NULL, run->archives[i]->name);
    jsonw_close(w);
    jsonw_close(w);
    return 0;
}

static void put_remarks(struct jsonw *w, const char *key, const struct remarks *remarks)
{
    size_t i;

    jsonw_array(w, key, JSONW_LINES);
    for (i = 0; i < remarks->count; i++)
        jsonw_text(w, NULL, remarks->at[i]);
    jsonw_close(w);
}

static void put_archives(struct jsonw *w, const struct inspection *inspection)
{
    struct archive_state *const *archives;
    size_t count = inspection_archives(inspection, &archives);
    size_t i;

    jsonw_array(w, "archives", JSONW_LINES);
    for (i = 0; i < count; i++) {
        const struct archive_state *a = archives[i];

        jsonw_object(w, NULL, JSONW_INLINE);
        jsonw_text(w, "archive", a->name);
        jsonw_text(w, "manifest_sha256", *a->sha256 ? a->sha256 : NULL);
        jsonw_u64(w, "size", a->size);
        jsonw_u64(w, "run_count", a->runs);
        put_ms(w, "created_at", a->created_ms);
        put_ms(w, "verified_at", a->verified_ms);
        jsonw_text(w, "state", a->state);
        jsonw_text(w, "signature", a->signature);
        jsonw_text(w, "time_stamp", a->stamped);
        jsonw_text(w, "previous", a->previous);
        jsonw_text(w, "fault", a->fault);
        jsonw_text(w, "doubt", a->doubt);
        jsonw_text(w, "note", a->note);
        jsonw_close(w);
    }
    jsonw_close(w);
    put_remarks(w, "directory_faults", inspection_faults(inspection));
    put_remarks(w, "directory_gaps", inspection_gaps(inspection));
}

static void put_events(struct jsonw *w, const struct inspection *inspection)
{
    const struct decision *const *events;
    size_t count = inspection_events(inspection, &events);
    size_t i;

    jsonw_array(w, "log", JSONW_LINES);
    for (i = 0; i < count; i++) {
        jsonw_object(w, NULL, JSONW_INLINE);
        put_ms(w, "at", events[i]->at_ms);
        jsonw_text(w, "what", events[i]->what);
        jsonw_text(w, "run_id", events[i]->run_id);
        jsonw_text(w, "archive", events[i]->volume);
        jsonw_text(w, "reason", events[i]->reason);
        jsonw_close(w);
    }
    jsonw_close(w);
}

static int put_sync(void *ctx, const struct period_sync *sync, struct err *err)
{
    struct jsonw *w = ctx;

    (void)err;
    jsonw_object(w, NULL, JSONW_INLINE);
    put_ms(w, "began_at", sync->began_ms);
    put_ms(w, "ended_at", sync->ended_ms);
    jsonw_text(w, "outcome", sync->outcome);
    jsonw_text(w, "error", sync->error);
    jsonw_u64(w, "run_count", sync->runs);
    jsonw_u64(w, "artifacts", sync->artifacts);
    jsonw_u64(w, "missing", sync->missing);
    jsonw_u64(w, "damaged", sync->damaged);
    jsonw_close(w);
    return 0;
}

static int put_frontier(void *ctx, const char *filter, const struct period *known,
                        struct err *err)
{
    struct jsonw *w = ctx;

    (void)err;
    jsonw_object(w, NULL, JSONW_INLINE);
    jsonw_text(w, "filter", filter);
    put_us(w, "from", known->since);
    put_us(w, "until", known->until);
    jsonw_close(w);
    return 0;
}

/* Write an array of what `each` visits. */
#define PUT_ARRAY(w, key, each, fn)                                                            \
    (jsonw_array(w, key, JSONW_LINES), each(document->inspection, fn, w, err))

int inspection_json_write(void *ctx, put_fn *put, void *put_ctx, struct err *err)
{
    const struct inspection_document *document = ctx;
    const struct inspection_opts *opts = inspection_of(document->inspection);
    const struct shard *shard = inspection_shard(document->inspection);
    char text[SHARD_TEXT_MAX];
    struct jsonw *w = jsonw_new(put, put_ctx, err);
    int rc;

    if (!w)
        return -1;
    jsonw_object(w, NULL, JSONW_LINES);
    jsonw_text(w, "made_by", document->made_by);
    put_ms(w, "made_at", document->made_ms);
    jsonw_text(w, opts->archives.store ? "directory" : "archive", opts->archives.path);
    jsonw_text(w, "shard", shard->n ? shard_text(text, shard) : NULL);
    put_us(w, "since", opts->period.since);
    put_us(w, "until", opts->period.until);
    put_sum(w, inspection_sum(document->inspection));
    rc = PUT_ARRAY(w, "run_list", inspection_runs, put_run);
    jsonw_close(w);
    put_archives(w, document->inspection);
    put_events(w, document->inspection);
    if (rc == 0)
        rc = PUT_ARRAY(w, "syncs", inspection_syncs, put_sync);
    jsonw_close(w);
    if (rc == 0)
        rc = PUT_ARRAY(w, "known", inspection_frontiers, put_frontier);
    jsonw_close(w);
    jsonw_close(w);
    if (rc == 0)
        return jsonw_finish(w, err);
    mem_free(w);
    return rc;
}
