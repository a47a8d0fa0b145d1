/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "client/lister.h"
#include "client/listing.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "cmdutil/idlist.h"
#include "cmdutil/run_print.h"
#include "cmdutil/session.h"

#include <stdio.h>

struct show_args {
    struct command_args common;
    struct session_args session;
    struct opt_list input;
    bool raw;
};

static const struct show_args show_defaults = { .session = SESSION_DEFAULTS };

/* clang-format off */
static const struct opt show_opts[] = {
    { 'i', "input", "FILE", OPT_LIST, OPT_AT(show_args, input), "read further run IDs from this file, one per line (# starts a comment; - is standard input)", 0, 0, NULL, false, NULL },
    { 0,   "raw",   NULL,   OPT_FLAG, OPT_AT(show_args, raw),   "do not redact secrets in the output; the API key is always redacted", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt_group show_groups[] = {
    { "Runs", show_opts,    0 },
    { "API",  session_opts, OPT_AT(show_args, session) },
    { NULL, NULL, 0 },
};
/* clang-format on */

static int print_all(const struct show_args *args, const struct listing *listing,
                     struct err *err)
{
    size_t asked = 0;
    size_t failed = 0;
    size_t shown = 0;
    bool many;
    size_t i;

    for (i = 0; i < listing->count; i++)
        asked += !listing->runs[i].depth;
    many = asked > 1;
    for (i = 0; i < listing->count; i++) {
        const struct listed_run *run = &listing->runs[i];

        if (run->depth) /* shown on the page of its parent run */
            continue;
        if (run->failed) {
            failed++;
            log_line(LOG_ERROR, "%s", run->err.text);
            continue;
        }
        if ((args->common.json
                 ? api_client_json(many ? shown ? ",\n" : "[\n" : "", buf_text(&run->run_json),
                                   run->run_json.len, err)
                 : run_print(listing, i, shown > 0, err)) < 0)
            return -1;
        shown++;
    }
    if (args->common.json)
        (void)fputs(asked == 1 ? shown ? "\n" : "" : shown ? "\n]\n" : "[]\n", stdout);
    return !failed ? EXIT_DONE : failed == asked ? EXIT_FAILED : EXIT_INCOMPLETE;
}

static int show_main(void *args_in, int count, char *const *operands, struct err *err)
{
    const struct show_args *args = args_in;
    struct api_client client = { 0 };
    struct idlist ids = { 0 };
    struct kind_filter filter = { 0 };
    struct listing listing = { .raw = args->raw, .children = !args->common.json };
    int rc = idlist_collect(&ids, count, operands, &args->input, err);

    if (rc == 0 && ids.count)
        rc = api_client_listing(&client, &args->session, ids.ids, ids.count, &filter, &listing,
                                err);
    if (rc == 0)
        rc = print_all(args, &listing, err);
    if (rc < 0)
        rc = api_client_status(err);
    lister_clear(&listing);
    api_client_close(&client);
    idlist_clear(&ids);
    return rc;
}

const struct command cmd_show = {
    .name = "show",
    .args = "RUN_ID...",
    .section = COMMAND_AROUND,
    .brief = "show a run's status, times, output and artifacts",
    .about =
        "Shows each run on a page: status, times, request, output, failure reason, "
        "attempts, files, the runs that it started, and artifacts. With --json, prints the "
        "record as the service sent it, secrets redacted (several runs: in one array).",
    .examples = "skyarc show tsk_123\n"
                "skyarc show --json tsk_123\n",
    .exits = "0    shown\n"
             "1    the service cannot be reached, or refuses, or knows no such run\n"
             "3    some of the runs could not be shown\n"
             "75   the service said to retry later\n",
    .groups = show_groups,
    .size = sizeof(struct show_args),
    .defaults = &show_defaults,
    .run = show_main,
};
