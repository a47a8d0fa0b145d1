/* SPDX-License-Identifier: MIT */
#include "flow/receive.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "skyvern/webhook.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUEUED_MAX 1000000
#define AGAIN_MIN  60000   /* after the first failure */
#define AGAIN_MAX  3600000 /* and never less often than this */
#define SUFFIX     ".json"

struct queued {
    struct queued *next;
    char id[RUN_ID_MAX + 1];
    int64_t due; /* wall clock: it outlives us */
    unsigned failures;
};

struct receive {
    struct receive_opts opts;
    char *queue; /* DEST/.queue */
    int wake;    /* an eventfd */
    /* under lock */
    pthread_mutex_t lock;
    struct queued *first; /* in the order of arrival */
    struct receive_counts counts;
};

static char *archive_path(const struct receive *r, const char *id, struct err *err)
{
    return mem_format(err, "%s/%s.%s", r->opts.dest, id,
                      volume_format_name(r->opts.pull->format));
}

static char *queue_path(const struct receive *r, const char *id, const char *suffix,
                        struct err *err)
{
    return mem_format(err, "%s/%s%s", r->queue, id, suffix);
}

/* Append a run; with the lock held. */
static int append(struct receive *r, const char *id, int64_t due, struct err *err)
{
    struct queued *run;
    struct queued **last = &r->first;

    if (r->counts.queued >= QUEUED_MAX)
        return err_set(err, ERR_LIMIT, "more than %d runs are queued", QUEUED_MAX);
    run = mem_new(sizeof(*run), err);
    if (!run)
        return -1;
    (void)snprintf(run->id, sizeof(run->id), "%s", id);
    run->due = due;
    while (*last)
        last = &(*last)->next;
    *last = run;
    r->counts.queued++;
    return 0;
}

/* Take up what an earlier process had queued. */
static int load(struct receive *r, struct err *err)
{
    DIR *dir = opendir(r->queue);
    struct dirent *entry;
    int rc = 0;

    if (!dir)
        return err_sys(err, "cannot read '%s'", r->queue);
    while (rc == 0 && (entry = readdir(dir))) {
        char id[RUN_ID_MAX + 1];
        size_t len = strlen(entry->d_name);
        struct stat st;

        if (len <= strlen(SUFFIX) || len - strlen(SUFFIX) > RUN_ID_MAX ||
            strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX) != 0 ||
            fstatat(dirfd(dir), entry->d_name, &st, 0) < 0)
            continue;
        (void)snprintf(id, sizeof(id), "%.*s", (int)(len - strlen(SUFFIX)), entry->d_name);
        if (run_id_valid(id))
            rc = append(r, id, (int64_t)st.st_mtime * 1000 + (int64_t)r->opts.delay, err);
    }
    (void)closedir(dir);
    return rc;
}

struct receive *receive_new(const struct receive_opts *opts, struct err *err)
{
    struct receive *r = mem_new(sizeof(*r), err);

    if (!r)
        return NULL;
    r->opts = *opts;
    (void)pthread_mutex_init(&r->lock, NULL);
    r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r->queue = mem_format(err, "%s/.queue", opts->dest);
    if (r->wake < 0)
        (void)err_sys(err, "cannot make an eventfd");
    else if (r->queue && ((mkdir(opts->dest, 0700) < 0 && errno != EEXIST) ||
                          (mkdir(r->queue, 0700) < 0 && errno != EEXIST)))
        (void)err_sys(err, "cannot make '%s'", r->queue);
    else if (r->queue && load(r, err) == 0)
        return r;
    receive_free(r);
    return NULL;
}

void receive_free(struct receive *r)
{
    if (!r)
        return;
    while (r->first) {
        struct queued *next = r->first->next;

        mem_free(r->first);
        r->first = next;
    }
    file_close(&r->wake);
    (void)pthread_mutex_destroy(&r->lock);
    mem_free(r->queue);
    mem_free(r);
}

static bool is_queued(const struct receive *r, const char *id)
{
    const struct queued *run;

    for (run = r->first; run; run = run->next) {
        if (strcmp(run->id, id) == 0)
            return true;
    }
    return false;
}

/* Keep a webhook on disk and in the list, unless its run is known; with the lock held. */
static enum receive_verdict enqueue(struct receive *r, const char *id, const char *body,
                                    size_t len, struct err *err)
{
    char *archive = archive_path(r, id, err);
    char *file = archive ? queue_path(r, id, SUFFIX, err) : NULL;
    enum receive_verdict verdict = RECEIVE_ERROR;

    if (file && (is_queued(r, id) || access(archive, F_OK) == 0))
        verdict = RECEIVE_KNOWN;
    else if (file && file_put(file, body, len, 0600, err) == 0 &&
             append(r, id, clock_wall() + (int64_t)r->opts.delay, err) == 0)
        verdict = RECEIVE_QUEUED;
    mem_free(archive);
    mem_free(file);
    return verdict;
}

static void wake(struct receive *r)
{
    const uint64_t one = 1;

    if (write(r->wake, &one, sizeof(one)) < 0) {
        /* full: it is readable already */
    }
}

enum receive_verdict receive_webhook(struct receive *r, const char *body, size_t len,
                                     const char *signature, char *run_id, struct err *err)
{
    const char *key = secret_peek(r->opts.pull->api->key);
    enum receive_verdict verdict = RECEIVE_ERROR;
    struct buf kept;

    *run_id = '\0';
    if (webhook_verify(key, body, len, signature, err) < 0)
        return RECEIVE_REFUSED;
    if (webhook_run(body, len, run_id, err) < 0)
        return RECEIVE_BAD;
    if (webhook_keep(key, body, len, &kept, err) == 0) {
        (void)pthread_mutex_lock(&r->lock);
        verdict = enqueue(r, run_id, buf_text(&kept), kept.len, err);
        (void)pthread_mutex_unlock(&r->lock);
    }
    buf_clear(&kept);
    if (verdict == RECEIVE_QUEUED)
        wake(r);
    return verdict;
}

/* The first run that is due; else NULL, and when the next one is. */
static struct queued *next_due(struct receive *r, int64_t *next)
{
    struct queued *run;
    int64_t now = clock_wall();

    *next = INT64_MAX;
    (void)pthread_mutex_lock(&r->lock);
    for (run = r->first; run && run->due > now; run = run->next)
        *next = run->due < *next ? run->due : *next;
    (void)pthread_mutex_unlock(&r->lock);
    return run;
}

/* Take a run off the list, its file having left the queue. */
static void drop(struct receive *r, struct queued *run)
{
    struct queued **at = &r->first;

    (void)pthread_mutex_lock(&r->lock);
    while (*at != run)
        at = &(*at)->next;
    *at = run->next;
    r->counts.queued--;
    (void)pthread_mutex_unlock(&r->lock);
    mem_free(run);
}

/* End a run's stay in the queue: to where is NULL to remove its file, else its new suffix. */
static int leave(struct receive *r, struct queued *run, const char *to, struct err *err)
{
    char *file = queue_path(r, run->id, SUFFIX, err);
    char *other = file && to ? queue_path(r, run->id, to, err) : NULL;
    int rc = -1;

    if (file && (!to || other))
        rc = to ? rename(file, other) : unlink(file);
    if (rc < 0 && file && errno == ENOENT)
        rc = 0;
    if (rc < 0 && file)
        (void)err_sys(err, "cannot take '%s' out of the queue", file);
    mem_free(file);
    mem_free(other);
    if (rc == 0)
        drop(r, run);
    return rc;
}

static int archive_run(struct receive *r, const struct queued *run, struct pull_result *result,
                       struct err *err)
{
    struct pull_opts opts = *r->opts.pull;
    char *output = archive_path(r, run->id, err);
    char id[RUN_ID_MAX + 1];
    char *ids[] = { id };
    int rc;

    if (!output)
        return -1;
    (void)snprintf(id, sizeof(id), "%s", run->id);
    opts.run_ids = ids;
    opts.run_count = 1;
    opts.output = output;
    opts.top = id;
    rc = pull_run(&opts, result, err);
    mem_free(output);
    return rc;
}

/* A failure: later again, or never. */
static int put_off(struct receive *r, struct queued *run, const struct err *why,
                   struct err *err)
{
    uint64_t again = (uint64_t)AGAIN_MIN << (run->failures < 6 ? run->failures : 6);

    again = again < AGAIN_MAX ? again : AGAIN_MAX;
    (void)pthread_mutex_lock(&r->lock);
    r->counts.failed++;
    (void)pthread_mutex_unlock(&r->lock);
    run->failures++;
    if (why->kind == ERR_NOT_FOUND && run->failures >= RECEIVE_TRIES) {
        log_line(LOG_ERROR, "run '%s' is given up: %s", run->id, why->text);
        return leave(r, run, ".failed", err);
    }
    log_line(LOG_ERROR, "run '%s' is not archived: %s; once more in %llu s", run->id, why->text,
             (unsigned long long)again / 1000);
    (void)pthread_mutex_lock(&r->lock);
    run->due = clock_wall() + (int64_t)again;
    (void)pthread_mutex_unlock(&r->lock);
    return 0;
}

static int handle(struct receive *r, struct queued *run, struct err *err)
{
    struct pull_result result;
    struct err why;

    err_clear(&why);
    if (archive_run(r, run, &result, &why) == 0) {
        log_line(LOG_INFO, "run '%s' is archived: %llu artifacts, %llu missing", run->id,
                 (unsigned long long)result.totals.artifacts,
                 (unsigned long long)result.totals.missing);
    } else if (why.kind == ERR_CANCELLED) {
        return 0; /* it stays in the queue */
    } else if (why.kind != ERR_EXISTS) {
        return put_off(r, run, &why, err);
    }
    (void)pthread_mutex_lock(&r->lock);
    r->counts.archived += why.kind == ERR_NONE;
    (void)pthread_mutex_unlock(&r->lock);
    return leave(r, run, NULL, err);
}

static void doze(struct receive *r, int64_t until)
{
    struct pollfd fds[] = { { .fd = r->opts.stop_fd, .events = POLLIN },
                            { .fd = r->wake, .events = POLLIN } };
    int64_t left = until == INT64_MAX ? INT64_MAX : until - clock_wall();
    uint64_t drop_count;

    if (poll(fds, 2,
             left > 60000 ? 60000
             : left < 0   ? 0
                          : (int)left) > 0 &&
        read(r->wake, &drop_count, sizeof(drop_count)) < 0) {
        /* it was the other one */
    }
}

int receive_run(struct receive *r, struct err *err)
{
    while (!r->opts.stopped(r->opts.ctx)) {
        int64_t next;
        struct queued *run = next_due(r, &next);

        if (!run)
            doze(r, next);
        else if (handle(r, run, err) < 0)
            return -1;
    }
    return 0;
}

struct receive_counts receive_counts(struct receive *r)
{
    struct receive_counts counts;

    (void)pthread_mutex_lock(&r->lock);
    counts = r->counts;
    (void)pthread_mutex_unlock(&r->lock);
    return counts;
}
