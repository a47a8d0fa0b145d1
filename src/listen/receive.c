/* SPDX-License-Identifier: MIT */
#include "listen/receive.h"

#include "api/webhook.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/pulse.h"
#include "base/text.h"
#include "client/listing.h"
#include "listen/held.h"
#include "listen/inbox.h"
#include "pull/pull.h"
#include "reader/manifest_scan.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PATIENCE_MAX 86400000 /* longest time limit */
#define LOOK_EVERY   500      /* interval to check whether others wait */
#define DOZE_MAX     60000
#define PARTS_MAX    1000 /* archives per run */

/*
 * Threads: receive_run starts one thread per concurrent run and waits until asked to stop. Each
 * thread takes a run from the inbox, archives it by its own pull, and gives it back; they share
 * only the inbox and the counters. An idle thread sleeps on `news`, which a webhook signals.
 */
struct receive {
    struct receive_opts opts;
    struct inbox *inbox;
    int halt; /* an eventfd: wakes pulls that must stop; stays readable once stopping */
    atomic_bool stopping;
    /* protected by lock */
    pthread_mutex_t lock;
    pthread_cond_t news;
    unsigned webhooks; /* number received: tells whether there is news */
    uint64_t moved;    /* time of the last progress */
    size_t archived;
    size_t failed;
};

/* State of archiving one run. */
struct job {
    struct receive *r;
    struct queued *run;
    struct webhook_facts facts; /* from the webhook */
    struct held held;           /* artifacts in the run's archives */
    struct region *region;      /* texts of manifest rows */
    size_t rows;
    char other[RUN_ID_MAX + 1]; /* the run's second ID, or "" */
    bool read_other;            /* archives under the second ID were read */
    struct webhook_facts last;  /* status and end in the last archive */
    char *first;                /* name of the run's first archive, or NULL */
    char *output;               /* name of the next archive */
    bool changed;               /* the webhook's status or end differs from the archives' */
    uint64_t until;             /* end of the time limit; then the run may be suspended */
    uint64_t looked;            /* last check whether others wait */
    bool made_room;
    uint64_t bytes; /* at the last status */
    size_t done;
    size_t coming; /* missing artifacts that may still appear */
    size_t gone;   /* missing artifacts that will not */
};

static int64_t now(void)
{
    return (int64_t)clock_mono();
}

struct receive *receive_new(const struct receive_opts *opts, struct err *err)
{
    struct receive *r = mem_new(sizeof(*r), err);
    struct inbox_opts inbox = { opts->dest, run_id_valid, WEBHOOK_MAX, opts->delay };

    if (!r)
        return NULL;
    r->opts = *opts;
    r->moved = clock_mono();
    (void)pthread_mutex_init(&r->lock, NULL);
    clock_cond(&r->news);
    r->halt = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (r->halt < 0)
        (void)err_sys(err, "cannot create an eventfd");
    else
        r->inbox = inbox_open(&inbox, now(), err);
    if (r->inbox)
        return r;
    receive_free(r);
    return NULL;
}

void receive_free(struct receive *r)
{
    if (!r)
        return;
    inbox_close(r->inbox);
    file_close(&r->halt);
    (void)pthread_cond_destroy(&r->news);
    (void)pthread_mutex_destroy(&r->lock);
    mem_free(r);
}

/* Record progress, and increment a counter (may be NULL). */
static void moved(struct receive *r, size_t *counter)
{
    (void)pthread_mutex_lock(&r->lock);
    r->moved = clock_mono();
    if (counter)
        ++*counter;
    (void)pthread_mutex_unlock(&r->lock);
}

enum receive_verdict receive_webhook(struct receive *r, const char *body, size_t len,
                                     const char *signature, char *run_id, struct err *err)
{
    static const enum receive_verdict verdicts[] = { RECEIVE_QUEUED, RECEIVE_KNOWN,
                                                     RECEIVE_ERROR };
    const char *key = secret_peek(r->opts.pull->api->key);
    enum inbox_verdict verdict = INBOX_ERROR;
    struct webhook_facts facts;
    struct buf kept;

    *run_id = '\0';
    if (webhook_verify(key, body, len, signature, err) < 0)
        return RECEIVE_REFUSED;
    if (webhook_read(body, len, &facts, err) < 0)
        return RECEIVE_BAD;
    (void)snprintf(run_id, RUN_ID_MAX + 1, "%s", *facts.other ? facts.other : facts.run_id);
    if (webhook_keep(key, body, len, &kept, err) == 0) /* drops the signature */
        verdict = inbox_put(r->inbox, run_id, buf_text(&kept), kept.len, now(), err);
    buf_clear(&kept);
    if (verdict == INBOX_QUEUED) {
        (void)pthread_mutex_lock(&r->lock);
        r->webhooks++;
        (void)pthread_cond_broadcast(&r->news);
        (void)pthread_mutex_unlock(&r->lock);
    }
    return verdicts[verdict];
}

/* Read a run's row, or an artifact's, from the manifest of an archive. */
static int on_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    struct job *job = ctx;
    struct manifest_read_artifact artifact;
    struct manifest_read_run run;

    if (section != MANIFEST_READ_RUNS && section != MANIFEST_READ_ARTIFACTS)
        return 0;
    if (region_renew(&job->region, &job->rows, err) < 0)
        return -1;
    if (section == MANIFEST_READ_RUNS) {
        if (manifest_read_run(&run, text, len, job->region, err) < 0)
            return -1;
        if (strcmp(run.run_id, job->run->id) != 0 && strcmp(run.run_id, job->other) != 0)
            return 0;
        /* the last archive is decisive */
        job->changed = webhook_differs(&job->facts, run.status, run.finished_at);
        (void)snprintf(job->last.status, sizeof(job->last.status), "%s",
                       run.status ? run.status : "");
        job->last.finished = clock_us(run.finished_at);
        return 0;
    }
    return manifest_read_artifact(&artifact, text, len, job->region, err) < 0
               ? -1
               : held_add(&job->held, &artifact, err);
}

static int read_archive(struct job *job, const char *path, struct err *err)
{
    int rc;

    if (!job->first)
        job->first = mem_copy(path_base(path), err);
    if (!job->first)
        return -1;
    rc = manifest_scan_path(path, stop_never(), on_row, job, NULL, err);
    if (rc < 0 && err->kind != ERR_MEMORY) { /* archive its contents again */
        log_line(LOG_ERROR, "cannot read '%s', keeping it unchanged: %s", path, err->text);
        rc = 0;
    }
    return rc;
}

static char *archive_path(const struct job *job, const char *id, unsigned part,
                          enum container format, struct err *err)
{
    const char *dest = job->r->opts.dest;
    const char *ext = container_name(format);

    return part == 1 ? mem_format(err, "%s/%s.%s", dest, id, ext)
                     : mem_format(err, "%s/%s.%u.%s", dest, id, part, ext);
}

/* Read the run's archives under an ID, in any format; next (may be NULL) is set to the name
 * of the next archive. */
static int read_archives(struct job *job, const char *id, char **next, struct err *err)
{
    unsigned part;

    for (part = 1; part <= PARTS_MAX; part++) {
        bool there = false;
        unsigned format;

        for (format = CONTAINER_TAR_ZST; format <= CONTAINER_ZIP; format++) {
            char *path = archive_path(job, id, part, format, err);
            int rc = path ? 0 : -1;

            if (path && access(path, F_OK) == 0) {
                there = true;
                rc = read_archive(job, path, err);
            }
            mem_free(path);
            if (rc < 0)
                return -1;
        }
        if (!there && next)
            *next = archive_path(job, id, part, job->r->opts.pull->format, err);
        if (!there)
            return !next || *next ? 0 : -1;
    }
    return err_set(err, ERR_LIMIT, "more than %d archives of one run", PARTS_MAX);
}

/* Read the archives under the run's second ID, once it is known. */
static int read_other(struct job *job, struct err *err)
{
    if (!*job->other || job->read_other)
        return 0;
    job->read_other = true;
    return read_archives(job, job->other, NULL, err);
}

/* A run was listed: its second ID may be known only now. */
static int on_met(void *ctx, const struct listed_run *run, struct err *err)
{
    struct job *job = ctx;

    if (run->depth || !*run->other)
        return 0;
    (void)snprintf(job->other, sizeof(job->other), "%s", run->other);
    return read_other(job, err);
}

/* Whether the run's status or end differs from the last archive's. */
static bool on_changed(void *ctx, const struct listed_run *run)
{
    const struct job *job = ctx;

    return !run->depth && *job->last.status &&
           webhook_differs(&job->last, run->run.status, run->run.finished_at);
}

static bool on_skip(void *ctx, const char *run_id, const struct artifact *artifact)
{
    const struct job *job = ctx;

    (void)run_id;
    return held_has(&job->held, artifact);
}

static const char *on_parent(void *ctx, const char *run_id)
{
    (void)run_id;
    return ((const struct job *)ctx)->first;
}

static void on_lost(void *ctx, const char *run_id, const char *artifact_id, const char *type,
                    enum reason reason)
{
    struct job *job = ctx;

    (void)run_id;
    (void)artifact_id;
    (void)type;
    if (reason_is_passing(reason))
        job->coming++;
    else
        job->gone++;
}

static void on_status(void *ctx, const struct pull_status *status)
{
    struct job *job = ctx;

    if (status->bytes == job->bytes && status->artifacts_done == job->done)
        return;
    job->bytes = status->bytes;
    job->done = status->artifacts_done;
    moved(job->r, NULL);
}

/* Called often: whether all runs must stop, or this run must be suspended. */
static bool on_stopped(void *ctx)
{
    struct job *job = ctx;
    uint64_t at = clock_mono();

    if (atomic_load(&job->r->stopping))
        return true;
    if (at >= job->until && at >= job->looked + LOOK_EVERY) {
        job->looked = at;
        job->made_room = inbox_waits(job->r->inbox, now());
    }
    return job->made_room;
}

/* Pull the artifacts that no archive of the run has as they are listed. */
static int pull_once(struct job *job, struct pull_result *result, struct err *err)
{
    const struct receive *r = job->r;
    struct pull_opts opts = *r->opts.pull;
    char id[RUN_QUEUE_ID_MAX + 1];
    char *ids[] = { id };
    char *top = mem_copy(path_base(job->output), err);
    int rc;

    if (!top)
        return -1;
    top[container_stem(top)] = '\0';
    (void)snprintf(id, sizeof(id), "%s", job->run->id);
    opts.run_ids = ids;
    opts.run_count = 1;
    opts.output = job->output;
    opts.top = top;
    opts.share = (unsigned)r->opts.runs;
    opts.rate_bps = (opts.rate_bps + r->opts.runs - 1) / r->opts.runs;
    opts.patient = job->run->failures < RECEIVE_PATIENT && opts.format != CONTAINER_ZIP;
    opts.met = on_met;
    opts.changed = on_changed;
    opts.skip = on_skip;
    opts.parent = on_parent;
    opts.only_new = !job->changed;
    opts.lost = on_lost;
    opts.watcher = (struct pull_watcher){ on_status, job };
    opts.stop = (struct stop){ on_stopped, r->halt, job };
    opts.ctx = job;
    rc = pull_run(&opts, result, err);
    mem_free(top);
    return rc;
}

/* Keep the run in the queue, and schedule a retry. */
static void put_off(struct job *job, enum run_queue_why why, const char *text)
{
    struct receive *r = job->r;
    uint64_t again = run_queue_again(job->run, job->r->opts.again);

    log_line(LOG_ERROR, "run '%s' is not archived%s: %s; next retry in %llu s", job->run->id,
             why == RUN_QUEUE_MISSING ? " fully" : "", text, (unsigned long long)again / 1000);
    (void)pthread_mutex_lock(&r->lock);
    r->failed++;
    (void)pthread_mutex_unlock(&r->lock);
    inbox_later(r->inbox, job->run, why, now() + (int64_t)again);
}

/* Remove the run from the queue. */
static void leave(struct job *job, enum inbox_end how)
{
    struct err err;

    if (inbox_leave(job->r->inbox, job->run, how, now(), &err) < 0)
        put_off(job, RUN_QUEUE_FAILURE, err.text);
    else
        moved(job->r, NULL);
}

static bool too_old(const struct job *job)
{
    return now() - job->run->tried >= RECEIVE_GIVE_UP;
}

/* The run is archived but not over: check it again later. */
static void wait_on(struct job *job)
{
    uint64_t again = run_queue_again(job->run, job->r->opts.again);

    log_line(LOG_INFO, "run '%s' is not over; it will be checked again", job->run->id);
    inbox_later(job->r->inbox, job->run, RUN_QUEUE_MISSING, now() + (int64_t)again);
}

/* The pull succeeded. */
static void settle(struct job *job, const struct pull_result *result)
{
    const char *id = job->run->id;
    char text[100];

    if (result->nothing)
        log_line(LOG_INFO, "run '%s': nothing new to archive", id);
    else
        log_line(LOG_INFO, "run '%s' is archived: %llu artifact%s, %llu missing", id,
                 (unsigned long long)result->totals.artifacts,
                 text_plural(result->totals.artifacts),
                 (unsigned long long)result->totals.missing);
    if (!result->nothing)
        moved(job->r, &job->r->archived);
    if (job->coming && !too_old(job)) {
        (void)snprintf(text, sizeof(text), "%zu artifact%s missing, but may still appear",
                       job->coming, job->coming == 1 ? " is" : "s are");
        put_off(job, RUN_QUEUE_MISSING, text);
    } else if (result->runs_going && !too_old(job)) {
        wait_on(job);
    } else if (job->coming || job->gone) {
        log_line(LOG_ERROR, "run '%s' is archived, but %zu artifact%s cannot be fetched", id,
                 job->coming + job->gone, text_plural(job->coming + job->gone));
        leave(job, INBOX_INCOMPLETE);
    } else {
        leave(job, INBOX_DONE);
    }
}

/* The pull failed or was stopped. */
static void fail(struct job *job, const struct pull_result *result, const struct err *why)
{
    const char *id = job->run->id;

    if (why->kind == ERR_CANCELLED && job->made_room) {
        log_line(LOG_WARNING, "run '%s' takes long; suspended, since other runs wait", id);
        inbox_later(job->r->inbox, job->run, RUN_QUEUE_MADE_ROOM, now());
    } else if (why->kind == ERR_CANCELLED) {
        inbox_later(job->r->inbox, job->run, RUN_QUEUE_STOPPED, now());
    } else if (why->kind == ERR_NOT_FOUND && job->run->failures + 1 >= RECEIVE_TRIES) {
        log_line(LOG_ERROR, "giving up run '%s': %s", id, why->text);
        moved(job->r, &job->r->failed);
        leave(job, INBOX_FAILED);
    } else {
        put_off(job, result->coming ? RUN_QUEUE_MISSING : RUN_QUEUE_FAILURE, why->text);
    }
}

/* Read the webhook; without it the run is archived nevertheless. */
static void read_webhook(struct job *job)
{
    struct buf body;
    struct err err;

    buf_init(&body, WEBHOOK_MAX);
    if (inbox_read(job->r->inbox, job->run, &body, &err) < 0 ||
        webhook_read(buf_text(&body), body.len, &job->facts, &err) < 0) {
        log_line(LOG_WARNING, "cannot use the webhook of run '%s': %s", job->run->id, err.text);
        job->facts = (struct webhook_facts){ .finished = CLOCK_NONE };
    }
    (void)snprintf(job->other, sizeof(job->other), "%s",
                   strcmp(job->facts.run_id, job->run->id) != 0 ? job->facts.run_id
                                                                : job->facts.other);
    buf_clear(&body);
}

static void work(struct receive *r, struct queued *run)
{
    struct job job = { .r = r, .run = run };
    struct pull_result result = { 0 };
    uint64_t patience = r->opts.patience << (run->put_back < 20 ? run->put_back : 20);
    struct err err;

    err_clear(&err);
    job.until = r->opts.patience
                    ? clock_mono() + (patience < PATIENCE_MAX ? patience : PATIENCE_MAX)
                    : UINT64_MAX;
    read_webhook(&job);
    if (read_other(&job, &err) < 0 || read_archives(&job, run->id, &job.output, &err) < 0 ||
        pull_once(&job, &result, &err) < 0)
        fail(&job, &result, &err);
    else
        settle(&job, &result);
    held_clear(&job.held);
    region_free(job.region);
    mem_free(job.first);
    mem_free(job.output);
}

/* Sleep until a webhook arrives or until a time; told: number of webhooks at the last look. */
static void wait_news(struct receive *r, unsigned told, int64_t until)
{
    int64_t most = now() + DOZE_MAX;
    struct timespec at;

    until = until < most ? until : most;
    at = (struct timespec){ until / 1000, until % 1000 * 1000000 };
    (void)pthread_mutex_lock(&r->lock);
    if (r->webhooks == told && !atomic_load(&r->stopping))
        (void)pthread_cond_timedwait(&r->news, &r->lock, &at);
    (void)pthread_mutex_unlock(&r->lock);
}

static void *serve(void *ctx)
{
    struct receive *r = ctx;

    while (!atomic_load(&r->stopping)) {
        struct queued *run;
        unsigned told;
        int64_t next;

        (void)pthread_mutex_lock(&r->lock);
        told = r->webhooks;
        (void)pthread_mutex_unlock(&r->lock);
        run = inbox_take(r->inbox, r->opts.runs, now(), &next);
        if (run)
            work(r, run);
        else
            wait_news(r, told, next);
    }
    return NULL;
}

static void halt(struct receive *r)
{
    const uint64_t one = 1;

    atomic_store(&r->stopping, true);
    if (write(r->halt, &one, sizeof(one)) < 0)
        log_line(LOG_DEBUG, "cannot wake the pulls");
    (void)pthread_mutex_lock(&r->lock);
    (void)pthread_cond_broadcast(&r->news);
    (void)pthread_mutex_unlock(&r->lock);
}

int receive_run(struct receive *r, struct err *err)
{
    pthread_t *threads = mem_array(r->opts.runs, sizeof(*threads), err);
    struct pollfd stop = { .fd = r->opts.stop.fd, .events = POLLIN };
    size_t started = 0;
    int rc = threads ? 0 : -1;

    while (rc == 0 && started < r->opts.runs) {
        errno = pthread_create(&threads[started], NULL, serve, r);
        if (errno)
            rc = err_sys(err, "cannot start a thread");
        else
            started++;
    }
    while (rc == 0 && !stop_asked(&r->opts.stop))
        (void)poll(&stop, 1, -1);
    halt(r);
    while (started)
        (void)pthread_join(threads[--started], NULL);
    mem_free(threads);
    return rc;
}

struct receive_health receive_health(struct receive *r)
{
    struct inbox_counts counts = inbox_counts(r->inbox, now());
    struct receive_health health = { .queued = counts.queued,
                                     .active = counts.active,
                                     .waiting = counts.waiting,
                                     .incomplete = counts.incomplete,
                                     .given_up = counts.failed,
                                     .late = (uint64_t)counts.late };

    (void)pthread_mutex_lock(&r->lock);
    health.archived = r->archived;
    health.failed = r->failed;
    health.still = clock_mono() - r->moved;
    (void)pthread_mutex_unlock(&r->lock);
    if (health.late > r->opts.stuck && health.still > r->opts.stuck)
        health.state = RECEIVE_STUCK;
    else if (health.waiting || health.incomplete || health.given_up)
        health.state = RECEIVE_LACKING;
    return health;
}
