/* SPDX-License-Identifier: MIT */
#include "viewer/live_page.h"

#include "base/log.h"
#include "base/mem.h"
#include "format/manifest_read.h"
#include "reader/archive_reader.h"
#include "reader/entry_reader.h"
#include "reader/fetchone.h"
#include "reader/manifest_scan.h"
#include "redact/redact.h"
#include "view/page.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define FILES_MAX 4096                 /* records and texts read for one run */
#define FILE_MAX  ((size_t)8 << 20)    /* of one of them: a larger HAR is a link */
#define BYTES_MAX ((uint64_t)64 << 20) /* of these together */

/* A file whose text the page can use. */
struct wanted {
    struct page_file file; /* texts in the region */
    size_t want;
    bool link;
    uint64_t offset; /* of its tar header; MANIFEST_READ_NONE: not known */
    uint8_t sha256[SHA256_SIZE];
};

/* A run being read from one archive. */
struct reading_run {
    struct library *library;
    struct page *page;
    const char *run_id;
    size_t id_len;
    bool seen; /* a manifest has a row of the run */
    struct region *region;
    struct wanted *files;
    size_t count;
    size_t cap;
    uint64_t bytes;
};

/* The beginning of a file. */
struct text_start {
    struct buf bytes;
    size_t want;
    const struct stop *stop;
};

/* Keep the first `want` bytes; a put_fn. */
static int keep_start(void *ctx, const void *bytes, size_t len, struct err *err)
{
    struct text_start *start = ctx;
    size_t room = start->want - start->bytes.len;

    if (stop_check(start->stop, err) < 0)
        return -1;
    return buf_add(&start->bytes, bytes, len < room ? len : room, err);
}

static struct page *new_page(const struct library *library, struct err *err)
{
    struct page *page = page_new(library->place->temp_dir, err);

    if (page) {
        page_clean(page, redact_untrusted);
        page_live(page);
    }
    return page;
}

static int on_run(void *ctx, const char *text, size_t len, struct err *err)
{
    return page_row(ctx, MANIFEST_READ_RUNS, text, len, err);
}

int live_page_index(struct library *library, put_fn *put, void *ctx, struct err *err)
{
    struct page *page = new_page(library, err);
    int rc = page ? library_runs(library, on_run, page, err) : -1;

    if (rc == 0)
        rc = page_settle(page, err);
    if (rc == 0)
        rc = page_write(page, library->title, false, put, ctx, err);
    page_free(page);
    return rc;
}

int live_page_search(struct library *library, const char *text, put_fn *put, void *ctx,
                     struct err *err)
{
    struct page *page = new_page(library, err);
    int rc = page ? library_search(library, text, on_run, page, err) : -1;

    if (rc == 0)
        rc = page_settle(page, err);
    if (rc == 0)
        rc = page_put_rows(page, put, ctx, err);
    page_free(page);
    return rc;
}

/* Whether a path is below data/RUN_ID. */
static bool is_below(const struct reading_run *r, const char *path)
{
    return strncmp(path, "data/", 5) == 0 && strncmp(path + 5, r->run_id, r->id_len) == 0 &&
           path[5 + r->id_len] == '/';
}

/* Note that a file's text is wanted, if it is within the limits; its texts are copied. */
static int add_file(struct reading_run *r, const struct wanted *file, struct err *err)
{
    size_t want = page_wants(&file->file);
    struct wanted *wanted;

    if (!want || want > FILE_MAX || r->count == FILES_MAX || want > BYTES_MAX - r->bytes)
        return 0;
    if (mem_room(&r->files, &r->cap, r->count, sizeof(*r->files), FILES_MAX, err) < 0)
        return -1;
    wanted = &r->files[r->count];
    *wanted = *file;
    wanted->want = want;
    wanted->file.path = region_text(r->region, file->file.path, err);
    if (file->file.type)
        wanted->file.type = region_text(r->region, file->file.type, err);
    if (file->file.media_type)
        wanted->file.media_type = region_text(r->region, file->file.media_type, err);
    if (!wanted->file.path || (file->file.type && !wanted->file.type) ||
        (file->file.media_type && !wanted->file.media_type))
        return -1;
    r->bytes += want;
    r->count++;
    return 0;
}

static int take_artifact(struct reading_run *r, const char *text, size_t len,
                         struct region *region, struct err *err)
{
    struct manifest_read_artifact row;
    struct wanted file;

    if (manifest_read_artifact(&row, text, len, region, err) < 0)
        return -1;
    if (strcmp(row.run_id, r->run_id) != 0)
        return 0;
    file = (struct wanted){ .file = { row.path, row.artifact_type,
                                      row.media_type ? row.media_type : "", row.size },
                            .link = row.link,
                            .offset = row.offset };
    memcpy(file.sha256, row.sha256, SHA256_SIZE);
    return page_artifact(r->page, &row, err) < 0 ? -1 : add_file(r, &file, err);
}

static int take_document(struct reading_run *r, const char *text, size_t len,
                         struct region *region, struct err *err)
{
    struct manifest_read_name row;
    struct wanted file;

    if (manifest_read_name(&row, MANIFEST_READ_DOCUMENTS, text, len, region, err) < 0)
        return -1;
    file =
        (struct wanted){ .file = { .path = row.name, .size = row.size }, .offset = row.offset };
    memcpy(file.sha256, row.sha256, SHA256_SIZE);
    return is_below(r, row.name) ? add_file(r, &file, err) : 0;
}

/* Take a row if it is of the run; a manifest_read_fn. Most rows need not be parsed: they do not
 * have the run's ID. */
static int on_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    struct reading_run *r = ctx;
    struct manifest_read_run run;
    struct manifest_read_missing missing;
    struct region *region;
    int rc;

    if (section < MANIFEST_READ_RUNS || !memmem(text, len, r->run_id, r->id_len))
        return 0;
    region = region_new(err);
    rc = region ? 0 : -1;
    if (rc == 0 && section == MANIFEST_READ_RUNS) {
        rc = manifest_read_run(&run, text, len, region, err);
        if (rc == 0 && strcmp(run.run_id, r->run_id) == 0) {
            r->seen = true;
            rc = page_row(r->page, section, text, len, err);
        }
    } else if (rc == 0 && section == MANIFEST_READ_MISSING) {
        rc = manifest_read_missing(&missing, text, len, region, err);
        if (rc == 0 && strcmp(missing.run_id, r->run_id) == 0)
            rc = page_row(r->page, section, text, len, err);
    } else if (rc == 0) {
        rc = section == MANIFEST_READ_ARTIFACTS ? take_artifact(r, text, len, region, err)
                                                : take_document(r, text, len, region, err);
    }
    region_free(region);
    return rc;
}

/* Whether an error concerns one file only: it is left out, which is logged. */
static bool is_left_out(const struct wanted *wanted, const struct err *why)
{
    if (!err_is_damage(why) && why->kind != ERR_NOT_FOUND)
        return false;
    log_line(LOG_WARNING, "'%.600s' is left out: %s", wanted->file.path, why->text);
    return true;
}

/* Read the current entry, which is the file, and compare it with its digest. */
static int read_entry(struct entry_reader *entries, const struct entry_reader_entry *entry,
                      const struct wanted *wanted, struct text_start *start, struct err *err)
{
    uint8_t sha256[SHA256_SIZE];

    if (entry->size != wanted->file.size)
        return err_set(err, ERR_MISMATCH, "its size does not match the manifest");
    if (entry_reader_copy(entries, entry->size, keep_start, start, sha256, err) < 0)
        return -1;
    return memcmp(sha256, wanted->sha256, SHA256_SIZE) == 0
               ? 0
               : err_set(err, ERR_MISMATCH, "its SHA-256 does not match the manifest");
}

/* Read a file at the place that the manifest states. */
static int read_at(struct archive_reader *reader, const struct wanted *wanted,
                   struct text_start *start, struct err *err)
{
    struct entry_reader *entries = entry_reader_open(reader, wanted->offset, UINT64_MAX, err);
    struct entry_reader_entry entry;
    int rc = entries ? entry_reader_next(entries, &entry, err) : -1;
    const char *below = rc > 0 ? archive_reader_below(reader, entry.path) : NULL;

    if (rc >= 0)
        rc = below && entry.kind == ENTRY_READER_FILE && strcmp(below, wanted->file.path) == 0
                 ? read_entry(entries, &entry, wanted, start, err)
                 : err_set(err, ERR_MISMATCH, "the manifest does not match the tar header");
    entry_reader_free(entries);
    return rc;
}

/* Add the texts of files that are found one by one: by the index of names, or by their places.
 * Of links only those in an archive with an index of names. */
static int add_texts(struct reading_run *r, struct archive_reader *reader, bool named,
                     struct err *err)
{
    size_t i;
    int rc = 0;

    for (i = 0; rc == 0 && i < r->count; i++) {
        const struct wanted *wanted = &r->files[i];
        struct text_start start = { .want = wanted->want, .stop = &r->library->place->stop };
        struct err why;

        if (!named && (wanted->link || wanted->offset == MANIFEST_READ_NONE))
            continue;
        buf_init(&start.bytes, wanted->want);
        rc = named ? fetchone(reader->path, wanted->file.path, keep_start, &start, &why)
                   : read_at(reader, wanted, &start, &why);
        if (rc == 0)
            rc =
                page_text(r->page, &wanted->file, buf_text(&start.bytes), start.bytes.len, err);
        else if (is_left_out(wanted, &why))
            rc = 0;
        else
            *err = why;
        buf_clear(&start.bytes);
    }
    return rc;
}

/* The file of this path that is wanted, or NULL. */
static const struct wanted *find_wanted(const struct reading_run *r, const char *path)
{
    size_t i;

    for (i = 0; i < r->count; i++) {
        if (strcmp(r->files[i].file.path, path) == 0)
            return &r->files[i];
    }
    return NULL;
}

/* Add the texts of an archive in which files cannot be found: all entries are visited, once. */
static int add_passing(struct reading_run *r, struct archive_reader *reader, struct err *err)
{
    struct entry_reader *entries = entry_reader_open(reader, 0, UINT64_MAX, err);
    struct entry_reader_entry entry;
    int rc = entries ? 1 : -1;

    while (rc > 0 && (rc = entry_reader_next(entries, &entry, err)) > 0) {
        const char *path = archive_reader_below(reader, entry.path);
        const struct wanted *wanted =
            path && entry.kind == ENTRY_READER_FILE && is_below(r, path) ? find_wanted(r, path)
                                                                         : NULL;
        struct text_start start = { .stop = &r->library->place->stop };
        struct err why;

        if (!wanted)
            continue;
        start.want = wanted->want;
        buf_init(&start.bytes, wanted->want);
        if (read_entry(entries, &entry, wanted, &start, &why) == 0) {
            rc = page_text(r->page, &wanted->file, buf_text(&start.bytes), start.bytes.len,
                           err) < 0
                     ? -1
                     : 1;
        } else if (!is_left_out(wanted, &why) || entry_reader_broken(entries)) {
            *err = why;
            rc = -1;
        }
        buf_clear(&start.bytes);
    }
    entry_reader_free(entries);
    return rc;
}

/* Whether an archive has an index of names. */
static bool is_named(const char *path)
{
    struct archive_reader reader = { 0 };
    struct name_lookup lookup;
    struct err ignored;
    bool named = archive_reader_open_named(&reader, path, &lookup, &ignored) > 0;

    archive_reader_close(&reader);
    return named;
}

/* Read what one archive has of the run; a library_archive_fn. */
static int read_archive(void *ctx, const char *path, struct err *err)
{
    struct reading_run *r = ctx;
    struct archive_reader reader = { 0 };
    bool named = is_named(path);
    int rc = archive_reader_open(&reader, path, err);

    archive_reader_watch(&reader, r->library->place->stop, archive_reader_unwatched());
    if (rc == 0)
        rc = manifest_scan(&reader, on_row, r, NULL, err);
    if (rc >= 0 && r->count)
        rc = named || reader.indexed || reader.format == CONTAINER_TAR
                 ? add_texts(r, &reader, named, err)
                 : add_passing(r, &reader, err);
    archive_reader_close(&reader);
    r->count = 0;
    return rc < 0 ? -1 : 0;
}

/* Write the JSON of the run, the only one that the page lists. */
static int put_run(struct page *page, put_fn *put, void *ctx, struct err *err)
{
    return page_settle(page, err) < 0 ? -1 : page_put_json(page, 0, put, ctx, err);
}

int live_page_run(struct library *library, const char *run_id, put_fn *put, void *ctx,
                  struct err *err)
{
    struct reading_run r = { .library = library, .run_id = run_id, .id_len = strlen(run_id) };
    struct err why;
    int rc = -1;

    if (!library_shows(library, run_id))
        return err_set(err, ERR_NOT_FOUND, "no run '%.200s'", run_id);
    r.page = new_page(library, err);
    r.region = r.page ? region_new(err) : NULL;
    err_clear(&why);
    if (r.region) {
        (void)pthread_mutex_lock(&library->making);
        rc = library_archives(library, run_id, read_archive, &r, &why);
        (void)pthread_mutex_unlock(&library->making);
    }
    if (r.seen && rc < 0 && !stop_asked(&library->place->stop))
        rc = 0; /* what the other archives have is shown, and the error was logged */
    else if (rc < 0 && why.kind)
        *err = why;
    if (rc == 0 && !r.seen)
        rc = err_set(err, ERR_NOT_FOUND, "no run '%.200s'", run_id);
    if (rc == 0)
        rc = put_run(r.page, put, ctx, err);
    page_free(r.page);
    region_free(r.region);
    mem_free(r.files);
    return rc;
}
