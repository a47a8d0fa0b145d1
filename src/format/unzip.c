/* SPDX-License-Identifier: MIT */
#include "format/unzip.h"

#include "base/mem.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK ((size_t)64 << 10)

struct unzip {
    struct unzip_source source;
    struct archive *archive;
    uint64_t at;    /* read position in the source */
    uint64_t max;   /* maximum size of an entry */
    uint64_t out;   /* bytes read of the current entry */
    uint64_t all;   /* bytes read of all entries */
    struct err err; /* error of the source */
    struct region *region;
    char **names; /* sorted */
    size_t count;
    size_t cap;
    unsigned char block[BLOCK];
};

static la_ssize_t on_read(struct archive *archive, void *ctx, const void **bytes)
{
    struct unzip *u = ctx;
    ssize_t n = u->source.read_at(u->source.ctx, u->block, BLOCK, u->at, &u->err);

    if (n < 0) {
        archive_set_error(archive, EIO, "cannot read");
        return ARCHIVE_FATAL;
    }
    u->at += (uint64_t)n;
    *bytes = u->block;
    return n;
}

static la_int64_t on_seek(struct archive *archive, void *ctx, la_int64_t offset, int whence)
{
    struct unzip *u = ctx;
    int64_t from = whence == SEEK_SET   ? 0
                   : whence == SEEK_CUR ? (int64_t)u->at
                                        : (int64_t)u->source.size;

    (void)archive;
    if (offset < -from || from + offset > (int64_t)u->source.size)
        return ARCHIVE_FATAL;
    u->at = (uint64_t)(from + offset);
    return (la_int64_t)u->at;
}

static int fail(struct unzip *u, struct err *err)
{
    const char *why = archive_error_string(u->archive);

    if (!u->err.kind)
        return err_set(err, ERR_FORMAT, "invalid ZIP: %s", why ? why : "unreadable");
    if (err)
        *err = u->err;
    return -1;
}

/* Restart at the first entry. */
static int rewind_archive(struct unzip *u, struct err *err)
{
    (void)archive_read_free(u->archive);
    u->at = 0;
    u->archive = archive_read_new();
    if (!u->archive)
        return err_set(err, ERR_MEMORY, "out of memory");
    if (archive_read_support_format_zip_seekable(u->archive) != ARCHIVE_OK ||
        archive_read_set_read_callback(u->archive, on_read) != ARCHIVE_OK ||
        archive_read_set_seek_callback(u->archive, on_seek) != ARCHIVE_OK ||
        archive_read_set_callback_data(u->archive, u) != ARCHIVE_OK ||
        archive_read_open1(u->archive) != ARCHIVE_OK)
        return fail(u, err);
    return 0;
}

/* Read the next header; 1, or 0 at the end. */
static int header(struct unzip *u, struct archive_entry **entry, const char **name,
                  struct err *err)
{
    int rc = archive_read_next_header(u->archive, entry);

    if (rc == ARCHIVE_EOF)
        return 0;
    if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
        return fail(u, err);
    *name = archive_entry_pathname_utf8(*entry);
    if (!*name)
        *name = archive_entry_pathname(*entry);
    if (!*name)
        return err_set(err, ERR_FORMAT, "invalid ZIP: an entry without a name");
    if (archive_entry_is_encrypted(*entry))
        return err_set(err, ERR_FORMAT, "the ZIP has an encrypted entry");
    return 1;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Read all names, and refuse entries that are too large before unpacking any. */
static int survey(struct unzip *u, struct err *err)
{
    struct archive_entry *entry;
    const char *name;
    int rc;

    while ((rc = header(u, &entry, &name, err)) > 0) {
        if (archive_entry_size_is_set(entry) &&
            (archive_entry_size(entry) < 0 || (uint64_t)archive_entry_size(entry) > u->max))
            return err_set(err, ERR_LIMIT, "an entry of the ZIP is larger than %llu bytes",
                           (unsigned long long)u->max);
        if (mem_room(&u->names, &u->cap, u->count, sizeof(char *), UNZIP_ENTRIES_MAX, err) < 0)
            return -1;
        u->names[u->count] = region_text(u->region, name, err);
        if (!u->names[u->count])
            return -1;
        u->count++;
    }
    if (rc < 0)
        return -1;
    if (u->count)
        qsort(u->names, u->count, sizeof(char *), by_name);
    return 0;
}

struct unzip *unzip_open(const struct unzip_source *source, uint64_t max, struct err *err)
{
    struct unzip *u = mem_new(sizeof(*u), err);

    if (!u)
        return NULL;
    u->source = *source;
    u->max = max;
    u->region = region_new(err);
    if (u->region && rewind_archive(u, err) == 0 && survey(u, err) == 0 &&
        rewind_archive(u, err) == 0)
        return u;
    unzip_free(u);
    return NULL;
}

void unzip_free(struct unzip *u)
{
    if (!u)
        return;
    (void)archive_read_free(u->archive);
    region_free(u->region);
    mem_free(u->names);
    mem_free(u);
}

bool unzip_has_duplicates(const struct unzip *u)
{
    size_t i;

    for (i = 1; i < u->count; i++) {
        if (strcmp(u->names[i - 1], u->names[i]) == 0)
            return true;
    }
    return false;
}

const char *unzip_name(const struct unzip *u, size_t i)
{
    return i < u->count ? u->names[i] : NULL;
}

bool unzip_has(const struct unzip *u, const char *name)
{
    return u->count && bsearch(&name, u->names, u->count, sizeof(char *), by_name);
}

const char *unzip_next(struct unzip *u, struct err *err)
{
    struct archive_entry *entry;
    const char *name;

    u->out = 0;
    return header(u, &entry, &name, err) > 0 ? name : NULL;
}

ssize_t unzip_read(struct unzip *u, void *bytes, size_t len, struct err *err)
{
    la_ssize_t n = archive_read_data(u->archive, bytes, len);

    if (n < 0)
        return fail(u, err);
    u->out += (uint64_t)n;
    u->all += (uint64_t)n;
    if (u->out > u->max)
        return err_set(err, ERR_LIMIT, "an entry of the ZIP is larger than %llu bytes",
                       (unsigned long long)u->max);
    if (u->all > UNZIP_GRACE && u->all / UNZIP_RATIO > u->source.size)
        return err_set(err, ERR_LIMIT, "the ZIP unpacks to more than %d times its size",
                       UNZIP_RATIO);
    return n;
}
