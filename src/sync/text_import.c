/* SPDX-License-Identifier: MIT */
#include "sync/text_import.h"

#include "api/kind.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/hashmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/text_index.h"
#include "format/manifest_read.h"
#include "format/sniff.h"
#include "reader/entry_reader.h"
#include "reader/manifest_scan.h"
#include "sync/plain_text.h"
#include "volumes/volume_store.h"

#include <stdlib.h>
#include <string.h>

#define GAP ((uint64_t)4 << 20) /* bytes that are read rather than jumped over */

/*
 * A file whose text is wanted. Of a link, the content is that of another file: files with one
 * content are a list, whose head is read.
 */
struct wanted {
    struct wanted *same;
    const char *run_id;
    const char *path;
    const char *content; /* the path of the file that has the content */
    int rank;
    bool json;
    bool chosen;     /* its text goes into the index */
    bool joined;     /* it is in the list of another one */
    bool wanted;     /* of a head: one of its list is chosen */
    bool done;       /* of a head: it was met, or cannot be read */
    uint64_t offset; /* of the tar header; MANIFEST_READ_NONE: not known */
    uint64_t size;
    uint8_t sha256[SHA256_SIZE];
};

struct importing {
    struct db *catalog;
    int64_t volume;
    struct archive_reader *reader;
    const struct stop *stop;
    bool *catalog_failed;
    struct region *region; /* of the wanted files */
    struct region *row;    /* of the current rows */
    size_t rows;
    struct wanted **files;
    size_t count;
    size_t cap;
    struct hashmap *by_content; /* heads of lists, by path */
    size_t left;                /* heads that were not met */
    bool jumps;                 /* the place of each is known, and can be read at once */
    struct buf raw;
    struct buf text;
};

/* When a type's files are taken, from 0; -1: never. */
static int rank_of(const char *type)
{
    static const char *const repeats[] = { "skyvern_log_raw", "llm_request" };
    const struct kind *kind = kind_find(type);
    size_t i;

    for (i = 0; kind && i < sizeof(repeats) / sizeof(*repeats); i++) {
        if (strcmp(type, repeats[i]) == 0)
            return 3;
    }
    if (!kind)
        return -1;
    if (strcmp(kind->group, "logs") == 0)
        return 0;
    if (strcmp(kind->group, "llm") != 0)
        return -1;
    return sniff_type_is_answer(type) ? 1 : 2;
}

static int add_file(struct importing *t, const struct manifest_read_artifact *row, int rank,
                    struct err *err)
{
    struct wanted *file = region_take(t->region, sizeof(*file), err);

    if (!file || mem_room(&t->files, &t->cap, t->count, sizeof(struct wanted *),
                          TEXT_IMPORT_FILES, err) < 0)
        return -1;
    file->rank = rank;
    file->size = row->size;
    file->offset = row->link ? MANIFEST_READ_NONE : row->offset;
    file->json = strcmp(row->artifact_type, "llm_prompt") != 0;
    memcpy(file->sha256, row->sha256, SHA256_SIZE);
    file->run_id = region_text(t->region, row->run_id, err);
    file->path = region_text(t->region, row->path, err);
    file->content = row->link && row->duplicate_of
                        ? region_text(t->region, row->duplicate_of, err)
                        : file->path;
    t->files[t->count++] = file;
    return file->run_id && file->path && file->content ? 0 : -1;
}

/* A manifest_read_fn. */
static int on_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    struct importing *t = ctx;
    struct manifest_read_artifact row;
    int rank;

    if (section != MANIFEST_READ_ARTIFACTS || t->count == TEXT_IMPORT_FILES)
        return 0;
    if (region_renew(&t->row, &t->rows, err) < 0 ||
        manifest_read_artifact(&row, text, len, t->row, err) < 0)
        return -1;
    rank = row.run_id && row.artifact_type && row.size ? rank_of(row.artifact_type) : -1;
    return rank < 0 ? 0 : add_file(t, &row, rank, err);
}

static int by_run(const void *a, const void *b)
{
    const struct wanted *x = *(struct wanted *const *)a;
    const struct wanted *y = *(struct wanted *const *)b;
    int order = strcmp(x->run_id, y->run_id);

    if (order)
        return order;
    if (x->rank != y->rank)
        return x->rank - y->rank;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return strcmp(x->path, y->path);
}

static int by_offset(const void *a, const void *b)
{
    const struct wanted *x = *(struct wanted *const *)a;
    const struct wanted *y = *(struct wanted *const *)b;

    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Choose what fits into the limit of each run. */
static void choose(struct importing *t)
{
    uint64_t left = 0;
    size_t i;

    if (t->count)
        qsort(t->files, t->count, sizeof(struct wanted *), by_run);
    for (i = 0; i < t->count; i++) {
        struct wanted *file = t->files[i];
        uint64_t cost = file->size < TEXT_IMPORT_FILE_MAX ? file->size : TEXT_IMPORT_FILE_MAX;

        if (!i || strcmp(t->files[i - 1]->run_id, file->run_id) != 0)
            left = TEXT_IMPORT_RUN_MAX;
        file->chosen = cost <= left;
        left -= file->chosen ? cost : 0;
    }
}

/* Add a file to the list of those with its content. */
static int join(struct importing *t, struct wanted *file, struct err *err)
{
    size_t len = strlen(file->content);
    struct wanted *head = hashmap_get(t->by_content, file->content, len);

    if (!head)
        return hashmap_add(t->by_content, file->content, len, file, err);
    file->same = head->same;
    head->same = file;
    head->wanted = head->wanted || file->chosen;
    file->joined = true;
    return 0;
}

/* Join files with one content; then t->files has the heads to be read, in the order of the
 * archive. */
static int join_all(struct importing *t, struct err *err)
{
    size_t heads = 0;
    size_t i;

    if (t->count)
        qsort(t->files, t->count, sizeof(struct wanted *), by_offset); /* links come last */
    for (i = 0; i < t->count; i++) {
        t->files[i]->wanted = t->files[i]->chosen;
        if (join(t, t->files[i], err) < 0)
            return -1;
    }
    t->jumps = t->reader->indexed || t->reader->format == CONTAINER_TAR;
    for (i = 0; i < t->count; i++) {
        struct wanted *file = t->files[i];

        if (file->joined || !file->wanted)
            continue;
        t->jumps = t->jumps && file->offset != MANIFEST_READ_NONE;
        t->files[heads++] = file;
    }
    t->count = heads;
    t->left = heads;
    return 0;
}

/* Keep the first bytes; a put_fn. */
static int keep_start(void *ctx, const void *bytes, size_t len, struct err *err)
{
    struct importing *t = ctx;
    size_t room = t->raw.max - t->raw.len;

    if (stop_check(t->stop, err) < 0)
        return -1;
    return buf_add(&t->raw, bytes, len < room ? len : room, err);
}

/* Read the current entry, and add its text to each run that has it. */
static int take(struct importing *t, struct entry_reader *entries, const struct wanted *head,
                struct err *err)
{
    const struct wanted *file;

    buf_reset(&t->raw);
    buf_reset(&t->text);
    if (entry_reader_copy_same(entries, head->size, head->sha256, keep_start, t, err) < 0 ||
        plain_text(&t->text, buf_text(&t->raw), t->raw.len, head->json, err) < 0)
        return -1;
    for (file = t->text.len ? head : NULL; file; file = file->same) {
        if (file->chosen && text_index_add(t->catalog, t->volume, file->run_id, file->path,
                                           t->text.data, t->text.len, err) < 0) {
            *t->catalog_failed = true;
            return -1;
        }
    }
    return 0;
}

/* A head was met, or cannot be read. */
static void leave(struct importing *t, struct wanted *head)
{
    t->left -= !head->done;
    head->done = true;
}

/* Log that a file is left out; -1 if the error is not the volume's. */
static int leave_out(struct importing *t, const struct wanted *head, struct err *err)
{
    if (*t->catalog_failed || !volume_store_at_fault(err))
        return -1;
    log_line(LOG_WARNING, "'%.600s' is not in the index of texts: %s", head->path, err->text);
    return 0;
}

/* The head that an entry has the content of, or NULL. */
static struct wanted *head_of(const struct importing *t, const struct entry_reader_entry *entry)
{
    const char *path = archive_reader_below(t->reader, entry->path);
    struct wanted *head = path && entry->kind == ENTRY_READER_FILE
                              ? hashmap_get(t->by_content, path, strlen(path))
                              : NULL;

    return head && head->wanted && !head->done ? head : NULL;
}

/* Read entries until the next head is too far away, or the reader failed. *next: its number. */
static int read_near(struct importing *t, struct entry_reader *entries, size_t *next,
                     struct err *err)
{
    struct entry_reader_entry entry;
    int rc;

    while ((rc = entry_reader_next(entries, &entry, err)) > 0) {
        struct wanted *head = head_of(t, &entry);
        uint64_t end = entry.offset + entry.size;

        if (head) {
            leave(t, head);
            if (take(t, entries, head, err) < 0 && leave_out(t, head, err) < 0)
                return -1;
        }
        for (; *next < t->count &&
               (t->files[*next]->done || (t->jumps && t->files[*next]->offset <= entry.offset));
             ++*next)
            leave(t, t->files[*next]); /* not where the manifest says: verify tells */
        if (!t->left || entry_reader_broken(entries) ||
            (t->jumps && t->files[*next]->offset > end && t->files[*next]->offset - end > GAP))
            return 0;
    }
    return rc;
}

static int read_files(struct importing *t, struct err *err)
{
    size_t next = 0;
    int rc = 0;

    while (rc == 0 && t->left) {
        struct wanted *head = t->files[next];
        struct entry_reader *entries =
            entry_reader_open(t->reader, t->jumps ? head->offset : 0, UINT64_MAX, err);
        size_t left = t->left;

        rc = entries ? read_near(t, entries, &next, err) : -1;
        entry_reader_free(entries);
        if (rc < 0)
            rc = leave_out(t, next < t->count ? t->files[next] : head, err);
        if (!t->jumps)
            break;
        if (t->left == left) { /* nothing was read from here on */
            leave(t, head);
            next++;
        }
    }
    return rc;
}

int text_import(struct db *catalog, int64_t volume, struct archive_reader *reader,
                const struct stop *stop, bool *catalog_failed, struct err *err)
{
    struct importing t = { .catalog = catalog,
                           .volume = volume,
                           .reader = reader,
                           .stop = stop,
                           .catalog_failed = catalog_failed };
    int rc = -1;

    buf_init(&t.raw, TEXT_IMPORT_READ_MAX);
    buf_init(&t.text, TEXT_IMPORT_FILE_MAX);
    t.region = region_new(err);
    t.by_content = t.region ? hashmap_new(err) : NULL;
    if (t.by_content && manifest_scan(reader, on_row, &t, NULL, err) >= 0) {
        if (t.count == TEXT_IMPORT_FILES)
            log_line(LOG_WARNING, "'%s': only its first %zu logs and LLM texts are indexed",
                     reader->path, t.count);
        choose(&t);
        rc = join_all(&t, err);
    }
    if (rc == 0)
        rc = read_files(&t, err);
    if (rc == 0 && (rc = text_index_added(catalog, volume, err)) < 0)
        *catalog_failed = true;
    buf_clear(&t.raw);
    buf_clear(&t.text);
    hashmap_free(t.by_content);
    region_free(t.row);
    region_free(t.region);
    mem_free(t.files);
    return rc;
}
