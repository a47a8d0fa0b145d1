/* SPDX-License-Identifier: MIT */
#include "sync/sync.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "catalog/run_state.h"
#include "catalog/shard.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "cmdutil/confirm.h"
#include "cmdutil/idlist.h"
#include "cmdutil/preview.h"
#include "cmdutil/pull_job.h"
#include "cmdutil/query.h"
#include "cmdutil/session.h"
#include "fetch/budget.h"
#include "net/ping.h"
#include "sync/catalog_import.h"
#include "sync/catch_up.h"
#include "sync/metrics.h"
#include "volumes/lock.h"
#include "volumes/volume_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct sync_args {
    struct command_args common;
    struct session_args session;
    struct pull_job_args archive;
    struct query_args query;
    struct opt_list input;
    const char *dest;
    const char *work_dir;
    const char *metrics;
    const char *ping;
    uint64_t volume_size;
    uint64_t volume_runs;
    uint64_t settle;
    uint64_t lock_wait;
    uint64_t list_safe;
    uint64_t verify_share;
    uint64_t verified_within;
    const char *shard;
    bool reshard;
    bool list_lost;
    bool chain;
    bool no_verify;
    bool rebuild;
    bool dry_run;
    bool index_text;
};

static const struct sync_args sync_defaults = {
    .session = SESSION_DEFAULTS,
    .archive = PULL_JOB_DEFAULTS,
    .query = QUERY_DEFAULTS,
    .volume_size = (uint64_t)4 << 30,
    .volume_runs = 1000,
    .settle = (uint64_t)SYNC_SETTLE,
    .verify_share = FIXITY_SHARE,
    .verified_within = (uint64_t)30 * 86400 * 1000,
};

/* clang-format off */
static const struct opt sync_opts[] = {
    { 0,   "dest",        "DIR|s3://...", OPT_TEXT, OPT_AT(sync_args, dest),   "archive into this directory, which is created if it does not exist; or into a bucket, s3://BUCKET/PREFIX", 0, 0, NULL, false, NULL },
    { 0,   "work-dir",    "DIR",  OPT_TEXT,     OPT_AT(sync_args, work_dir),    "of a bucket: the directory of the catalog, the lock and the volumes that are being made (default: below the user's state directory)", 0, 0, NULL, false, NULL },
    { 'n', "dry-run",     NULL,   OPT_FLAG,     OPT_AT(sync_args, dry_run),     "only print the runs that would be archived, and change nothing; volumes are not checked", 0, 0, NULL, false, NULL },
    { 0,   "format",      "FORMAT", OPT_TEXT,   OPT_AT(sync_args, archive.format), "format of the volumes: tar.zst (default), tar.gz or tar", 0, 0, NULL, false, NULL },
    { 'i', "input",       "FILE", OPT_LIST,     OPT_AT(sync_args, input),       "also archive the runs whose IDs are in this file, one per line, such as runs that the service no longer lists", 0, 0, NULL, false, NULL },
    { 0,   "shard",       "K/N",  OPT_TEXT,     OPT_AT(sync_args, shard),       "archive only the runs of shard K of N, each shard into a directory of its own, which remembers it, or all into one prefix of a bucket; auto/N takes K from a Kubernetes Indexed Job, auto takes K and N from a SLURM job array; 1/1: all runs", 0, 0, NULL, false, NULL },
    { 0,   "reshard",     NULL,   OPT_FLAG,     OPT_AT(sync_args, reshard),     "with --shard: from now on fill the directory with this shard; the runs that it has stay", 0, 0, NULL, false, NULL },
    { 0,   "settle",      "TIME", OPT_DURATION, OPT_AT(sync_args, settle),      "archive a run no earlier than this time after its end, and list it again this time after it was archived (default 10m)", 0, 0, NULL, false, NULL },
    { 0,   "volume-size", "SIZE", OPT_SIZE,     OPT_AT(sync_args, volume_size), "start a new volume when the size of its artifacts exceeds this (default 4g)", 0, 0, NULL, false, NULL },
    { 0,   "volume-runs", "N",    OPT_NUMBER,   OPT_AT(sync_args, volume_runs), "start a new volume after N runs (default 1000)", 1, 100000, NULL, false, NULL },
    { 0,   "chain",       NULL,   OPT_FLAG,     OPT_AT(sync_args, chain),       "record in each volume the name and manifest digest of the previous volume", 0, 0, NULL, false, NULL },
    { 0,   "no-verify",   NULL,   OPT_FLAG,     OPT_AT(sync_args, no_verify),   "do not read volumes back, neither new nor old", 0, 0, NULL, false, NULL },
    { 0,   "verify-share", "N",   OPT_NUMBER,   OPT_AT(sync_args, verify_share), "verify 1/N of all volumes each day, every hash, beginning with the volumes verified longest ago (default 30; 1: all volumes, now)", 1, 100000, NULL, false, NULL },
    { 0,   "rebuild",     NULL,   OPT_FLAG,     OPT_AT(sync_args, rebuild),     "only rebuild the catalog from the volumes and the log", 0, 0, NULL, false, NULL },
    { 0,   "index-text",  NULL,   OPT_FLAG,     OPT_AT(sync_args, index_text),  "also index the console logs, logs and LLM texts of all volumes, up to 256k of each file and 1m of each run: 'skyarc find --text' then finds runs by them", 0, 0, NULL, false, NULL },
    { 0,   "list-safe",   "DAYS", OPT_NUMBER,   OPT_AT(sync_args, list_safe),   "only print the runs that are safe to delete at the service: they ended at least this many days ago, are archived completely and as the service has them now, in volumes that are unchanged and were verified within --verified-within", 1, 100000, NULL, false, NULL },
    { 0,   "verified-within", "TIME", OPT_DURATION, OPT_AT(sync_args, verified_within), "with --list-safe: maximum time since a volume was verified (default 30d)", 0, 0, NULL, false, NULL },
    { 0,   "list-lost",   NULL,   OPT_FLAG,     OPT_AT(sync_args, list_lost),   "only print the runs that lack artifacts which were in a lost volume and which the service no longer has", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt watch_opts[] = {
    { 0,   "lock-wait",   "TIME", OPT_DURATION, OPT_AT(sync_args, lock_wait),   "wait up to this time for another skyarc to release the directory's lock (default: do not wait; exit status 75)", 0, 0, NULL, false, NULL },
    { 0,   "metrics",     "FILE", OPT_TEXT,     OPT_AT(sync_args, metrics),     "write metrics to this file, in Prometheus' text format", 0, 0, NULL, false, NULL },
    { 0,   "ping",        "URL",  OPT_TEXT,     OPT_AT(sync_args, ping),        "tell a monitoring service: GET URL/start at the beginning, and at the end URL on success or URL/fail on failure", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt_group sync_groups[] = {
    { "Directory", sync_opts,             0 },
    { "Which",     query_opts,            OPT_AT(sync_args, query) },
    { "What",      filter_type_opts,      OPT_AT(sync_args, archive.filter) },
    { "Records",   archive_story_opts,    OPT_AT(sync_args, archive) },
    { "Format",   archive_format_opts,   OPT_AT(sync_args, archive) },
    { "Object store", archive_object_opts, OPT_AT(sync_args, archive) },
    { "Transfer",  archive_transfer_opts, OPT_AT(sync_args, archive) },
    { "Watch",     watch_opts,            0 },
    { "API",       session_opts,          OPT_AT(sync_args, session) },
    { "Progress", progress_opts, 0 },
    { NULL, NULL, 0 },
};
/* clang-format on */

struct service {
    const struct sync_args *args;
    struct pull_job job;
    struct api api;
    struct volume_store store;
    struct idlist ids;
    struct buf filter;
    struct lock lock;
    struct authorities authorities;
    struct shard shard; /* as given; n 0: none */
    uint64_t began;
};

static const char *get_env(void *ctx, const char *name)
{
    (void)ctx;
    return getenv(name);
}

static int check_shard(const struct sync_args *args, struct shard *shard, struct err *err)
{
    if (args->reshard && !args->shard)
        return err_set(err, ERR_USAGE, "--reshard needs --shard");
    if (args->reshard && (args->list_safe || args->list_lost))
        return err_set(err, ERR_USAGE,
                       "--reshard cannot be combined with --list-safe or --list-lost");
    if (args->shard && shard_parse(shard, args->shard, get_env, NULL, err) < 0)
        return err_wrap(err, "--shard");
    return 0;
}

static int check(struct service *s, int count, char *const *operands, struct err *err)
{
    const struct sync_args *args = s->args;
    struct volume_store_opts place = { .place = args->dest,
                                       .work_dir = args->work_dir,
                                       .objects = &args->archive.object,
                                       .rate_bps = args->archive.limit_rate,
                                       .tool = TOOL_NAME };

    if (count)
        return err_set(err, ERR_USAGE, "sync takes no operands: '%.100s'", operands[0]);
    if (args->dry_run && (args->rebuild || args->list_safe || args->list_lost))
        return err_set(
            err, ERR_USAGE,
            "--dry-run cannot be combined with --rebuild, --list-safe or --list-lost");
    if (check_shard(args, &s->shard, err) < 0 ||
        object_options_check(&args->archive.object, err) < 0)
        return -1;
    place.shard = s->shard;
    return volume_store_open(&s->store, &place, err);
}

/* Print the runs that are safe to delete at the service. */
static int list_safe(const struct service *s, struct err *err)
{
    const struct sync_args *args = s->args;
    const struct confirm_safe safe = { .store = &s->store,
                                       .session = &args->session,
                                       .filter = &args->archive.filter,
                                       .shard = s->shard,
                                       .days = args->list_safe,
                                       .within = args->verified_within,
                                       .json = args->common.json };

    return confirm_list_safe(&safe, err);
}

static int print_lost(void *ctx, const char *run_id, const char *volume, int64_t parts,
                      struct err *err)
{
    struct jsonw *w = ctx;

    if (w) {
        jsonw_object(w, NULL, JSONW_INLINE);
        jsonw_text(w, "run_id", run_id);
        jsonw_text(w, "volume", volume);
        jsonw_u64(w, "parts", parts > 0 ? (uint64_t)parts : 0);
        jsonw_close(w);
        return 0;
    }
    return printf("%s\t%s\t%lld\n", run_id, volume, (long long)parts) < 0
               ? err_sys(err, "cannot write the result")
               : 0;
}

static int list_lost(const struct service *s, struct err *err)
{
    struct db *catalog = catch_up_open(&s->store, DB_READ, true, signals_stopping(), err);
    struct jsonw *w = NULL;
    int rc = catalog ? api_client_list(&w, s->args->common.json, err) : -1;

    if (rc == 0)
        rc = run_state_each_lost(catalog, false, print_lost, w, err);
    rc = api_client_list_end(w, rc, err);
    db_free(catalog);
    return rc < 0 ? -1 : EXIT_DONE;
}

/* Print the list that was asked for. */
static int list(struct service *s, struct err *err)
{
    int rc = s->args->list_safe ? list_safe(s, err) : list_lost(s, err);

    volume_store_close(&s->store);
    return rc;
}

static int print_json(const struct sync_result *r, uint64_t elapsed, const char *error,
                      struct err *err)
{
    struct jsonw *w = jsonw_new(api_client_put, NULL, err);
    char when[CLOCK_TEXT_MAX];
    char shard[SHARD_TEXT_MAX];

    if (!w)
        return -1;
    jsonw_object(w, NULL, JSONW_LINES);
    jsonw_text(w, "error", error);
    jsonw_u64(w, "new_runs", r->fresh);
    jsonw_u64(w, "archived_runs", r->runs);
    jsonw_u64(w, "volumes", r->volumes);
    jsonw_u64(w, "supplements", r->supplements);
    jsonw_u64(w, "sealed_runs", r->sealed);
    jsonw_u64(w, "healed_volumes", r->healed);
    jsonw_bool(w, "catalog_remade", r->found.remade);
    jsonw_u64(w, "gone_volumes", r->found.fixity.gone);
    jsonw_u64(w, "differing_volumes", r->found.fixity.differing);
    jsonw_u64(w, "damaged_volumes", r->found.fixity.damaged);
    jsonw_u64(w, "unreadable_volumes", r->found.fixity.unreadable);
    jsonw_u64(w, "read_back_volumes", r->found.read_back);
    jsonw_u64(w, "read_back_bytes", r->found.read_bytes);
    jsonw_u64(w, "superseded_volumes", r->found.superseded);
    jsonw_u64(w, "lost_runs", r->lost > 0 ? (uint64_t)r->lost : 0);
    jsonw_u64(w, "artifacts", r->artifacts);
    jsonw_u64(w, "downloaded_bytes", r->downloaded);
    jsonw_u64(w, "stored_bytes", r->stored);
    jsonw_u64(w, "missing", r->missing);
    jsonw_u64(w, "checksum_mismatches", r->mismatches);
    jsonw_u64(w, "missing_records", r->records_lost);
    jsonw_u64(w, "suspect_contents", r->suspects);
    jsonw_u64(w, "time_stamps_kept", r->stamps);
    jsonw_u64(w, "time_stamps_waiting", r->stamps_waiting);
    jsonw_u64(w, "legal_holds_changed", r->locks.changed);
    jsonw_u64(w, "legal_holds_refused", r->locks.refused);
    jsonw_u64(w, "retentions_extended", r->locks.extended);
    jsonw_u64(w, "retentions_refused", r->locks.locks_refused);
    jsonw_u64(w, "failed_runs", r->failed);
    jsonw_u64(w, "running_runs", r->running > 0 ? (uint64_t)r->running : 0);
    jsonw_u64(w, "waiting_runs", r->waiting > 0 ? (uint64_t)r->waiting : 0);
    jsonw_text(w, "oldest_waiting_run",
               r->oldest_us == DB_UNKNOWN
                   ? NULL
                   : clock_format(when, r->oldest_us / 1000, CLOCK_RFC3339));
    jsonw_bool(w, "list_cut", r->cut);
    jsonw_u64(w, "unread_rows", r->unread);
    jsonw_text(w, "shard", shard_divides(&r->shard) ? shard_text(shard, &r->shard) : NULL);
    jsonw_u64(w, "other_shard_runs", r->others);
    jsonw_u64(w, "undecided_runs", r->undecided > 0 ? (uint64_t)r->undecided : 0);
    jsonw_u64(w, "elapsed_ms", elapsed);
    jsonw_close(w);
    return jsonw_finish(w, err);
}

static void say(const struct service *s, const struct sync_result *r, uint64_t elapsed)
{
    char size[TEXT_SIZE_MAX];
    char took[TEXT_SIZE_MAX];
    char shard[SHARD_TEXT_MAX];
    char others[160] = "";
    char line[600];

    if (shard_divides(&r->shard))
        (void)snprintf(others, sizeof(others),
                       "; shard %s, other shards: %zu, shard not known yet: %lld",
                       shard_text(shard, &r->shard), r->others, (long long)r->undecided);
    if (s->args->rebuild)
        (void)snprintf(line, sizeof(line), "%zu volume%s imported into the catalog in %s",
                       r->healed, text_plural(r->healed), text_duration(took, elapsed));
    else
        (void)snprintf(line, sizeof(line),
                       "%zu run%s in %zu volume%s, %llu artifact%s, %s downloaded, "
                       "%llu missing, %llu suspect, %zu run%s failed, %lld running, "
                       "%lld waiting, in %s%s",
                       r->runs, text_plural(r->runs), r->volumes, text_plural(r->volumes),
                       (unsigned long long)r->artifacts, text_plural(r->artifacts),
                       text_size(size, r->downloaded), (unsigned long long)r->missing,
                       (unsigned long long)r->suspects, r->failed, text_plural(r->failed),
                       (long long)r->running, (long long)r->waiting,
                       text_duration(took, elapsed), others);
    if (isatty(STDOUT_FILENO) && !s->args->common.quiet)
        (void)printf("%s\n", line);
    else
        log_line(LOG_INFO, "%s", line);
}

/* Write the metrics file, which keeps the time of the last success if this sync failed, and
 * send the ping. */
static void on_ended(void *ctx, const struct sync_result *r, int rc)
{
    const struct service *s = ctx;
    bool good = rc == 0 && !r->failed && !r->newly_lost && !r->unread && !r->locks.refused &&
                !r->locks.locks_refused && !heal_troubled(&r->found);
    struct metrics metrics = { .ended_ms = clock_wall(),
                               .elapsed = clock_mono() - s->began,
                               .ok = good,
                               .runs = r->runs,
                               .failed = r->failed,
                               .artifacts = r->artifacts,
                               .bytes = r->downloaded,
                               .missing = r->missing,
                               .damaged =
                                   fixity_faults(&r->found.fixity) + r->found.fixity.unreadable,
                               .read_bytes = r->found.read_bytes,
                               .lost = r->lost > 0 ? (uint64_t)r->lost : 0,
                               .oldest_ms = r->oldest_ms,
                               .stamps_waiting = r->stamps_waiting,
                               .waiting = r->waiting > 0 ? (uint64_t)r->waiting : 0,
                               .oldest_us = r->oldest_us,
                               .shard = r->shard.n ? r->shard : s->shard,
                               .others = r->others,
                               .undecided = r->undecided > 0 ? (uint64_t)r->undecided : 0,
                               .dir = s->store.dir };
    struct err why;

    progress_end();
    if (s->args->metrics && metrics_write(s->args->metrics, &metrics, &why) < 0)
        log_line(LOG_ERROR, "--metrics: %s", why.text);
    ping_send(s->args->ping, TOOL_NAME, s->args->session.ca_file,
              good ? PING_SUCCESS : PING_FAIL, signals_stopping());
}

/* Fill in the options of a sync; they refer to pull. */
static int fill(struct service *s, struct pull_opts *pull, struct sync_opts *opts,
                struct err *err)
{
    const struct sync_args *args = s->args;

    *opts = (struct sync_opts){ .ask = { .pull = pull,
                                         .filter = buf_text(&s->filter),
                                         .run_ids = s->ids.ids,
                                         .run_count = s->ids.count,
                                         .settle = (int64_t)args->settle,
                                         .assign = { s->shard, args->reshard } },
                                .store = &s->store,
                                .volume_size = args->volume_size,
                                .volume_runs = args->volume_runs,
                                .chain = args->chain,
                                .verify = !args->no_verify,
                                .share = args->no_verify ? 0 : args->verify_share,
                                .rebuild = args->rebuild,
                                .index_text = args->index_text,
                                .ended = on_ended,
                                .ctx = s };
    s->job.ca_file = args->session.ca_file;
    pull_job_fill(&s->job, &s->api, pull);
    s->authorities = pull->authorities;
    pull->authorities = (struct authorities){ 0 }; /* a sync asks for them by its catalog */
    opts->authorities = &s->authorities;
    pull->stop = signals_stopping();
    pull->watcher = (struct pull_watcher){ pull_job_tell, &s->job };
    return query_fill(&args->query, &opts->ask.query, err);
}

static int run(struct service *s, struct sync_result *result, struct err *err)
{
    struct pull_opts pull;
    struct sync_opts opts;

    if (fill(s, &pull, &opts, err) == 0)
        return sync_run(&opts, result, err);
    on_ended(s, result, -1);
    return -1;
}

/* Print what a sync would archive. */
static int preview(struct service *s, struct sync_result *result, struct err *err)
{
    struct pull_opts pull;
    struct sync_opts opts;
    struct survey_preview found;
    int rc = fill(s, &pull, &opts, err);

    if (rc == 0)
        rc = volume_store_is_used(&s->store, err);
    if (rc > 0)
        rc = catch_up(&s->store, signals_stopping(), err);
    if (rc == 0)
        rc = preview_print(&opts.ask, &s->store, s->args->common.json, &found, err);
    if (rc == 0) {
        result->failed = found.found.failed;
        result->cut = found.found.end.cut;
        result->unread = found.found.end.unread;
    }
    return rc;
}

/* Check everything that can be checked before the lock is taken. */
static int prepare(struct service *s, struct err *err)
{
    const struct sync_args *args = s->args;
    size_t i;

    s->job.place = volume_store_is_remote(&s->store);
    if (pull_job_init(&s->job, &args->archive, &args->common, err) < 0)
        return -1;
    if (s->job.format == CONTAINER_ZIP || s->job.format == CONTAINER_DIR)
        return err_set(err, ERR_USAGE, "--format: volumes are tar.zst, tar.gz or tar");
    for (i = 0; i < args->input.count; i++) {
        if (idlist_load(&s->ids, args->input.at[i], err) < 0)
            return -1;
    }
    if (!args->rebuild && budget_suffices(err) < 0)
        return -1; /* before the lock: this error must not defer runs */
    if (query_text(&args->query, &s->filter, err) < 0 ||
        (!args->dry_run && volume_store_make(&s->store, err) < 0) || signals_setup(err) < 0)
        return -1;
    return args->rebuild ? 0 : session_open(&args->session, &s->api, err);
}

/* Say which runs are not known because of how the list of runs ended. */
static void tell_list(const struct sync_args *args, const struct sync_result *result)
{
    bool search = args->query.search || args->query.workflow;

    if (result->unread)
        log_line(LOG_ERROR,
                 "%zu row%s of the service's list of runs %s no valid run ID: %s not archived",
                 result->unread, text_plural(result->unread),
                 result->unread == 1 ? "has" : "have",
                 result->unread == 1 ? "this run is" : "these runs are");
    if (result->cut)
        log_line(LOG_WARNING,
                 search ? "the service lists only the newest %d matches of a search or of "
                          "one workflow; narrow the list, for example by --status, or give "
                          "the IDs of the others with --input"
                        : "the service lists only the newest %d runs; give the IDs of "
                          "older ones with --input, or narrow the list",
                 search ? RUNS_SEARCH : RUNS_WINDOW);
}

static int status_of(const struct sync_result *r, int rc, const struct err *err)
{
    if (rc < 0 && err->kind == ERR_CANCELLED && signals_stop()) {
        log_line(LOG_ERROR, "stopped by signal %d; the next sync resumes", signals_stop());
        return EXIT_SIGNAL + signals_stop();
    }
    if (rc < 0)
        return -1;
    if (r->found.fixity.damaged)
        return EXIT_DAMAGED;
    return sync_whole(r) ? EXIT_DONE : EXIT_INCOMPLETE;
}

static int sync_main(void *args_in, int count, char *const *operands, struct err *err)
{
    struct service s = { .args = args_in, .lock = { -1 }, .began = clock_mono() };
    struct sync_result result = { .oldest_us = DB_UNKNOWN, .oldest_ms = DB_UNKNOWN };
    struct err told;
    uint64_t elapsed;
    int rc = check(&s, count, operands, err);

    if (rc < 0) {
        volume_store_close(&s.store);
        return -1;
    }
    if (s.args->list_safe || s.args->list_lost)
        return list(&s, err);
    buf_init(&s.filter, (size_t)1 << 20);
    rc = prepare(&s, err);
    if (rc == 0 && s.args->dry_run) {
        rc = preview(&s, &result, err);
        tell_list(s.args, &result);
    } else if (rc == 0) {
        rc = lock_take(&s.lock, s.store.dir, s.args->lock_wait, signals_stopping(), err);
    }
    if (rc == 0 && !s.args->dry_run) {
        ping_send(s.args->ping, TOOL_NAME, s.args->session.ca_file, PING_START,
                  signals_stopping());
        progress_begin(&s.args->common);
        rc = run(&s, &result, err);
        progress_end();
        elapsed = clock_mono() - s.began;
        tell_list(s.args, &result);
        if (s.args->common.json) {
            if (print_json(&result, elapsed, rc < 0 ? err->text : NULL, &told) < 0 && rc == 0) {
                *err = told;
                rc = -1;
            }
        } else if (rc == 0) {
            say(&s, &result, elapsed);
        }
    }
    lock_drop(&s.lock);
    volume_store_close(&s.store);
    log_hide(NULL);
    api_clear(&s.api);
    pull_job_clear(&s.job);
    idlist_clear(&s.ids);
    buf_clear(&s.filter);
    return status_of(&result, rc, err);
}

const struct command cmd_sync = {
    .name = "sync",
    .args = "--dest DIR",
    .section = COMMAND_NIGHT,
    .brief = "archive every run that has ended into a directory with a catalog",
    .about = "Archives every run that has ended and is not archived yet into volumes below "
             "DIR, each "
             "run once. Meant to be run by cron: it can be stopped or killed at any time, and "
             "the next "
             "sync resumes. Runs in progress are left for the next sync. Artifacts that "
             "appeared after "
             "a run was archived are written to a supplement. Failed runs are retried, with a "
             "growing "
             "delay. A run with two IDs (tsk_v2_ and wr_) is archived once, under its wr_ ID, "
             "together "
             "with the runs that it started. 'skyarc find' searches the catalog.",
    .examples = "skyarc sync --dest /srv/skyarc\n"
                "skyarc sync --dest s3://audits/skyarc\n"
                "skyarc sync -n --dest /srv/skyarc\n"
                "skyarc sync --dest /srv/skyarc --list-safe 30\n",
    .exits = "0    everything that is due is archived\n"
             "1    failed; the next sync resumes\n"
             "3    archived, but something is missing, deferred or lost\n"
             "4    a volume is damaged\n"
             "75   another skyarc holds the directory's lock, or the lease of a bucket or "
             "shard, or the service said to retry later\n",
    .groups = sync_groups,
    .size = sizeof(struct sync_args),
    .defaults = &sync_defaults,
    .run = sync_main,
};
