/* SPDX-License-Identifier: MIT */
#include "reader/fetchone.h"

#include "base/log.h"
#include "base/mem.h"
#include "format/entry.h"
#include "format/safe_name.h"
#include "format/tagfile.h"
#include "reader/archive_reader.h"
#include "reader/entry_reader.h"
#include "reader/manifest_scan.h"
#include "reader/named.h"

#include <stdio.h>
#include <string.h>

/* A search for a row, by its path or artifact ID. */
struct file_search {
    const char *what;
    const char *below; /* what without its first component, which may be the top directory */
    struct fetchone_place found;
    char first[SAFE_NAME_PATH_MAX + 1]; /* target, if the file is a link; or "" */
    bool hit;
};

static int set_path(char out[SAFE_NAME_PATH_MAX + 1], const char *path, struct err *err)
{
    if (strlen(path) > SAFE_NAME_PATH_MAX)
        return err_set(err, ERR_FORMAT, "a path in the manifest is too long");
    memcpy(out, path, strlen(path) + 1);
    return 0;
}

static bool is_match(const struct file_search *q, const char *path, const char *id)
{
    return strcmp(path, q->what) == 0 || strcmp(path, q->below) == 0 ||
           (id && strcmp(id, q->what) == 0);
}

static int take_artifact(struct file_search *q, const char *text, size_t len,
                         struct region *region, struct err *err)
{
    struct manifest_read_artifact a;

    if (manifest_read_artifact(&a, text, len, region, err) < 0)
        return -1;
    if (!is_match(q, a.path, a.artifact_id))
        return 0;
    q->found.size = a.size;
    q->found.offset = a.offset;
    q->first[0] = '\0';
    memcpy(q->found.sha256, a.sha256, SHA256_SIZE);
    if (set_path(q->found.path, a.path, err) < 0 ||
        (a.link && a.duplicate_of && set_path(q->first, a.duplicate_of, err) < 0))
        return -1;
    return 1;
}

static int take_document(struct file_search *q, const char *text, size_t len,
                         struct region *region, struct err *err)
{
    struct manifest_read_name doc;

    if (manifest_read_name(&doc, MANIFEST_READ_DOCUMENTS, text, len, region, err) < 0)
        return -1;
    if (!is_match(q, doc.name, NULL))
        return 0;
    q->found.size = doc.size;
    q->found.offset = doc.offset;
    q->first[0] = '\0';
    memcpy(q->found.sha256, doc.sha256, SHA256_SIZE);
    return set_path(q->found.path, doc.name, err) < 0 ? -1 : 1;
}

static int on_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    struct file_search *q = ctx;
    struct region *region;
    int rc;

    /* most rows do not contain the text and need not be parsed */
    if ((section != MANIFEST_READ_ARTIFACTS && section != MANIFEST_READ_DOCUMENTS) ||
        (!memmem(text, len, q->below, strlen(q->below)) &&
         !memmem(text, len, q->what, strlen(q->what))))
        return 0;
    region = region_new(err);
    if (!region)
        return -1;
    rc = section == MANIFEST_READ_ARTIFACTS ? take_artifact(q, text, len, region, err)
                                            : take_document(q, text, len, region, err);
    region_free(region);
    q->hit = q->hit || rc > 0;
    return rc;
}

static int set_other(const char *path, struct err *err)
{
    return err_set(err, ERR_MISMATCH, "the manifest does not match the tar header of '%.200s'",
                   path);
}

/*
 * Write the content of the entry at path, which must match f. If the archive was repacked, the
 * entry may be a link to another file: then target gets its path, and 1 is returned.
 */
static int put_entry(struct archive_reader *reader, const char *path,
                     const struct fetchone_place *f, put_fn *put, void *ctx,
                     char target[SAFE_NAME_PATH_MAX + 1], struct err *err)
{
    bool here = f->offset != MANIFEST_READ_NONE && reader->indexed;
    struct entry_reader *entries =
        entry_reader_open(reader, here ? f->offset : 0, UINT64_MAX, err);
    struct entry_reader_entry entry;
    uint8_t sha256[SHA256_SIZE];
    int rc = entries ? entry_reader_find(entries, path, here, &entry, err) : -1;

    if (rc < 0)
        goto out;
    if (entry.kind == ENTRY_READER_LINK && !reader->indexed) {
        rc = set_path(target, entry.target, err) < 0 ? -1 : 1;
        goto out;
    }
    rc = -1;
    if (entry.kind != ENTRY_READER_FILE || entry.size != f->size)
        (void)set_other(path, err);
    else
        rc = entry_reader_copy(entries, f->size, put, ctx, sha256, err);
    if (rc == 0 && memcmp(sha256, f->sha256, SHA256_SIZE) != 0)
        rc = err_set(err, ERR_MISMATCH, "SHA-256 mismatch of '%.200s' with the manifest", path);
out:
    entry_reader_free(entries);
    return rc;
}

static int put_found(struct archive_reader *reader, const struct fetchone_place *f, put_fn *put,
                     void *ctx, struct err *err)
{
    char path[SAFE_NAME_PATH_MAX + sizeof(reader->top) + 2];
    char target[SAFE_NAME_PATH_MAX + 1];
    int rc;

    (void)snprintf(path, sizeof(path), "%s/%s", reader->top, f->path);
    rc = put_entry(reader, path, f, put, ctx, target, err);
    if (rc > 0)
        rc = put_entry(reader, target, f, put, ctx, target, err);
    return rc > 0 ? err_set(err, ERR_MISMATCH, "'%.200s' is a link to a link", f->path) : rc;
}

/*
 * Find a tag file's entry in an archive with an index: manifest.json is at a known place, and
 * each of the others follows the one before, whose content need not be read.
 */
static struct entry_reader *find_tag(struct archive_reader *reader, int tag,
                                     struct entry_reader_entry *entry, struct err *err)
{
    uint64_t at = reader->locator.plain;
    int i;

    for (i = 0; i < TAG_COUNT; i++) {
        struct entry_reader *entries = entry_reader_open(reader, at, UINT64_MAX, err);
        int rc = entries ? entry_reader_next(entries, entry, err) : -1;
        const char *slash = rc > 0 ? strchr(entry->path, '/') : NULL;

        if (slash && strcmp(slash + 1, tagfile_name(tag)) == 0)
            return entries;
        at = rc > 0 ? entry->data + entry->size + entry_padding(entry->size) : 0;
        entry_reader_free(entries);
        if (rc < 0)
            return NULL;
        if (rc == 0 || entry->size > MANIFEST_SCAN_MAX)
            break;
    }
    (void)err_set(err, ERR_NOT_FOUND, "'%s' is not in the archive", tagfile_name(tag));
    return NULL;
}

/* The same without an index: the archive is read from its start. */
static struct entry_reader *search_tag(struct archive_reader *reader, int tag,
                                       struct entry_reader_entry *entry, struct err *err)
{
    struct entry_reader *entries = entry_reader_open(reader, 0, UINT64_MAX, err);
    char path[sizeof(reader->top) + 64];

    (void)snprintf(path, sizeof(path), "%s/%s", reader->top, tagfile_name(tag));
    if (entries && entry_reader_find(entries, path, false, entry, err) == 0)
        return entries;
    entry_reader_free(entries);
    return NULL;
}

/* Write a tag file. Tag files have no rows, and are at the end of the archive. */
static int put_tag(struct archive_reader *reader, int tag, put_fn *put, void *ctx,
                   struct err *err)
{
    struct entry_reader_entry entry;
    struct entry_reader *entries = reader->indexed ? find_tag(reader, tag, &entry, err)
                                                   : search_tag(reader, tag, &entry, err);
    const char *path = tagfile_name(tag);
    uint8_t sha256[SHA256_SIZE];
    int rc = -1;

    if (entries) {
        if (entry.kind != ENTRY_READER_FILE)
            (void)err_set(err, ERR_MISMATCH, "'%s' is not a regular file", path);
        else if (entry.size > MANIFEST_SCAN_MAX)
            (void)err_set(err, ERR_MISMATCH, "'%s' is larger than %llu bytes", path,
                          (unsigned long long)MANIFEST_SCAN_MAX);
        else
            rc = entry_reader_copy(entries, entry.size, put, ctx, sha256, err);
    }
    entry_reader_free(entries);
    return rc;
}

/* Search for a row: in the manifest, or by the index of names. */
typedef int search_fn(void *ctx, struct file_search *q, struct err *err);

/* Search for the row; if it is a link, search for its target, whose row must tell the same. */
static int look_by(search_fn *search, void *ctx, struct file_search *q, struct err *err)
{
    struct fetchone_place link;
    char first[SAFE_NAME_PATH_MAX + 1];

    if (search(ctx, q, err) < 0)
        return -1;
    if (!q->hit || !q->first[0])
        return 0;
    link = q->found;
    memcpy(first, q->first, sizeof(first));
    q->what = q->below = first;
    q->hit = false;
    if (search(ctx, q, err) < 0)
        return -1;
    q->what = q->below = NULL;
    if (!q->hit || q->first[0])
        return err_set(err, ERR_MISMATCH, "'%.200s' is a link to '%.200s', which is not a file",
                       link.path, first);
    return link.size == q->found.size && memcmp(link.sha256, q->found.sha256, SHA256_SIZE) == 0
               ? 0
               : err_set(err, ERR_MISMATCH,
                         "'%.200s' is a link to '%.200s', of which the manifest states another "
                         "size or SHA-256",
                         link.path, first);
}

/* A search_fn; ctx is the archive_reader. */
static int scan(void *ctx, struct file_search *q, struct err *err)
{
    return manifest_scan(ctx, on_row, q, NULL, err) < 0 ? -1 : 0;
}

static int look(struct archive_reader *reader, struct file_search *q, struct err *err)
{
    return look_by(scan, reader, q, err);
}

/* Find and write a file by the manifest. */
static int by_manifest(const char *archive, const char *what, struct file_search *q,
                       put_fn *put, void *ctx, struct err *err)
{
    struct archive_reader reader = { 0 };
    int tag = tagfile_find(q->below);
    int rc = -1;

    if (archive_reader_open(&reader, archive, err) < 0 ||
        ((tag < 0 || !reader.indexed) && look(&reader, q, err) < 0))
        goto out;
    if (tag >= 0)
        rc = put_tag(&reader, tag, put, ctx, err);
    else if (q->hit)
        rc = put_found(&reader, &q->found, put, ctx, err);
    else
        (void)err_set(err, ERR_NOT_FOUND, "no '%.200s' in '%s'", what, archive);
out:
    archive_reader_close(&reader);
    return rc;
}

/* Compare what was written with the manifest, since its digest is not that in the index. */
static int compare(const char *archive, struct file_search *q, const struct named_file *file,
                   struct err *err)
{
    struct archive_reader reader = { 0 };
    int rc = archive_reader_open(&reader, archive, err);

    if (rc == 0)
        rc = look(&reader, q, err);
    archive_reader_close(&reader);
    if (rc < 0)
        return -1;
    if (!q->hit || q->found.size != file->size ||
        memcmp(q->found.sha256, file->sha256, SHA256_SIZE) != 0)
        return err_set(err, ERR_MISMATCH, "SHA-256 mismatch of '%.200s' with the manifest",
                       q->hit ? q->found.path : q->below);
    log_line(LOG_WARNING,
             "'%.600s': the index of names has another digest than the manifest ('skyarc "
             "verify' has details)",
             archive);
    return 0;
}

int fetchone(const char *archive, const char *what, put_fn *put, void *ctx, struct err *err)
{
    const char *slash = strchr(what, '/');
    struct file_search *q = mem_new(sizeof(*q), err);
    struct named_file file;
    int rc = 0;

    if (!q)
        return -1;
    q->what = q->below = what;
    if (slash && slash[1])
        q->below = slash + 1;
    if (tagfile_find(q->below) < 0)
        rc = named_put(archive, what, q->below, put, ctx, &file, err);
    if (rc == 0)
        rc = by_manifest(archive, what, q, put, ctx, err);
    else if (rc > 0)
        rc = file.match ? 0 : compare(archive, q, &file, err);
    if (rc < 0 && err_is_damage(err))
        (void)err_wrap(err, "'%s'", archive);
    mem_free(q);
    return rc;
}

/* A search_fn of a path; ctx is the archive's path. */
static int search_path(void *ctx, struct file_search *q, struct err *err)
{
    struct archive_reader reader = { 0 };
    char path[SAFE_NAME_PATH_MAX + 1];
    const char *name = path;
    uint64_t missing;
    int rc;

    if (set_path(path, q->what, err) < 0)
        return -1;
    rc = named_rows(ctx, &name, 1, on_row, q, &missing, err);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    rc = archive_reader_open(&reader, ctx, err);
    if (rc == 0)
        rc = scan(&reader, q, err);
    archive_reader_close(&reader);
    return rc;
}

int fetchone_find(const char *archive, const char *path, struct fetchone_place *place,
                  struct err *err)
{
    struct file_search *q = mem_new(sizeof(*q), err);
    int rc = -1;

    if (!q)
        return -1;
    q->what = q->below = path;
    if (strlen(path) > SAFE_NAME_PATH_MAX)
        rc = 0;
    else if (look_by(search_path, (void *)(uintptr_t)archive, q, err) == 0)
        rc = q->hit;
    if (rc > 0)
        *place = q->found;
    mem_free(q);
    return rc;
}

int fetchone_check(const struct entry_reader_entry *entry, const char *path, uint64_t size,
                   struct err *err)
{
    const char *slash = strchr(entry->path, '/');

    return slash && strcmp(slash + 1, path) == 0 && entry->kind == ENTRY_READER_FILE &&
                   entry->size == size
               ? 0
               : set_other(path, err);
}

struct entry_reader *fetchone_open(struct archive_reader *reader, const char *path,
                                   uint64_t offset, uint64_t size,
                                   struct entry_reader_entry *entry, struct err *err)
{
    struct entry_reader *entries = entry_reader_open(reader, offset, UINT64_MAX, err);
    int rc = entries ? entry_reader_next(entries, entry, err) : -1;

    if (rc == 0)
        rc = set_other(path, err);
    if (rc > 0 && fetchone_check(entry, path, size, err) == 0)
        return entries;
    entry_reader_free(entries);
    return NULL;
}

int fetchone_manifest(const char *archive, struct buf *text, struct json **doc, struct err *err)
{
    if (fetchone(archive, tagfile_name(TAG_MANIFEST), buf_put, text, err) < 0)
        return -1;
    *doc = json_parse(buf_text(text), text->len, err);
    return *doc ? 0 : -1;
}
