/* SPDX-License-Identifier: MIT */
#include "reader/named.h"

#include "base/log.h"
#include "base/mem.h"
#include "format/payload_path.h"
#include "format/tagfile.h"
#include "reader/archive_reader.h"
#include "reader/entry_reader.h"
#include "reader/stream.h"

#include <stdlib.h>
#include <string.h>

/* maximum number of rows read through the index by one call; for more, the manifest is read */
#define ROWS_MAX 256

/* An archive with an index, and a name being searched. */
struct named {
    struct archive_reader reader;
    struct name_lookup lookup;
    const char *path; /* or NULL */
    const char *id;   /* or NULL */
    struct name_index_entry *found;
    size_t count;
    size_t cap;
    size_t max;     /* entries wanted */
    bool documents; /* they may be of documents */
};

/* The index cannot be used: log that if the index is damaged. Returns 0. */
static int unusable(const char *archive, const struct err *why)
{
    if (err_is_damage(why) || why->kind == ERR_LIMIT)
        log_line(LOG_WARNING,
                 "'%.600s': %s; reading the manifest instead ('skyarc verify' has details)",
                 archive, why->text);
    return 0;
}

static int begin(struct named *n, const char *archive, size_t max)
{
    struct err why;
    int rc;

    err_clear(&why);
    *n = (struct named){ .max = max };
    rc = archive_reader_open_named(&n->reader, archive, &n->lookup, &why);
    return rc < 0 ? unusable(archive, &why) : rc;
}

static void end(struct named *n)
{
    mem_free(n->found);
    archive_reader_close(&n->reader);
}

/* Keep an entry if it is one of the searched name; a name_lookup_fn. */
static int on_entry(void *ctx, const struct name_index_entry *entry, struct err *err)
{
    struct named *n = ctx;
    bool hit =
        n->path ? (entry->flags & NAME_INDEX_BY_PATH) && entry->path == name_index_path(n->path)
                : (entry->flags & NAME_INDEX_BY_ID) != 0;

    if (!hit || (!n->documents && (entry->flags & NAME_INDEX_DOCUMENT)))
        return 0;
    if (mem_room(&n->found, &n->cap, n->count, sizeof(*n->found), ROWS_MAX, err) < 0)
        return -1;
    n->found[n->count++] = *entry;
    return n->count == n->max;
}

/* Search one name: 1 found, 0 not, -1: the index is damaged. */
static int search(struct named *n, const char *path, const char *id, struct err *err)
{
    size_t before = n->count;
    size_t len = id ? strlen(id) : 0;
    const char *token = path ? name_index_token(path, &len) : id;

    n->path = path;
    n->id = id;
    if (name_lookup_find(&n->lookup, name_index_key(token, len), on_entry, n, err) < 0)
        return -1;
    return n->count > before;
}

/* Read an entry's row of the manifest, parsed into *row. Returns its text, to be freed by
 * mem_free. */
static char *read_row(struct named *n, const struct name_index_entry *entry,
                      struct manifest_read_artifact *row, struct region *region,
                      struct err *err)
{
    char *text = mem_new((size_t)entry->row_len + 1, err);
    struct stream *stream = NULL;
    size_t got = 0;
    ssize_t more = text ? 1 : -1;

    archive_reader_go_to(&n->reader, &entry->row, n->lookup.end);
    if (text)
        stream = stream_open(&n->reader, 0, UINT64_MAX, err);
    while (stream && got < entry->row_len && more > 0) {
        more = stream_read(stream, text + got, entry->row_len - got, err);
        got += more > 0 ? (size_t)more : 0;
    }
    stream_free(stream);
    if (stream && more >= 0 &&
        manifest_read_artifact(row, text, entry->row_len, region, err) == 0)
        return text;
    mem_free(text);
    return NULL;
}

/* Whether a row is of the name that is searched. */
static bool is_row_of(const struct manifest_read_artifact *row, const char *path,
                      const char *id)
{
    return path ? strcmp(row->path, path) == 0
                : row->artifact_id && strcmp(row->artifact_id, id) == 0;
}

static int wrong(struct err *err)
{
    return err_set(err, ERR_FORMAT, "the index of names does not match the archive");
}

/*
 * Get the path that the tar header of the content must have. For a link, or an ID that is not a
 * part of the path, it is read from the entry's row, which is checked. *path NULL: the path is
 * not known, but contains the ID.
 */
static int expect(struct named *n, const struct name_index_entry *entry, struct region *region,
                  const char **path, struct err *err)
{
    struct manifest_read_artifact row;
    char *text;
    bool right;

    *path = n->path;
    if ((entry->flags & (NAME_INDEX_BY_PATH | NAME_INDEX_LINK)) == NAME_INDEX_BY_PATH)
        return 0;
    text = read_row(n, entry, &row, region, err);
    if (!text)
        return -1;
    mem_free(text);
    right = is_row_of(&row, n->path, n->id) &&
            memcmp(row.sha256, entry->sha256, NAME_INDEX_DIGEST) == 0;
    *path = row.link ? row.duplicate_of : row.path;
    return right && *path ? 0 : wrong(err);
}

/* Whether a tar header is of the path (below a top directory), or its path has the ID. */
static bool is_header_of(const struct named *n, const struct name_index_entry *entry,
                         const struct entry_reader_entry *header, const char *path)
{
    const char *slash = strchr(header->path, '/');
    const char *token;
    size_t len;

    if (header->kind != ENTRY_READER_FILE || !slash)
        return false;
    if (path)
        return strcmp(slash + 1, path) == 0;
    token = name_index_token(slash + 1, &len);
    return entry->path == name_index_path(slash + 1) && strlen(n->id) == len &&
           memcmp(token, n->id, len) == 0;
}

/* Write the content of an entry's file: 1; 0 if the index is wrong, as why says; -1: error, as
 * err says. */
static int put_file(struct named *n, const struct name_index_entry *entry, put_fn *put,
                    void *ctx, struct named_file *file, struct err *why, struct err *err)
{
    struct region *region = region_new(err);
    struct entry_reader *entries = NULL;
    struct entry_reader_entry header;
    const char *path;
    int rc = region ? 0 : -1;

    if (rc < 0 || expect(n, entry, region, &path, why) < 0)
        goto out;
    archive_reader_go_to(&n->reader, &entry->file, n->lookup.end);
    entries = entry_reader_open(&n->reader, 0, UINT64_MAX, why);
    if (!entries || entry_reader_next(entries, &header, why) <= 0 ||
        !is_header_of(n, entry, &header, path)) {
        if (!why->kind)
            (void)wrong(why);
        goto out;
    }
    file->size = header.size;
    rc = entry_reader_copy(entries, header.size, put, ctx, file->sha256, err);
    if (rc == 0) {
        file->match = memcmp(file->sha256, entry->sha256, NAME_INDEX_DIGEST) == 0;
        rc = 1;
    }
out:
    entry_reader_free(entries);
    region_free(region);
    return rc;
}

/*
 * Whether a name begins as a path below the top directory does, or is that of a file beside it.
 */
static bool is_own_path(const char *name)
{
    return payload_path_is(name) || tagfile_is_beside(name);
}

/* Search a file by all that its name may be, the likeliest first: 1 found, 0 not, -1: the index
 * is damaged. */
static int search_file(struct named *n, const char *what, const char *below, struct err *err)
{
    bool own = is_own_path(what);
    const char *paths[] = { own ? what : below, own ? below : what };
    bool id_first = !own && !strchr(what, '/');
    int rc = id_first ? search(n, NULL, what, err) : 0;
    int i;

    for (i = 0; rc == 0 && i < (below == what ? 1 : 2); i++)
        rc = search(n, paths[i], NULL, err);
    return rc == 0 && !id_first ? search(n, NULL, what, err) : rc;
}

int named_put(const char *archive, const char *what, const char *below, put_fn *put, void *ctx,
              struct named_file *file, struct err *err)
{
    struct named n;
    struct err why;
    int rc = begin(&n, archive, 1);

    err_clear(&why);
    n.documents = true;
    if (rc > 0)
        rc = search_file(&n, what, below, &why);
    if (rc < 0)
        rc = unusable(archive, &why);
    if (rc > 0)
        rc = put_file(&n, n.found, put, ctx, file, &why, err);
    if (rc == 0 && why.kind)
        (void)unusable(archive, &why);
    end(&n);
    return rc;
}

/* Compare two entries by the places of their rows. */
static int compare(const void *a_in, const void *b_in)
{
    const struct name_index_place *a = &((const struct name_index_entry *)a_in)->row;
    const struct name_index_place *b = &((const struct name_index_entry *)b_in)->row;

    if (a->frame_at != b->frame_at)
        return a->frame_at < b->frame_at ? -1 : 1;
    return a->within < b->within ? -1 : a->within > b->within;
}

/* Whether a row is of one of the names. */
static bool is_row_of_any(const struct manifest_read_artifact *row, const char *const *names,
                          size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        if (strcmp(row->path, names[i]) == 0 ||
            (row->artifact_id && strcmp(row->artifact_id, names[i]) == 0))
            return true;
    }
    return false;
}

/* Pass the rows of the entries that were found; 0: one is not of the names. */
static int pass_rows(struct named *n, const char *const *names, size_t count,
                     manifest_read_fn *fn, void *ctx, struct err *why, struct err *err)
{
    size_t i;
    int rc = 1;

    for (i = 0; rc == 1 && i < n->count; i++) {
        struct manifest_read_artifact row;
        struct region *region;
        char *text;

        if (i && compare(&n->found[i - 1], &n->found[i]) == 0)
            continue;
        region = region_new(err);
        text = region ? read_row(n, &n->found[i], &row, region, why) : NULL;
        if (!region)
            rc = -1;
        else if (!text || !is_row_of_any(&row, names, count))
            rc = why->kind ? 0 : (wrong(why), 0);
        else if (fn(ctx, MANIFEST_READ_ARTIFACTS, text, n->found[i].row_len, err) < 0)
            rc = -1;
        mem_free(text);
        region_free(region);
    }
    return rc;
}

int named_rows(const char *archive, const char *const *names, size_t count,
               manifest_read_fn *fn, void *ctx, uint64_t *missing, struct err *err)
{
    struct named n;
    struct err why;
    size_t i;
    int rc = begin(&n, archive, ROWS_MAX);

    err_clear(&why);
    for (i = 0; rc > 0 && i < count; i++) {
        bool path = strchr(names[i], '/');

        rc = search(&n, path ? names[i] : NULL, path ? NULL : names[i], &why);
    }
    if (rc < 0)
        rc = unusable(archive, &why);
    if (rc > 0 && n.count < ROWS_MAX) {
        qsort(n.found, n.count, sizeof(*n.found), compare);
        if (n.count > 1) /* all rows are checked before the first is passed */
            rc = pass_rows(&n, names, count, manifest_read_check, ctx, &why, err);
        if (rc > 0)
            rc = pass_rows(&n, names, count, fn, ctx, &why, err);
    } else if (rc > 0) {
        rc = 0;
    }
    *missing = n.lookup.missing;
    if (rc == 0 && why.kind)
        (void)unusable(archive, &why);
    end(&n);
    return rc;
}
