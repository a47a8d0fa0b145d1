/* SPDX-License-Identifier: MIT */
#include "reader/bag_stream.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "format/entry.h"
#include "format/extract_dir.h"
#include "format/tagfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_MAX ((size_t)64 << 10)

struct bag_file {
    const char *path; /* relative to the directory */
    uint64_t size;
    int64_t mtime;
};

struct bag_files {
    int dir;
    struct region *region;
    struct bag_file *rows;
    size_t count;
    size_t cap;
    uint64_t size;
};

struct bag_stream {
    const struct bag_files *files;
    const char *top;
    size_t next;     /* number of the next file */
    struct buf head; /* header of the current file, or the blocks at the end */
    size_t head_at;
    int fd;         /* -1: the current file is not open */
    uint64_t at;    /* in the current file */
    uint64_t left;  /* bytes of the current file */
    size_t padding; /* zeros after it */
    bool ended;     /* head holds the end of the stream */
};

bool bag_is(const char *path)
{
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    bool is = dir >= 0 &&
              fstatat(dir, tagfile_name(TAG_BAGIT), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
              S_ISREG(st.st_mode);

    file_close(&dir);
    return is;
}

static int list_file(void *ctx, int dir, const char *path, const struct stat *st,
                     struct err *err)
{
    struct bag_files *files = ctx;
    struct bag_file *row;

    (void)dir;
    if (!S_ISREG(st->st_mode))
        return err_set(err, ERR_FORMAT, "'%.200s' is not a regular file", path);
    if (mem_room(&files->rows, &files->cap, files->count, sizeof(*files->rows), BAG_FILES_MAX,
                 err) < 0)
        return -1;
    row = &files->rows[files->count];
    row->path = region_text(files->region, path, err);
    row->size = (uint64_t)st->st_size;
    row->mtime = st->st_mtime;
    files->size += row->size;
    files->count += row->path != NULL;
    return row->path ? 0 : -1;
}

static int by_path(const void *a, const void *b)
{
    const struct bag_file *x = a;
    const struct bag_file *y = b;
    bool first = strcmp(x->path, tagfile_name(TAG_MANIFEST)) == 0;
    bool second = strcmp(y->path, tagfile_name(TAG_MANIFEST)) == 0;

    return first != second ? (int)second - (int)first : strcmp(x->path, y->path);
}

struct bag_files *bag_files_list(int dir, struct err *err)
{
    struct bag_files *files = mem_new(sizeof(*files), err);
    struct extract_dir_walker walker = { list_file, extract_dir_enter, extract_dir_leave,
                                         files };

    if (!files)
        return NULL;
    files->dir = dir;
    files->region = region_new(err);
    if (!files->region || extract_dir_walk(dir, &walker, err) < 0) {
        bag_files_free(files);
        return NULL;
    }
    if (files->count)
        qsort(files->rows, files->count, sizeof(*files->rows), by_path);
    return files;
}

void bag_files_free(struct bag_files *files)
{
    if (!files)
        return;
    region_free(files->region);
    mem_free(files->rows);
    mem_free(files);
}

uint64_t bag_files_size(const struct bag_files *files)
{
    return files->size;
}

struct bag_stream *bag_stream_open(const struct bag_files *files, const char *top,
                                   struct err *err)
{
    struct bag_stream *s = mem_new(sizeof(*s), err);

    if (!s)
        return NULL;
    s->files = files;
    s->top = top;
    s->fd = -1;
    buf_init(&s->head, HEAD_MAX);
    return s;
}

void bag_stream_free(struct bag_stream *s)
{
    if (!s)
        return;
    file_close(&s->fd);
    buf_clear(&s->head);
    mem_free(s);
}

/*
 * Make the header of the next file, or the end of the stream. 1: there is one; 0: all is read
 */
static int next_file(struct bag_stream *s, struct err *err)
{
    static const char end[ENTRY_END];
    struct entry_file file = { 0 };
    char *path;
    int rc;

    file_close(&s->fd);
    s->head.len = s->head_at = 0;
    if (s->ended)
        return 0;
    if (s->next == s->files->count) {
        s->ended = true;
        return buf_add(&s->head, end, sizeof(end), err) < 0 ? -1 : 1;
    }
    path = mem_format(err, "%s/%s", s->top, s->files->rows[s->next].path);
    if (!path)
        return -1;
    file.path = path;
    file.size = s->files->rows[s->next].size;
    file.mtime = s->files->rows[s->next].mtime;
    rc = entry_header(&s->head, &file, err) < 0 ? -1 : 1;
    s->at = 0;
    s->left = file.size;
    s->padding = entry_padding(file.size);
    s->next++;
    mem_free(path);
    return rc;
}

/* Open the current file, which must be as it was listed. */
static int open_file(struct bag_stream *s, struct err *err)
{
    const struct bag_file *row = &s->files->rows[s->next - 1];
    struct stat st;

    s->fd = file_beneath(s->files->dir, row->path,
                         O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, false);
    if (s->fd < 0 || fstat(s->fd, &st) < 0)
        return err_sys(err, "cannot open '%.200s'", row->path);
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != row->size)
        return err_set(err, ERR_MISMATCH, "'%.200s' was changed while the directory was read",
                       row->path);
    return 0;
}

static ssize_t read_file(struct bag_stream *s, void *bytes, size_t len, struct err *err)
{
    const char *path = s->files->rows[s->next - 1].path;
    size_t want = s->left < len ? (size_t)s->left : len;
    ssize_t n;

    if (s->fd < 0 && open_file(s, err) < 0)
        return -1;
    do
        n = pread(s->fd, bytes, want, (off_t)s->at);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_sys(err, "cannot read '%.200s'", path);
    if (n == 0)
        return err_set(err, ERR_MISMATCH, "'%.200s' became shorter while it was read", path);
    s->at += (uint64_t)n;
    s->left -= (uint64_t)n;
    return n;
}

ssize_t bag_stream_read(struct bag_stream *s, void *bytes, size_t len, struct err *err)
{
    size_t n;
    int rc;

    for (;;) {
        if (s->head_at < s->head.len) {
            n = s->head.len - s->head_at < len ? s->head.len - s->head_at : len;
            memcpy(bytes, s->head.data + s->head_at, n);
            s->head_at += n;
            return (ssize_t)n;
        }
        if (s->left)
            return read_file(s, bytes, len, err);
        if (s->padding) {
            n = s->padding < len ? s->padding : len;
            memset(bytes, 0, n);
            s->padding -= n;
            return (ssize_t)n;
        }
        rc = next_file(s, err);
        if (rc <= 0)
            return rc;
    }
}

uint64_t bag_stream_skip(struct bag_stream *s, uint64_t count)
{
    uint64_t n = s->head_at < s->head.len ? 0 : count < s->left ? count : s->left;

    s->at += n;
    s->left -= n;
    return n;
}
