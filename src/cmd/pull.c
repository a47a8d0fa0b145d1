/* SPDX-License-Identifier: MIT */
#include "cmd/pull.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/text.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cmd/idlist.h"
#include "cmd/session.h"
#include "cmd/summary.h"
#include "flow/pull.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATUS_EVERY 100 /* ms between two pictures of the moving line */

struct pull_args {
    struct command_args common;
    struct session_args session;
    struct opt_list input;
    struct opt_list type;
    struct opt_list exclude_type;
    const char *output;
    const char *format;
    const char *spool_dir;
    uint64_t level;
    uint64_t jobs;
    uint64_t retries;
    uint64_t timeout;
    uint64_t limit_rate;
    uint64_t max_size;
    const char *local_root;
    unsigned duplicates;
    unsigned bundles;
    bool no_dedupe;
    bool strict;
    bool dry_run;
    bool force;
};

static const struct pull_args pull_defaults = {
    .session = SESSION_DEFAULTS,
    .jobs = 16,
    .retries = 5,
    .max_size = (uint64_t)16 << 30,
};

static const char *const duplicates_words[] = { "auto", "link", "copy", NULL };
static const char *const bundles_words[] = { "auto", "zip", "members", NULL };

/* clang-format off */
static const struct opt choice_opts[] = {
    { 't', "type",         "LIST", OPT_LIST, OPT_AT(pull_args, type),         "only these artifact types or groups: recordings, screenshots, html, network, trace, files, logs, llm, dom, bundles, evals, all", 0, 0, NULL, false, NULL },
    { 'x', "exclude-type", "LIST", OPT_LIST, OPT_AT(pull_args, exclude_type), "none of these types or groups", 0, 0, NULL, false, NULL },
    { 'i', "input",        "FILE", OPT_LIST, OPT_AT(pull_args, input),        "also the run IDs in this file, one a line (# comments; - is standard input)", 0, 0, NULL, false, NULL },
    { 'n', "dry-run",      NULL,   OPT_FLAG, OPT_AT(pull_args, dry_run),      "list what would be fetched, and write nothing", 0, 0, NULL, false, NULL },
    { 0,   "strict",       NULL,   OPT_FLAG, OPT_AT(pull_args, strict),       "write nothing when anything is missing", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt archive_opts[] = {
    { 'o', "output",     "FILE",   OPT_TEXT,   OPT_AT(pull_args, output),     "the archive (- is standard output; default skyarc-<UTC>.tar.zst)", 0, 0, NULL, false, NULL },
    { 0,   "format",     "FORMAT", OPT_TEXT,   OPT_AT(pull_args, format),     "tar.zst, tar.gz, tar or zip (default: by the archive's name)", 0, 0, NULL, false, NULL },
    { 'l', "level",      "N",      OPT_NUMBER, OPT_AT(pull_args, level),      "compression level: 1 to 19 for zst (default 3), 1 to 9 for gz and zip (default 6)", 1, 19, NULL, false, NULL },
    { 'f', "force",      NULL,     OPT_FLAG,   OPT_AT(pull_args, force),      "replace an existing archive", 0, 0, NULL, false, NULL },
    { 0,   "duplicates", "HOW",    OPT_CHOICE, OPT_AT(pull_args, duplicates), "store what is there already as hard link or copy; auto: link from 64 KiB on (a zip holds copies)", 0, 0, duplicates_words, false, NULL },
    { 0,   "no-dedupe",  NULL,     OPT_FLAG,   OPT_AT(pull_args, no_dedupe),  "fetch and store every artifact by itself", 0, 0, NULL, false, NULL },
    { 0,   "spool-dir",  "DIR",    OPT_TEXT,   OPT_AT(pull_args, spool_dir),  "where bodies wait that memory cannot hold (default TMPDIR, else /var/tmp)", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt transfer_opts[] = {
    { 'j', "jobs",       "N",    OPT_NUMBER,   OPT_AT(pull_args, jobs),       "transfers at a time (default 16)", 1, 256, NULL, false, NULL },
    { 0,   "limit-rate", "RATE", OPT_SIZE,     OPT_AT(pull_args, limit_rate), "bytes a second, all transfers together (suffixes k, m, g)", 0, 0, NULL, false, NULL },
    { 0,   "retries",    "N",    OPT_NUMBER,   OPT_AT(pull_args, retries),    "attempts after the first, each way (default 5)", 0, 100, NULL, false, NULL },
    { 0,   "timeout",    "TIME", OPT_DURATION, OPT_AT(pull_args, timeout),    "stop fetching after this time and archive what is there (suffixes s, m, h)", 0, 0, NULL, false, NULL },
    { 0,   "bundles",    "HOW",  OPT_CHOICE,   OPT_AT(pull_args, bundles),    "fetch what lies in one ZIP by the zip or by its members; auto: whichever moves fewer bytes and requests", 0, 0, bundles_words, false, NULL },
    { 0,   "local-root", "DIR",  OPT_TEXT,     OPT_AT(pull_args, local_root), "read file:// artifacts that the service does not give from below this directory, and from nowhere else", 0, 0, NULL, false, NULL },
    { 0,   "max-size",   "SIZE", OPT_SIZE,     OPT_AT(pull_args, max_size),   "no artifact larger than this (default 16g)", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt_group pull_groups[] = {
    { "What",       choice_opts,   0 },
    { "Archive",    archive_opts,  0 },
    { "Transfer",   transfer_opts, 0 },
    { "API",        session_opts,  OPT_AT(pull_args, session) },
    { NULL, NULL, 0 },
};
/* clang-format on */

/* One pull in the making; what its hooks need. */
struct job {
    const struct pull_args *args;
    struct idlist ids;
    struct kind_filter filter;
    struct api api;
    char *output;
    char top[PATH_NAME_MAX + 1];
    enum volume_format format;
    bool to_stdout;
    bool moving; /* a line is drawn */
    uint64_t drawn;
    struct jsonw *planned; /* of a dry run with --json */
    size_t planned_count;
    size_t planned_same;
    uint64_t planned_bytes;
};

static bool on_stopped(void *ctx)
{
    (void)ctx;
    return signals_stop() != 0;
}

static void on_status(void *ctx, const struct pull_status *status)
{
    struct job *job = ctx;
    uint64_t now = clock_mono();
    char line[400];

    if (signals_asked())
        log_line(LOG_STATUS, "%s", summary_status(line, sizeof(line), status));
    if (job->moving && now >= job->drawn + STATUS_EVERY) {
        job->drawn = now;
        progress_show(summary_status(line, sizeof(line), status));
    }
}

static void on_planned(void *ctx, const struct pull_planned *p)
{
    struct job *job = ctx;
    char size[TEXT_SIZE_MAX] = "?";

    job->planned_count++;
    job->planned_same += p->same_as != NULL;
    job->planned_bytes += p->sized && !p->same_as ? p->size : 0;
    if (job->planned) {
        jsonw_object(job->planned, NULL, JSONW_INLINE);
        jsonw_text(job->planned, "run_id", p->run_id);
        jsonw_text(job->planned, "artifact_id", p->artifact_id);
        jsonw_text(job->planned, "artifact_type", p->artifact_type);
        jsonw_text(job->planned, "path", p->path);
        jsonw_text(job->planned, "same_as", p->same_as);
        if (p->sized)
            jsonw_u64(job->planned, "size", p->size);
        else
            jsonw_null(job->planned, "size");
        jsonw_close(job->planned);
        return;
    }
    (void)printf("%10s  %s%s%s\n", p->sized ? text_size(size, p->size) : size, p->path,
                 p->same_as ? "  = " : "", p->same_as ? p->same_as : "");
}

static int put_stdout(void *ctx, const void *bytes, size_t len, struct err *err)
{
    (void)ctx;
    return fwrite(bytes, 1, len, stdout) == len ? 0 : err_sys(err, "cannot write the result");
}

static int collect_ids(struct job *job, int count, char *const *operands, struct err *err)
{
    const struct opt_list *files = &job->args->input;
    char where[32];
    size_t k;
    int i;

    for (i = 0; i < count; i++) {
        (void)snprintf(where, sizeof(where), "argument %d", i + 1);
        if (idlist_add(&job->ids, operands[i], where, err) < 0)
            return -1;
    }
    for (k = 0; k < files->count; k++) {
        if (idlist_load(&job->ids, files->at[k], err) < 0)
            return -1;
    }
    if (!job->ids.count)
        return err_set(err, ERR_USAGE,
                       files->count ? "the input holds no run ID" : "no run ID given");
    return 0;
}

static int collect_types(struct job *job, const struct opt_list *lists, bool unwanted,
                         struct err *err)
{
    const char *stranger;
    const char *near;
    size_t i;

    for (i = 0; i < lists->count; i++) {
        if (kind_filter_add(&job->filter, lists->at[i], unwanted, &stranger, err) < 0)
            return -1;
        near = stranger ? kind_nearest(stranger) : NULL;
        if (stranger)
            log_line(LOG_WARNING, "'%s' is no artifact type or group known here%s%s%s",
                     stranger, near ? "; did you mean '" : "", near ? near : "",
                     near ? "'?" : "");
    }
    return 0;
}

/* The archive's name, format and top directory. */
static int choose_output(struct job *job, struct err *err)
{
    const struct pull_args *args = job->args;
    char when[CLOCK_TEXT_MAX];
    char name[64];
    const char *base;
    size_t len;

    (void)snprintf(name, sizeof(name), "skyarc-%s",
                   clock_format(when, clock_wall(), CLOCK_COMPACT));
    job->to_stdout = args->output && strcmp(args->output, "-") == 0;
    job->format = VOLUME_TAR_ZST;
    if (args->format && volume_format_of(args->format, true, &job->format, err) < 0)
        return err_wrap(err, "--format");
    if (!args->output) {
        job->output = mem_format(err, "%s.%s", name, volume_format_name(job->format));
    } else {
        job->output = mem_copy(args->output, err);
        if (!args->format && !job->to_stdout && strncmp(args->output, "/dev/", 5) != 0 &&
            volume_format_of(args->output, false, &job->format, err) < 0) {
            (void)err_wrap(err, "--output");
            return err_hint(err, "--format says which it is to be");
        }
    }
    if (!job->output)
        return -1;
    if (job->format != VOLUME_TAR_ZST && args->level > 9)
        return err_set(err, ERR_USAGE, "--level: %s has levels 1 to 9",
                       volume_format_name(job->format));
    base = job->to_stdout ? name : path_base(job->output);
    (void)path_safe(job->top, base);
    len = strlen(job->top);
    if (!job->to_stdout && strchr(job->top + 1, '.') && job->top[0]) {
        char *dot = strrchr(job->top + 1, '.');

        *dot = '\0';
        if (strlen(job->top) > 4 && strcmp(job->top + strlen(job->top) - 4, ".tar") == 0)
            job->top[strlen(job->top) - 4] = '\0';
    }
    if (!*job->top || !len)
        (void)snprintf(job->top, sizeof(job->top), "%s", name);
    return 0;
}

static int prepare(struct job *job, int count, char *const *operands, struct err *err)
{
    if (collect_ids(job, count, operands, err) < 0 ||
        collect_types(job, &job->args->type, false, err) < 0 ||
        collect_types(job, &job->args->exclude_type, true, err) < 0 ||
        choose_output(job, err) < 0)
        return -1;
    if (job->to_stdout && !job->args->dry_run && isatty(STDOUT_FILENO))
        return err_set(err, ERR_USAGE,
                       "an archive is not written to a terminal; redirect it, or "
                       "name a file with -o");
    if (signals_setup(err) < 0)
        return -1;
    return session_open(&job->args->session, &job->api, err);
}

static int run_pull(struct job *job, struct pull_result *result, const char *tool,
                    struct err *err)
{
    const struct pull_args *args = job->args;
    const char *tmp = getenv("TMPDIR");
    struct pull_opts opts = {
        .api = &job->api,
        .run_ids = job->ids.ids,
        .run_count = job->ids.count,
        .filter = &job->filter,
        .tool = tool,
        .ca_file = args->session.ca_file,
        .spool_dir = args->spool_dir ? args->spool_dir
                     : tmp && *tmp   ? tmp
                                     : "/var/tmp",
        .output = job->output,
        .top = job->top,
        .format = job->format,
        .level = (int)args->level,
        .force = args->force,
        .strict = args->strict,
        .dedupe = !args->no_dedupe,
        .duplicates = (enum stow_duplicates)args->duplicates,
        .bundles = (enum bundle_mode)args->bundles,
        .local_root = args->local_root,
        .jobs = (unsigned)args->jobs,
        .retries = (unsigned)args->retries,
        .timeout = args->timeout,
        .rate_bps = args->limit_rate,
        .max_size = args->max_size,
        .stop_fd = signals_fd(),
        .stopped = on_stopped,
        .status = on_status,
        .planned = args->dry_run ? on_planned : NULL,
        .ctx = job,
    };
    int rc;

    job->moving = progress_possible() && !args->common.quiet && !args->common.verbose &&
                  args->common.log_format == 0;
    if (job->moving)
        progress_begin();
    rc = pull_run(&opts, result, err);
    progress_end();
    return rc;
}

/* The plan's frame around what on_planned prints. */
static int dry_run(struct job *job, struct pull_result *result, const char *tool,
                   struct err *err)
{
    struct jsonw *w = NULL;
    char size[TEXT_SIZE_MAX];
    int rc;

    if (job->args->common.json) {
        w = mem_new(sizeof(*w), err);
        if (!w)
            return -1;
        jsonw_init(w, put_stdout, NULL);
        jsonw_array(w, NULL, JSONW_LINES);
        job->planned = w;
    }
    rc = run_pull(job, result, tool, err);
    if (rc == 0 && w) {
        jsonw_close(w);
        rc = jsonw_end(w, err);
    } else if (rc == 0) {
        (void)printf("%10s  in %zu artifacts, %zu of them the same as another\n",
                     text_size(size, job->planned_bytes), job->planned_count,
                     job->planned_same);
    }
    mem_free(w);
    return rc;
}

static int report(const struct job *job, const struct pull_result *result, int rc,
                  struct err *err)
{
    const struct command_args *common = &job->args->common;
    bool people = isatty(STDOUT_FILENO) || isatty(STDERR_FILENO) || common->verbose;
    FILE *out = job->to_stdout ? stderr : stdout;
    struct err why;

    if (common->json) {
        if (summary_json(out, job->output, result, rc < 0 ? err->text : NULL, &why) < 0 &&
            rc == 0) {
            *err = why;
            return -1;
        }
    } else if (rc == 0 && people && !common->quiet) {
        summary_text(out, job->output, result);
    }
    return rc;
}

static int pull_main(void *args, int count, char *const *operands, struct err *err)
{
    struct job job = { .args = args };
    struct pull_result result = { 0 };
    int rc = prepare(&job, count, operands, err);

    if (rc == 0 && job.args->dry_run)
        rc = dry_run(&job, &result, PULL_TOOL, err);
    else if (rc == 0)
        rc = report(&job, &result, run_pull(&job, &result, PULL_TOOL, err), err);
    else if (job.args->common.json && err->kind != ERR_USAGE)
        rc = report(&job, &result, rc, err);
    log_hide(NULL);
    api_clear(&job.api);
    kind_filter_clear(&job.filter);
    idlist_clear(&job.ids);
    mem_free(job.output);
    if (rc == 0)
        return result.incomplete ? EXIT_INCOMPLETE : EXIT_DONE;
    if (err->kind == ERR_CANCELLED && signals_stop()) {
        log_line(LOG_ERROR, "stopped by signal %d; nothing was written", signals_stop());
        return EXIT_SIGNAL + signals_stop();
    }
    return -1;
}

const struct command cmd_pull = {
    .name = "pull",
    .args = "RUN_ID...",
    .brief = "archive the artifacts of runs",
    .about =
        "Fetches the artifacts of the runs and writes them into one archive with a manifest. "
        "What is the same is fetched and stored once. The archive is complete, or its "
        "manifest says what is missing and why.",
    .groups = pull_groups,
    .size = sizeof(struct pull_args),
    .defaults = &pull_defaults,
    .run = pull_main,
};
