/* SPDX-License-Identifier: MIT */
#include "writer/output.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "writer/async_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define EARLY_MS 1000 /* a buffer is not kept from the file for longer */

/*
 * [0, flushed) is with the flusher or in the file, [flushed, flushed + filled) in the buffer.
 * flushed is always a multiple of ASYNC_WRITE_ALIGN, until the end. A mark copies the
 * buffer and the hash; going back puts both in place, and later bytes overwrite
 * what the file has behind.
 */
struct output {
    int fd;
    int dir;       /* that partial is in, to be flushed at last */
    char *path;    /* as the user gave it */
    char *partial; /* NULL: written as it is */
    bool force;
    unsigned mode;
    bool stepped;
    bool direct;
    struct async_write *flusher;
    unsigned char *buffer; /* the flusher's; NULL after a failure */
    size_t filled;
    uint64_t flushed;
    uint64_t wrote; /* when the file last got something */
    struct sha256 *sha;
    unsigned char *rest; /* of what was kept: less than a block */
    /* the mark */
    unsigned char *kept;
    size_t kept_filled;
    uint64_t kept_flushed;
    struct sha256 *kept_sha;
};

/* Refuse what stands in the way before anything is fetched. */
static int look(struct output *writer, bool *plain, struct err *err)
{
    struct stat st;

    *plain = true;
    if (stat(writer->path, &st) < 0) {
        if (errno == ENOENT)
            return 0;
        return err_sys(err, "cannot write '%s'", writer->path);
    }
    if (S_ISDIR(st.st_mode))
        return err_set(err, ERR_EXISTS, "'%s' is a directory; name a file in it", writer->path);
    *plain = S_ISREG(st.st_mode);
    if (*plain && !writer->force)
        return err_set(err, ERR_EXISTS, "'%s' exists; --force replaces it", writer->path);
    return 0;
}

/* Whether our file is the one that a name leads to. */
static bool is_ours(const struct output *writer, const char *path)
{
    struct stat by_fd;
    struct stat by_name;

    return fstat(writer->fd, &by_fd) == 0 && lstat(path, &by_name) == 0 &&
           by_fd.st_dev == by_name.st_dev && by_fd.st_ino == by_name.st_ino;
}

/* Open and lock OUTPUT.partial; what an earlier attempt left in it stays for now. */
static int open_partial(struct output *writer, struct err *err)
{
    do {
        file_close(&writer->fd);
        writer->fd = file_open_own(writer->partial, err);
        if (writer->fd < 0)
            return -1;
        if (flock(writer->fd, LOCK_EX | LOCK_NB) < 0) {
            if (errno == EWOULDBLOCK)
                (void)err_set(err, ERR_BUSY, "another skyarc is writing '%s'", writer->path);
            else
                (void)err_sys(err, "cannot lock '%s'", writer->partial);
            mem_free(writer->partial); /* not ours to remove */
            writer->partial = NULL;
            return -1;
        }
    } while (!is_ours(writer, writer->partial));
    return 0;
}

static int open_output(struct output *writer, struct err *err)
{
    bool plain;

    if (strcmp(writer->path, "-") == 0) {
        if ((fcntl(STDOUT_FILENO, F_GETFL) & O_ACCMODE) == O_RDONLY)
            return err_set(err, ERR_SYSTEM, "standard output is closed");
        writer->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        return writer->fd < 0 ? err_sys(err, "cannot write to standard output") : 0;
    }
    if (look(writer, &plain, err) < 0)
        return -1;
    if (plain) {
        writer->partial = mem_format(err, "%s.partial", writer->path);
        return writer->partial ? open_partial(writer, err) : -1;
    }
    writer->fd = open(writer->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    return writer->fd < 0 ? err_sys(err, "cannot write '%s'", writer->path) : 0;
}

struct output *output_open(const char *path, bool force, unsigned mode, bool stepped,
                           struct err *err)
{
    struct output *writer = mem_new(sizeof(*writer), err);

    if (!writer)
        return NULL;
    writer->fd = writer->dir = -1;
    writer->force = force;
    writer->mode = mode;
    writer->stepped = stepped;
    writer->path = mem_copy(path, err);
    writer->sha = sha256_new(err);
    writer->kept_sha = sha256_new(err);
    if (!writer->path || !writer->sha || !writer->kept_sha)
        goto fail;
    if (open_output(writer, err) == 0)
        return writer;
fail:
    output_free(writer, true);
    return NULL;
}

int output_left(const struct output *writer)
{
    struct stat st;

    return writer->partial && fstat(writer->fd, &st) == 0 && st.st_size > 0 ? writer->fd : -1;
}

int output_start(struct output *writer, uint64_t kept, const struct sha256 *sha,
                 struct err *err)
{
    size_t rest = (size_t)(kept % ASYNC_WRITE_ALIGN);

    writer->flushed = kept - rest;
    writer->wrote = clock_mono();
    if (sha)
        sha256_set(writer->sha, sha);
    if (rest && !writer->rest)
        writer->rest = mem_new(ASYNC_WRITE_ALIGN, err);
    if (rest &&
        (!writer->rest || file_pread(writer->fd, writer->rest, rest, writer->flushed, err) < 0))
        return err_wrap(err, "'%s'", writer->partial);
    if (writer->partial) {
        writer->dir = file_open_dir(writer->path, err);
        if (writer->dir < 0)
            return -1;
        if (ftruncate(writer->fd, (off_t)kept) < 0)
            return err_sys(err, "cannot cut '%s'", writer->partial);
        writer->direct = fcntl(writer->fd, F_SETFL, O_DIRECT) == 0;
    }
    writer->flusher = async_write_new(writer->fd, writer->partial != NULL, writer->direct,
                                      writer->stepped, err);
    if (writer->flusher)
        writer->buffer = async_write_take(writer->flusher, err);
    if (!writer->buffer)
        return -1;
    if (rest) /* it is written again, in front of what follows */
        memcpy(writer->buffer, writer->rest, rest);
    writer->filled = rest;
    return 0;
}

static const char *name_of(const struct output *writer)
{
    if (strcmp(writer->path, "-") == 0)
        return "standard output";
    return writer->partial ? writer->partial : writer->path;
}

static int explain(const struct output *writer, struct err *err)
{
    (void)err_wrap(err, "'%s'", name_of(writer));
    if (err && (err->os == ENOSPC || err->os == EDQUOT))
        (void)err_hint(err, "free some space, or name another place with -o");
    return -1;
}

/* Hand the buffer over, len bytes of it, and go on with another. */
static int flush(struct output *writer, size_t len, struct err *err)
{
    async_write_put(writer->flusher, writer->buffer, len, writer->flushed);
    writer->flushed += len;
    writer->wrote = clock_mono();
    writer->filled = 0;
    writer->buffer = async_write_take(writer->flusher, err);
    return writer->buffer ? 0 : explain(writer, err);
}

/*
 * Let the whole blocks of a buffer that fills slowly be in the file, in case we are killed;
 * they are written again with the rest of it.
 */
static int write_early(struct output *writer, struct err *err)
{
    uint64_t now = clock_mono();
    size_t len = writer->filled & ~(ASYNC_WRITE_ALIGN - 1);

    if (!writer->partial || !len || now < writer->wrote + EARLY_MS)
        return 0;
    writer->wrote = now;
    if (file_pwrite(writer->fd, writer->buffer, len, writer->flushed, err) == 0)
        return 0;
    return explain(writer, err);
}

int output_put(void *ctx, const void *bytes, size_t len, struct err *err)
{
    struct output *writer = ctx;
    const unsigned char *from = bytes;

    if (!writer->buffer) /* it has failed before */
        return async_write_wait(writer->flusher, err) < 0 ? explain(writer, err) : 0;
    sha256_add(writer->sha, bytes, len);
    while (len) {
        size_t room = ASYNC_WRITE_BUFFER - writer->filled;
        size_t n = len < room ? len : room;

        memcpy(writer->buffer + writer->filled, from, n);
        writer->filled += n;
        from += n;
        len -= n;
        if (writer->filled == ASYNC_WRITE_BUFFER && flush(writer, ASYNC_WRITE_BUFFER, err) < 0)
            return -1;
    }
    return write_early(writer, err);
}

uint64_t output_offset(const struct output *writer)
{
    return writer->flushed + writer->filled;
}

bool output_rewinds(const struct output *writer)
{
    return writer->partial != NULL;
}

int output_mark(struct output *writer, struct err *err)
{
    if (!writer->buffer)
        return err_set(err, ERR_SYSTEM, "'%s' has failed", name_of(writer));
    if (!writer->kept)
        writer->kept = mem_new(ASYNC_WRITE_BUFFER, err);
    if (!writer->kept)
        return -1;
    memcpy(writer->kept, writer->buffer, writer->filled);
    writer->kept_filled = writer->filled;
    writer->kept_flushed = writer->flushed;
    sha256_set(writer->kept_sha, writer->sha);
    return 0;
}

int output_back(struct output *writer, struct err *err)
{
    if (!writer->kept || !writer->partial || !writer->buffer)
        return err_set(err, ERR_SYSTEM, "cannot go back in '%s'", name_of(writer));
    if (async_write_wait(writer->flusher, err) <
        0) /* else a late write could cover a newer one */
        return explain(writer, err);
    memcpy(writer->buffer, writer->kept, writer->kept_filled);
    writer->filled = writer->kept_filled;
    writer->flushed = writer->kept_flushed;
    sha256_set(writer->sha, writer->kept_sha);
    return 0;
}

/* The last bytes: direct I/O wants whole blocks, the file gets its true length after. */
static int flush_rest(struct output *writer, struct err *err)
{
    uint64_t size = output_offset(writer);
    size_t len = writer->filled;

    if (writer->direct && len % ASYNC_WRITE_ALIGN) {
        size_t whole = (len + ASYNC_WRITE_ALIGN - 1) & ~(ASYNC_WRITE_ALIGN - 1);

        memset(writer->buffer + len, 0, whole - len);
        len = whole;
    }
    if (len && flush(writer, len, err) < 0)
        return -1;
    if (async_write_wait(writer->flusher, err) < 0)
        return explain(writer, err);
    if (writer->partial && ftruncate(writer->fd, (off_t)size) < 0)
        return err_sys(err, "cannot set the length of '%s'", writer->partial);
    writer->flushed = size;
    return 0;
}

/* Give the file its name; atomically refuse to replace another one unless forced. */
static int put_name(struct output *writer, struct err *err)
{
    unsigned flags = writer->force ? 0 : RENAME_NOREPLACE;

    if (!is_ours(writer, writer->partial))
        return err_set(err, ERR_EXISTS, "'%s' has been replaced by another file",
                       writer->partial);
    if (renameat2(AT_FDCWD, writer->partial, AT_FDCWD, writer->path, flags) == 0)
        return 0;
    if (errno == EINVAL && flags && link(writer->partial, writer->path) == 0)
        return unlink(writer->partial) < 0 ? err_sys(err, "cannot remove '%s'", writer->partial)
                                           : 0;
    if (errno == EEXIST)
        return err_set(err, ERR_EXISTS, "'%s' has appeared meanwhile; --force replaces it",
                       writer->path);
    return err_sys(err, "cannot rename '%s' to '%s'", writer->partial, writer->path);
}

/* What closing would say, before the name is given: the lock stays until after. */
static int close_early(int fd)
{
    int again = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    return again < 0 ? -1 : close(again);
}

void output_abort(struct output *writer)
{
    if (writer->flusher && !writer->partial)
        async_write_abort(writer->flusher);
}

int output_commit(struct output *writer, uint8_t sha256[SHA256_SIZE], struct err *err)
{
    bool named = writer->partial != NULL;
    int fd;

    if (flush_rest(writer, err) < 0)
        return -1;
    sha256_end(writer->sha, sha256);
    if (writer->partial) {
        if (fchmod(writer->fd, writer->mode) < 0)
            return err_sys(err, "cannot set the permissions of '%s'", writer->partial);
        if (file_sync(writer->fd) < 0)
            return err_sys(err, "cannot sync '%s'", writer->partial);
        if (close_early(writer->fd) < 0)
            return err_sys(err, "cannot close '%s'", writer->partial);
        if (!writer->direct)
            (void)posix_fadvise(writer->fd, 0, 0, POSIX_FADV_DONTNEED);
        if (put_name(writer, err) < 0)
            return -1;
        mem_free(writer->partial);
        writer->partial = NULL;
        if (file_flush_dir(writer->dir, writer->path, err) < 0)
            return -1;
    }
    fd = writer->fd;
    writer->fd = -1;
    if (close(fd) < 0 && !named)
        return err_sys(err, "cannot close '%s'", name_of(writer));
    return 0;
}

void output_free(struct output *writer, bool keep)
{
    struct err ignored; /* then it is shorter: what is whole of it will be found */

    if (!writer)
        return;
    if (writer->partial && writer->fd >= 0 && !keep)
        (void)unlink(writer->partial);
    else if (writer->partial && writer->buffer && flush_rest(writer, &ignored) < 0)
        writer->filled = 0;
    async_write_free(writer->flusher); /* it writes: before the descriptor closes */
    file_close(&writer->fd);
    file_close(&writer->dir);
    mem_free(writer->path);
    mem_free(writer->partial);
    mem_free(writer->rest);
    mem_free(writer->kept);
    sha256_free(writer->sha);
    sha256_free(writer->kept_sha);
    mem_free(writer);
}
