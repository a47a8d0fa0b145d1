/* SPDX-License-Identifier: MIT */
#include "catalog/audit_log.h"

#include "base/file.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX  ((size_t)64 << 10)
#define LINES_MAX ((size_t)1 << 20) /* buffered before writing */
#define PIECE     ((size_t)64 << 10)

/* Parse a line; 1: an entry, 0: unreadable, -1: out of memory. */
static int parse(struct audit_log_entry *e, const char *line, size_t len,
                 struct region **region, struct err *err)
{
    struct err why;
    struct json *doc = json_parse(line, len, &why);
    struct json_value root;
    uint64_t at = 0;

    *e = (struct audit_log_entry){ 0 };
    *region = NULL;
    if (!doc && why.kind == ERR_MEMORY) {
        *err = why;
        return -1;
    }
    if (!doc)
        return 0;
    root = json_root(doc);
    *region = region_new(err);
    if (*region && json_type(root) == JSON_OBJECT) {
        (void)json_u64(json_get(root, "at_ms"), &at);
        e->at_ms = (int64_t)(at & INT64_MAX);
        e->what = json_text(root, "what", *region);
        e->run_id = json_text(root, "run_id", *region);
        e->volume = json_text(root, "volume", *region);
        e->part = json_text(root, "part", *region);
        e->reason = json_text(root, "reason", *region);
    }
    json_free(doc);
    if (!*region)
        return -1;
    return e->what != NULL;
}

/* Whether the bytes are a complete entry. */
static bool is_entry(const char *line, size_t len)
{
    struct audit_log_entry e;
    struct region *region = NULL;
    struct err ignored;
    int rc = parse(&e, line, len, &region, &ignored);

    region_free(region);
    return rc > 0;
}

/*
 * Add a missing newline to a complete last line, or delete an incomplete last line.
 *
 * returns  the file's size afterwards, or -1
 */
static int64_t mend(int fd, const char *path, struct err *err)
{
    char tail[LINE_MAX];
    struct stat st;
    size_t len;
    size_t begin;

    if (fstat(fd, &st) < 0)
        return err_sys(err, "cannot read '%s'", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_USAGE,
                       "'%s' is not a regular file; move it away: holds and removals that it "
                       "should list are in the catalog",
                       path);
    len = st.st_size < (off_t)sizeof(tail) ? (size_t)st.st_size : sizeof(tail);
    if (file_pread(fd, tail, len, (uint64_t)st.st_size - len, err) < 0)
        return err_wrap(err, "'%s'", path);
    for (begin = len; begin && tail[begin - 1] != '\n'; begin--) {
    }
    if (begin == len)
        return st.st_size;
    if (begin == 0 && len == sizeof(tail))
        return err_set(err, ERR_FORMAT, "'%s' ends with a line that skyarc did not write",
                       path);
    if (is_entry(tail + begin, len - begin)) {
        if (file_write(fd, "\n", 1, err) < 0)
            return err_wrap(err, "'%s'", path);
        return st.st_size + 1;
    }
    log_line(LOG_WARNING, "'%s': deleted the incomplete last line", path);
    st.st_size -= (off_t)(len - begin);
    if (ftruncate(fd, st.st_size) < 0)
        return err_sys(err, "cannot truncate '%s'", path);
    return st.st_size;
}

static char *path_of(const char *dir, struct err *err)
{
    return mem_format(err, "%s/" AUDIT_LOG_NAME, dir);
}

/* Without a second place of the log. */
static int publish_nowhere(void *ctx, const char *lines, size_t len, struct err *err)
{
    (void)ctx;
    (void)lines;
    (void)len;
    (void)err;
    return 0;
}

static int copied_nowhere(void *ctx, struct err *err)
{
    (void)ctx;
    (void)err;
    return 0;
}

struct audit_log_origin audit_log_no_origin(void)
{
    return (struct audit_log_origin){ publish_nowhere, copied_nowhere, NULL };
}

int audit_log_open(struct audit_log *a, const char *dir, struct audit_log_origin origin,
                   struct err *err)
{
    const int flags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

    *a = (struct audit_log){
        .fd = -1, .path = path_of(dir, err), .origin = origin, .began = -1
    };
    buf_init(&a->lines, LINES_MAX + LINE_MAX);
    if (!a->path)
        return -1;
    a->fd = open(a->path, flags, 0600);
    if (a->fd < 0)
        return err_sys(err, "cannot write '%s'", a->path);
    a->began = mend(a->fd, a->path, err);
    return a->began < 0 ? -1 : 0;
}

static int write_lines(struct audit_log *a, struct err *err)
{
    if (a->origin.publish(a->origin.ctx, a->lines.data, a->lines.len, err) < 0)
        return -1;
    if (file_write(a->fd, a->lines.data, a->lines.len, err) < 0)
        return err_wrap(err, "'%s'", a->path);
    buf_reset(&a->lines);
    return 0;
}

int audit_log_put(struct audit_log *a, const struct audit_log_entry *e, struct err *err)
{
    size_t begin = a->lines.len;
    struct jsonw w;

    jsonw_init(&w, buf_put, &a->lines);
    jsonw_object(&w, NULL, JSONW_INLINE);
    jsonw_u64(&w, "at_ms", e->at_ms > 0 ? (uint64_t)e->at_ms : 0);
    jsonw_text(&w, "what", e->what);
    jsonw_text(&w, "run_id", e->run_id);
    jsonw_text(&w, "volume", e->volume);
    if (e->part)
        jsonw_text(&w, "part", e->part);
    jsonw_text(&w, "reason", e->reason);
    jsonw_close(&w);
    if (jsonw_end(&w, err) < 0)
        return -1;
    if (a->lines.len - begin > LINE_MAX - 1)
        return err_set(err, ERR_LIMIT, "'%s': an entry exceeds %zu bytes", a->path,
                       LINE_MAX - 1);
    return a->lines.len > LINES_MAX ? write_lines(a, err) : 0;
}

int audit_log_commit(struct audit_log *a, struct err *err)
{
    if (write_lines(a, err) < 0)
        return -1;
    if (fsync(a->fd) < 0)
        return err_sys(err, "cannot sync '%s'", a->path);
    if (file_sync_dir(a->path, err) < 0)
        return -1;
    a->committed = true;
    return a->origin.copied(a->origin.ctx, err);
}

void audit_log_close(struct audit_log *a)
{
    if (a->fd >= 0 && a->began >= 0 && !a->committed && ftruncate(a->fd, a->began) < 0)
        log_line(LOG_WARNING, "cannot truncate '%s'", a->path);
    file_close(&a->fd);
    buf_clear(&a->lines);
    mem_free(a->path);
    a->path = NULL;
}

int audit_log_mend(const char *dir, struct err *err)
{
    char *path = path_of(dir, err);
    int fd = path ? open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
    int rc = path ? 0 : -1;

    if (fd >= 0)
        rc = mend(fd, path, err) < 0 ? -1 : 0;
    else if (path && errno != ENOENT)
        rc = err_sys(err, "cannot open '%s'", path);
    file_close(&fd);
    mem_free(path);
    return rc;
}

int audit_log_start(struct audit_log_mark *mark, struct err *err)
{
    struct sha256 *sha = sha256_new(err);

    if (!sha)
        return -1;
    mark->size = 0;
    sha256_end(sha, mark->sha256);
    sha256_free(sha);
    return 0;
}

/* State of reading a file. */
struct scan {
    int fd;
    audit_log_fn *fn;
    void *ctx;
    struct buf line;
    uint64_t pending;   /* bytes of the current line */
    bool endless;       /* the line exceeds LINE_MAX */
    struct sha256 *sha; /* of all complete lines */
    struct sha256 *copy;
    uint64_t size;
};

/* Process one line, without its newline. */
static int take_line(struct scan *s, struct err *err)
{
    struct audit_log_entry e;
    struct region *region = NULL;
    int rc = 0;

    if (!s->line.len && !s->endless)
        return 0;
    if (!s->endless)
        rc = parse(&e, buf_text(&s->line), s->line.len, &region, err);
    if (rc >= 0)
        rc = s->fn(s->ctx, rc > 0 ? &e : NULL, err);
    region_free(region);
    return rc < 0 ? -1 : 0;
}

/* Split bytes into lines, and process complete lines. */
static int feed(struct scan *s, const char *bytes, size_t len, struct err *err)
{
    while (len) {
        const char *end = memchr(bytes, '\n', len);
        size_t n = end ? (size_t)(end - bytes) : len;

        s->pending += n;
        if (s->pending > LINE_MAX)
            s->endless = true;
        else if (buf_add(&s->line, bytes, n, err) < 0)
            return -1;
        sha256_add(s->sha, bytes, end ? n + 1 : n);
        s->size += end ? n + 1 : n;
        if (end) {
            if (take_line(s, err) < 0)
                return -1;
            buf_reset(&s->line);
            s->endless = false;
            s->pending = 0;
            sha256_set(s->copy, s->sha);
        }
        bytes += end ? n + 1 : n;
        len -= end ? n + 1 : n;
    }
    return 0;
}

/* Hash the bytes before the mark; 1: they are unchanged. */
static int skip(struct scan *s, const struct audit_log_mark *mark, char *piece, struct err *err)
{
    uint8_t sha256[SHA256_SIZE];
    struct stat st;

    if (fstat(s->fd, &st) < 0)
        return err_sys(err, "cannot read");
    if ((uint64_t)st.st_size < mark->size)
        return 0;
    while (s->size < mark->size) {
        uint64_t left = mark->size - s->size;
        size_t n = left < PIECE ? (size_t)left : PIECE;

        if (file_pread(s->fd, piece, n, s->size, err) < 0)
            return -1;
        sha256_add(s->sha, piece, n);
        s->size += n;
    }
    sha256_set(s->copy, s->sha);
    sha256_end(s->copy, sha256);
    sha256_set(s->copy, s->sha);
    return memcmp(sha256, mark->sha256, SHA256_SIZE) == 0;
}

static int scan(struct scan *s, struct audit_log_mark *mark, struct err *err)
{
    char *piece = mem_new(PIECE, err);
    int rc = piece ? skip(s, mark, piece, err) : -1;
    ssize_t n = 1;

    while (rc > 0 && n > 0) {
        n = pread(s->fd, piece, PIECE, (off_t)s->size);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n < 0)
            rc = err_sys(err, "cannot read");
        else if (n > 0 && feed(s, piece, (size_t)n, err) < 0)
            rc = -1;
    }
    mem_free(piece);
    if (rc <= 0)
        return rc;
    mark->size = s->size - s->pending; /* a line without a newline is incomplete */
    sha256_end(s->copy, mark->sha256);
    return 1;
}

int audit_log_scan(const char *dir, struct audit_log_mark *mark, audit_log_fn *fn, void *ctx,
                   struct err *err)
{
    char *path = path_of(dir, err);
    struct scan s = { .fd = -1, .fn = fn, .ctx = ctx };
    int rc = -1;

    buf_init(&s.line, LINE_MAX);
    s.sha = sha256_new(err);
    s.copy = sha256_new(err);
    if (path && s.sha && s.copy) {
        s.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (s.fd >= 0)
            rc = scan(&s, mark, err);
        else if (errno == ENOENT)
            rc = mark->size == 0;
        else
            rc = err_sys(err, "cannot open");
        if (rc < 0)
            (void)err_wrap(err, "'%s'", path);
    }
    file_close(&s.fd);
    sha256_free(s.sha);
    sha256_free(s.copy);
    buf_clear(&s.line);
    mem_free(path);
    return rc;
}
