/* SPDX-License-Identifier: MIT */
#include "cmdutil/pull_job.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pulse.h"
#include "base/text.h"
#include "cli/child.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/watchdog.h"
#include "cmdutil/api_client.h"
#include "cmdutil/summary.h"
#include "pull/mount_index.h"
#include "pull/pull.h"
#include "reader/manifest_scan.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Answer SIGUSR1: log the progress and the state of each transfer. */
static void log_status(const struct pull_status *status, uint64_t bps)
{
    char line[SUMMARY_STATUS_MAX];
    unsigned i;

    log_line(LOG_STATUS, "%s", summary_status(line, status, bps, SIZE_MAX));
    for (i = 0; i < WAITS; i++) {
        if (pulse_waits((enum pulse_wait)i))
            log_line(LOG_STATUS, "waiting for %s", pulse_wait_name((enum pulse_wait)i));
    }
    for (i = 0; i < status->origin_count; i++)
        log_line(LOG_STATUS, "%s", origin_text(line, &status->origins[i]));
    for (i = 0; i < PULSE_SLOTS; i++) {
        if (pulse_slot_text(i, line, sizeof(line)))
            log_line(LOG_STATUS, "transfer %u: %s", i + 1, line);
    }
}

void pull_job_tell(void *ctx, const struct pull_status *status)
{
    struct pull_job *job = ctx;
    uint64_t now = clock_mono();
    char line[SUMMARY_STATUS_MAX];

    pace_note(&job->pace, now, status->bytes);
    if (signals_asked())
        log_status(status, pace_bps(&job->pace, now));
    if (progress_due(now))
        progress_show(now,
                      summary_status(line, status, pace_bps(&job->pace, now), progress_room()));
}

/* Draw the status line of an upload. */
static void show_upload(void *ctx, uint64_t done, uint64_t size)
{
    uint64_t now = clock_mono();
    char line[SUMMARY_STATUS_MAX];
    char sent[TEXT_SIZE_MAX];
    char all[TEXT_SIZE_MAX];

    (void)ctx;
    if (!progress_due(now))
        return;
    (void)snprintf(line, sizeof(line), "uploading: %s of %s", text_size(sent, done),
                   text_size(all, size));
    progress_show(now, line);
}

/* Cut the slashes at the end of a directory's name, and refuse what a directory cannot be. */
static int check_directory(struct pull_job *job, struct err *err)
{
    const char *base;

    if (job->to_stdout)
        return err_set(err, ERR_USAGE, "--format dir: a directory cannot be standard output");
    if (job->args->level)
        return err_set(err, ERR_USAGE, "--level: nothing is compressed in a directory");
    path_trim(job->output);
    base = path_base(job->output);
    if (!*base || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
        return err_set(err, ERR_USAGE, "--output: '%.200s' does not name a new directory",
                       job->args->output);
    return 0;
}

/* Whether an output is below /dev, but not a file in its shared memory. */
static bool is_device(const char *output)
{
    return strncmp(output, "/dev/", 5) == 0 && strncmp(output, "/dev/shm/", 9) != 0;
}

/* Determine the format by --format and the name of --output. */
static int choose_format(struct pull_job *job, struct err *err)
{
    const struct pull_job_args *args = job->args;
    size_t len = args->output ? strlen(args->output) : 0;
    bool object = args->output && location_is(args->output);
    bool directory = len && !object && args->output[len - 1] == '/';

    job->format = directory ? CONTAINER_DIR : CONTAINER_TAR_ZST;
    if (args->format && container_of_name(args->format, true, &job->format, err) < 0)
        return err_wrap(err, "--format");
    if (directory && job->format != CONTAINER_DIR)
        return err_set(err, ERR_USAGE,
                       "--output: '%.200s' names a directory, but --format %s is a file",
                       args->output, container_name(job->format));
    if (args->output && !args->format && !directory && !job->to_stdout &&
        !is_device(args->output) &&
        container_of_name(args->output, false, &job->format, err) < 0) {
        (void)err_wrap(err, "--output");
        return err_hint(err, "choose the format with --format, or end the name with / for a "
                             "directory");
    }
    return 0;
}

/* Name the top directory after the archive. */
static void choose_top(struct pull_job *job, const char *name)
{
    (void)path_safe(job->top, job->to_stdout ? name : path_base(job->output));
    if (!job->to_stdout && job->format != CONTAINER_DIR && strchr(job->top + 1, '.') &&
        job->top[0]) {
        char *dot = strrchr(job->top + 1, '.');

        *dot = '\0';
        if (strlen(job->top) > 4 && strcmp(job->top + strlen(job->top) - 4, ".tar") == 0)
            job->top[strlen(job->top) - 4] = '\0';
    }
    if (!*job->top)
        (void)snprintf(job->top, sizeof(job->top), "%s", name);
}

/* Determine the archive's name, format and top directory. */
static int choose_output(struct pull_job *job, struct err *err)
{
    const struct pull_job_args *args = job->args;
    char when[CLOCK_TEXT_MAX];
    char name[64];

    (void)snprintf(name, sizeof(name), "skyarc-%s",
                   clock_format(when, clock_wall(), CLOCK_COMPACT));
    job->to_stdout = args->output && strcmp(args->output, "-") == 0;
    if (args->output && location_is(args->output) &&
        location_parse_object(&(struct location){ 0 }, args->output, err) < 0)
        return -1;
    if (choose_format(job, err) < 0)
        return -1;
    if (args->output)
        job->output = mem_copy(args->output, err);
    else if (job->format == CONTAINER_DIR)
        job->output = mem_copy(name, err);
    else
        job->output = mem_format(err, "%s.%s", name, container_name(job->format));
    if (!job->output || (job->format == CONTAINER_DIR && check_directory(job, err) < 0))
        return -1;
    if (job->format == CONTAINER_TAR && args->level > 9)
        return err_set(err, ERR_USAGE, "--level: tar is not compressed");
    if (job->format != CONTAINER_TAR_ZST && args->level > 9)
        return err_set(err, ERR_USAGE, "--level: %s has levels 1 to 9",
                       container_name(job->format));
    if (args->mount_index && (job->to_stdout || job->format != CONTAINER_TAR_ZST))
        return err_set(
            err, ERR_USAGE,
            "--ratarmount-index: only beside an archive in a file of format tar.zst");
    choose_top(job, name);
    job->name = job->output;
    return 0;
}

static int load_key(struct pull_job *job, struct err *err)
{
    const char *path = job->args->sign;
    struct buf text;

    if (!path)
        return 0;
    if (job->to_stdout)
        return err_set(err, ERR_USAGE,
                       "--sign cannot be used with standard output: the signature is written "
                       "beside the archive");
    buf_init(&text, SSHSIG_FILE_MAX);
    if (file_load(path, signals_stopping(), &text, err) == 0) {
        job->sign_key = sshsig_key_read(buf_text(&text), text.len, err);
        if (!job->sign_key)
            (void)err_wrap(err, "'%s'", path);
    }
    if (text.data)
        explicit_bzero(text.data, text.cap);
    buf_clear(&text);
    return job->sign_key ? 0 : -1;
}

/* Set up the time-stamping authorities. */
static int load_authorities(struct pull_job *job, struct err *err)
{
    const struct pull_job_args *args = job->args;
    const char *to = args->timestamp_output;
    bool object = args->output && location_is(args->output);

    job->authorities = (struct authorities){ .urls = args->timestamp.at,
                                             .count = args->timestamp.count,
                                             .agent = TOOL_NAME,
                                             .mode = args->mode,
                                             .stop = signals_stopping() };
    if (authority_check(&job->authorities, err) < 0)
        return -1;
    if (job->to_stdout && args->timestamp.count && !to)
        return err_set(err, ERR_USAGE, "--timestamp: with -o -, --timestamp-output is needed");
    if (to && (object || !args->timestamp.count))
        return err_set(err, ERR_USAGE, "--timestamp-output %s",
                       object ? "cannot name an object" : "needs --timestamp");
    if (to && !(job->stamped = tsp_base(to, err)))
        return err_wrap(err, "--timestamp-output");
    return args->tsa_ca ? tsp_trust_load(args->tsa_ca, job->authorities.stop, &job->trust, err)
                        : 0;
}

/*
 * Load the key that authenticates the journal: by it a later attempt knows that this program
 * wrote the unfinished archive. Without the key, artifacts without a checksum of the service
 * are fetched again.
 */
static void load_state_key(struct pull_job *job)
{
    const char *dirs[] = { getenv("STATE_DIRECTORY"), getenv("XDG_STATE_HOME"),
                           getenv("HOME") };
    const char *const paths[] = { "key", "skyarc/key", ".local/state/skyarc/key" };
    struct err err;
    size_t i;

    for (i = 0; i < 3 && !job->state_key; i++) {
        char *path = dirs[i] && *dirs[i] == '/' && access(dirs[i], W_OK) == 0
                         ? mem_format(&err, "%s/%s", dirs[i], paths[i])
                         : NULL;

        if (!path)
            continue;
        job->state_key = secret_own(path, &err);
        if (!job->state_key)
            log_line(LOG_INFO, "%s", err.text);
        mem_free(path);
    }
}

static int load_previous(struct pull_job *job, struct err *err)
{
    struct manifest_digests digests;

    if (manifest_scan_path(job->args->after, stop_never(), manifest_read_check, NULL, &digests,
                           err) < 0)
        return err_wrap(err, "--after");
    text_hex(job->previous_sha256, digests.sha256, SHA256_SIZE);
    return 0;
}

/* Run the command of --anchor-command with the head of the series. If the command fails, the
 * archive stays. */
static int tell_anchor(const struct pull_job *job, const struct pull_result *result,
                       struct err *err)
{
    char text[SHA256_TEXT];
    char *env[] = { NULL, NULL, NULL };
    struct child_opts opts = { .command = job->args->anchor_command,
                               .env = env,
                               .timeout = job->args->command_timeout };
    int rc = -1;

    if (!opts.command)
        return 0;
    text_hex(text, result->manifest_sha256, SHA256_SIZE);
    env[0] = mem_format(err, "SKYARC_HEAD=%s", text);
    env[1] = env[0] ? mem_format(err, "SKYARC_ARCHIVE=%s", job->name) : NULL;
    if (env[1])
        rc = child_run(&opts, err);
    mem_free(env[0]);
    mem_free(env[1]);
    if (rc == 0)
        return 0;
    if (err->kind == ERR_CANCELLED)
        return err_wrap(err, "stopped; '%s' was written, but --anchor-command was stopped",
                        job->name);
    return err_wrap(err, "'%s' was written, but --anchor-command failed", job->name);
}

/* Write ratarmount's index. If that fails, the archive stays. */
static int write_mount_index(const struct pull_job *job, const struct pull_opts *opts,
                             struct err *err)
{
    struct ratarmount *index;
    int rc;

    if (!job->args->mount_index)
        return 0;
    index = ratarmount_new(opts->spool_dir, err);
    rc = index ? mount_index_write(index, job->output, job->args->mode, opts->stop, err) : -1;
    ratarmount_free(index);
    return rc < 0 ? err_wrap(err, "'%s' was written, but '%s" RATARMOUNT_SUFFIX "' was not",
                             job->output, job->output)
                  : 0;
}

/* Check the options of an object, without asking the store. */
static int check_object(struct pull_job *job, struct err *err)
{
    const struct pull_job_args *args = job->args;

    if (object_options_check(&args->object, err) < 0)
        return -1;
    if (job->place || !args->output || !location_is(args->output))
        return object_options_any(&args->object) && !job->place
                   ? err_set(err, ERR_USAGE, "--s3-...: the output is no object of a bucket")
                   : 0;
    if (job->format == CONTAINER_DIR || args->mount_index)
        return err_set(err, ERR_USAGE, "--output: %s cannot be written to an object store",
                       args->mount_index ? "ratarmount's index" : "a directory");
    job->name = args->output;
    job->remote = true;
    return 0;
}

/* Choose the local file that becomes the object. */
static int stage(struct pull_job *job, struct err *err)
{
    const struct pull_job_args *args = job->args;
    char *path;

    job->staging = mem_new(sizeof(*job->staging), err);
    if (!job->staging)
        return -1;
    job->staging->options = &args->object;
    job->staging->rate_bps = args->limit_rate;
    job->staging->sent = show_upload;
    if (staging_begin(job->staging, args->output, args->spool_dir, args->force, err) < 0)
        return -1;
    path = mem_copy(job->staging->path, err);
    if (!path)
        return -1;
    mem_free(job->output);
    job->output = path;
    return 0;
}

/* The pull was stopped while an authority was asked: the archive is there. */
static int check_stop(const struct pull_job *job, const struct pull_result *result,
                      struct err *err)
{
    return result->stamps_failed && signals_stop()
               ? err_set(err, ERR_CANCELLED,
                         "stopped; '%s' was written, without %u of its time stamps", job->name,
                         result->stamps_failed)
               : 0;
}

/* Upload the responses of time-stamping authorities. */
static int upload_stamps(struct pull_job *job, struct err *err)
{
    unsigned i;
    int rc = 0;

    for (i = 1; rc == 0 && i <= job->authorities.count; i++) {
        char *suffix = tsp_path("", i, err);
        char *path = suffix ? mem_format(err, "%s%s", job->output, suffix) : NULL;

        if (!path)
            rc = -1;
        else if (access(path, F_OK) == 0)
            rc = staging_publish(job->staging, suffix, err);
        mem_free(path);
        mem_free(suffix);
    }
    return rc;
}

/* Upload the archive that was written, its signature and its time stamps. */
static int upload(struct pull_job *job, struct err *err)
{
    int rc;

    progress_begin(job->common);
    rc = staging_publish(job->staging, "", err);
    progress_end();
    if (rc == 0 && job->sign_key)
        rc = staging_publish(job->staging, SSHSIG_SUFFIX, err);
    return rc == 0 ? upload_stamps(job, err) : -1;
}

int pull_job_init(struct pull_job *job, const struct pull_job_args *args,
                  const struct command_args *common, struct err *err)
{
    job->args = args;
    job->common = common;
    if (filter_fill(&job->filter, &args->filter, err) < 0 ||
        endpoint_select(&job->records, args->records ? args->records : "all", err) < 0 ||
        choose_output(job, err) < 0 || load_key(job, err) < 0 ||
        load_authorities(job, err) < 0 || check_object(job, err) < 0)
        return -1;
    load_state_key(job);
    if (watchdog_start(args->hang_timeout, err) < 0)
        return -1;
    return args->after ? load_previous(job, err) : 0;
}

void pull_job_clear(struct pull_job *job)
{
    watchdog_stop();
    artifact_filter_clear(&job->filter);
    sshsig_key_free(job->sign_key);
    job->sign_key = NULL;
    tsp_trust_free(job->trust);
    job->trust = NULL;
    mem_free(job->stamped);
    job->stamped = NULL;
    secret_free(job->state_key);
    job->state_key = NULL;
    mem_free(job->output);
    job->output = NULL;
    if (job->staging)
        staging_clear(job->staging);
    mem_free(job->staging);
    job->staging = NULL;
}

void pull_job_fill(const struct pull_job *job, const struct api *api, struct pull_opts *opts)
{
    const struct pull_job_args *args = job->args;

    *opts = (struct pull_opts){
        .api = api,
        .filter = &job->filter,
        .children = !args->no_children,
        .records = &job->records,
        .tool = TOOL_NAME,
        .ca_file = job->ca_file,
        .spool_dir = args->spool_dir ? args->spool_dir : file_temp_dir(),
        .output = job->output,
        .top = job->top,
        .view = !args->no_report,
        .sign_key = job->sign_key,
        .state_key = secret_peek(job->state_key),
        .previous = args->after ? path_base(args->after) : NULL,
        .previous_sha256 = job->previous_sha256,
        .format = job->format,
        .level = (int)args->level,
        .force = args->force || job->staging, /* of an object, that was checked */
        .mode = args->mode,
        .strict = args->strict,
        .dedupe = !args->no_dedupe,
        .duplicates = (enum entry_writer_duplicates)args->duplicates,
        .bundles = (enum bundle_mode)args->bundles,
        .local_root = args->local_root,
        .jobs = (unsigned)args->jobs,
        .memory = args->memory,
        .retries = (unsigned)args->retries,
        .timeout = args->timeout,
        .rate_bps = args->limit_rate,
        .stall_bps = args->speed_limit,
        .stall_s = (args->speed_time + 999) / 1000,
        .max_size = args->max_size,
        .wait_interval = job->wait_interval,
        .authorities = job->authorities,
        .stamped = job->stamped,
        .log_host = args->log_host,
        .asked = job->asked,
    };
    opts->authorities.trust = job->trust;
    opts->authorities.ca_file = job->ca_file;
    pull_opts_no_hooks(opts);
}

/* Say after a failure what is kept, and how to go on. */
static void tell_kept(const struct pull_job *job, const struct pull_result *result,
                      struct err *err)
{
    char kept[300] = "nothing was written";

    if (result->kept)
        (void)snprintf(kept, sizeof(kept), "%zu artifact%s kept in '%.200s.partial'",
                       result->kept, result->kept == 1 ? " is" : "s are", job->output);
    if (job->submitted) /* the same command would submit another run */
        (void)err_hint(err, "%s: archive the run with 'skyarc pull -o %.200s %s'", kept,
                       job->output, job->submitted);
    else if (result->kept)
        (void)err_hint(err, "%s: run the same command%s%.200s again to resume", kept,
                       job->args->output ? "" : " with -o ",
                       job->args->output ? "" : job->output);
}

static void hook_planned(void *ctx, const struct pull_planned *planned)
{
    struct pull_job *job = ctx;

    progress_end(); /* rows are printed from here on */
    job->planned(job->planned_ctx, planned);
}

/* Whether pull_job_report prints the summary for people. */
static bool tells_people(const struct pull_job *job)
{
    const struct command_args *common = job->common;

    return !common->json && !common->quiet &&
           (isatty(STDOUT_FILENO) || isatty(STDERR_FILENO) || common->verbose);
}

int pull_job_run(struct pull_job *job, const struct api *api, char *const *ids, size_t count,
                 struct pull_result *result, struct err *err)
{
    struct pull_opts opts;
    int rc;

    if (job->remote && !job->dry_run && stage(job, err) < 0)
        return -1;
    if (!job->dry_run && !job->staging &&
        authority_check_files(&job->authorities, job->stamped ? job->stamped : job->output,
                              job->to_stdout ? NULL : job->output, job->args->force, err) < 0)
        return -1;
    pull_job_fill(job, api, &opts);
    opts.run_ids = ids;
    opts.run_count = count;
    opts.must_match = true;
    opts.digest = job->common->json || tells_people(job);
    opts.stop = signals_stopping();
    opts.watcher = (struct pull_watcher){ pull_job_tell, job };
    if (job->dry_run) {
        opts.dry_run = true;
        opts.planned = hook_planned;
        opts.ctx = job;
    }
    progress_begin(job->common);
    rc = pull_run(&opts, result, err);
    progress_end();
    if (rc < 0)
        tell_kept(job, result, err);
    if (rc == 0 && !job->dry_run && job->staging)
        rc = upload(job, err);
    if (rc == 0 && !job->dry_run)
        rc = check_stop(job, result, err);
    if (rc == 0 && !job->dry_run)
        rc = tell_anchor(job, result, err);
    return rc == 0 && !job->dry_run ? write_mount_index(job, &opts, err) : rc;
}

int pull_job_report(const struct pull_job *job, const struct pull_result *result, int rc,
                    struct err *err)
{
    const struct command_args *common = job->common;
    FILE *out = job->to_stdout || job->print_name ? stderr : stdout;
    struct err why;

    if (rc == 0 && !job->to_stdout)
        log_line(LOG_INFO, "the %s is '%s'",
                 job->format == CONTAINER_DIR ? "directory" : "archive", job->name);
    if (rc == 0 && job->print_name)
        (void)printf("%s\n", job->name); /* dispatch detects errors of standard output */

    if (common->json) {
        if (summary_json(out, job->name, result, rc < 0 ? err->text : NULL, &why) < 0 &&
            rc == 0) {
            *err = why;
            return -1;
        }
    } else if (rc == 0 && tells_people(job)) {
        summary_text(out, job->name, result);
    } else if (rc == 0 && !common->quiet) {
        if (job->args->after)
            summary_head(out, job->name, result); /* cron mails the line, which so is kept */
        if (result->incomplete)
            summary_incomplete(job->to_stdout ? "standard output" : job->name, result);
    }
    return rc;
}

int pull_job_status(const struct pull_result *result, int rc, const struct err *err)
{
    if (rc == 0)
        return result->incomplete ? EXIT_INCOMPLETE : EXIT_DONE;
    if (err->kind == ERR_CANCELLED && signals_stop()) {
        const char *how = strchr(err->text, ';'); /* what is kept or written */

        log_line(LOG_ERROR, "stopped by signal %d%s", signals_stop(),
                 how ? how : "; nothing was written");
        return EXIT_SIGNAL + signals_stop();
    }
    if (signals_stop() == SIGXFSZ) { /* the write failed before the signal was seen */
        log_line(LOG_ERROR, "stopped by signal %d: %s", SIGXFSZ, err->text);
        return EXIT_SIGNAL + SIGXFSZ;
    }
    return -1;
}
