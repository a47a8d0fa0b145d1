/* SPDX-License-Identifier: MIT */
#include "client/runs.h"

#include "base/clock.h"
#include "base/hashmap.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/table.h"
#include "client/older_runs.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "cmdutil/query.h"
#include "cmdutil/session.h"

#include <stdio.h>
#include <string.h>

struct runs_args {
    struct command_args common;
    struct session_args session;
    struct query_args query;
    uint64_t limit;
    bool ids;
    bool raw;
};

static const struct runs_args runs_defaults = {
    .session = SESSION_DEFAULTS,
    .query = QUERY_DEFAULTS,
};

/* clang-format off */
static const struct opt runs_opts[] = {
    { 0,   "limit",    "N",      OPT_NUMBER, OPT_AT(runs_args, limit),    "list at most N runs, the newest", 1, 0, NULL, false, NULL },
    { 0,   "ids",      NULL,     OPT_FLAG,   OPT_AT(runs_args, ids),      "print only the IDs, one per line", 0, 0, NULL, false, NULL },
    { 0,   "raw",      NULL,     OPT_FLAG,   OPT_AT(runs_args, raw),      "do not redact secrets in the output; the API key is always redacted", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt_group runs_groups[] = {
    { "Which", query_opts,   OPT_AT(runs_args, query) },
    { "Shown", runs_opts,    0 },
    { "API",   session_opts, OPT_AT(runs_args, session) },
    { NULL, NULL, 0 },
};

static const struct table_column columns[] = {
    { "RUN", TABLE_TEXT, TABLE_WHOLE, 0 }, { "STATUS", TABLE_STATUS, 0, 0 },
    { "TYPE", TABLE_TEXT, 0, 4 }, { "CREATED", TABLE_TIME, 0, 1 }, { "TOOK", TABLE_NUMBER, 0, 3 },
    { "TITLE", TABLE_TEXT, 16, 2 }, { NULL, TABLE_TEXT, 0, 0 },
};
/* clang-format on */

struct runs_output {
    const struct runs_args *args;
    struct table table;
    size_t count;
    struct hashmap *told; /* IDs printed so far: other lists may name a run again */
};

static int print_row(struct runs_output *out, const struct runs_row *row, struct err *err)
{
    char when[CLOCK_TEXT_MAX];
    char took[TEXT_SIZE_MAX];
    int64_t start = clock_us(row->started_at);
    int64_t end = clock_us(row->finished_at);
    const char *cells[TABLE_COLUMNS] = { row->run_id, row->status, row->run_type,
                                         NULL,        NULL,        row->title };

    if (out->args->ids)
        return printf("%s\n", row->run_id) < 0 ? err_sys(err, "cannot write the result") : 0;
    if (out->args->common.json)
        return api_client_json(out->count == 1 ? "[\n" : ",\n", row->json, row->json_len, err);
    if (row->created_us != CLOCK_NONE)
        cells[3] = clock_format(when, row->created_us / 1000, CLOCK_RFC3339);
    if (start != CLOCK_NONE && end != CLOCK_NONE && end >= start)
        cells[4] = text_duration(took, (uint64_t)(end - start) / 1000);
    return table_row(&out->table, cells, err);
}

/* Print a run, unless it was printed before; 1: that was the last one of --limit. */
static int on_row(void *ctx, const struct runs_row *row, struct err *err)
{
    struct runs_output *out = ctx;

    if (hashmap_get(out->told, row->run_id, strlen(row->run_id)))
        return 0;
    if (hashmap_add(out->told, row->run_id, strlen(row->run_id), out, err) < 0)
        return -1;
    out->count++;
    if (print_row(out, row, err) < 0)
        return -1;
    return out->args->limit && out->count >= out->args->limit;
}

static int runs_main(void *args_in, int count, char *const *operands, struct err *err)
{
    const struct runs_args *args = args_in;
    struct runs_query query = { .limit = 0 };
    struct runs_output out = { .args = args };
    struct api_client client = { 0 };
    struct runs_end end = { 0 };
    bool searched;
    int rc = count ? err_set(err, ERR_USAGE, "runs takes no operands: '%.100s'", operands[0])
                   : query_fill(&args->query, &query, err);

    query.limit = args->limit;
    query.raw = args->raw;
    if (rc == 0)
        rc = table_init(&out.table, columns, err);
    if (rc == 0) {
        out.told = hashmap_new(err);
        rc = out.told ? 0 : -1;
    }
    if (rc == 0)
        rc = api_client_open(&client, &args->session, err);
    if (rc == 0)
        rc = runs_list(&client.loop, &client.callers, &query, on_row, &out, &end, err);
    if (rc == 0)
        rc = older_runs_list(&client.callers, &query, on_row, &out, &end, err);
    if (rc == 0 && args->common.json && !args->ids)
        (void)fputs(out.count ? "\n]\n" : "[]\n", stdout);
    else if (rc == 0)
        table_print(&out.table, stdout);
    if (rc == 0 && !out.count && !args->common.json && !args->common.quiet)
        table_none("no runs");
    searched = query.what.search || query.what.workflow;
    if (end.unread)
        log_line(LOG_ERROR,
                 "%zu row%s of the service's list of runs %s no valid run ID; %s "
                 "not shown",
                 end.unread, text_plural(end.unread), end.unread == 1 ? "has" : "have",
                 end.unread == 1 ? "this run is" : "these runs are");
    if (end.cut && searched)
        log_line(LOG_WARNING,
                 "the service lists only the newest %d matches of a search, or runs "
                 "of one workflow; not all older ones are shown",
                 RUNS_SEARCH);
    else if (end.cut)
        log_line(LOG_WARNING,
                 "the service lists only the newest %d runs; not all older ones are shown "
                 "(filters reach further back)",
                 RUNS_WINDOW);
    api_client_close(&client);
    table_clear(&out.table);
    hashmap_free(out.told);
    return rc < 0                  ? api_client_status(err)
           : end.cut || end.unread ? EXIT_INCOMPLETE
                                   : EXIT_DONE;
}

const struct command cmd_runs = {
    .name = "runs",
    .args = "",
    .section = COMMAND_AROUND,
    .brief = "list runs, newest first",
    .about =
        "Lists the runs that the service knows, newest first, page by page. The service's list "
        "ends after the newest 10,000 runs, or 1,000 of a workflow; older runs follow from "
        "other lists, where the server has them: runs of workflows, then plain tasks, each "
        "newest first; --limit counts them in this order. The output "
        "of --ids can be piped into 'skyarc pull -i -'. Exit status 3 if older runs may be "
        "missing, because the service truncated its list and other lists fail or do not exist, "
        "or rows have no valid run ID. On a terminal the table fits its width: "
        "columns "
        "are left out, texts are shortened in the middle, times are ages, and statuses have "
        "colours unless NO_COLOR is set; elsewhere nothing is cut, and times are in UTC. With "
        "--json, prints the rows as the service "
        "sent them, secrets redacted, in one array.",
    .examples = "skyarc runs --limit 5\n"
                "skyarc runs --status failed --since 7d\n"
                "skyarc runs --json --since 2026-11-01\n",
    .exits = "0    listed\n"
             "1    the service cannot be reached, or refuses\n"
             "3    listed, but older runs may be missing, or rows have no valid run ID\n"
             "75   the service said to retry later\n",
    .groups = runs_groups,
    .size = sizeof(struct runs_args),
    .defaults = &runs_defaults,
    .run = runs_main,
};
