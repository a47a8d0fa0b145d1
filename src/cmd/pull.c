/* SPDX-License-Identifier: MIT */
#include "api/webhook.h"
#include "base/file.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "client/wait.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "cmdutil/idlist.h"
#include "cmdutil/pull_job.h"
#include "cmdutil/session.h"
#include "cmdutil/summary.h"

#include <stdio.h>
#include <unistd.h>

struct pull_args {
    struct command_args common;
    struct session_args session;
    struct pull_job_args archive;
    struct opt_list input;
    const char *webhook;
    const char *signature;
    uint64_t interval;
    bool wait;
    bool dry_run;
    bool print_name;
};

static const struct pull_args pull_defaults = {
    .session = SESSION_DEFAULTS,
    .archive = PULL_JOB_DEFAULTS,
    .interval = WAIT_INTERVAL,
};

/* clang-format off */
static const struct opt pull_opts[] = {
    { 'i', "input",        "FILE", OPT_LIST, OPT_AT(pull_args, input),        "read further run IDs from this file, one per line (# starts a comment; - is standard input)", 0, 0, NULL, false, NULL },
    { 0,   "webhook",      "FILE", OPT_TEXT, OPT_AT(pull_args, webhook),      "also archive the run named in this file, the body of a webhook (- is standard input)", 0, 0, NULL, false, NULL },
    { 0,   "signature",    "HEX",  OPT_TEXT, OPT_AT(pull_args, signature),    "the webhook's x-skyvern-signature header, checked before the body is used", 0, 0, NULL, false, NULL },
    { 0,   "wait",         NULL,   OPT_FLAG, OPT_AT(pull_args, wait),         "wait until the runs, and the runs that they started, have ended; a run that will be retried has not", 0, 0, NULL, false, NULL },
    { 0,   "interval",     "TIME", OPT_DURATION, OPT_AT(pull_args, interval), "with --wait: time between polls (default 5s)", 0, 0, NULL, false, NULL },
    { 'n', "dry-run",      NULL,   OPT_FLAG, OPT_AT(pull_args, dry_run),      "list the artifacts that would be fetched, and write nothing", 0, 0, NULL, false, NULL },
    { 0,   "print-name",   NULL,   OPT_FLAG, OPT_AT(pull_args, print_name),   "print only the archive's name on standard output, once it is written; the summary goes to standard error", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt_group pull_groups[] = {
    { "What",     filter_type_opts,      OPT_AT(pull_args, archive.filter) },
    { "Filters",  filter_opts,           OPT_AT(pull_args, archive.filter) },
    { "Records",  archive_story_opts,    OPT_AT(pull_args, archive) },
    { "Runs",     pull_opts,             0 },
    { "Archive",  archive_name_opts,     OPT_AT(pull_args, archive) },
    { "Format",   archive_format_opts,   OPT_AT(pull_args, archive) },
    { "Series",   archive_series_opts,   OPT_AT(pull_args, archive) },
    { "Transfer", archive_transfer_opts, OPT_AT(pull_args, archive) },
    { "Object store", archive_object_opts, OPT_AT(pull_args, archive) },
    { "API",      session_opts,          OPT_AT(pull_args, session) },
    { "Progress", progress_opts, 0 },
    { NULL, NULL, 0 },
};
/* clang-format on */

/* One pull in preparation. */
struct job {
    const struct pull_args *args;
    struct pull_job archive;
    struct idlist ids;
    struct api api;
    struct buf webhook;    /* the webhook's body, until the API key is loaded and the
                            * signature checked */
    struct jsonw *planned; /* JSON output of --dry-run; NULL: text */
    size_t planned_count;
    size_t planned_same;
    size_t planned_records;
    size_t planned_unsized; /* artifacts whose size is not known */
    uint64_t planned_bytes;
};

static void on_planned(void *ctx, const struct pull_planned *p)
{
    struct job *job = ctx;
    char size[TEXT_SIZE_MAX] = "unknown";

    if (p->record)
        job->planned_records++;
    else
        job->planned_count++;
    job->planned_same += p->same_as != NULL;
    job->planned_unsized += !p->sized && !p->same_as && !p->record;
    job->planned_bytes += p->sized && !p->same_as ? p->size : 0;
    if (job->planned) {
        jsonw_object(job->planned, NULL, JSONW_INLINE);
        jsonw_text(job->planned, "run_id", p->run_id);
        jsonw_text(job->planned, "artifact_id", p->artifact_id);
        jsonw_text(job->planned, "artifact_type", p->artifact_type);
        jsonw_text(job->planned, "path", p->path);
        jsonw_text(job->planned, "same_as", p->same_as);
        jsonw_text(job->planned, "record", p->record);
        if (p->sized)
            jsonw_u64(job->planned, "size", p->size);
        else
            jsonw_null(job->planned, "size");
        jsonw_close(job->planned);
        return;
    }
    if (!p->record)
        (void)printf("%10s  %s%s%s\n", p->sized ? text_size(size, p->size) : size, p->path,
                     p->same_as ? "  = " : "", p->same_as ? p->same_as : "");
}

/* Load the webhook's body; its content is trusted only after its signature is checked. */
static int load_webhook(struct job *job, struct err *err)
{
    const struct pull_args *args = job->args;

    buf_init(&job->webhook, WEBHOOK_MAX);
    if (!args->webhook)
        return args->signature ? err_set(err, ERR_USAGE, "--signature requires --webhook") : 0;
    return file_load(args->webhook, signals_stopping(), &job->webhook, err);
}

static int take_webhook(struct job *job, struct err *err)
{
    struct webhook_facts facts;

    if (!job->args->webhook)
        return 0;
    if (job->args->signature &&
        webhook_verify(secret_peek(job->api.key), buf_text(&job->webhook), job->webhook.len,
                       job->args->signature, err) < 0)
        return -1;
    if (webhook_read(buf_text(&job->webhook), job->webhook.len, &facts, err) < 0)
        return -1;
    return idlist_add(&job->ids, facts.run_id, "the webhook", err);
}

/* Collect the run IDs from operands and files; neither is required with --webhook. */
static int collect_ids(struct job *job, int count, char *const *operands, struct err *err)
{
    const struct opt_list *files = &job->args->input;

    if (job->args->webhook && !count && !files->count)
        return 0;
    return idlist_collect(&job->ids, count, operands, files, err);
}

static int prepare(struct job *job, int count, char *const *operands, struct err *err)
{
    if (collect_ids(job, count, operands, err) < 0 || load_webhook(job, err) < 0 ||
        pull_job_init(&job->archive, &job->args->archive, &job->args->common, err) < 0)
        return -1;
    if (job->args->print_name &&
        (job->archive.to_stdout || job->args->dry_run || job->args->common.json))
        return err_set(err, ERR_USAGE,
                       "--print-name cannot be combined with --json, --dry-run or -o -");
    job->archive.print_name = job->args->print_name;
    if (job->archive.to_stdout && !job->args->dry_run && isatty(STDOUT_FILENO))
        return err_set(err, ERR_USAGE,
                       "refusing to write an archive to a terminal; redirect the "
                       "output, or name a file with -o");
    job->archive.ca_file = job->args->session.ca_file;
    job->archive.wait_interval = job->args->wait ? job->args->interval : 0;
    if (signals_setup(err) < 0 || session_open(&job->args->session, &job->api, err) < 0)
        return -1;
    return take_webhook(job, err);
}

static int run_pull(struct job *job, struct pull_result *result, struct err *err)
{
    job->archive.dry_run = job->args->dry_run;
    job->archive.planned = on_planned;
    job->archive.planned_ctx = job;
    return pull_job_run(&job->archive, &job->api, job->ids.ids, job->ids.count, result, err);
}

/* Plan without fetching: prints the start and the end of the document that on_planned fills. */
static int dry_run(struct job *job, struct pull_result *result, struct err *err)
{
    struct jsonw *w = NULL;
    char size[TEXT_SIZE_MAX];
    int rc;

    if (job->args->common.json) {
        w = mem_new(sizeof(*w), err);
        if (!w)
            return -1;
        jsonw_init(w, api_client_put, NULL);
        jsonw_array(w, NULL, JSONW_LINES);
        job->planned = w;
    }
    rc = run_pull(job, result, err);
    if (rc == 0 && w) {
        jsonw_close(w);
        rc = jsonw_end(w, err);
    } else if (rc == 0) {
        (void)printf("%10s  in %zu artifact%s, %zu of them duplicate%s",
                     text_size(size, job->planned_bytes), job->planned_count,
                     text_plural(job->planned_count), job->planned_same,
                     text_plural(job->planned_same));
        if (job->planned_unsized)
            (void)printf(", %zu of unknown size", job->planned_unsized);
        (void)printf("\n");
        if (job->planned_records)
            (void)printf(
                "%10s  %zu request%s for records of the runs, and one per further page\n",
                "and", job->planned_records, text_plural(job->planned_records));
    }
    mem_free(w);
    return rc;
}

static int pull_main(void *args, int count, char *const *operands, struct err *err)
{
    struct job job = { .args = args };
    struct pull_result result = { 0 };
    int rc = prepare(&job, count, operands, err);

    if (rc == 0 && !job.ids.count)
        rc = job.args->common.json ? summary_json(stdout, NULL, &result, NULL, err) : 0;
    else if (rc == 0 && job.args->dry_run)
        rc = dry_run(&job, &result, err);
    else if (rc == 0)
        rc = pull_job_report(&job.archive, &result, run_pull(&job, &result, err), err);
    else if (job.args->common.json && err->kind != ERR_USAGE)
        rc = pull_job_report(&job.archive, &result, rc, err);
    log_hide(NULL);
    api_clear(&job.api);
    pull_job_clear(&job.archive);
    idlist_clear(&job.ids);
    buf_clear(&job.webhook);
    return pull_job_status(&result, rc, err);
}

const struct command cmd_pull = {
    .name = "pull",
    .args = "RUN_ID...",
    .section = COMMAND_MAIN,
    .brief = "archive the artifacts of runs",
    .about =
        "Fetches the artifacts of the runs and writes them into one archive with a manifest. "
        "Identical content is fetched and stored once. The archive is complete, or its "
        "manifest lists the missing artifacts with the reasons. What a filter leaves out is "
        "not "
        "missing: the manifest records the filter. An artifact must pass all filters that are "
        "given. If no run has an artifact that passes, nothing is written (exit status 1); if "
        "only some have, the others are reported (exit status 3).",
    .examples =
        "skyarc pull tsk_123 wr_456\n"
        "skyarc pull -o run.tar.zst --wait tsk_123\n"
        "skyarc pull -t recordings,screenshots tsk_123\n"
        "skyarc pull --name '*.pdf' --smaller-than 20m -n tsk_123\n"
        "skyarc runs --status failed --since 7d --ids | skyarc pull -i - -o new.tar.zst\n",
    .exits =
        "0    archived completely; or no run was named by --input\n"
        "1    failed, nothing written\n"
        "3    archived, but something is missing or not as the service stated; the "
        "manifest says what\n"
        "75   another skyarc writes the archive, or the service said to retry later, or the "
        "runs have not ended in time (--wait)\n",
    .groups = pull_groups,
    .size = sizeof(struct pull_args),
    .defaults = &pull_defaults,
    .run = pull_main,
};
