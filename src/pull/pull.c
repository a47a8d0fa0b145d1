/* SPDX-License-Identifier: MIT */
#include "pull/pull.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "client/call.h"
#include "client/records_fetch.h"
#include "fetch/budget.h"
#include "fetch/fetch.h"
#include "format/frame.h"
#include "pull/cleaner.h"
#include "pull/missing.h"
#include "pull/request_file.h"
#include "pull/restore.h"
#include "pull/run_lists.h"
#include "pull/tagfiles.h"
#include "writer/body.h"
#include "writer/journal.h"
#include "writer/output.h"
#include "writer/plan.h"

#include <string.h>
#include <unistd.h>

#define TRIM_MS 100

struct pull {
    const struct pull_opts *opts;
    uint64_t began;
    struct budget budget;
    struct reserve reserve; /* memory that connections and the packer use by turns */
    struct loop loop;
    struct callers callers;
    struct pagefile *pagefile; /* see run_lists */
    struct run_lists lists;
    struct cleaner cleaner;
    struct request_file requests;
    struct records_fetch *records_fetch; /* transfers in progress, or NULL */
    struct pool *pool;
    struct pool *pass;
    atomic_uint files;  /* for bodies in files */
    atomic_bool barred; /* see struct spool */
    struct spool parts; /* for content extracted from ZIPs */
    uint64_t trimmed;
    struct volume *volume;
    struct journal *journal; /* NULL: an interrupted attempt cannot be resumed */
    struct restored restored;
    bool started; /* the volume is open */
    bool fetched; /* the volume has everything but the tag files */
    struct packer *packer;
    struct fetch *fetch;
    struct page *page;    /* the unfinished offline view, or NULL */
    bool unsure;          /* what was written at the end may be incomplete */
    atomic_bool viewless; /* the view failed, and is left out */
    /* the view's error; used by the packer's thread until it is joined */
    struct err view_err;
};

/*
 * Release the pages of the page file that were used since the last call, and write pending
 * notes to the journal.
 */
static void trim(struct pull *p)
{
    uint64_t now = clock_mono();

    if (now < p->trimmed + TRIM_MS)
        return;
    p->trimmed = now;
    request_file_flush(&p->requests);
    pagefile_trim(p->pagefile);
}

static void on_tick(void *ctx)
{
    struct pull *p = ctx;
    size_t runs = p->lists.listing.count ? p->lists.listing.count : p->opts->run_count;
    struct fetch_progress progress =
        p->fetch ? fetch_progress(p->fetch) : (struct fetch_progress){ 0 };
    struct pull_status status = { .runs = runs,
                                  .runs_listed = p->lists.listing.done,
                                  .artifacts = p->lists.planner.count.listed,
                                  .artifacts_done = progress.done,
                                  .missing = progress.missing,
                                  .running = progress.running,
                                  .retries = p->loop.retries,
                                  .waiting = p->lists.await.waiting,
                                  .runs_ended = p->lists.ended,
                                  .early = p->fetch && !p->lists.over,
                                  .bytes = progress.bytes,
                                  .bytes_expected = p->lists.planner.count.bytes,
                                  .unsized = p->lists.planner.count.unsized,
                                  .asked = engine_asked(p->loop.engine, clock_mono()) };

    status.origin_count = engine_origins(p->loop.engine, status.origins, PULL_ORIGINS);
    p->opts->watcher.status(p->opts->watcher.ctx, &status);
    request_file_lists(&p->requests, &p->lists.listing, cleaner_done(&p->cleaner));
    trim(p);
}

static int start_loop(struct pull *p, struct err *err)
{
    const struct pull_opts *opts = p->opts;
    struct engine_opts engine = pull_opts_engine(opts);
    struct loop_hooks hooks = { opts->stop, on_tick, p };

    engine.rate_bps = opts->rate_bps;
    engine.jobs = p->budget.jobs;
    engine.memory = p->budget.wire;
    engine.reserve = &p->reserve;
    if (loop_init(&p->loop, &engine, &hooks, err) < 0)
        return -1;
    callers_init(&p->callers, &p->loop, opts->api, p->budget.jobs, opts->retries);
    if (opts->timeout)
        p->callers.deadline = p->began + opts->timeout;
    if (request_file_begin(&p->requests, opts, p->pagefile, err) < 0)
        return -1;
    p->callers.log = p->requests.log;
    return 0;
}

/*
 * Pass a file to the view. The view is optional: if its own file cannot be written (a full
 * disk), the archive is written without it. Runs in the packer's thread.
 */
static int on_seen(void *ctx, const char *path, const struct item *item,
                   const struct packed *packed, const struct body *body, struct err *err)
{
    struct pull *p = ctx;
    int rc = p->page && !atomic_load(&p->viewless)
                 ? tagfiles_see(p->page, path, item, packed, body, err)
                 : 0;

    if (rc == 0 || err->kind != ERR_SYSTEM)
        return rc;
    p->view_err = *err;
    atomic_store(&p->viewless, true);
    err_clear(err);
    return 0;
}

/* A patient pull fails while artifacts are missing that may still appear. */
static int be_content(const struct pull *p, struct pull_result *result, struct err *err)
{
    result->coming = p->opts->patient ? missing_coming(p->fetch, p->lists.planner.plan) : 0;
    if (!result->coming)
        return 0;
    return err_set(err, ERR_BUSY, "%zu artifact%s missing, but may still appear",
                   result->coming, result->coming == 1 ? " is" : "s are");
}

/* Begin what needs the lists of all runs, while bodies may be fetched already. */
static int begin_rest(struct pull *p, struct err *err)
{
    plan_seal(p->lists.planner.plan);
    cleaner_begin(&p->cleaner, &p->lists.listing);
    if (!p->lists.records)
        return 0;
    p->records_fetch = records_fetch_new(&p->lists.listing, err);
    return p->records_fetch ? 0 : -1;
}

static int on_grow(void *ctx, bool *over, struct err *err)
{
    struct pull *p = ctx;

    if (run_lists_step(&p->lists, err) < 0)
        return -1;
    *over = p->lists.over;
    return *over ? begin_rest(p, err) : 0;
}

/* Make the pools: for bodies, for the body that passes through, and for members of ZIPs. */
static int make_pools(struct pull *p, struct err *err)
{
    p->pool = pool_new(p->budget.body_chunks, BUDGET_CHUNK, err);
    p->pass = pool_new(p->budget.pass_chunks, CHUNK_SIZE, err);
    p->parts = (struct spool){ pool_new(p->budget.part_chunks, CHUNK_SIZE, err),
                               p->opts->spool_dir, NULL, &p->barred };
    if (!p->pool || !p->pass || !p->parts.pool)
        return -1;
    pool_on_return(p->pool, loop_wake, &p->loop);
    pool_on_return(p->pass, loop_wake, &p->loop);
    return 0;
}

/* Fetch and pack all artifacts, then the runs' documents. */
static int fetch_all(struct pull *p, struct pull_result *result, struct err *err)
{
    const struct pull_opts *opts = p->opts;
    struct spool spool = { NULL, opts->spool_dir, &p->files, &p->barred };
    struct packer_opts packer = { .entries = { .top = opts->top,
                                               .dedupe = opts->dedupe,
                                               .duplicates = opts->duplicates,
                                               .pagefile = p->pagefile,
                                               .before = { p->restored.packed,
                                                           p->restored.places } },
                                  .parts = &p->parts,
                                  .max_size = opts->max_size,
                                  .news = loop_wake,
                                  .ctx = &p->loop };
    struct fetch_opts fetch = { .api = opts->api,
                                .listing = &p->lists.listing,
                                .plan = p->lists.planner.plan,
                                .growing = !p->lists.over,
                                .grow = on_grow,
                                .ctx = p,
                                .spool = &spool,
                                .callers = &p->callers,
                                .local_root = opts->local_root,
                                .before = { p->restored.outcomes, p->restored.packed },
                                .journal = p->journal,
                                .jobs = p->budget.jobs,
                                .files = p->budget.files,
                                .stall = { opts->stall_bps, opts->stall_s * 1000,
                                           opts->rate_bps },
                                .retries = opts->retries,
                                .max_size = opts->max_size,
                                .deadline = UINT64_MAX,
                                .strict = opts->strict };
    bool pass = volume_rewinds(p->volume) && opts->duplicates != ENTRY_WRITER_COPY;

    if (make_pools(p, err) < 0)
        return -1;
    packer.entries.seen = on_seen;
    packer.entries.ctx = p;
    spool.pool = p->pool;
    p->packer = packer_new(&packer, p->volume, p->lists.planner.plan, p->lists.names, err);
    if (!p->packer)
        return -1;
    fetch.packer = p->packer;
    fetch.pass = pass ? p->pass : NULL;
    if (opts->timeout)
        fetch.deadline = p->began + opts->timeout;
    p->fetch = fetch_new(&fetch, &p->loop, err);
    if (!p->fetch || fetch_run(p->fetch, err) < 0 || be_content(p, result, err) < 0 ||
        (p->records_fetch &&
         records_fetch_finish(p->records_fetch, &p->loop, fetch.deadline, err) < 0))
        return -1;
    p->fetched = true;
    /* appended to the part kept from an interrupted attempt */
    if (cleaner_end(&p->cleaner, err) < 0)
        return -1;
    request_file_lists(&p->requests, &p->lists.listing, p->lists.listing.count);
    if (tagfiles_documents(&p->lists.listing, p->lists.records, p->packer, err) < 0)
        return -1;
    return packer_join(p->packer, err);
}

/* Log the state of each host at the end. */
static void tell_origins(struct pull *p, struct pull_result *result)
{
    char line[ORIGIN_TEXT_MAX];
    size_t i;

    result->origin_count = engine_origins(p->loop.engine, result->origins, PULL_ORIGINS);
    for (i = 0; i < result->origin_count; i++)
        log_line(LOG_INFO, "%s", origin_text(line, &result->origins[i]));
}

/* Rename the signature first, so that an archive under its final name always has it. */
static int finish(struct pull *p, const struct tag_result *manifest,
                  struct volume_result *volume, struct err *err)
{
    char *path = p->opts->sign_key ? sshsig_path(p->opts->output, err) : NULL;
    int rc = p->opts->sign_key ? path ? tagfiles_sign(manifest, p->opts, path, err) : -1 : 0;

    if (rc == 0) {
        rc = volume_finish(p->volume, volume, err);
        if (rc < 0 && path)
            (void)unlink(path);
    }
    mem_free(path);
    return rc;
}

/* Collect the facts for the tag files; names is the array for those of the records. */
static struct tagfiles described(struct pull *p, const char **names)
{
    const struct pull_opts *opts = p->opts;
    struct manifest_head head = { .tool = opts->tool,
                                  .created_at = clock_wall(),
                                  .source = opts->api->base,
                                  .previous = opts->previous,
                                  .previous_sha256 = opts->previous_sha256,
                                  .run_ids = opts->run_ids,
                                  .run_count = p->lists.asked,
                                  .filter = pull_opts_filter(opts),
                                  .dedupe = opts->dedupe,
                                  .children = opts->children,
                                  .records = names,
                                  .record_count = endpoint_names(opts->records, names) };
    struct tagfiles made = { .top = opts->top,
                             .page = p->viewless ? NULL : p->page,
                             .requests = &p->requests,
                             .facts = {
                                 .head = head,
                                 .api = opts->api,
                                 .listing = &p->lists.listing,
                                 .plan = p->lists.planner.plan,
                                 .fetch = p->fetch,
                                 .packer = p->packer,
                                 .parent = opts->parent,
                                 .ctx = opts->ctx,
                                 .volume = p->volume,
                                 .spool = { p->pool, opts->spool_dir, NULL, &p->barred } } };

    return made;
}

/* Write the tag files, and give the archive its name. */
static int seal(struct pull *p, struct pull_result *result, struct err *err)
{
    const struct pull_opts *opts = p->opts;
    const char *names[ENDPOINT_RECORDS];
    struct tagfiles record = described(p, names);
    struct volume_result volume;
    struct tag_result manifest;

    if (p->viewless)
        log_line(LOG_WARNING, "the offline view is left out: %s", p->view_err.text);
    tagfiles_count(&record);
    missing_records(&p->lists.listing, result);
    if (opts->strict && missing_refuse(p->lists.planner.plan, p->fetch, result, err) < 0)
        return -1;
    missing_wrong(p->lists.planner.plan, p->fetch);
    missing_tell(opts, p->lists.planner.plan, p->fetch);
    if (opts->only_new && !record.facts.totals.artifacts &&
        !pull_opts_any_new(opts, &p->lists.listing)) {
        result->nothing = true;
        result->totals = record.facts.totals;
        return 0;
    }
    if (pagefile_check(p->pagefile, err) < 0 || tagfiles_write(&record, &manifest, err) < 0 ||
        finish(p, &manifest, &volume, err) < 0)
        return -1;
    request_file_forget(&p->requests);
    journal_free(p->journal, true);
    p->journal = NULL;
    memcpy(result->manifest_sha256, manifest.sha256, sizeof(result->manifest_sha256));
    tagfiles_stamp(opts, result);
    result->totals = record.facts.totals;
    result->mismatches = record.mismatches;
    result->suspects = record.suspects;
    result->reason_count = missing_reasons(&p->lists.listing, p->lists.planner.plan, p->fetch,
                                           result->reasons, PULL_REASONS);
    result->size = volume.size;
    result->directory = opts->format == CONTAINER_DIR;
    memcpy(result->sha256, volume.sha256, sizeof(result->sha256));
    result->incomplete = result->incomplete || record.facts.totals.missing ||
                         record.mismatches || record.suspects || result->records_lost;
    return 0;
}

/*
 * Open the journal, and keep the log of requests there.
 *
 * early  only if there is one of this request: one of another, and its archive, stay until the
 *        runs are listed
 */
static int open_journal(struct pull *p, bool early, struct err *err)
{
    char *request = pull_opts_request(p->opts, err);
    char *path = mem_format(err, "%s" OUTPUT_PARTIAL JOURNAL_SUFFIX, p->opts->output);
    bool open = request && path && !p->journal && (!early || journal_is_of(path, request));

    if (open)
        p->journal = journal_open_on(p->pagefile, path, request, p->opts->state_key, err);
    if (open && p->journal)
        request_file_keep(&p->requests, p->journal);
    mem_free(request);
    mem_free(path);
    return p->journal || (early && !open) ? 0 : -1;
}

/*
 * Tell the page what is known of the runs: its texts are those of failed runs first. Of runs
 * that are not listed yet, the manifest's rows tell at the end.
 */
static int tell_view(struct pull *p, struct err *err)
{
    const struct planner_count *count = &p->lists.planner.count;
    const struct listed_run *first = NULL; /* in the archive */
    const struct listed_run *failed = NULL;
    size_t i;

    for (i = 0; i < p->lists.listing.count; i++) {
        const struct listed_run *run = &p->lists.listing.runs[i];

        if (!run->listed || run->failed)
            continue;
        first = first ? first : run;
        if (!run_is_terminal(run->run.status) || run_is_completed(run->run.status))
            continue;
        failed = failed ? failed : run;
        if (page_failed(p->page, run->id, err) < 0)
            return -1;
    }
    first = failed ? failed : first;
    return first && p->lists.over && !count->unsized
               ? page_expect(p->page, count->bytes, first->id, err)
               : 0;
}

/* Begin the view. */
static void begin_view(struct pull *p)
{
    p->page = page_new(p->opts->spool_dir, &p->view_err);
    if (p->page && tell_view(p, &p->view_err) < 0) {
        page_free(p->page);
        p->page = NULL;
    }
    p->viewless = !p->page;
}

/* Open the archive, after the part kept from an interrupted attempt. */
static int begin_volume(struct pull *p, struct err *err)
{
    struct restore_opts restore = { .top = p->opts->top,
                                    .plan = p->lists.planner.plan,
                                    .names = p->lists.names,
                                    .volume = p->volume,
                                    .pagefile = p->pagefile };

    if (p->opts->view)
        begin_view(p);
    p->started = true;
    if (!volume_resumes(p->volume))
        return volume_start(p->volume, NULL, err);
    if (open_journal(p, false, err) < 0)
        return -1;
    restore.journal = p->journal;
    restore.page = p->page;
    if (restore_run(&restore, &p->restored, err) < 0)
        return -1;
    if (p->restored.items)
        planner_subtract(p->lists.planner.plan, p->restored.packed, &p->lists.planner.count);
    return 0;
}

/*
 * After a failure: whether a later attempt can resume. Complete bodies are written into
 * the archive first, unless writing the archive failed.
 */
static bool keep(struct pull *p, struct pull_result *result, struct err *err)
{
    struct err ignored;

    if (!p->volume || (p->opts->strict && err->kind == ERR_MISMATCH))
        return false;
    if (!p->started)
        return volume_has_left(p->volume);
    if (p->lists.refused) /* nothing is written, also if bodies were fetched early */
        return false;
    if (!p->journal)
        return false;
    if (p->packer && packer_failed(p->packer)) { /* of what it took, not all is written */
        p->unsure = true;
    } else if (p->fetch && !p->fetched) {
        uint64_t written;

        if (fetch_stop(p->fetch, &ignored) < 0 ||
            volume_drain(p->volume, &written, &ignored) < 0) {
            log_line(LOG_INFO, "%s", ignored.text);
            p->unsure = true;
        }
    }
    result->kept = p->fetch ? fetch_stored(p->fetch) : p->restored.items;
    return result->kept > 0;
}

/* Open the output, and list the runs. */
static int begin(struct pull *p, struct pull_result *result, struct err *err)
{
    const struct pull_opts *opts = p->opts;
    struct volume_opts volume = { .path = opts->output,
                                  .format = opts->format,
                                  .level = opts->level,
                                  .force = opts->force,
                                  .mode = opts->mode,
                                  .unhashed = !opts->digest,
                                  .stop = opts->stop };
    struct budget_limits limits = { .jobs = opts->jobs,
                                    .rate = opts->rate_bps,
                                    .share = opts->share,
                                    .descriptors = budget_descriptors(),
                                    .memory = opts->memory };
    struct err ignored;

    if (opts->level && opts->format == CONTAINER_TAR_ZST)
        limits.context = frame_context(opts->level);
    if (budget_choose(&p->budget, &limits, err) < 0)
        return -1;
    volume.workers = p->budget.workers;
    volume.sizes = (struct framer_sizes){ .cut_text = p->budget.cut_text,
                                          .copies = p->budget.copies,
                                          .cut_most = FRAME_CUT_TEXT,
                                          .contexts = p->budget.contexts };
    volume.reserve = &p->reserve;
    reserve_init(&p->reserve, p->budget.reserve);
    if (p->budget.jobs < opts->jobs)
        log_line(LOG_INFO, "concurrent transfers: %u, not %u: %s", p->budget.jobs, opts->jobs,
                 opts->rate_bps ? "the rate limit allows no more"
                                : "the process may open too few files (ulimit -n)");
    if (!opts->dry_run) {
        p->volume = volume_open(&volume, err);
        if (!p->volume)
            return -1;
    }
    p->pagefile = pagefile_new(file_temp(opts->spool_dir, &ignored), err);
    if (!p->pagefile || start_loop(p, err) < 0)
        return -1;
    p->lists.opts = opts;
    p->lists.result = result;
    p->lists.loop = &p->loop;
    p->lists.pagefile = p->pagefile;
    p->lists.deadline = opts->timeout ? p->began + opts->timeout : UINT64_MAX;
    p->lists.resumes = p->volume && volume_has_left(p->volume);
    if (p->volume && volume_resumes(p->volume) && open_journal(p, true, err) < 0)
        return -1;
    return run_lists_begin(&p->lists, &p->callers, err);
}

static int run_steps(struct pull *p, struct pull_result *result, struct err *err)
{
    const struct pull_opts *opts = p->opts;

    if (begin(p, result, err) < 0)
        return -1;
    if (opts->dry_run)
        return planner_tell(&p->lists.planner.opts, p->lists.planner.plan, opts->planned,
                            opts->ctx, err);
    if (begin_volume(p, err) < 0 || (p->lists.over && begin_rest(p, err) < 0) ||
        fetch_all(p, result, err) < 0)
        return -1;
    return seal(p, result, err);
}

int pull_run(const struct pull_opts *opts, struct pull_result *result, struct err *err)
{
    struct pull p = { .opts = opts, .began = clock_mono() };
    bool kept = false;
    int rc;

    mem_steady();
    *result = (struct pull_result){ .runs = opts->run_count };
    rc = run_steps(&p, result, err);
    if (p.loop.engine) {
        on_tick(&p); /* the final progress report */
        tell_origins(&p, result);
    }
    result->retries = p.loop.retries;
    result->elapsed = clock_mono() - p.began;
    result->restored = p.restored.items;
    result->restored_bytes = p.restored.bytes;
    if (rc < 0 && err->kind == ERR_CANCELLED && p.volume)
        volume_hurry(p.volume);
    if (rc < 0)
        kept = keep(&p, result, err);
    /* end the threads first: they wake the loop when they release their resources */
    packer_free(p.packer);
    request_file_forget(&p.requests);
    journal_free(p.journal, !kept);
    if (!volume_free(p.volume, kept)) /* writes that were under way have failed */
        p.unsure = true;
    if (kept && p.started && (err->kind != ERR_CANCELLED || p.unsure))
        result->kept = restore_measure(opts, p.lists.planner.plan, p.pagefile);
    loop_clear(&p.loop);
    records_fetch_free(p.records_fetch);
    fetch_free(p.fetch);
    page_free(p.page);
    pool_free(p.pool);
    pool_free(p.pass);
    pool_free(p.parts.pool);
    cleaner_stop(&p.cleaner);
    run_lists_clear(&p.lists);
    restored_clear(&p.restored);
    request_file_clear(&p.requests);
    pagefile_free(p.pagefile);
    return rc;
}
