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

#define EARLY_MS 1000 /* a buffer that fills slowly is written to the file after this time */

/*
 * [0, flushed) is with async_write or in the file, [flushed, flushed + filled) in the buffer.
 * flushed is always a multiple of ASYNC_WRITE_ALIGN, until the end. A mark copies the buffer
 * and the hash; going back restores both, and later bytes overwrite the rest of the file. The
 * hash covers the bytes before flushed, and the first `hashed` bytes of the buffer: async_write
 * hashes the others when it gets the buffer.
 */
struct output {
    int fd;
    int dir;       /* directory of partial, to be synced at the end */
    char *path;    /* as given by the user */
    char *partial; /* NULL: written directly */
    bool force;
    unsigned mode;
    bool stepped;
    bool direct;
    struct async_write *async;
    unsigned char *buffer; /* owned by async_write; NULL after a failure */
    size_t filled;
    uint64_t flushed;
    size_t hashed;
    uint64_t wrote;      /* when the file was last written to */
    uint64_t saved;      /* bytes in the file at the last write_blocks, or 0 */
    struct sha256 *sha;  /* NULL: the digest is not wanted */
    unsigned char *rest; /* bytes kept of the former attempt: less than a block */
    /* the mark */
    unsigned char *kept;
    size_t kept_filled;
    uint64_t kept_flushed;
    size_t kept_hashed;
    struct sha256 *kept_sha;
};

/* Check that nothing prevents writing the output, before anything is fetched. */
static int look(struct output *output, bool *plain, struct err *err)
{
    struct stat st;

    *plain = true;
    if (stat(output->path, &st) < 0) {
        if (errno == ENOENT)
            return 0;
        return err_sys(err, "cannot write '%s'", output->path);
    }
    if (S_ISDIR(st.st_mode))
        return err_set(err, ERR_EXISTS, "'%s' is a directory; name a file in it", output->path);
    *plain = S_ISREG(st.st_mode);
    if (*plain && !output->force)
        return err_set(err, ERR_EXISTS, "'%s' exists; --force replaces it", output->path);
    return 0;
}

/* Whether a name refers to our file. */
static bool is_ours(const struct output *output, const char *path)
{
    struct stat by_fd;
    struct stat by_name;

    return fstat(output->fd, &by_fd) == 0 && lstat(path, &by_name) == 0 &&
           by_fd.st_dev == by_name.st_dev && by_fd.st_ino == by_name.st_ino;
}

/* Open and lock OUTPUT.partial; the content of an earlier attempt is not changed yet. */
static int open_partial(struct output *output, struct err *err)
{
    do {
        file_close(&output->fd);
        output->fd = file_open_own(output->partial, err);
        if (output->fd < 0)
            return -1;
        if (flock(output->fd, LOCK_EX | LOCK_NB) < 0) {
            if (errno == EWOULDBLOCK)
                (void)err_set(err, ERR_BUSY, "another skyarc is writing '%s'", output->path);
            else
                (void)err_sys(err, "cannot lock '%s'", output->partial);
            mem_free(output->partial); /* not our file, so it must not be removed */
            output->partial = NULL;
            return -1;
        }
    } while (!is_ours(output, output->partial));
    return 0;
}

static int open_output(struct output *output, struct stop stop, struct err *err)
{
    bool plain;

    if (strcmp(output->path, "-") == 0) {
        if ((fcntl(STDOUT_FILENO, F_GETFL) & O_ACCMODE) == O_RDONLY)
            return err_set(err, ERR_SYSTEM, "standard output is closed");
        output->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        return output->fd < 0 ? err_sys(err, "cannot write to standard output") : 0;
    }
    if (look(output, &plain, err) < 0)
        return -1;
    if (plain) {
        output->partial = mem_format(err, "%s" OUTPUT_PARTIAL, output->path);
        return output->partial ? open_partial(output, err) : -1;
    }
    output->fd = file_open_to_write(output->path, stop, err);
    return output->fd < 0 ? -1 : 0;
}

struct output *output_open(const char *path, bool force, unsigned mode, bool stepped,
                           bool hashed, struct stop stop, struct err *err)
{
    struct output *output = mem_new(sizeof(*output), err);

    if (!output)
        return NULL;
    output->fd = output->dir = -1;
    output->force = force;
    output->mode = mode;
    output->stepped = stepped;
    output->path = mem_copy(path, err);
    if (hashed) {
        output->sha = sha256_new(err);
        output->kept_sha = sha256_new(err);
    }
    if (!output->path || (hashed && (!output->sha || !output->kept_sha)))
        goto fail;
    if (open_output(output, stop, err) == 0)
        return output;
fail:
    (void)output_free(output, true);
    return NULL;
}

int output_left(const struct output *output)
{
    struct stat st;

    return output->partial && fstat(output->fd, &st) == 0 && st.st_size > 0 ? output->fd : -1;
}

int output_start(struct output *output, uint64_t kept, const struct sha256 *sha,
                 struct err *err)
{
    size_t rest = (size_t)(kept % ASYNC_WRITE_ALIGN);

    output->flushed = kept - rest;
    output->wrote = clock_mono();
    if (sha && output->sha)
        sha256_set(output->sha, sha);
    if (rest && !output->rest)
        output->rest = mem_new(ASYNC_WRITE_ALIGN, err);
    if (rest &&
        (!output->rest || file_pread(output->fd, output->rest, rest, output->flushed, err) < 0))
        return err_wrap(err, "'%s'", output->partial);
    if (output->partial) {
        output->dir = file_open_dir(output->path, err);
        if (output->dir < 0)
            return -1;
        if (ftruncate(output->fd, (off_t)kept) < 0)
            return err_sys(err, "cannot truncate '%s'", output->partial);
        output->direct = fcntl(output->fd, F_SETFL, O_DIRECT) == 0;
    }
    output->async = async_write_new(output->fd, output->partial != NULL, output->direct,
                                    output->stepped, output->sha, err);
    if (output->async)
        output->buffer = async_write_take(output->async, err);
    if (!output->buffer)
        return -1;
    if (rest) /* this part is written again, before the new bytes */
        memcpy(output->buffer, output->rest, rest);
    output->filled = output->hashed = rest;
    return 0;
}

static const char *name_of(const struct output *output)
{
    if (strcmp(output->path, "-") == 0)
        return "standard output";
    return output->partial ? output->partial : output->path;
}

static int explain(const struct output *output, struct err *err)
{
    (void)err_wrap(err, "'%s'", name_of(output));
    if (err && (err->os == ENOSPC || err->os == EDQUOT))
        (void)err_hint(err, "free some space, or name another place with -o");
    return -1;
}

/*
 * Queue the buffer, and continue with another. len: bytes to write, of which those beyond
 * `filled` are padding.
 */
static int flush(struct output *output, size_t len, struct err *err)
{
    const struct async_job job = { .buffer = output->buffer,
                                   .len = len,
                                   .at = output->flushed,
                                   .hash_from = output->hashed,
                                   .hash_to = output->filled };

    async_write_put(output->async, &job);
    output->flushed += len;
    output->wrote = clock_mono();
    output->filled = output->hashed = 0;
    output->buffer = async_write_take(output->async, err);
    return output->buffer ? 0 : explain(output, err);
}

/*
 * Write what the buffer holds, in case the process is killed: it is written again with the rest
 * of the buffer. Direct I/O needs whole blocks, so zeros follow, until other bytes do.
 */
static int write_blocks(struct output *output, struct err *err)
{
    size_t len = output->filled;
    size_t whole = (len + ASYNC_WRITE_ALIGN - 1) & ~(ASYNC_WRITE_ALIGN - 1);

    memset(output->buffer + len, 0, whole - len);
    output->wrote = clock_mono();
    output->saved = output_offset(output);
    if (file_pwrite(output->fd, output->buffer, whole, output->flushed, err) == 0)
        return 0;
    return explain(output, err);
}

int output_save(struct output *output, struct err *err)
{
    if (!output->partial || !output->buffer || !output->filled ||
        output->saved == output_offset(output))
        return 0;
    return write_blocks(output, err);
}

int output_put(void *ctx, const void *bytes, size_t len, struct err *err)
{
    struct output *output = ctx;
    const unsigned char *from = bytes;

    if (!output->buffer) /* an earlier write has failed */
        return async_write_wait(output->async, err) < 0 ? explain(output, err) : 0;
    while (len) {
        size_t room = ASYNC_WRITE_BUFFER - output->filled;
        size_t n = len < room ? len : room;

        memcpy(output->buffer + output->filled, from, n);
        output->filled += n;
        from += n;
        len -= n;
        if (output->filled == ASYNC_WRITE_BUFFER && flush(output, ASYNC_WRITE_BUFFER, err) < 0)
            return -1;
    }
    if (!output->partial || output->filled < ASYNC_WRITE_ALIGN ||
        clock_mono() < output->wrote + EARLY_MS)
        return 0;
    return write_blocks(output, err);
}

uint64_t output_offset(const struct output *output)
{
    return output->flushed + output->filled;
}

bool output_rewinds(const struct output *output)
{
    return output->partial != NULL;
}

int output_mark(struct output *output, struct err *err)
{
    if (!output->buffer)
        return err_set(err, ERR_SYSTEM, "'%s' has failed", name_of(output));
    if (!output->kept)
        output->kept = mem_new(ASYNC_WRITE_BUFFER, err);
    if (!output->kept)
        return -1;
    memcpy(output->kept, output->buffer, output->filled);
    output->kept_filled = output->filled;
    output->kept_flushed = output->flushed;
    output->kept_hashed = output->hashed;
    async_write_settle(output->async);
    if (output->sha)
        sha256_set(output->kept_sha, output->sha);
    return 0;
}

int output_back(struct output *output, struct err *err)
{
    if (!output->kept || !output->partial || !output->buffer)
        return err_set(err, ERR_SYSTEM, "cannot go back in '%s'", name_of(output));
    if (async_write_wait(output->async, err) <
        0) /* a delayed write could overwrite a newer one */
        return explain(output, err);
    memcpy(output->buffer, output->kept, output->kept_filled);
    output->filled = output->kept_filled;
    output->flushed = output->kept_flushed;
    output->hashed = output->kept_hashed;
    output->saved = 0;
    if (output->sha)
        sha256_set(output->sha, output->kept_sha);
    return 0;
}

/*
 * Write the last bytes: direct I/O needs whole blocks, the file is truncated to its true length
 * afterwards.
 */
static int flush_rest(struct output *output, struct err *err)
{
    uint64_t size = output_offset(output);
    size_t len = output->filled;

    if (output->direct && len % ASYNC_WRITE_ALIGN) {
        size_t whole = (len + ASYNC_WRITE_ALIGN - 1) & ~(ASYNC_WRITE_ALIGN - 1);

        memset(output->buffer + len, 0, whole - len);
        len = whole;
    }
    if (len && flush(output, len, err) < 0)
        return -1;
    if (async_write_wait(output->async, err) < 0)
        return explain(output, err);
    if (output->partial && ftruncate(output->fd, (off_t)size) < 0)
        return err_sys(err, "cannot set the length of '%s'", output->partial);
    output->flushed = size;
    return 0;
}

/*
 * Rename the file to its final name; atomically refuse to replace another file unless forced.
 */
static int put_name(struct output *output, struct err *err)
{
    unsigned flags = output->force ? 0 : RENAME_NOREPLACE;

    if (!is_ours(output, output->partial))
        return err_set(err, ERR_EXISTS, "'%s' has been replaced by another file",
                       output->partial);
    if (renameat2(AT_FDCWD, output->partial, AT_FDCWD, output->path, flags) == 0)
        return 0;
    if (errno == EINVAL && flags && link(output->partial, output->path) == 0)
        return unlink(output->partial) < 0 ? err_sys(err, "cannot remove '%s'", output->partial)
                                           : 0;
    if (errno == EEXIST)
        return err_set(err, ERR_EXISTS, "'%s' has appeared meanwhile; --force replaces it",
                       output->path);
    return err_sys(err, "cannot rename '%s' to '%s'", output->partial, output->path);
}

/*
 * Get the error that close would report, before the file is renamed: the lock is held until
 * after.
 */
static int close_early(int fd)
{
    int again = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    return again < 0 ? -1 : close(again);
}

void output_abort(struct output *output)
{
    if (output->async && !output->partial)
        async_write_abort(output->async);
}

int output_commit(struct output *output, uint8_t sha256[SHA256_SIZE], struct err *err)
{
    bool named = output->partial != NULL;
    int fd;

    if (flush_rest(output, err) < 0)
        return -1;
    memset(sha256, 0, SHA256_SIZE);
    if (output->sha)
        sha256_end(output->sha, sha256);
    if (output->partial) {
        if (fchmod(output->fd, output->mode) < 0)
            return err_sys(err, "cannot set the permissions of '%s'", output->partial);
        if (file_sync(output->fd) < 0)
            return err_sys(err, "cannot sync '%s'", output->partial);
        if (close_early(output->fd) < 0)
            return err_sys(err, "cannot close '%s'", output->partial);
        if (!output->direct)
            (void)posix_fadvise(output->fd, 0, 0, POSIX_FADV_DONTNEED);
        if (put_name(output, err) < 0)
            return -1;
        mem_free(output->partial);
        output->partial = NULL;
        if (file_flush_dir(output->dir, output->path, err) < 0)
            return -1;
    }
    fd = output->fd;
    output->fd = -1;
    if (close(fd) < 0 && !named)
        return err_sys(err, "cannot close '%s'", name_of(output));
    return 0;
}

bool output_free(struct output *output, bool keep)
{
    struct err ignored; /* the file is shorter: its complete part will be found */
    bool whole = true;

    if (!output)
        return true;
    if (output->partial && output->fd >= 0 && !keep)
        (void)unlink(output->partial);
    else if (output->partial && output->buffer)
        whole = flush_rest(output, &ignored) == 0;
    else if (output->partial && output->async)
        whole = async_write_wait(output->async, &ignored) == 0;
    if (!whole)
        output->filled = 0;
    async_write_free(output->async); /* end its thread before the descriptor is closed */
    file_close(&output->fd);
    file_close(&output->dir);
    mem_free(output->path);
    mem_free(output->partial);
    mem_free(output->rest);
    mem_free(output->kept);
    sha256_free(output->sha);
    sha256_free(output->kept_sha);
    mem_free(output);
    return whole;
}
