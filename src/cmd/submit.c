/* SPDX-License-Identifier: MIT */
#include "api/run.h"
#include "api/task_request.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "client/wait.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "cmdutil/outcome.h"
#include "cmdutil/pull_job.h"
#include "cmdutil/session.h"
#include "provenance/request_log.h"
#include "redact/redact.h"

#include <stdio.h>
#include <string.h>

struct submit_args {
    struct command_args common;
    struct session_args session;
    struct pull_job_args archive;
    struct task_request task;
    const char *prompt_file;
    const char *schema_file;
    const char *error_codes_file;
    const char *data_file;
    struct opt_list headers;
    uint64_t interval;
    uint64_t wait_timeout;
    bool wait;
};

static const struct submit_args submit_defaults = {
    .session = SESSION_DEFAULTS,
    .archive = PULL_JOB_DEFAULTS,
    .interval = WAIT_INTERVAL,
};

/* clang-format off */
static const struct opt task_opts[] = {
    { 'p', "prompt",            "TEXT",       OPT_TEXT,   OPT_AT(submit_args, task.prompt),             "the task's prompt", 0, 0, NULL, false, NULL },
    { 0,   "prompt-file",       "FILE",       OPT_TEXT,   OPT_AT(submit_args, prompt_file),             "read the prompt from a file (- is standard input)", 0, 0, NULL, false, NULL },
    { 'u', "url",               "URL",        OPT_TEXT,   OPT_AT(submit_args, task.url),                "URL of the page to start on", 0, 0, NULL, false, NULL },
    { 0,   "engine",            "NAME",       OPT_TEXT,   OPT_AT(submit_args, task.engine),             "skyvern-1.0, skyvern-2.0, openai-cua and so on", 0, 0, NULL, false, NULL },
    { 0,   "title",             "TEXT",       OPT_TEXT,   OPT_AT(submit_args, task.title),              "title of the run", 0, 0, NULL, false, NULL },
    { 0,   "max-steps",         "N",          OPT_NUMBER, OPT_AT(submit_args, task.max_steps),          "stop after N steps", 1, 0, NULL, false, NULL },
    { 0,   "proxy-location",    "WHERE",      OPT_TEXT,   OPT_AT(submit_args, task.proxy_location),     "name of a proxy location, or a JSON object", 0, 0, NULL, false, NULL },
    { 0,   "webhook-url",       "URL",        OPT_TEXT,   OPT_AT(submit_args, task.webhook_url),        "URL that gets a webhook when the run ends", 0, 0, NULL, false, NULL },
    { 0,   "extraction-schema", "FILE",       OPT_TEXT,   OPT_AT(submit_args, schema_file),             "JSON Schema of the output", 0, 0, NULL, false, NULL },
    { 0,   "error-codes",       "FILE",       OPT_TEXT,   OPT_AT(submit_args, error_codes_file),        "a JSON object that maps error codes to their descriptions", 0, 0, NULL, false, NULL },
    { 0,   "browser-session",   "ID",         OPT_TEXT,   OPT_AT(submit_args, task.browser_session_id), "run in this browser session", 0, 0, NULL, false, NULL },
    { 0,   "browser-profile",   "ID",         OPT_TEXT,   OPT_AT(submit_args, task.browser_profile_id), "run with this browser profile", 0, 0, NULL, false, NULL },
    { 0,   "header",            "NAME=VALUE", OPT_LIST,   OPT_AT(submit_args, headers),                 "an HTTP header that the browser sends; may be repeated", 0, 0, NULL, false, NULL },
    { 0,   "data",              "FILE",       OPT_TEXT,   OPT_AT(submit_args, data_file),               "a JSON object with further fields of the request; options override its fields", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt then_opts[] = {
    { 'w', "wait",         NULL,   OPT_FLAG,     OPT_AT(submit_args, wait),           "wait until the run has ended; exit status as for wait", 0, 0, NULL, false, NULL },
    { 'o', "output",       "FILE", OPT_TEXT,     OPT_AT(submit_args, archive.output), "wait, then archive the run into this file, or into this directory if the name ends in a slash; exit status as for pull, but 1 if the run did not complete", 0, 0, NULL, false, NULL },
    { 'f', "force",        NULL,   OPT_FLAG,     OPT_AT(submit_args, archive.force),  "replace an existing archive, or a directory that is a bag", 0, 0, NULL, false, NULL },
    { 0,   "interval",     "TIME", OPT_DURATION, OPT_AT(submit_args, interval),       "time between polls (default 5s)", 0, 0, NULL, false, NULL },
    { 0,   "wait-timeout", "TIME", OPT_DURATION, OPT_AT(submit_args, wait_timeout),   "stop waiting after this time, with exit status 75", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt_group submit_groups[] = {
    { "Task",     task_opts,         0 },
    { "Then",     then_opts,         0 },
    { "API",      session_opts,      OPT_AT(submit_args, session) },
    { "Progress", progress_opts, 0 },
    { NULL, NULL, 0 },
};
/* clang-format on */

/* Contents of the files named by options, until the request is written. */
struct submit_texts {
    struct buf prompt;
    struct buf schema;
    struct buf error_codes;
    struct buf data;
};

static int load(const char *path, struct buf *out, const char **text, struct err *err)
{
    buf_init(out, TASK_REQUEST_MAX);
    if (!path)
        return 0;
    if (file_load(path, signals_stopping(), out, err) < 0)
        return -1;
    *text = buf_text(out);
    return strlen(*text) == out->len
               ? 0
               : err_set(err, ERR_USAGE, "'%s' contains a NUL byte", path);
}

static int write_task(const struct submit_args *args, struct buf *body, struct err *err)
{
    struct task_request task = args->task;
    struct submit_texts texts = { 0 };
    int rc = -1;

    task.headers = args->headers.at;
    task.header_count = args->headers.count;
    if (task.prompt && args->prompt_file) {
        (void)err_set(err, ERR_USAGE, "--prompt and --prompt-file exclude each other");
        return -1;
    }
    if (load(args->prompt_file, &texts.prompt, &task.prompt, err) < 0 ||
        load(args->schema_file, &texts.schema, &task.schema_json, err) < 0 ||
        load(args->error_codes_file, &texts.error_codes, &task.error_codes_json, err) < 0 ||
        load(args->data_file, &texts.data, &task.data_json, err) < 0)
        goto out;
    if ((!task.prompt || !*task.prompt) && !task.data_json) {
        (void)err_set(err, ERR_USAGE, "no prompt given; use --prompt, --prompt-file or --data");
        goto out;
    }
    rc = task_request_write(&task, body, err);
out:
    buf_clear(&texts.prompt);
    buf_clear(&texts.schema);
    buf_clear(&texts.error_codes);
    buf_clear(&texts.data);
    return rc;
}

/* Log the request, if the run is to be archived. */
static int log_post(const struct submit_args *args, struct api_client *client,
                    struct request_log **log, struct err *err)
{
    const struct request_log_opts opts = { .key = secret_peek(client->api.key),
                                           .service = client->api.base,
                                           .tool = TOOL_NAME,
                                           .host = args->archive.log_host };

    if (!args->archive.output)
        return 0;
    *log = client->callers.log = request_log_new(&opts, err);
    return *log ? 0 : -1;
}

/* Explain a failed request: say whether the run may exist nevertheless. */
static int explain(const struct call *call, struct err *err)
{
    const struct request *request = &call->request;
    bool refused = request->status >= 400 && request->status < 500 && request->status != 408;

    if (err->kind == ERR_CANCELLED && !request->sent)
        return -1;
    if (!request->sent || refused) {
        (void)err_wrap(err, "nothing was submitted");
        return -1;
    }
    (void)err_wrap(err, "no usable answer");
    return err_hint(err,
                    "the run may exist: check with 'skyarc runs --limit 5' before submitting "
                    "again");
}

/* Send the request once; returns the run's ID, and the answer in call. */
static int post(struct api_client *client, const struct buf *body, struct call *call,
                char id[RUN_ID_MAX + 1], struct err *err)
{
    struct run run = { 0 };
    int rc = -1;

    if (api_url_tasks(&client->api, &call->url, err) < 0)
        return -1;
    if (api_client_call(client, call, buf_text(body), body->len, err) < 0) {
        if (err->kind == ERR_CANCELLED)
            call->request.sent = true; /* unknown: the request may have been sent */
        return explain(call, err);
    }
    if (run_parse(&run, buf_text(&call->body), call->body.len, err) == 0) {
        if (run.run_id && run_id_valid(run.run_id)) {
            (void)snprintf(id, RUN_ID_MAX + 1, "%s", run.run_id);
            rc = 0;
        } else {
            (void)err_set(err, ERR_FORMAT, "the answer has no valid run ID");
        }
    }
    run_clear(&run);
    return rc < 0 ? explain(call, err) : 0;
}

/*
 * The exit status if a signal stopped the wait, or the time is up; says that the run goes on.
 */
static int leave_run(const struct submit_args *args, const char *id, int rc,
                     const struct err *err)
{
    const char *output = args->archive.output;
    char next[600];

    (void)snprintf(next, sizeof(next), "run '%s' goes on; %s with 'skyarc %s %s%s%.200s'", id,
                   output ? "archive it" : "wait for it", output ? "pull --wait" : "wait", id,
                   output ? " -o " : "", output ? output : "");
    if (rc == EXIT_LATER) {
        log_line(LOG_WARNING, "%s", next);
    } else if (rc < 0 && err->kind == ERR_CANCELLED && signals_stop()) {
        log_line(LOG_ERROR, "stopped by signal %d; %s", signals_stop(), next);
        return EXIT_SIGNAL + signals_stop();
    }
    return rc;
}

/*
 * Wait for the run, and archive it if --output was given. The exit status is that of the wait
 * if the run did not complete, since its archive then is a success of little use.
 */
static int go_on(const struct submit_args *args, struct api_client *client,
                 const struct request_log *log, char *id, struct err *err)
{
    struct pull_job job = { 0 };
    struct pull_result result = { 0 };
    char *ids[] = { id };
    struct outcome_opts how = { .interval = args->interval,
                                .timeout = args->wait_timeout,
                                .common = &args->common,
                                .print = args->common.json && !args->archive.output };
    int ended = outcome_wait(client, ids, 1, &how, err);
    int rc;

    if (ended < 0 || ended == EXIT_LATER || !args->archive.output)
        return leave_run(args, id, ended, err);
    rc = pull_job_init(&job, &args->archive, &args->common, err);
    if (rc == 0) {
        job.ca_file = args->session.ca_file;
        job.submitted = id;
        job.asked = log;
        rc = pull_job_report(&job, &result,
                             pull_job_run(&job, &client->api, ids, 1, &result, err), err);
    }
    pull_job_clear(&job);
    rc = pull_job_status(&result, rc, err);
    if (ended != EXIT_DONE && (rc == EXIT_DONE || rc == EXIT_INCOMPLETE)) {
        log_line(LOG_ERROR, "run '%s' is archived in '%s', but did not complete", id,
                 args->archive.output);
        return ended;
    }
    return rc;
}

/* Print the service's whole answer, redacted. */
static int print_answer(const struct call *call, const struct api *api, struct err *err)
{
    struct redact what = { secret_peek(api->key), false, NULL };
    int rc = api_client_redacted("", buf_text(&call->body), call->body.len, &what, err);

    if (rc == 0)
        (void)printf("\n");
    return rc;
}

static int submit_main(void *args_in, int count, char *const *operands, struct err *err)
{
    const struct submit_args *args = args_in;
    bool stay = args->wait || args->archive.output;
    struct pull_job probe = { 0 };
    struct api_client client = { 0 };
    struct call call = { 0 };
    struct buf body;
    struct request_log *log = NULL;
    char id[RUN_ID_MAX + 1];
    int rc =
        count ? err_set(err, ERR_USAGE, "submit takes no operands: '%.100s'", operands[0]) : 0;

    buf_init(&body, TASK_REQUEST_MAX);
    if (rc == 0)
        rc = write_task(args, &body, err);
    if (rc == 0 && args->archive.output) /* report a bad name before submitting */
        rc = pull_job_init(&probe, &args->archive, &args->common, err);
    pull_job_clear(&probe);
    if (rc == 0)
        rc = api_client_open(&client, &args->session, err);
    if (rc == 0) {
        call_init(&call, &client.callers, RUN_JSON_MAX, NULL, NULL);
        rc = log_post(args, &client, &log, err);
    }
    if (rc == 0) {
        rc = post(&client, &body, &call, id, err);
        client.callers.log = NULL; /* of the run's end, each archive asks itself */
    }
    if (rc == 0 && args->common.json && !stay)
        rc = print_answer(&call, &client.api, err);
    else if (rc == 0 && !args->common.json)
        (void)printf("%s\n", id);
    (void)fflush(stdout);
    if (rc == 0 && stay)
        rc = go_on(args, &client, log, id, err);
    if (rc < 0)
        rc = api_client_status(err);
    request_log_free(log);
    call_clear(&call);
    api_client_close(&client);
    buf_clear(&body);
    return rc;
}

const struct command cmd_submit = {
    .name = "submit",
    .args = "--prompt TEXT",
    .section = COMMAND_AROUND,
    .brief = "submit a task",
    .about =
        "Submits a task. The request is sent once and never retried. Prints the run's ID; with "
        "--json, the service's whole answer; with --wait, the run's result; with -o, the "
        "result "
        "of archiving.",
    .examples = "skyarc submit --prompt 'buy milk' --url https://shop.example/\n"
                "skyarc submit --prompt-file task.txt -o run.tar.zst\n",
    .exits = "0    submitted; with --wait: completed; with --output: archived completely\n"
             "1    failed, or the run ended otherwise than completed\n"
             "3    archived, but something is missing\n"
             "75   the run has not ended in time, or the service said to retry later\n",
    .groups = submit_groups,
    .size = sizeof(struct submit_args),
    .defaults = &submit_defaults,
    .run = submit_main,
};
