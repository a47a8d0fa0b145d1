/* SPDX-License-Identifier: MIT */
#include "cmdutil/preview.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/table.h"
#include "cmdutil/api_client.h"

#include <stdio.h>

/* clang-format off */
static const struct table_column columns[] = {
    { "RUN", TABLE_TEXT, TABLE_WHOLE, 0 }, { "STATUS", TABLE_STATUS, 0, 0 },
    { "CREATED", TABLE_TIME, 0, 2 }, { "ENDED", TABLE_TIME, 0, 1 }, { NULL, TABLE_TEXT, 0, 0 },
};
/* clang-format on */

/* A preview being printed: as a table, or as JSON. */
struct preview {
    struct table table;
    struct jsonw *json;
};

static int on_preview(void *ctx, const struct run_state_row *row, struct err *err)
{
    struct preview *p = ctx;
    char times[2][CLOCK_TEXT_MAX] = { "", "" };
    const int64_t us[2] = { row->created_at, row->finished_at };
    const char *cells[TABLE_COLUMNS] = { row->run_id, row->status, times[0], times[1] };
    size_t i;

    for (i = 0; i < 2; i++) {
        if (us[i] != DB_UNKNOWN)
            (void)clock_format(times[i], us[i] / 1000, CLOCK_RFC3339);
    }
    if (!p->json)
        return table_row(&p->table, cells, err);
    jsonw_object(p->json, NULL, JSONW_INLINE);
    jsonw_text(p->json, "run_id", row->run_id);
    jsonw_text(p->json, "status", row->status);
    jsonw_text(p->json, "created_at", *times[0] ? times[0] : NULL);
    jsonw_text(p->json, "finished_at", *times[1] ? times[1] : NULL);
    jsonw_close(p->json);
    return 0;
}

static int end_preview(struct preview *p, const struct survey_preview *r, struct err *err)
{
    char shard[SHARD_TEXT_MAX];

    if (p->json) {
        jsonw_close(p->json);
        jsonw_u64(p->json, "archived_runs", 0);
        jsonw_u64(p->json, "running_runs", (uint64_t)r->running);
        jsonw_bool(p->json, "list_cut", r->found.end.cut);
        jsonw_u64(p->json, "unread_rows", r->found.end.unread);
        jsonw_u64(p->json, "failed_runs", r->found.failed);
        jsonw_text(p->json, "shard",
                   shard_divides(&r->shard) ? shard_text(shard, &r->shard) : NULL);
        jsonw_u64(p->json, "other_shard_runs", r->others);
        jsonw_u64(p->json, "undecided_runs", (uint64_t)r->undecided);
        jsonw_close(p->json);
        return jsonw_end(p->json, err);
    }
    table_print(&p->table, stdout);
    (void)printf("%zu run%s would be archived, %lld %s in progress (nothing was changed)\n",
                 r->runs, text_plural(r->runs), (long long)r->running,
                 r->running == 1 ? "is" : "are");
    if (shard_divides(&r->shard))
        (void)printf("shard %s; other shards: %zu; shard not known yet: %lld\n",
                     shard_text(shard, &r->shard), r->others, (long long)r->undecided);
    return 0;
}

int preview_print(const struct survey_opts *opts, const struct volume_store *store, bool json,
                  struct survey_preview *result, struct err *err)
{
    struct preview p = { .json = NULL };
    int rc = table_init(&p.table, columns, err);

    if (rc == 0 && json) {
        p.json = mem_new(sizeof(*p.json), err);
        rc = p.json ? 0 : -1;
    }
    if (p.json) {
        jsonw_init(p.json, api_client_put, NULL);
        jsonw_object(p.json, NULL, JSONW_LINES);
        jsonw_array(p.json, "due_runs", JSONW_LINES);
    }
    if (rc == 0)
        rc = survey_preview(opts, store, on_preview, &p, result, err);
    if (rc == 0)
        rc = end_preview(&p, result, err);
    table_clear(&p.table);
    mem_free(p.json);
    return rc;
}
