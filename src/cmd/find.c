/* SPDX-License-Identifier: MIT */
#include "catalog/search.h"

#include "api/kind.h"
#include "api/kind_tally.h"
#include "base/clock.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "catalog/relation.h"
#include "catalog/text_index.h"
#include "cli/signals.h"
#include "cli/table.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "cmdutil/filter.h"
#include "cmdutil/idlist.h"
#include "cmdutil/query.h"
#include "cmdutil/source.h"
#include "redact/redact.h"
#include "sync/catch_up.h"
#include "volumes/volume_store.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SURVEY_RUNS 3 /* newest runs that a message names */

struct find_args {
    struct command_args common;
    struct source_args bucket;
    struct opt_list run;
    struct opt_list type;
    struct opt_list status;
    const char *text;
    const char *hash;
    const char *artifact;
    int64_t since;
    int64_t until;
    uint64_t limit;
    bool runs;
    bool allow_unknown;
};

static const struct find_args find_defaults = { .since = CLOCK_NONE, .until = CLOCK_NONE };

/* clang-format off */
static const struct opt find_opts[] = {
    { 'r', "run",      "RUN_ID", OPT_LIST,   OPT_AT(find_args, run),      "artifacts of this run, named by either of its IDs or the URL of its page; may be repeated", 0, 0, NULL, false, NULL },
    { 't', "type",     "LIST",   OPT_LIST,   OPT_AT(find_args, type),     "artifacts of these types or groups", 0, 0, NULL, false, NULL },
    { 0,   "status",   "STATUS", OPT_WORDS,  OPT_AT(find_args, status),   "artifacts of runs with this status, or one of these, separated by commas; may be repeated", 0, 0, NULL, false, NULL },
    { 0,   "since",    "WHEN",   OPT_WHEN,   OPT_AT(find_args, since),    "artifacts of runs created at or after this UTC date or time, or within this time (7d, 12h)", 0, 0, NULL, false, NULL },
    { 0,   "until",    "WHEN",   OPT_WHEN,   OPT_AT(find_args, until),    "artifacts of runs created before this date or time", 0, 0, NULL, false, NULL },
    { 0,   "text",     "TEXT",   OPT_TEXT,   OPT_AT(find_args, text),     "artifacts of runs with this text in their prompt, title, output or failure reason, or, in volumes that 'sync --index-text' has indexed, in a log or LLM text; any part of a word, in any case of ASCII letters", 0, 0, NULL, false, NULL },
    { 0,   "hash",     "SHA256", OPT_TEXT,   OPT_AT(find_args, hash),     "artifacts whose content has this SHA-256", 0, 0, NULL, false, NULL },
    { 0,   "artifact", "ID",     OPT_TEXT,   OPT_AT(find_args, artifact), "the artifact with this ID", 0, 0, NULL, false, NULL },
    { 0,   "runs",     NULL,     OPT_FLAG,   OPT_AT(find_args, runs),     "print runs instead of artifacts", 0, 0, NULL, false, NULL },
    { 0,   "allow-unknown-type", NULL, OPT_FLAG, OPT_AT(find_args, allow_unknown), "accept a type that this program does not know, such as one that is newer", 0, 0, NULL, false, NULL },
    { 0,   "limit",    "N",      OPT_NUMBER, OPT_AT(find_args, limit),    "print at most N results, those of the newest runs", 1, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt_group find_groups[] = {
    { "What", find_opts, 0 },
    { "Bucket", source_opts, OPT_AT(find_args, bucket) },
    { NULL, NULL, 0 },
};

static const struct table_column artifact_columns[] = {
    { "ARTIFACT", TABLE_TEXT, TABLE_WHOLE, 0 }, { "TYPE", TABLE_TEXT, 8, 0 },
    { "SIZE", TABLE_NUMBER, 0, 3 }, { "RUN", TABLE_TEXT, TABLE_WHOLE, 1 },
    { "RUN CREATED", TABLE_TIME, 0, 2 }, { "VOLUME", TABLE_TEXT, 24, 4 },
    { "PATH", TABLE_TEXT, 24, 5 }, { NULL, TABLE_TEXT, 0, 0 },
};

static const struct table_column run_columns[] = {
    { "RUN", TABLE_TEXT, TABLE_WHOLE, 0 }, { "STATUS", TABLE_STATUS, 0, 0 },
    { "CREATED", TABLE_TIME, 0, 1 }, { "SIZE", TABLE_NUMBER, 0, 3 },
    { "VOLUME", TABLE_TEXT, 24, 2 }, { NULL, TABLE_TEXT, 0, 0 },
};
/* clang-format on */

struct find_output {
    struct jsonw *json; /* NULL: print a table or lines */
    bool tabular;
    struct table table;
    struct buf clean;
    size_t count;
    bool searched;
    size_t unknown; /* runs that were named, but that no volume has */
};

/* A text of the catalog, redacted: volumes may be of unknown origin. Lent until
 * the next call. */
static const char *clean(struct find_output *out, const char *text)
{
    static const struct redact what = { NULL, false, NULL };
    size_t len = text ? strlen(text) : 0;

    buf_clear(&out->clean);
    buf_init(&out->clean, redact_room(len));
    if (!text)
        return NULL;
    return redact_text(&out->clean, text, len, &what, NULL) < 0 ? "(unreadable)"
                                                                : buf_text(&out->clean);
}

static int table_result(struct find_output *out, const struct search_row *row, struct err *err)
{
    char when[CLOCK_TEXT_MAX];
    char size[TEXT_SIZE_MAX];
    const char *created = row->created_at == DB_UNKNOWN
                              ? NULL
                              : clock_format(when, row->created_at / 1000, CLOCK_RFC3339);
    const char *artifact[TABLE_COLUMNS] = {
        row->artifact_id, row->type, text_size(size, row->size), row->run_id, created,
        row->volume,      row->path
    };
    const char *run[TABLE_COLUMNS] = { row->run_id, clean(out, row->status), created, size,
                                       row->volume };

    return table_row(&out->table, row->path ? artifact : run, err);
}

static int on_row(void *ctx, const struct search_row *row, struct err *err)
{
    struct find_output *out = ctx;
    char when[CLOCK_TEXT_MAX];
    char shown[1024];
    struct jsonw *w = out->json;

    out->count++;
    if (out->tabular)
        return table_result(out, row, err);
    if (!w && row->path)
        return printf("%s\t%s\n", row->volume, text_shown(shown, sizeof(shown), row->path)) < 0
                   ? err_sys(err, "cannot write the result")
                   : 0;
    if (!w)
        return printf("%s\t%s\t%s\n", row->volume, row->run_id,
                      text_shown(shown, sizeof(shown),
                                 row->status ? clean(out, row->status) : "-")) < 0
                   ? err_sys(err, "cannot write the result")
                   : 0;
    jsonw_object(w, NULL, JSONW_INLINE);
    jsonw_text(w, "volume", row->volume);
    jsonw_text(w, "run_id", row->run_id);
    jsonw_text(w, "other_run_id", row->other);
    jsonw_text(w, "parent_run_id", row->parent);
    jsonw_text(w, "status", clean(out, row->status));
    jsonw_text(w, "failure_reason", clean(out, row->failure_reason));
    jsonw_text(w, "created_at",
               row->created_at == DB_UNKNOWN
                   ? NULL
                   : clock_format(when, row->created_at / 1000, CLOCK_RFC3339));
    if (row->path) {
        jsonw_text(w, "path", row->path);
        jsonw_text(w, "artifact_id", row->artifact_id);
        jsonw_text(w, "artifact_type", row->type);
        jsonw_text(w, "sha256", row->sha256);
    }
    jsonw_u64(w, "size", row->size);
    jsonw_close(w);
    return 0;
}

/* What a catalog has, for those who found nothing. */
struct survey {
    struct kind_tally tally;
    struct err *found; /* gets the newest runs as hints */
    size_t runs;
};

static void on_type(void *ctx, const char *type, uint64_t count)
{
    struct survey *survey = ctx;

    kind_tally_add_many(&survey->tally, type, count);
}

static int on_run(void *ctx, const struct search_row *row, struct err *err)
{
    struct survey *survey = ctx;
    char shown[RELATION_ID_MAX + 1];

    (void)err;
    if (++survey->runs <= SURVEY_RUNS)
        (void)err_hint(survey->found, "run %s", text_shown(shown, sizeof(shown), row->run_id));
    else
        (void)err_hint(survey->found, "and others");
    return 0;
}

/* Add to err how many volumes have their logs and LLM texts in the index. */
static int tell_cover(struct db *catalog, struct err *err)
{
    int64_t with;
    int64_t all;

    if (text_index_cover(catalog, &with, &all, NULL) < 0)
        return -1;
    if (with < all)
        (void)err_hint(err,
                       "of %lld of %lld volume%s, logs and LLM texts are not searched: see "
                       "sync --index-text",
                       (long long)(all - with), (long long)all, text_plural((uint64_t)all));
    return 0;
}

/* Fill err with ERR_NOT_FOUND, and what the catalog has instead. Returns -1. */
static int nothing(const struct find_args *args, struct db *catalog, const char *dir,
                   struct err *err)
{
    const struct search newest = {
        .since = DB_UNKNOWN, .until = DB_UNKNOWN, .limit = SURVEY_RUNS + 1, .runs = true
    };
    struct survey survey = { .found = err };
    char types[KIND_TALLY_TEXT];
    struct err why;

    err_clear(&why);
    if (search_types(catalog, on_type, &survey, err) < 0)
        return -1;
    (void)err_set(err, ERR_NOT_FOUND, "nothing in the catalog of '%s' matches", dir);
    (void)err_hint(err, "the catalog has: %s", kind_tally_text(&survey.tally, types));
    if (args->text && tell_cover(catalog, err) < 0)
        log_line(LOG_INFO, "cannot count the volumes that are indexed");
    if ((args->run.count || args->runs) &&
        search_run(catalog, &newest, on_run, &survey, &why) < 0)
        log_line(LOG_INFO, "cannot list the runs of the catalog: %s", why.text);
    return -1;
}

static int count_row(void *ctx, const struct search_row *row, struct err *err)
{
    size_t *count = ctx;

    (void)row;
    (void)err;
    ++*count;
    return 0;
}

/* Log each run that no volume has; *unknown counts them. */
static int check_runs(struct db *catalog, const struct idlist *ids, size_t *unknown,
                      struct err *err)
{
    size_t i;

    for (i = 0; i < ids->count; i++) {
        const char *id = ids->ids[i];
        const struct search one = { .run_ids = &id,
                                    .run_count = 1,
                                    .since = DB_UNKNOWN,
                                    .until = DB_UNKNOWN,
                                    .limit = 1,
                                    .runs = true };
        size_t found = 0;

        if (search_run(catalog, &one, count_row, &found, err) < 0)
            return -1;
        if (found)
            continue;
        log_line(LOG_WARNING, "no volume has run '%s'", id);
        ++*unknown;
    }
    return 0;
}

/* A type that this program does not know, and whether the catalog has it. */
struct sought {
    const char *type;
    bool seen;
};

static void on_sought(void *ctx, const char *type, uint64_t count)
{
    struct sought *sought = ctx;

    (void)count;
    sought->seen = sought->seen || (type && strcmp(type, sought->type) == 0);
}

/* Refuse a type that neither this program knows nor the catalog (NULL: there is none) has. */
static int check_types(struct db *catalog, const struct kind_filter *filter, struct err *err)
{
    size_t i;

    for (i = 0; i < filter->unknown_count; i++) {
        struct sought sought = { .type = filter->unknown_types[i] };

        if (catalog && search_types(catalog, on_sought, &sought, err) < 0)
            return -1;
        if (!sought.seen)
            return filter_refuse_type(sought.type, err);
    }
    return 0;
}

/* Search, and say what there is if nothing is found. */
static int search_in(const struct find_args *args, struct db *catalog,
                     const struct search *search, const struct idlist *ids, const char *dir,
                     struct find_output *out, struct err *err)
{
    if (search_run(catalog, search, on_row, out, err) < 0)
        return -1;
    out->searched = true;
    if (!out->count)
        return nothing(args, catalog, dir, err);
    return ids->count > 1 ? check_runs(catalog, ids, &out->unknown, err) : 0;
}

static int search(const struct find_args *args, const struct volume_store *store,
                  struct find_output *out, struct err *err)
{
    struct kind_filter filter = { 0 };
    struct idlist ids = { 0 };
    struct search search = { .statuses = args->status.at,
                             .status_count = args->status.count,
                             .artifact_id = args->artifact,
                             .text = args->text,
                             .since = args->since == CLOCK_NONE ? DB_UNKNOWN : args->since,
                             .until = args->until == CLOCK_NONE ? DB_UNKNOWN : args->until,
                             .limit = args->limit,
                             .runs = args->runs };
    uint8_t sha256[SHA256_SIZE];
    struct db *catalog = NULL;
    const struct opt_list none = { 0 };
    int rc = query_check_status(&args->status, err);

    if (rc == 0)
        rc = idlist_option(&ids, &args->run, err);
    search.run_ids = (const char *const *)ids.ids;
    search.run_count = ids.count;
    if (rc == 0)
        rc = filter_kinds(&filter, &args->type, &none, true, err);
    if (rc == 0 && args->hash) {
        if (text_unhex(sha256, SHA256_SIZE, args->hash) < 0)
            rc = err_set(err, ERR_USAGE, "--hash: expected the 64 hex digits of a SHA-256");
        search.sha256 = sha256;
    }
    if (rc == 0 && args->runs && (args->hash || args->artifact || args->type.count))
        rc = err_set(err, ERR_USAGE,
                     "--runs cannot be combined with --hash, --artifact or --type");
    search.types = (const char *const *)filter.wanted;
    search.type_count = filter.wanted_count;
    if (rc == 0) {
        catalog = catch_up_open(store, DB_READ, true, signals_stopping(), err);
        rc = args->allow_unknown ? 0 : check_types(catalog, &filter, err);
    }
    if (rc == 0) {
        rc = catalog ? search_in(args, catalog, &search, &ids, store->place, out, err) : -1;
    }
    db_free(catalog);
    idlist_clear(&ids);
    kind_filter_clear(&filter);
    return rc;
}

static int find_main(void *args_in, int count, char *const *operands, struct err *err)
{
    const struct find_args *args = args_in;
    struct find_output out = { 0 };
    struct volume_store store = { 0 };
    int rc = count == 1 ? 0 : err_set(err, ERR_USAGE, "expected one directory of skyarc sync");

    source_use(&args->bucket);
    if (rc == 0)
        rc = volume_store_open_place(&store, operands[0], err);
    if (rc == 0 && args->common.json) {
        out.json = mem_new(sizeof(*out.json), err);
        rc = out.json ? 0 : -1;
        if (rc == 0) {
            jsonw_init(out.json, api_client_put, NULL);
            jsonw_array(out.json, NULL, JSONW_LINES);
        }
    }
    out.tabular = !args->common.json && isatty(STDOUT_FILENO);
    if (rc == 0)
        rc = table_init(&out.table, args->runs ? run_columns : artifact_columns, err);
    if (rc == 0)
        rc = search(args, &store, &out, err);
    if (rc == 0)
        table_print(&out.table, stdout);
    if (out.json && out.searched) {
        jsonw_close(out.json);
        if (jsonw_end(out.json, rc == 0 ? err : NULL) < 0)
            rc = -1;
    }
    buf_clear(&out.clean);
    table_clear(&out.table);
    mem_free(out.json);
    volume_store_close(&store);
    return rc == 0 && out.unknown ? EXIT_INCOMPLETE : rc;
}

const struct command cmd_find = {
    .name = "find",
    .args = "DIR|s3://BUCKET/PREFIX",
    .section = COMMAND_NIGHT,
    .brief = "search the catalog of a sync directory",
    .about = "Searches for artifacts that match all conditions, newest runs first, or with "
             "--runs for "
             "runs. A terminal gets a table. Elsewhere each line has the volume (relative to "
             "DIR) and "
             "the path in the volume, separated by a tab, or with --runs the volume, the run's "
             "ID and "
             "its status. Exit status 1 if nothing is found, as with grep; 3 if a run named "
             "by --run is in no volume. "
             "'skyarc cat DIR ARTIFACT_ID' prints an artifact's content.",
    .examples = "skyarc find --text 'tax report' --runs /srv/skyarc\n"
                "skyarc find --run tsk_123 -t recordings /srv/skyarc\n",
    .exits = "0    found\n"
             "1    failed, or nothing was found\n"
             "3    found, but some of the runs are in no volume\n",
    .groups = find_groups,
    .size = sizeof(struct find_args),
    .defaults = &find_defaults,
    .run = find_main,
};
