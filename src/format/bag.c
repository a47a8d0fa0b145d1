/* SPDX-License-Identifier: MIT */
#include "format/bag.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/hashmap.h"
#include "base/mem.h"
#include "base/text.h"
#include "format/extract_dir.h"
#include "format/tagfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PIECE ((size_t)32 << 10)

int bag_line(put_fn *put, void *ctx, const uint8_t sha256[SHA256_SIZE], const char *path,
             struct err *err)
{
    char head[SHA256_TEXT + 2];

    text_hex(head, sha256, SHA256_SIZE);
    memcpy(head + SHA256_TEXT - 1, "  ", 3);
    if (put(ctx, head, SHA256_TEXT + 1, err) < 0 || put(ctx, path, strlen(path), err) < 0)
        return -1;
    return put(ctx, "\n", 1, err);
}

int bag_info(put_fn *put, void *ctx, const struct bag_info *info, struct err *err)
{
    char text[2048];
    char date[CLOCK_TEXT_MAX];
    char source[512];
    int len = snprintf(text, sizeof(text),
                       "Bag-Software-Agent: %s\nBagging-Date: %s\nExternal-Identifier: %s\n"
                       "External-Description: artifacts of Skyvern runs, from %s\n"
                       "Payload-Oxum: %llu.%llu\n",
                       info->software, clock_format(date, info->made, CLOCK_DATE), info->name,
                       text_shown(source, sizeof(source), info->source),
                       (unsigned long long)info->bytes, (unsigned long long)info->files);

    if (put(ctx, text, (size_t)len, err) < 0)
        return -1;
    if (!info->previous)
        return 0;
    len = snprintf(text, sizeof(text), BAG_PREVIOUS ": %s\n" BAG_PREVIOUS_SHA256 ": %s\n",
                   text_shown(source, sizeof(source), info->previous), info->previous_sha256);
    return put(ctx, text, (size_t)len, err);
}

void bag_check_info(const char *info, const struct bag_payload *payload,
                    void (*report)(void *ctx, const char *path, const char *what), void *ctx)
{
    const char *name = tagfile_name(TAG_INFO);
    char previous[SHA256_TEXT] = "";
    char what[200];
    uint64_t bytes;
    uint64_t files;

    tagfile_value(info, BAG_PREVIOUS_SHA256, previous, sizeof(previous));
    if (strcmp(previous, payload->previous_sha256) != 0)
        report(ctx, name, "names a different previous archive than manifest.json");
    if (!tagfile_oxum(info, &bytes, &files)) {
        report(ctx, name, "has no Payload-Oxum");
    } else if (files != payload->files || (payload->sized && bytes != payload->bytes)) {
        (void)snprintf(what, sizeof(what),
                       "Payload-Oxum is %llu.%llu, but the payload is %llu.%llu",
                       (unsigned long long)bytes, (unsigned long long)files,
                       (unsigned long long)payload->bytes, (unsigned long long)payload->files);
        report(ctx, name, what);
    }
}

/* A directory compared with its payload manifest. */
struct comparison {
    struct hashmap *listed;
    struct err *err;
    int rc;     /* of on_line */
    bool found; /* a file that is not listed */
    char path[256];
};

/* Note a path of the payload manifest; a tagfile_fn. */
static void on_line(void *ctx, const char *path, const uint8_t *sha256)
{
    struct comparison *c = ctx;
    size_t len = strlen(path);

    if (sha256 && c->rc == 0 && !hashmap_get(c->listed, path, len))
        c->rc = hashmap_add(c->listed, path, len, c, c->err);
}

/* Read the payload manifest, if there is one. */
static int read_listed(struct comparison *c, int dir, struct err *err)
{
    struct tagfile_lines *lines = mem_new(sizeof(*lines), err);
    char *piece = mem_new(PIECE, err);
    int fd =
        openat(dir, tagfile_name(TAG_PAYLOAD), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t n = 0;
    int rc = lines && piece ? 0 : -1;

    if (rc == 0 && fd < 0 && errno != ENOENT)
        rc = err_sys(err, "cannot open '%s'", tagfile_name(TAG_PAYLOAD));
    if (rc == 0)
        tagfile_lines_init(lines, on_line, c);
    while (rc == 0 && fd >= 0 && (n = read(fd, piece, PIECE)) > 0) {
        rc = tagfile_lines_put(lines, piece, (size_t)n, err);
        rc = rc == 0 ? c->rc : rc;
    }
    if (rc == 0 && n < 0)
        rc = err_sys(err, "cannot read '%s'", tagfile_name(TAG_PAYLOAD));
    file_close(&fd);
    mem_free(lines);
    mem_free(piece);
    return rc;
}

static int compare_file(void *ctx, int dir, const char *path, const struct stat *st,
                        struct err *err)
{
    struct comparison *c = ctx;

    (void)dir;
    (void)st;
    (void)err;
    if (c->found || tagfile_find(path) >= 0 || tagfile_is_beside(path) ||
        hashmap_get(c->listed, path, strlen(path)))
        return 0;
    c->found = true;
    (void)snprintf(c->path, sizeof(c->path), "%s", path);
    return 0;
}

int bag_only(int dir, const char *path, struct err *err)
{
    struct comparison c = { .listed = hashmap_new(err), .err = err };
    struct extract_dir_walker walker = { compare_file, extract_dir_enter, extract_dir_leave,
                                         &c };
    int rc = c.listed ? read_listed(&c, dir, err) : -1;

    if (rc == 0)
        rc = extract_dir_walk(dir, &walker, err);
    if (rc < 0)
        (void)err_wrap(err, "cannot read the directory '%s'", path);
    else if (c.found)
        rc = err_set(err, ERR_EXISTS,
                     "'%s' holds '%s', which is not part of an archive, and is not replaced; "
                     "name another directory",
                     path, c.path);
    else if (faccessat(dir, tagfile_name(TAG_BAGIT), F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        rc = err_set(err, ERR_EXISTS,
                     "'%s' is not an archive's directory, and is not replaced; name another "
                     "directory",
                     path);
    hashmap_free(c.listed);
    return rc;
}
