/* SPDX-License-Identifier: MIT */
#include "viewer/served_file.h"

#include "base/buf.h"
#include "base/mem.h"
#include "format/frame.h"
#include "format/manifest_read.h"
#include "reader/archive_reader.h"
#include "reader/entry_reader.h"
#include "reader/fetchone.h"
#include "reader/stream.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define WINDOW_MAX FRAME_CUT_TEXT /* of a frame; skyarc writes none that is larger */
#define PIECE      ((size_t)64 << 10)

struct served_file {
    uint64_t size;
    struct served_place *place;
    struct buf whole; /* the content, if spool is -1 and there is no reader */
    int spool;        /* a temporary file with the content, or -1 */
    /* a file that is read where it is */
    struct archive_reader reader;
    uint64_t data; /* offset of its content in the tar stream */
    /* of a compressed archive: a part of one frame, verified */
    int window;         /* a temporary file with it, or -1 */
    uint64_t window_at; /* its offset in the content */
    uint64_t window_len;
};

/* Wait until this thread may decode. */
static void begin_turn(struct served_place *place)
{
    (void)pthread_mutex_lock(&place->lock);
    while (place->busy == SERVED_FILE_BUSY)
        (void)pthread_cond_wait(&place->turn, &place->lock);
    place->busy++;
    (void)pthread_mutex_unlock(&place->lock);
}

static void end_turn(struct served_place *place)
{
    (void)pthread_mutex_lock(&place->lock);
    place->busy--;
    (void)pthread_cond_signal(&place->turn);
    (void)pthread_mutex_unlock(&place->lock);
}

/* A sink that fails when the operation is to stop. */
struct guarded {
    const struct stop *stop;
    put_fn *put;
    void *ctx;
};

static int put_guarded(void *ctx, const void *bytes, size_t len, struct err *err)
{
    const struct guarded *guarded = ctx;

    if (stop_check(guarded->stop, err) < 0)
        return -1;
    return guarded->put(guarded->ctx, bytes, len, err);
}

/* Read the file into memory; ERR_LIMIT if it has more than SERVED_FILE_HELD bytes. */
static int read_whole(struct served_file *file, const char *archive, const char *path,
                      struct err *err)
{
    struct guarded guarded = { &file->place->stop, buf_put, &file->whole };

    buf_init(&file->whole, SERVED_FILE_HELD);
    if (fetchone(archive, path, put_guarded, &guarded, err) < 0)
        return -1;
    file->size = file->whole.len;
    return 0;
}

/* Write the content to a temporary file. */
static int fill_spool(struct served_file *file, file_maker *make, void *ctx, struct err *err)
{
    struct guarded guarded = { &file->place->stop, file_put_fd, &file->spool };

    file->spool = file_temp(file->place->temp_dir, err);
    return file->spool < 0 ? -1 : make(ctx, put_guarded, &guarded, err);
}

/* Get the size of the temporary file. */
static int take_size(struct served_file *file, struct err *err)
{
    off_t size = lseek(file->spool, 0, SEEK_END);

    if (size < 0)
        return err_sys(err, "cannot read a temporary file");
    file->size = (uint64_t)size;
    return 0;
}

/* A file of an archive. */
struct archived {
    const char *archive;
    const char *path;
};

/* Read a file, which is compared with its digest; a file_maker. */
static int copy_archived(void *ctx, put_fn *put, void *put_ctx, struct err *err)
{
    const struct archived *archived = ctx;

    return fetchone(archived->archive, archived->path, put, put_ctx, err);
}

/* Open the copy of this name again; -1: there is none. */
static int find_copy(struct served_place *place, const char *name)
{
    int fd = -1;
    size_t i;

    (void)pthread_mutex_lock(&place->lock);
    for (i = 0; fd < 0 && i < SERVED_FILE_KEPT; i++) {
        struct served_copy *copy = &place->copies[i];

        if (copy->name && strcmp(copy->name, name) == 0) {
            copy->used = ++place->uses;
            fd = fcntl(copy->fd, F_DUPFD_CLOEXEC, 0);
        }
    }
    (void)pthread_mutex_unlock(&place->lock);
    return fd;
}

static void drop_copy(struct served_copy *copy)
{
    if (!copy->name)
        return;
    mem_free(copy->name);
    (void)close(copy->fd);
    *copy = (struct served_copy){ .name = NULL };
}

/*
 * Keep a copy for further requests, in the place of the one that was used least recently. Takes
 * the name. That it cannot be kept is no error.
 */
static void keep_copy(struct served_place *place, char *name, int fd)
{
    struct served_copy copy = { name, fcntl(fd, F_DUPFD_CLOEXEC, 0), 0 };
    struct served_copy *oldest = place->copies;
    size_t i;

    if (copy.fd < 0) {
        mem_free(name);
        return;
    }
    (void)pthread_mutex_lock(&place->lock);
    for (i = 1; i < SERVED_FILE_KEPT; i++) {
        if (place->copies[i].used < oldest->used)
            oldest = &place->copies[i];
    }
    drop_copy(oldest);
    copy.used = ++place->uses;
    *oldest = copy;
    (void)pthread_mutex_unlock(&place->lock);
}

/* Use the temporary copy of a file, or make it. */
static int open_copy(struct served_file *file, const char *archive, const char *path,
                     struct err *err)
{
    struct archived archived = { archive, path };
    char *name = mem_format(err, "%s\n%s", archive, path);

    if (!name)
        return -1;
    file->spool = find_copy(file->place, name);
    if (file->spool >= 0) {
        mem_free(name);
    } else if (fill_spool(file, copy_archived, &archived, err) == 0) {
        keep_copy(file->place, name, file->spool);
    } else {
        mem_free(name);
        return -1;
    }
    return take_size(file, err);
}

/* Make a temporary file of a file that is too short to be worth keeping. */
static int open_short(struct served_file *file, const char *archive, const char *path,
                      struct err *err)
{
    struct archived archived = { archive, path };

    return fill_spool(file, copy_archived, &archived, err) < 0 ? -1 : take_size(file, err);
}

void served_place_init(struct served_place *place, const char *temp_dir, struct stop stop)
{
    *place = (struct served_place){ .temp_dir = temp_dir, .stop = stop };
    (void)pthread_mutex_init(&place->lock, NULL);
    (void)pthread_cond_init(&place->turn, NULL);
}

void served_place_clear(struct served_place *place)
{
    size_t i;

    for (i = 0; i < SERVED_FILE_KEPT; i++)
        drop_copy(&place->copies[i]);
    (void)pthread_mutex_destroy(&place->lock);
    (void)pthread_cond_destroy(&place->turn);
}

/* Whether the frames that contain the file are as small as skyarc's: each is decoded whole. */
static bool has_small_frames(const struct seek *seek, uint64_t data, uint64_t size)
{
    uint64_t coded;
    uint64_t plain;
    size_t i;

    for (i = seek_find(seek, data, &coded, &plain); i < seek->count && plain < data + size;
         i++) {
        if (seek->rows[i].plain > WINDOW_MAX)
            return false;
        plain += seek->rows[i].plain;
    }
    return true;
}

/* Find the content by its tar header, if the archive can be read at any offset: 1; 0: it
 * cannot. */
static int open_place(struct served_file *file, const char *archive,
                      const struct fetchone_place *place, struct err *err)
{
    struct entry_reader *entries;
    struct entry_reader_entry entry;
    int rc;

    if (place->offset == MANIFEST_READ_NONE)
        return 0;
    if (archive_reader_open(&file->reader, archive, err) < 0)
        return -1;
    if (!file->reader.indexed && file->reader.format != CONTAINER_TAR) {
        archive_reader_close(&file->reader);
        return 0;
    }
    entries =
        fetchone_open(&file->reader, place->path, place->offset, place->size, &entry, err);
    if (!entries)
        return -1;
    file->data = entry.data;
    file->size = entry.size;
    rc = !file->reader.indexed || has_small_frames(&file->reader.seek, entry.data, entry.size);
    entry_reader_free(entries);
    if (rc == 0)
        archive_reader_close(&file->reader);
    return rc;
}

static struct served_file *new_file(struct served_place *place, struct err *err)
{
    struct served_file *file = mem_new(sizeof(*file), err);

    if (file) {
        file->place = place;
        file->spool = -1;
        file->window = -1;
    }
    return file;
}

/* Open a file of unknown size: a document, which has no row. */
static int open_document(struct served_file *file, const char *archive, const char *path,
                         struct err *err)
{
    struct err why;
    int rc = read_whole(file, archive, path, &why);

    if (rc < 0 && why.kind == ERR_LIMIT) {
        buf_clear(&file->whole);
        return open_copy(file, archive, path, err);
    }
    if (rc < 0 && err)
        *err = why;
    return rc;
}

/* Open a file in the way that its size allows. */
static int open_sized(struct served_file *file, const char *archive, const char *path,
                      struct err *err)
{
    struct fetchone_place *found = mem_new(sizeof(*found), err);
    int rc = found ? fetchone_find(archive, path, found, err) : -1;

    if (rc > 0 && found->size > SERVED_FILE_WHOLE) {
        rc = open_place(file, archive, found, err);
        if (rc == 0)
            rc = open_copy(file, archive, path, err);
    } else if (rc > 0 && found->size > SERVED_FILE_HELD) {
        rc = open_short(file, archive, path, err);
    } else if (rc >= 0) {
        rc = open_document(file, archive, path, err);
    }
    mem_free(found);
    return rc < 0 ? -1 : 0;
}

struct served_file *served_file_open(const char *archive, const char *path,
                                     struct served_place *place, struct err *err)
{
    struct served_file *file = new_file(place, err);
    int rc;

    if (!file)
        return NULL;
    begin_turn(place);
    rc = open_sized(file, archive, path, err);
    end_turn(place);
    if (rc == 0)
        return file;
    served_file_close(file);
    return NULL;
}

struct served_file *served_file_make(struct served_place *place, file_maker *make, void *ctx,
                                     struct err *err)
{
    struct served_file *file = new_file(place, err);
    int rc = -1;

    if (file) {
        begin_turn(place);
        rc = fill_spool(file, make, ctx, err);
        end_turn(place);
    }
    if (rc == 0 && take_size(file, err) == 0)
        return file;
    served_file_close(file);
    return NULL;
}

void served_file_close(struct served_file *file)
{
    if (!file)
        return;
    archive_reader_close(&file->reader);
    buf_clear(&file->whole);
    file_close(&file->window);
    file_close(&file->spool);
    mem_free(file);
}

uint64_t served_file_size(const struct served_file *file)
{
    return file->size;
}

/* Copy up to len bytes of a stream into the window; what follows is decoded, up to the frame's
 * checksum. */
static int copy_window(struct served_file *file, struct stream *stream, uint64_t len,
                       struct err *err)
{
    char *piece = mem_new(PIECE, err);
    ssize_t n = piece ? 1 : -1;

    while (n > 0 && (n = stream_read(stream, piece, PIECE, err)) > 0) {
        uint64_t left = len - file->window_len;
        size_t used = (uint64_t)n < left ? (size_t)n : (size_t)left;

        if (used && file_pwrite(file->window, piece, used, file->window_len, err) < 0)
            n = err_wrap(err, "cannot write a temporary file");
        file->window_len += used;
    }
    mem_free(piece);
    return n < 0 ? -1 : 0;
}

/*
 * Decode the frame that contains the byte at `at` of the file, from that byte on, up to its
 * end: only then is the frame's checksum verified, and what is in the window right. open_place
 * has made sure that the frame is small.
 */
static int fill_window(struct served_file *file, uint64_t at, struct err *err)
{
    const struct seek *seek = &file->reader.seek;
    uint64_t coded;
    uint64_t plain;
    size_t frame = seek_find(seek, file->data + at, &coded, &plain);
    struct stream *stream =
        stream_open(&file->reader, file->data + at, file->data + at + 1, err);
    uint64_t len = 0;
    int rc = stream ? 0 : -1;

    file->window_at = at;
    file->window_len = 0;
    if (rc == 0 && file->window < 0) {
        file->window = file_temp(file->place->temp_dir, err);
        rc = file->window < 0 ? -1 : 0;
    }
    if (frame < seek->count)
        len = plain + seek->rows[frame].plain - (file->data + at);
    if (len > file->size - at)
        len = file->size - at;
    if (rc == 0)
        rc = copy_window(file, stream, len, err);
    stream_free(stream);
    if (rc == 0 && (!len || file->window_len < len))
        rc = err_set(err, ERR_MISMATCH, "the archive ends within the file");
    return rc;
}

/* Read from a compressed archive, of the frame that was decoded last if it has the bytes. */
static ssize_t read_window(struct served_file *file, uint64_t at, void *bytes, size_t len,
                           struct err *err)
{
    uint64_t from;

    if (at < file->window_at || at - file->window_at >= file->window_len) {
        int rc;

        begin_turn(file->place);
        rc = fill_window(file, at, err);
        end_turn(file->place);
        if (rc < 0) {
            file->window_len = 0;
            return -1;
        }
    }
    from = at - file->window_at;
    if (len > file->window_len - from)
        len = (size_t)(file->window_len - from);
    return file_pread(file->window, bytes, len, from, err) < 0 ? -1 : (ssize_t)len;
}

ssize_t served_file_read(struct served_file *file, uint64_t at, void *bytes, size_t len,
                         struct err *err)
{
    uint64_t left = at < file->size ? file->size - at : 0;

    if (len > left)
        len = (size_t)left;
    if (!len)
        return 0;
    if (file->reader.path && file->reader.codec != FRAME_NONE)
        return read_window(file, at, bytes, len, err);
    if (file->reader.path)
        return archive_reader_read(&file->reader, bytes, len, file->data + at, err) < 0
                   ? -1
                   : (ssize_t)len;
    if (file->spool >= 0)
        return file_pread(file->spool, bytes, len, at, err) < 0 ? -1 : (ssize_t)len;
    memcpy(bytes, file->whole.data + at, len);
    return (ssize_t)len;
}
