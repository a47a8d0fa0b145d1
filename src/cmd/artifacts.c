/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/text.h"
#include "cli/table.h"
#include "client/extras.h"
#include "client/lister.h"
#include "client/listing.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "cmdutil/filter.h"
#include "cmdutil/idlist.h"
#include "cmdutil/session.h"

#include <stdio.h>

struct artifacts_args {
    struct command_args common;
    struct session_args session;
    struct filter_args filter;
    struct opt_list input;
    bool raw;
};

static const struct artifacts_args artifacts_defaults = { .session = SESSION_DEFAULTS,
                                                          .filter = FILTER_DEFAULTS };

/* clang-format off */
static const struct opt artifacts_opts[] = {
    { 'i', "input", "FILE", OPT_LIST, OPT_AT(artifacts_args, input), "read further run IDs from this file, one per line (# starts a comment; - is standard input)", 0, 0, NULL, false, NULL },
    { 0,   "raw",   NULL,   OPT_FLAG, OPT_AT(artifacts_args, raw),   "do not redact secrets in the output, signed URLs included; the API key is always redacted", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt_group artifacts_groups[] = {
    { "What", filter_type_opts, OPT_AT(artifacts_args, filter) },
    { "Filters", filter_opts,   OPT_AT(artifacts_args, filter) },
    { "Runs", artifacts_opts,    0 },
    { "API",  session_opts,      OPT_AT(artifacts_args, session) },
    { NULL, NULL, 0 },
};

static const struct table_column columns[] = {
    { "ARTIFACT", TABLE_TEXT, TABLE_WHOLE, 0 }, { "TYPE", TABLE_TEXT, 8, 0 },
    { "SIZE", TABLE_NUMBER, 0, 0 }, { "CREATED", TABLE_TIME, 0, 2 },
    { "RUN", TABLE_TEXT, TABLE_WHOLE, 3 }, { "NAME", TABLE_TEXT, 16, 1 }, { NULL, TABLE_TEXT, 0, 0 },
};
/* clang-format on */

static int add_rows(struct table *table, const struct listed_run *run,
                    const struct artifact_filter *filter, bool *hit, struct err *err)
{
    struct artifact_list list = { 0 }; /* the artifacts, redacted unless --raw */
    const struct redact what = { secret_peek(run->listing->api->key), run->listing->raw, NULL };
    size_t i;
    int rc = artifact_list_parse(&list, run->list_json.text, run->list_json.len, err);

    for (i = 0; rc == 0 && i < list.count; i++) {
        const struct artifact *a = &list.rows[i];
        const char *file = redact_copy(run->list.rows[i].filename, &what, list.region);
        const char *name = file            ? file
                           : a->bundle_key ? a->bundle_key
                           : a->uri        ? path_base(a->uri)
                                           : NULL;
        char size[TEXT_SIZE_MAX];
        const char *cells[TABLE_COLUMNS] = {
            a->artifact_id,
            a->artifact_type,
            a->sized ? text_size(size, a->file_size) : "unknown",
            a->created_at,
            run->id,
            name
        };

        if (!artifact_filter_listed(filter, &run->list.rows[i]))
            continue;
        rc = table_row(table, cells, err);
        *hit = true;
    }
    artifact_list_clear(&list);
    return rc;
}

/* Print the rows of a list that match the filter, as JSON. */
static int print_rows(const struct listed_run *run, const struct artifact_filter *filter,
                      bool *first, bool *hit, struct err *err)
{
    struct json *doc = json_parse(run->list_json.text, run->list_json.len, err);
    struct json_value v = { 0 };
    size_t i = 0;
    int rc = doc ? 0 : -1;

    while (rc == 0 && (v = json_next(json_root(doc), v)).doc) {
        size_t len;
        const char *raw = json_raw(v, &len);
        size_t row = i;

        if (json_type(json_get(v, "artifact_id")) != JSON_STRING)
            continue;
        i++; /* list.rows has only the rows with an artifact ID, in the same order */
        if (row >= run->list.count || !artifact_filter_listed(filter, &run->list.rows[row]))
            continue;
        rc = api_client_json(*first ? "[\n" : ",\n", raw, len, err);
        *first = false;
        *hit = true;
    }
    json_free(doc);
    return rc;
}

static int print_all(const struct artifacts_args *args, const struct listing *listing,
                     const struct artifact_filter *filter, struct err *err)
{
    struct table table = { 0 };
    bool first = true;
    bool shown = false;
    bool *hit = mem_array(listing->count, sizeof(*hit), err);
    size_t failed = 0;
    size_t unmatched = 0;
    size_t i;
    int rc = hit ? table_init(&table, columns, err) : -1;

    for (i = 0; rc == 0 && i < listing->count; i++) {
        const struct listed_run *run = &listing->runs[i];

        if (run->failed) {
            failed++;
            log_line(LOG_ERROR, "%s", run->err.text);
        } else if (args->common.json) {
            rc = print_rows(run, filter, &first, &hit[i], err);
        } else {
            rc = add_rows(&table, run, filter, &hit[i], err);
        }
        shown = shown || hit[i];
    }
    if (rc == 0 && args->common.json)
        (void)fputs(first ? "[]\n" : "\n]\n", stdout);
    else if (rc == 0)
        table_print(&table, stdout);
    if (rc == 0 && !shown && !failed && !args->common.json && !args->common.quiet &&
        !artifact_filter_narrows(filter))
        table_none("no artifacts");
    if (rc == 0 && artifact_filter_narrows(filter))
        rc = listing_unmatched(listing, filter, hit, &unmatched, err);
    table_clear(&table);
    mem_free(hit);
    if (rc < 0)
        return -1;
    return failed && failed == listing->count ? EXIT_FAILED
           : failed || unmatched              ? EXIT_INCOMPLETE
                                              : EXIT_DONE;
}

static int artifacts_main(void *args_in, int count, char *const *operands, struct err *err)
{
    const struct artifacts_args *args = args_in;
    struct api_client client = { 0 };
    struct idlist ids = { 0 };
    struct artifact_filter filter = { .region = NULL };
    struct listing listing = { .raw = args->raw, .tell = true };
    int rc = idlist_collect(&ids, count, operands, &args->input, err);

    if (rc == 0)
        rc = filter_fill(&filter, &args->filter, err);
    if (rc == 0 && ids.count)
        rc = api_client_listing(&client, &args->session, ids.ids, ids.count, &filter.kinds,
                                &listing, err);
    if (rc == 0)
        rc = extras_add_all(&listing, &filter.kinds, err);
    if (rc == 0)
        rc = print_all(args, &listing, &filter, err);
    if (rc < 0)
        rc = api_client_status(err);
    lister_clear(&listing);
    api_client_close(&client);
    artifact_filter_clear(&filter);
    idlist_clear(&ids);
    return rc;
}

const struct command cmd_artifacts = {
    .name = "artifacts",
    .args = "RUN_ID...",
    .section = COMMAND_AROUND,
    .brief = "list the artifacts of runs",
    .about =
        "Lists the artifacts that the service has for the runs, without downloading them. "
        "On a terminal the table fits its width: columns are left out, texts are shortened "
        "in the middle, and times are ages; elsewhere nothing is cut, and times are in "
        "UTC. With --json, prints the rows as the service sent them, secrets redacted, in one "
        "array; with --raw, signed URLs are not redacted. The filters are those of skyarc "
        "pull. "
        "Exit status 1 if no run has an artifact that they accept, 3 if some have none.",
    .examples = "skyarc artifacts tsk_123\n"
                "skyarc artifacts -t screenshots,har --json tsk_123\n"
                "skyarc artifacts --larger-than 10m --step 0,1 tsk_123\n",
    .exits = "0    listed\n"
             "1    the service cannot be reached, or refuses, or knows no such run, or no run "
             "has an "
             "artifact that the filters accept\n"
             "3    some of the runs could not be listed, or have no such artifact\n"
             "75   the service said to retry later\n",
    .groups = artifacts_groups,
    .size = sizeof(struct artifacts_args),
    .defaults = &artifacts_defaults,
    .run = artifacts_main,
};
