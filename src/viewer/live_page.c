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
    struct archive_reader *passed; /* whose entries are visited */
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

/* Add a file's text, which is compared with its digest: the content of the current entry, or
 * (entries NULL) found by the index of names. */
static int add_text(struct reading_run *r, struct archive_reader *reader,
                    struct entry_reader *entries, const struct wanted *wanted, struct err *err)
{
    struct text_start start = { .want = wanted->want, .stop = &r->library->place->stop };
    int rc;

    buf_init(&start.bytes, wanted->want);
    if (entries)
        rc = entry_reader_copy_same(entries, wanted->file.size, wanted->sha256, keep_start,
                                    &start, err);
    else
        rc = fetchone(reader->path, wanted->file.path, keep_start, &start, err);
    if (rc == 0)
        rc = page_text(r->page, &wanted->file, buf_text(&start.bytes), start.bytes.len, err);
    buf_clear(&start.bytes);
    return rc;
}

/* Add the text of a file at the place that the manifest states. */
static int add_text_at(struct reading_run *r, struct archive_reader *reader,
                       const struct wanted *wanted, struct err *err)
{
    struct entry_reader_entry entry;
    struct entry_reader *entries = fetchone_open(reader, wanted->file.path, wanted->offset,
                                                 wanted->file.size, &entry, err);
    int rc = entries ? add_text(r, reader, entries, wanted, err) : -1;

    entry_reader_free(entries);
    return rc;
}

/* Add the texts of files that are found one by one: by the index of names, or by their places.
 * Of links only those in an archive with an index of names. */
static int add_texts(struct reading_run *r, struct archive_reader *reader, struct err *err)
{
    bool named = reader->locator.names_size > 0;
    size_t i;
    int rc = 0;

    for (i = 0; rc == 0 && i < r->count; i++) {
        const struct wanted *wanted = &r->files[i];

        if (!named && (wanted->link || wanted->offset == MANIFEST_READ_NONE))
            continue;
        rc = named ? add_text(r, reader, NULL, wanted, err)
                   : add_text_at(r, reader, wanted, err);
        if (rc < 0 && (err_is_damage(err) || err->kind == ERR_NOT_FOUND)) {
            log_line(LOG_WARNING, "'%.600s' was left out: %s", wanted->file.path, err->text);
            rc = 0;
        }
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

/* Add the text of an entry that is passed; an entry_reader_file_fn. */
static int on_file(void *ctx, struct entry_reader *entries,
                   const struct entry_reader_entry *entry, struct err *err)
{
    struct reading_run *r = ctx;
    const char *path = archive_reader_below(r->passed, entry->path);
    const struct wanted *wanted = path && is_below(r, path) ? find_wanted(r, path) : NULL;

    return wanted ? add_text(r, r->passed, entries, wanted, err) : 0;
}

/* Add the texts of an archive in which files cannot be found: all entries are visited, once. */
static int add_passing(struct reading_run *r, struct archive_reader *reader, struct err *err)
{
    r->passed = reader;
    return entry_reader_each_file(reader, on_file, r, err);
}

/* Read what one archive has of the run; a library_archive_fn. */
static int read_archive(void *ctx, const char *path, struct err *err)
{
    struct reading_run *r = ctx;
    struct archive_reader reader = { 0 };
    int rc = archive_reader_open(&reader, path, err);

    archive_reader_watch(&reader, r->library->place->stop, archive_reader_unwatched());
    if (rc == 0)
        rc = manifest_scan(&reader, on_row, r, NULL, err);
    if (rc >= 0 && r->count)
        rc = reader.indexed || reader.format == CONTAINER_TAR ? add_texts(r, &reader, err)
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
