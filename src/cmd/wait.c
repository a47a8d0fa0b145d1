/* SPDX-License-Identifier: MIT */
#include "client/wait.h"

#include "base/log.h"
#include "cli/progress.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "cmdutil/idlist.h"
#include "cmdutil/outcome.h"
#include "cmdutil/session.h"

#include <stdio.h>

struct wait_args {
    struct command_args common;
    struct session_args session;
    struct opt_list input;
    uint64_t interval;
    uint64_t timeout;
    bool raw;
};

static const struct wait_args wait_defaults = {
    .session = SESSION_DEFAULTS,
    .interval = WAIT_INTERVAL,
};

/* clang-format off */
static const struct opt wait_opts[] = {
    { 'i', "input",    "FILE", OPT_LIST,     OPT_AT(wait_args, input),    "read further run IDs from this file, one per line (# starts a comment; - is standard input)", 0, 0, NULL, false, NULL },
    { 0,   "interval", "TIME", OPT_DURATION, OPT_AT(wait_args, interval), "time between polls of a run (default 5s)", 0, 0, NULL, false, NULL },
    { 0,   "timeout",  "TIME", OPT_DURATION, OPT_AT(wait_args, timeout),  "give up after this time (suffixes s, m, h)", 0, 0, NULL, false, NULL },
    { 0,   "raw",      NULL,   OPT_FLAG,     OPT_AT(wait_args, raw),      "do not redact secrets in the output; the API key is always redacted", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt_group wait_groups[] = {
    { "Runs", wait_opts,    0 },
    { "API",  session_opts, OPT_AT(wait_args, session) },
    { "Progress", progress_opts, 0 },
    { NULL, NULL, 0 },
};
/* clang-format on */

static int wait_main(void *args_in, int count, char *const *operands, struct err *err)
{
    const struct wait_args *args = args_in;
    struct api_client client = { 0 };
    struct idlist ids = { 0 };
    int rc = idlist_collect(&ids, count, operands, &args->input, err);

    if (args->raw) /* a failure reason is logged as an error and must not be redacted; the
                    * API key still is */
        log_filter_off();
    if (rc == 0 && !ids.count && args->common.json)
        (void)fputs("[]\n", stdout);
    if (rc == 0 && ids.count)
        rc = api_client_open(&client, &args->session, err);
    if (rc == 0 && ids.count)
        rc = outcome_wait(&client, ids.ids, ids.count,
                          &(struct outcome_opts){ .interval = args->interval,
                                                  .timeout = args->timeout,
                                                  .common = &args->common,
                                                  .print = true,
                                                  .raw = args->raw },
                          err);
    if (rc < 0)
        rc = api_client_status(err);
    api_client_close(&client);
    idlist_clear(&ids);
    return rc;
}

const struct command cmd_wait = {
    .name = "wait",
    .args = "RUN_ID...",
    .section = COMMAND_AROUND,
    .brief = "wait until runs have ended",
    .about =
        "Polls the runs until each has a terminal status and will not be retried, and prints "
        "the status. Exit status: 0 if all runs completed, 1 if a run ended otherwise (its "
        "failure reason is on standard error), 75 if the time is up.",
    .examples = "skyarc wait tsk_123\n"
                "skyarc wait --timeout 1h tsk_123 wr_456\n",
    .exits = "0    all runs completed\n"
             "1    a run ended otherwise, or could not be asked about\n"
             "75   a run has not ended in time\n",
    .groups = wait_groups,
    .size = sizeof(struct wait_args),
    .defaults = &wait_defaults,
    .run = wait_main,
};
