/* SPDX-License-Identifier: MIT */
#include "reader/parallel_scan.h"

#include "base/mem.h"
#include "base/queue.h"
#include "reader/stream.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ZIP_SHARE    4                   /* memory per byte of a zip's directory */
#define SEGMENT_SIZE ((uint64_t)4 << 20) /* of a plain tar */
#define STARTS_MAX   SEEK_ROWS_MAX

struct walk {
    struct archive_reader *reader;
    const struct parallel_scan_opts *opts;
    uint64_t *starts; /* start of each segment; the last ends at the archive's end */
    size_t count;
    size_t cap;
    unsigned threads;
    /* under lock */
    pthread_mutex_t lock;
    size_t next;
    unsigned workers; /* threads started so far; the number of the next */
    bool failed;
    struct err err;
};

static int add_start(struct walk *w, uint64_t at, struct err *err)
{
    if (w->count && w->starts[w->count - 1] == at)
        return 0;
    if (mem_room(&w->starts, &w->cap, w->count, sizeof(*w->starts), STARTS_MAX, err) < 0)
        return -1;
    w->starts[w->count++] = at;
    return 0;
}

/* Whether there is a tar header with a valid checksum at an offset. */
static bool looks_like_file(struct archive_reader *reader, uint64_t at)
{
    unsigned char head[512];
    struct stream *stream = stream_open(reader, at, at + 1, NULL);
    unsigned long sum = 0;
    size_t got = 0;
    ssize_t n = 0;
    size_t i;

    while (stream && got < sizeof(head) &&
           (n = stream_read(stream, head + got, sizeof(head) - got, NULL)) > 0)
        got += (size_t)n;
    stream_free(stream);
    if (got < sizeof(head) || memcmp(head + 257, "ustar", 5) != 0 || head[155])
        return false;
    for (i = 0; i < sizeof(head); i++)
        sum += i >= 148 && i < 156 ? ' ' : head[i];
    return strtoul((const char *)head + 148, NULL, 8) == sum;
}

/*
 * Start a segment at each frame that starts with a file's header. A frame ends within a file
 * only if its size is FRAME_CUT_PIECE. Therefore a file starts after any smaller frame; after a
 * frame of that size, the manifest's offsets decide.
 */
static int cut_frames(struct walk *w, struct err *err)
{
    const struct seek *seek = &w->reader->seek;
    const uint8_t *bits = w->opts->starts;
    uint64_t plain = 0;
    size_t i;

    for (i = 0; i < seek->count; i++) {
        bool starts = !i || seek->rows[i - 1].plain != FRAME_CUT_PIECE ||
                      plain == w->reader->locator.plain;

        starts = starts || (bits && (bits[i / 8] >> i % 8 & 1)) ||
                 (w->opts->guess && looks_like_file(w->reader, plain));
        if (starts && add_start(w, plain, err) < 0)
            return -1;
        plain += seek->rows[i].plain;
    }
    return 0;
}

/*
 * Start segments at headers of a plain tar, which are read quickly since data is skipped. The
 * manifest's offsets may be wrong if the tar was repacked.
 */
static int cut_tar(struct walk *w, struct err *err)
{
    struct entry_reader *entries = entry_reader_open(w->reader, 0, UINT64_MAX, err);
    struct entry_reader_entry entry;
    int rc = entries ? add_start(w, 0, err) : -1;

    while (rc == 0 && entry_reader_next(entries, &entry, NULL) > 0) {
        if (entry.offset >= w->starts[w->count - 1] + SEGMENT_SIZE)
            rc = add_start(w, entry.offset, err);
    }
    entry_reader_free(entries);
    return rc;
}

/* Whether a segment is to be read. */
static bool is_wanted(const struct walk *w, size_t segment)
{
    const struct parallel_scan_opts *opts = w->opts;

    if ((!opts->share && !opts->tags) || w->starts[segment] >= w->reader->locator.plain)
        return true;
    return !opts->tags && segment % opts->shares == opts->share - 1;
}

/* Read the entries of a range: every stride-th, starting with number first. */
static int read_range(struct walk *w, uint64_t from, uint64_t to, uint64_t first,
                      uint64_t stride, struct err *err)
{
    struct entry_reader *entries = entry_reader_open(w->reader, from, to, err);
    struct entry_reader_entry entry = { .offset = from };
    uint64_t n = 0;
    int rc = entries ? 1 : -1;

    while (rc > 0) {
        if (stop_check(&w->opts->stop, err) < 0) {
            rc = -1;
            break;
        }
        rc = entry_reader_next(entries, &entry, err);
        if (rc <= 0 || n++ % stride != first)
            continue;
        if (w->opts->entry(w->opts->ctx, entries, &entry, err) == 0)
            continue;
        rc = -1;
        if (err_is_damage(err) &&
            w->reader->format == CONTAINER_ZIP) { /* other entries are not affected */
            w->opts->damage(w->opts->ctx, entry.offset, err);
            rc = 1;
        }
    }
    entry_reader_free(entries);
    if (rc < 0 && err_is_damage(err)) {
        if (!first) /* the other threads find the same damage */
            w->opts->damage(w->opts->ctx, entry.offset, err);
        return 0;
    }
    return rc;
}

/* Take the next segment; false at the end. */
static bool take(struct walk *w, size_t *segment)
{
    bool more;

    (void)pthread_mutex_lock(&w->lock);
    while (w->next < w->count && !is_wanted(w, w->next))
        w->next++;
    more = w->next < w->count && !w->failed;
    *segment = w->next++;
    (void)pthread_mutex_unlock(&w->lock);
    return more;
}

static void *work(void *ctx)
{
    struct walk *w = ctx;
    struct err err = { 0 };
    unsigned number;
    size_t i;
    int rc = 0;

    (void)pthread_mutex_lock(&w->lock);
    number = w->workers++;
    (void)pthread_mutex_unlock(&w->lock);
    if (w->reader->format == CONTAINER_ZIP) {
        rc = read_range(w, 0, UINT64_MAX, number, w->threads, &err);
    } else {
        while (rc == 0 && take(w, &i)) {
            err_clear(&err);
            rc = read_range(w, w->starts[i], i + 1 < w->count ? w->starts[i + 1] : UINT64_MAX,
                            0, 1, &err);
        }
    }
    if (rc < 0) {
        (void)pthread_mutex_lock(&w->lock);
        if (!w->failed)
            w->err = err;
        w->failed = true;
        (void)pthread_mutex_unlock(&w->lock);
    }
    return NULL;
}

static int run_threads(struct walk *w, struct err *err)
{
    pthread_t threads[PARALLEL_SCAN_THREADS_MAX];
    unsigned up = 0;
    int rc = 0;

    while (up < w->threads && !rc) {
        rc = pthread_create(&threads[up], NULL, work, w);
        up += !rc;
    }
    if (rc && !up) {
        errno = rc;
        return err_sys(err, "cannot start a thread");
    }
    if (rc && w->reader->format == CONTAINER_ZIP) { /* its entries would be lost */
        (void)pthread_mutex_lock(&w->lock);
        errno = rc;
        if (!w->failed)
            (void)err_sys(&w->err, "cannot start a thread");
        w->failed = true;
        (void)pthread_mutex_unlock(&w->lock);
    }
    while (up)
        (void)pthread_join(threads[--up], NULL);
    if (!w->failed)
        return 0;
    *err = w->err;
    return -1;
}

/*
 * Limit the number of threads for a zip, since each allocates memory for the whole directory.
 */
static int limit_zip(struct walk *w, struct err *err)
{
    struct entry_reader *entries = entry_reader_open(w->reader, 0, UINT64_MAX, err);
    struct entry_reader_entry entry;
    uint64_t most;

    if (!entries)
        return -1;
    if (entry_reader_next(entries, &entry, NULL) >= 0) { /* on error, the threads report it */
        most = PARALLEL_SCAN_ZIP_MEMORY / (entry_reader_directory(entries) * ZIP_SHARE + 1);
        if (w->threads > most)
            w->threads = most ? (unsigned)most : 1;
    }
    entry_reader_free(entries);
    return add_start(w, 0, err);
}

int parallel_scan(struct archive_reader *reader, const struct parallel_scan_opts *opts,
                  struct err *err)
{
    struct walk w = { .reader = reader, .opts = opts };
    int rc;

    w.threads = opts->threads ? opts->threads : queue_threads(PARALLEL_SCAN_THREADS_MAX);
    (void)pthread_mutex_init(&w.lock, NULL);
    if (reader->indexed)
        rc = cut_frames(&w, err);
    else if (reader->format == CONTAINER_TAR)
        rc = cut_tar(&w, err);
    else
        rc = reader->format == CONTAINER_ZIP ? limit_zip(&w, err) : add_start(&w, 0, err);
    if (w.count < w.threads && reader->format != CONTAINER_ZIP)
        w.threads = (unsigned)w.count;
    if (rc == 0)
        rc = run_threads(&w, err);
    (void)pthread_mutex_destroy(&w.lock);
    mem_free(w.starts);
    return rc;
}
