/* SPDX-License-Identifier: MIT */
#include "listen/inbox.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pulse.h"
#include "base/text.h"
#include "volumes/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUEUE      ".queue"
#define KNOWN      ".listen"
#define WEBHOOK    ".json"
#define KNOWN_FILE ".known"
#define TEMP_TAIL  7 /* ".XXXXXX" of an unfinished file of file_put */
#define LOOK_EVERY 10000

/*
 * Two locks: `disk` is held while files are written, renamed and removed, so that the list and
 * the files agree; `lock` is held only while the list is read or changed, so that health checks
 * never wait for a disk. `disk` is taken first.
 */
struct inbox {
    struct inbox_opts opts;
    char *queue; /* path of DEST/.queue */
    char *known; /* path of DEST/.listen */
    struct lock held;
    pthread_mutex_t disk;
    pthread_mutex_t lock;
    /* protected by lock */
    struct run_queue runs;
    bool idle;     /* registered as a wait (WAIT_IDLE) */
    size_t failed; /* files at the last count */
    size_t incomplete;
    int64_t counted; /* time of the last count */
};

static const char *const ends[] = { "", ".failed", ".incomplete" };

static char *queue_path(const struct inbox *inbox, const char *id, const char *suffix,
                        struct err *err)
{
    return mem_format(err, "%s/%s%s", inbox->queue, id, suffix);
}

/* Create a directory, or check that an existing one is safe to use. */
static int own_dir(const char *path, struct err *err)
{
    struct stat st;

    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return err_sys(err, "cannot create '%s'", path);
    if (lstat(path, &st) < 0)
        return err_sys(err, "cannot examine '%s'", path);
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
        return err_set(err, ERR_SYSTEM,
                       "'%s' must be a directory owned by this user and not writable by others",
                       path);
    return 0;
}

/* The run ID in a file name with this suffix; false: the name is different. */
static bool id_of(const struct inbox *inbox, const char *name, const char *suffix,
                  char id[RUN_QUEUE_ID_MAX + 1])
{
    size_t len = strlen(name);
    size_t tail = strlen(suffix);

    if (len <= tail || len - tail > RUN_QUEUE_ID_MAX || strcmp(name + len - tail, suffix) != 0)
        return false;
    (void)snprintf(id, RUN_QUEUE_ID_MAX + 1, "%.*s", (int)(len - tail), name);
    return inbox->opts.valid(id);
}

/* Call fn for each file of a directory. */
static int each(const char *path,
                int (*fn)(void *ctx, int dir, const char *name, struct err *err), void *ctx,
                struct err *err)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    int rc = 0;

    if (!dir)
        return err_sys(err, "cannot read '%s'", path);
    while (rc == 0 && (entry = readdir(dir)))
        rc = entry->d_name[0] == '.' ? 0 : fn(ctx, dirfd(dir), entry->d_name, err);
    (void)closedir(dir);
    return rc;
}

/* Remove a temporary file left by a killed process: RUN_ID.SUFFIX.XXXXXX. */
static int sweep(void *ctx, int dir, const char *name, struct err *err)
{
    size_t len = strlen(name);

    (void)ctx;
    (void)err;
    if (len > TEMP_TAIL && name[len - TEMP_TAIL] == '.' &&
        strchr(name, '.') != strrchr(name, '.') && unlinkat(dir, name, 0) == 0)
        log_line(LOG_INFO, "removed the unfinished file '%s'", name);
    return 0;
}

/* Remove the journal of an archive whose process was killed after the archive got its name. */
static int sweep_journal(void *ctx, int dir, const char *name, struct err *err)
{
    static const char tail[] = ".partial.journal";
    char partial[NAME_MAX + 1];
    size_t len = strlen(name);

    (void)ctx;
    (void)err;
    if (len < sizeof(tail) || len > NAME_MAX || strcmp(name + len - strlen(tail), tail) != 0)
        return 0;
    (void)snprintf(partial, sizeof(partial), "%.*s", (int)(len - strlen(".journal")), name);
    if (faccessat(dir, partial, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT &&
        unlinkat(dir, name, 0) == 0)
        log_line(LOG_INFO, "removed the journal '%s' of a completed archive", name);
    return 0;
}

/* Load a webhook queued by an earlier process. */
static int load(void *ctx, int dir, const char *name, struct err *err)
{
    struct inbox *inbox = ctx;
    char id[RUN_QUEUE_ID_MAX + 1];
    struct queued *run;
    int64_t age;
    struct stat st;

    if (!id_of(inbox, name, WEBHOOK, id) || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISREG(st.st_mode))
        return 0;
    age = clock_wall() - (int64_t)st.st_mtime * 1000;
    age = age > 0 ? age : 0; /* the clock may have been set back */
    run = run_queue_add(&inbox->runs, id, inbox->counted - age, err);
    if (!run)
        return -1;
    return 0;
}

/* Compute the digests of all loaded webhooks. A run whose webhook cannot be read is archived
 * nevertheless: the file name gives its ID. */
static void digest_all(struct inbox *inbox)
{
    struct queued *run;
    struct err err;

    for (run = inbox->runs.first; run; run = run->next) {
        struct buf body;

        buf_init(&body, inbox->opts.body_max);
        if (inbox_read(inbox, run, &body, &err) < 0 ||
            sha256_of(buf_text(&body), body.len, run->digest, &err) < 0)
            log_line(LOG_WARNING, "%s", err.text);
        buf_clear(&body);
    }
}

/* Numbers of .failed and .incomplete files. */
struct aside {
    const struct inbox *inbox;
    size_t failed;
    size_t incomplete;
};

static int count_file(void *ctx, int dir, const char *name, struct err *err)
{
    struct aside *aside = ctx;
    char id[RUN_QUEUE_ID_MAX + 1];

    (void)dir;
    (void)err;
    aside->failed += id_of(aside->inbox, name, ends[INBOX_FAILED], id);
    aside->incomplete += id_of(aside->inbox, name, ends[INBOX_INCOMPLETE], id);
    return 0;
}

/* Register a wait while no run is being archived; with the lock held, after each change. */
static void note_idle(struct inbox *inbox, bool idle)
{
    if (idle && !inbox->idle)
        pulse_begin(WAIT_IDLE);
    else if (!idle && inbox->idle)
        pulse_end(WAIT_IDLE);
    inbox->idle = idle;
}

struct inbox *inbox_open(const struct inbox_opts *opts, int64_t now, struct err *err)
{
    struct inbox *inbox = mem_new(sizeof(*inbox), err);

    if (!inbox)
        return NULL;
    inbox->opts = *opts;
    inbox->runs.delay = opts->delay;
    inbox->held.fd = -1;
    inbox->counted = now;
    (void)pthread_mutex_init(&inbox->disk, NULL);
    (void)pthread_mutex_init(&inbox->lock, NULL);
    inbox->queue = mem_format(err, "%s/" QUEUE, opts->dest);
    inbox->known = inbox->queue ? mem_format(err, "%s/" KNOWN, opts->dest) : NULL;
    if (!inbox->known)
        goto fail;
    if (mkdir(opts->dest, 0700) < 0 && errno != EEXIST) {
        (void)err_sys(err, "cannot create '%s'", opts->dest);
        goto fail;
    }
    if (own_dir(inbox->queue, err) < 0 || own_dir(inbox->known, err) < 0 ||
        lock_take(&inbox->held, inbox->known, 0, stop_never(), err) < 0 ||
        each(inbox->queue, sweep, NULL, err) < 0 || each(inbox->known, sweep, NULL, err) < 0 ||
        each(opts->dest, sweep_journal, NULL, err) < 0 ||
        each(inbox->queue, load, inbox, err) < 0)
        goto fail;
    digest_all(inbox);
    inbox->counted = now - LOOK_EVERY;
    note_idle(inbox, true);
    return inbox;
fail:
    inbox_close(inbox);
    return NULL;
}

void inbox_close(struct inbox *inbox)
{
    if (!inbox)
        return;
    note_idle(inbox, false);
    run_queue_clear(&inbox->runs);
    lock_drop(&inbox->held);
    (void)pthread_mutex_destroy(&inbox->disk);
    (void)pthread_mutex_destroy(&inbox->lock);
    mem_free(inbox->queue);
    mem_free(inbox->known);
    mem_free(inbox);
}

static char *known_path(const struct inbox *inbox, const char *id, struct err *err)
{
    return mem_format(err, "%s/%s" KNOWN_FILE, inbox->known, id);
}

/* Load the digests of a run's known webhooks, one per line; none if there is no file. */
static int load_known(const struct inbox *inbox, const char *id, struct buf *out,
                      struct err *err)
{
    char *path = known_path(inbox, id, err);
    int rc = path ? file_load(path, stop_never(), out, err) : -1;

    mem_free(path);
    if (rc < 0 && err->os == ENOENT)
        rc = 0;
    return rc;
}

/* Whether a webhook's run was archived completely since; `disk` is held. */
static bool is_known(const struct inbox *inbox, const char *id,
                     const uint8_t digest[SHA256_SIZE])
{
    char text[SHA256_TEXT];
    struct err ignored;
    struct buf known;
    bool is;

    text_hex(text, digest, SHA256_SIZE);
    buf_init(&known, (size_t)INBOX_KNOWN_MAX * SHA256_TEXT);
    is = load_known(inbox, id, &known, &ignored) == 0 && strstr(buf_text(&known), text);
    buf_clear(&known);
    return is;
}

/* Record that a run was archived completely since a webhook; `disk` is held. */
static int make_known(const struct inbox *inbox, const char *id,
                      const uint8_t digest[SHA256_SIZE], struct err *err)
{
    char *path = known_path(inbox, id, err);
    char text[SHA256_TEXT];
    struct err why;
    struct buf known;
    size_t skip;
    int rc = -1;

    text_hex(text, digest, SHA256_SIZE);
    buf_init(&known, (size_t)(INBOX_KNOWN_MAX + 1) * SHA256_TEXT);
    if (path && load_known(inbox, id, &known, &why) < 0) {
        log_line(LOG_WARNING, "cannot read '%s', starting a new file: %s", path, why.text);
        buf_reset(&known);
    }
    if (path && buf_addf(&known, err, "%s\n", text) == 0) {
        skip = known.len > (size_t)INBOX_KNOWN_MAX * SHA256_TEXT
                   ? known.len - (size_t)INBOX_KNOWN_MAX * SHA256_TEXT
                   : 0;
        rc = file_put(path, known.data + skip, known.len - skip, 0600, err);
    }
    buf_clear(&known);
    mem_free(path);
    return rc;
}

/* Store a webhook; `disk` is held. */
static enum inbox_verdict put(struct inbox *inbox, const char *id, const char *body, size_t len,
                              const uint8_t digest[SHA256_SIZE], int64_t now, struct err *err)
{
    enum inbox_verdict verdict = INBOX_ERROR;
    struct queued *run;
    bool same;
    char *file;

    (void)pthread_mutex_lock(&inbox->lock);
    run = run_queue_find(&inbox->runs, id);
    same = run && memcmp(run->digest, digest, SHA256_SIZE) == 0;
    if (same)
        verdict = run_queue_hurry(&inbox->runs, run, now) ? INBOX_QUEUED : INBOX_KNOWN;
    else if (!run && inbox->runs.count >= RUN_QUEUE_MAX)
        (void)err_set(err, ERR_LIMIT, "the queue is full: %d runs", RUN_QUEUE_MAX);
    else
        verdict = INBOX_QUEUED;
    (void)pthread_mutex_unlock(&inbox->lock);
    if (same || verdict == INBOX_ERROR)
        return verdict;
    if (!run && is_known(inbox, id, digest))
        return INBOX_KNOWN;
    file = queue_path(inbox, id, WEBHOOK, err);
    if (!file || file_put(file, body, len, 0600, err) < 0) {
        mem_free(file);
        return INBOX_ERROR;
    }
    mem_free(file);
    (void)pthread_mutex_lock(&inbox->lock);
    if (!run) /* after a failure the file is found at the next start */
        run = run_queue_add(&inbox->runs, id, now, err);
    if (run) {
        memcpy(run->digest, digest, SHA256_SIZE);
        run_queue_renew(&inbox->runs, run, now);
    }
    (void)pthread_mutex_unlock(&inbox->lock);
    return run ? INBOX_QUEUED : INBOX_ERROR;
}

enum inbox_verdict inbox_put(struct inbox *inbox, const char *id, const char *body, size_t len,
                             int64_t now, struct err *err)
{
    uint8_t digest[SHA256_SIZE];
    enum inbox_verdict verdict;

    if (sha256_of(body, len, digest, err) < 0)
        return INBOX_ERROR;
    (void)pthread_mutex_lock(&inbox->disk);
    verdict = put(inbox, id, body, len, digest, now, err);
    (void)pthread_mutex_unlock(&inbox->disk);
    return verdict;
}

struct queued *inbox_take(struct inbox *inbox, size_t places, int64_t now, int64_t *next)
{
    struct queued *run;

    (void)pthread_mutex_lock(&inbox->lock);
    run = run_queue_take(&inbox->runs, places, now, next);
    note_idle(inbox, !run_queue_busy(&inbox->runs));
    (void)pthread_mutex_unlock(&inbox->lock);
    return run;
}

bool inbox_waits(struct inbox *inbox, int64_t now)
{
    bool wait;

    (void)pthread_mutex_lock(&inbox->lock);
    wait = run_queue_wait(&inbox->runs, now);
    (void)pthread_mutex_unlock(&inbox->lock);
    return wait;
}

void inbox_later(struct inbox *inbox, struct queued *run, enum run_queue_why why, int64_t due)
{
    (void)pthread_mutex_lock(&inbox->lock);
    run_queue_later(&inbox->runs, run, why, due);
    note_idle(inbox, !run_queue_busy(&inbox->runs));
    (void)pthread_mutex_unlock(&inbox->lock);
}

int inbox_read(struct inbox *inbox, const struct queued *run, struct buf *out, struct err *err)
{
    char *file = queue_path(inbox, run->id, WEBHOOK, err);
    int rc = file ? file_load(file, stop_never(), out, err) : -1;

    mem_free(file);
    return rc;
}

/* Remove a file, which need not exist. */
static int remove_file(const struct inbox *inbox, const char *id, const char *suffix,
                       struct err *err)
{
    char *file = queue_path(inbox, id, suffix, err);
    int rc = file ? unlink(file) : -1;

    if (rc < 0 && file)
        rc = errno == ENOENT ? 0 : err_sys(err, "cannot remove '%s'", file);
    mem_free(file);
    return rc;
}

/* Rename or remove the files of a run that leaves the queue; `disk` is held. */
static int leave(struct inbox *inbox, const struct queued *run, enum inbox_end how,
                 struct err *err)
{
    char *file = queue_path(inbox, run->id, WEBHOOK, err);
    char *other = file ? queue_path(inbox, run->id, ends[how], err) : NULL;
    int rc = -1;

    if (!other) {
        /* out of memory */
    } else if (how == INBOX_DONE) {
        if (make_known(inbox, run->id, run->digest, err) == 0 &&
            remove_file(inbox, run->id, ends[INBOX_FAILED], err) == 0 &&
            remove_file(inbox, run->id, ends[INBOX_INCOMPLETE], err) == 0)
            rc = remove_file(inbox, run->id, WEBHOOK, err);
    } else {
        rc = rename(file, other) < 0 && errno != ENOENT
                 ? err_sys(err, "cannot rename '%s'", file)
                 : 0;
    }
    mem_free(file);
    mem_free(other);
    return rc;
}

int inbox_leave(struct inbox *inbox, struct queued *run, enum inbox_end how, int64_t now,
                struct err *err)
{
    int rc = 0;
    bool again;

    (void)pthread_mutex_lock(&inbox->disk);
    (void)pthread_mutex_lock(&inbox->lock);
    again = run->again; /* the file is the newer webhook's; only inbox_put changes this flag */
    inbox->counted = now - LOOK_EVERY;
    (void)pthread_mutex_unlock(&inbox->lock);
    if (!again)
        rc = leave(inbox, run, how, err);
    if (!again && rc == 0) {
        (void)pthread_mutex_lock(&inbox->lock);
        run_queue_drop(&inbox->runs, run);
        note_idle(inbox, !run_queue_busy(&inbox->runs));
        (void)pthread_mutex_unlock(&inbox->lock);
    }
    (void)pthread_mutex_unlock(&inbox->disk);
    if (again)
        inbox_later(inbox, run, RUN_QUEUE_STOPPED, now);
    return rc;
}

struct inbox_counts inbox_counts(struct inbox *inbox, int64_t now)
{
    struct inbox_counts counts = { 0 };
    struct aside aside = { inbox, 0, 0 };
    const struct queued *run;
    struct err err;
    bool old;

    (void)pthread_mutex_lock(&inbox->lock);
    old = now - inbox->counted >= LOOK_EVERY;
    if (old)
        inbox->counted = now;
    (void)pthread_mutex_unlock(&inbox->lock);
    if (old && each(inbox->queue, count_file, &aside, &err) < 0)
        log_line(LOG_WARNING, "%s", err.text);
    (void)pthread_mutex_lock(&inbox->lock);
    if (old) {
        inbox->failed = aside.failed;
        inbox->incomplete = aside.incomplete;
    }
    counts.queued = inbox->runs.count;
    counts.failed = inbox->failed;
    counts.incomplete = inbox->incomplete;
    for (run = inbox->runs.first; run; run = run->next) {
        int64_t late = now - run->arrived - (int64_t)inbox->runs.delay;

        counts.active += run->active;
        counts.waiting += run->incomplete;
        if (!run->incomplete && late > counts.late)
            counts.late = late;
    }
    (void)pthread_mutex_unlock(&inbox->lock);
    return counts;
}
