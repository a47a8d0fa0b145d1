/* SPDX-License-Identifier: MIT */
#include "viewer/run_visit.h"

#include "base/hashmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "format/payload_path.h"
#include "reader/archive_reader.h"
#include "reader/entry_reader.h"
#include "reader/fetchone.h"
#include "reader/manifest_scan.h"
#include "view/store.h"
#include "viewer/forward_reader.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX ((size_t)4096)       /* records and texts read of one run of an archive */
#define FILE_MAX  ((size_t)8 << 20)    /* of one of them: a larger HAR is a link */
#define BYTES_MAX ((uint64_t)64 << 20) /* of these together */

/* A file whose text is wanted. */
struct wanted {
    struct page_file file; /* texts in a region */
    size_t nth;            /* in the order of the manifest */
    size_t want;
    bool link;
    uint64_t offset; /* of its tar header; MANIFEST_READ_NONE: not known */
    uint8_t sha256[SHA256_SIZE];
    bool read; /* its text is in library->texts: len bytes from at on */
    uint64_t at;
    size_t len;
};

/* A run being read from one archive. */
struct reading_run {
    struct library *library;
    const struct run_visitor *visitor;
    const char *run_id;
    size_t id_len;
    bool seen; /* a manifest has a row of the run */
    struct region *region;
    struct region *collected; /* the texts of files, until they are chosen */
    struct wanted *files;
    size_t count;
    size_t cap;
    size_t rows;                   /* files that could be added */
    uint64_t bytes;                /* of the files that were chosen */
    struct hashmap *done;          /* paths of files that were visited */
    size_t left_out;               /* files, and archives, that could not be read */
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

/*
 * Read the first bytes of the current entry. They are not compared with the digest of the file,
 * for which all of it would be read.
 */
static int read_start(struct entry_reader *entries, struct text_start *start, struct err *err)
{
    char *room = buf_room(&start->bytes, start->want, err);
    ssize_t n = 1;

    while (room && start->bytes.len < start->want && n > 0) {
        n = entry_reader_read(entries, room + start->bytes.len, start->want - start->bytes.len,
                              err);
        start->bytes.len += n > 0 ? (size_t)n : 0;
    }
    return room && n >= 0 ? 0 : -1;
}

static bool is_done(const struct reading_run *r, const char *path)
{
    return hashmap_get(r->done, path, strlen(path)) != NULL;
}

/* Copy the texts of a file into a region. */
static int copy_texts(struct page_file *file, struct region *region, struct err *err)
{
    const char **texts[] = { &file->path, &file->type, &file->media_type };
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        if (!*texts[i])
            continue;
        *texts[i] = region_text(region, *texts[i], err);
        if (!*texts[i])
            return -1;
    }
    return 0;
}

/* The time with which a file's name begins, and what follows; "": it begins with none. */
static const char *time_of(const struct wanted *file)
{
    const char *name = path_base(file->file.path);

    return isdigit((unsigned char)*name) ? name : "";
}

/* The documents first, then the latest files. */
static int by_worth(const void *a_in, const void *b_in)
{
    const struct wanted *a = a_in;
    const struct wanted *b = b_in;
    int order;

    if (!a->file.media_type != !b->file.media_type)
        return a->file.media_type ? 1 : -1;
    order = strcmp(time_of(b), time_of(a));
    return order ? order : a->nth > b->nth ? -1 : a->nth < b->nth;
}

static int by_nth(const void *a_in, const void *b_in)
{
    const struct wanted *a = a_in;
    const struct wanted *b = b_in;

    return a->nth < b->nth ? -1 : a->nth > b->nth;
}

/* Keep the files that are within the limits, with their texts in `to`; *bytes: of these. */
static int choose(struct reading_run *r, struct region *to, uint64_t *bytes, struct err *err)
{
    size_t kept = 0;
    size_t i;

    *bytes = 0;
    if (r->count)
        qsort(r->files, r->count, sizeof(*r->files), by_worth);
    for (i = 0; i < r->count && kept < FILES_MAX; i++) {
        if (r->files[i].want > BYTES_MAX - r->bytes - *bytes)
            continue;
        *bytes += r->files[i].want;
        r->files[kept++] = r->files[i];
    }
    r->count = kept;
    if (r->count)
        qsort(r->files, r->count, sizeof(*r->files), by_nth);
    for (i = 0; i < r->count; i++) {
        if (copy_texts(&r->files[i].file, to, err) < 0)
            return -1;
    }
    return 0;
}

/* Choose some of the files that were collected, so that more can be added. */
static int thin_out(struct reading_run *r, struct err *err)
{
    struct region *fresh = region_new(err);
    uint64_t bytes;
    int rc = fresh ? choose(r, fresh, &bytes, err) : -1;

    region_free(r->collected);
    r->collected = fresh;
    return rc;
}

/* Note that a file's text is wanted; its texts are copied. */
static int add_file(struct reading_run *r, const struct wanted *file, struct err *err)
{
    size_t want = r->visitor->wants(&file->file);
    struct wanted *wanted;

    if (!want || want > FILE_MAX || is_done(r, file->file.path))
        return 0;
    if ((!r->collected || r->count == 2 * FILES_MAX) && thin_out(r, err) < 0)
        return -1;
    if (mem_room(&r->files, &r->cap, r->count, sizeof(*r->files), 2 * FILES_MAX, err) < 0)
        return -1;
    wanted = &r->files[r->count];
    *wanted = *file;
    wanted->want = want;
    wanted->nth = r->rows++;
    if (copy_texts(&wanted->file, r->collected, err) < 0)
        return -1;
    r->count++;
    return 0;
}

/* Of the files that were chosen, keep those that this visit reads. */
static int drop_unread(struct reading_run *r, struct err *err)
{
    size_t kept = 0;
    size_t i;

    for (i = 0; i < r->count; i++) {
        const struct wanted *file = &r->files[i];

        if (r->visitor->reads(r->visitor->ctx, &file->file))
            r->files[kept++] = *file;
        else if (hashmap_add(r->done, file->file.path, strlen(file->file.path), r, err) < 0)
            return -1;
    }
    r->count = kept;
    return 0;
}

/* Choose the files whose texts are read, once all rows of an archive were seen. */
static int choose_files(struct reading_run *r, struct err *err)
{
    uint64_t bytes;
    int rc = choose(r, r->region, &bytes, err);

    if (rc == 0)
        r->bytes += bytes;
    region_free(r->collected);
    r->collected = NULL;
    return rc < 0 ? -1 : drop_unread(r, err);
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
    return r->visitor->artifact(r->visitor->ctx, &row, err) < 0 ? -1 : add_file(r, &file, err);
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
    return payload_path_below(row.name, r->run_id) ? add_file(r, &file, err) : 0;
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
            rc = r->visitor->row(r->visitor->ctx, section, text, len, err);
        }
    } else if (rc == 0 && section == MANIFEST_READ_MISSING) {
        rc = manifest_read_missing(&missing, text, len, region, err);
        if (rc == 0 && strcmp(missing.run_id, r->run_id) == 0)
            rc = r->visitor->row(r->visitor->ctx, section, text, len, err);
    } else if (rc == 0) {
        rc = section == MANIFEST_READ_ARTIFACTS ? take_artifact(r, text, len, region, err)
                                                : take_document(r, text, len, region, err);
    }
    region_free(region);
    return rc;
}

/* Whether only a small part of a file is wanted: what a recording says of itself. */
static bool is_recording(const struct page_file *file)
{
    return file->media_type && strncmp(file->media_type, "video/", 6) == 0;
}

/*
 * Read the text of a file, which is the current entry. It is compared with its digest, but not
 * the begin of a recording that need not be passed on the way to other entries.
 */
static int read_text(const struct reading_run *r, struct entry_reader *entries,
                     const struct wanted *wanted, struct text_start *start, struct err *err)
{
    *start = (struct text_start){ .want = wanted->want, .stop = &r->library->place->stop };
    buf_init(&start->bytes, wanted->want);
    if (is_recording(&wanted->file) && !r->passed)
        return read_start(entries, start, err);
    return entry_reader_copy_same(entries, wanted->file.size, wanted->sha256, keep_start, start,
                                  err);
}

/* Give a text to the visitor, once. */
static int give(struct reading_run *r, const struct wanted *wanted, const char *bytes,
                size_t len, struct err *err)
{
    const char *path = wanted->file.path;

    if (hashmap_add(r->done, path, strlen(path), r, err) < 0)
        return -1;
    return r->visitor->text(r->visitor->ctx, &wanted->file, bytes, len, err);
}

/* Add the text of a file, which is the current entry. */
static int add_entry(struct reading_run *r, struct entry_reader *entries,
                     const struct wanted *wanted, struct err *err)
{
    struct text_start start;
    int rc = read_text(r, entries, wanted, &start, err);

    if (rc == 0)
        rc = give(r, wanted, buf_text(&start.bytes), start.bytes.len, err);
    buf_clear(&start.bytes);
    return rc;
}

/* Add the text of a file that is found by the index of names. */
static int add_named(struct reading_run *r, const char *archive, const struct wanted *wanted,
                     struct err *err)
{
    struct text_start start = { .want = wanted->want, .stop = &r->library->place->stop };
    int rc;

    buf_init(&start.bytes, wanted->want);
    rc = fetchone(archive, wanted->file.path, keep_start, &start, err);
    if (rc == 0)
        rc = give(r, wanted, buf_text(&start.bytes), start.bytes.len, err);
    buf_clear(&start.bytes);
    return rc;
}

/* Add a text that was read: that of a file, or of another one with the same content. */
static int add_read(struct reading_run *r, const struct wanted *wanted,
                    const struct wanted *same, struct err *err)
{
    size_t len = same->len < wanted->want ? same->len : wanted->want;
    struct buf bytes;
    char *room;
    int rc = 0;

    buf_init(&bytes, len);
    room = len ? buf_room(&bytes, len, err) : NULL;
    if (len && (!room || store_read(&r->library->texts, room, len, same->at, err) < 0))
        rc = -1;
    bytes.len = rc == 0 ? len : 0;
    if (rc == 0)
        rc = give(r, wanted, buf_text(&bytes), bytes.len, err);
    buf_clear(&bytes);
    return rc;
}

/* Whether the manifest states the place of a file. */
static bool is_placed(const struct wanted *wanted)
{
    return !wanted->link && wanted->offset != MANIFEST_READ_NONE;
}

static int by_place(const void *a_in, const void *b_in)
{
    const struct wanted *a = a_in;
    const struct wanted *b = b_in;

    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* If an error concerns only this file, log it, and go on. */
static int leave_out(struct reading_run *r, const struct wanted *wanted, struct err *err)
{
    if (!err_is_damage(err) && err->kind != ERR_NOT_FOUND)
        return -1;
    log_line(LOG_WARNING, "'%.600s' was left out: %s", wanted->file.path, err->text);
    r->left_out++;
    return 0;
}

/* Read the text of a file at its place into library->texts. */
static int read_placed(struct reading_run *r, struct forward_reader *forward,
                       struct wanted *wanted, struct err *err)
{
    struct store *texts = &r->library->texts;
    struct entry_reader *entries =
        forward_reader_open(forward, wanted->file.path, wanted->offset, wanted->file.size, err);
    struct text_start start;
    int rc;

    if (!entries)
        return leave_out(r, wanted, err);
    wanted->at = texts->size;
    rc = read_text(r, entries, wanted, &start, err);
    if (rc < 0)
        rc = leave_out(r, wanted, err);
    else if (store_add(texts, buf_text(&start.bytes), start.bytes.len, err) < 0)
        rc = -1;
    else
        wanted->read = true;
    wanted->len = start.bytes.len;
    buf_clear(&start.bytes);
    return rc;
}

/* Read the texts whose places are known, in the order of these, so that each frame is decoded
 * once: the order of the manifest is another one. */
static int read_all_placed(struct reading_run *r, struct forward_reader *forward,
                           struct err *err)
{
    size_t i;
    int rc = 0;

    store_reset(&r->library->texts);
    qsort(r->files, r->count, sizeof(*r->files), by_place);
    for (i = 0; rc == 0 && i < r->count; i++) {
        if (is_placed(&r->files[i]))
            rc = read_placed(r, forward, &r->files[i], err);
    }
    qsort(r->files, r->count, sizeof(*r->files), by_nth);
    return rc;
}

/* A file that was read and has the content of a link; NULL: there is none. */
static const struct wanted *find_same(const struct reading_run *r, const struct wanted *link)
{
    size_t i;

    for (i = 0; i < r->count; i++) {
        const struct wanted *file = &r->files[i];

        if (file->read && !is_recording(&file->file) && file->file.size == link->file.size &&
            file->want >= link->want && memcmp(file->sha256, link->sha256, SHA256_SIZE) == 0)
            return file;
    }
    return NULL;
}

/* Add the text of a file at its place, which was not read before. */
static int add_placed(struct reading_run *r, struct forward_reader *forward,
                      const struct wanted *wanted, struct err *err)
{
    struct entry_reader *entries =
        forward_reader_open(forward, wanted->file.path, wanted->offset, wanted->file.size, err);

    return entries ? add_entry(r, entries, wanted, err) : -1;
}

/* Add the text of a file of an archive in which files are found one by one. Of links without a
 * target that was read, only those in an archive with an index of names. */
static int add_text(struct reading_run *r, struct forward_reader *forward,
                    const struct wanted *wanted, struct err *err)
{
    const struct wanted *same = wanted->read   ? wanted
                                : wanted->link ? find_same(r, wanted)
                                               : NULL;

    if (is_done(r, wanted->file.path)) /* an archive can have two entries of a path */
        return 0;
    if (same)
        return add_read(r, wanted, same, err);
    if (is_placed(wanted))
        return r->library->texts.fd < 0 ? add_placed(r, forward, wanted, err) : 0;
    if (forward->reader->locator.names_size > 0)
        return add_named(r, forward->reader->path, wanted, err);
    return 0;
}

/* Add the texts of files that are found one by one: by their places, or by the index of names,
 * in the order of the manifest. */
static int add_texts(struct reading_run *r, struct archive_reader *reader, struct err *err)
{
    struct forward_reader forward = { .reader = reader };
    size_t i;
    int rc = 0;

    if (r->library->texts.fd >= 0) { /* else the texts are read in the order of the manifest */
        rc = read_all_placed(r, &forward, err);
        forward_reader_clear(&forward); /* the visitor needs memory, too */
    }
    for (i = 0; rc == 0 && i < r->count; i++) {
        if (add_text(r, &forward, &r->files[i], err) < 0)
            rc = leave_out(r, &r->files[i], err);
    }
    forward_reader_clear(&forward);
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
    const struct wanted *wanted =
        path && payload_path_below(path, r->run_id) ? find_wanted(r, path) : NULL;

    return wanted && !is_done(r, path) ? add_entry(r, entries, wanted, err) : 0;
}

/* Add the texts of an archive in which files cannot be found: all entries are visited, once. */
static int add_passing(struct reading_run *r, struct archive_reader *reader, struct err *err)
{
    int rc;

    r->passed = reader;
    rc = entry_reader_each_file(reader, on_file, r, &r->left_out, err); /* which logs them */
    r->passed = NULL;
    return rc;
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
    if (rc >= 0)
        rc = choose_files(r, err);
    if (rc >= 0 && r->count)
        rc = reader.indexed || reader.format == CONTAINER_TAR ? add_texts(r, &reader, err)
                                                              : add_passing(r, &reader, err);
    archive_reader_close(&reader);
    r->count = 0;
    return rc < 0 ? -1 : 0;
}

int run_visit(struct library *library, const char *run_id, const struct run_visitor *visitor,
              struct err *err)
{
    struct reading_run r = {
        .library = library, .visitor = visitor, .run_id = run_id, .id_len = strlen(run_id)
    };
    struct err why;
    int rc = -1;

    if (!library_shows(library, run_id))
        return err_set(err, ERR_NOT_FOUND, "no run '%.200s'", run_id);
    r.region = region_new(err);
    r.done = r.region ? hashmap_new(err) : NULL;
    err_clear(&why);
    if (r.done)
        rc = library_archives(library, run_id, read_archive, &r, &why);
    if (r.seen && rc < 0 && why.kind != ERR_MEMORY && !stop_asked(&library->place->stop))
        rc = 1; /* what the other archives have is visited, and the error was logged */
    else if (rc < 0 && why.kind)
        *err = why;
    if (rc == 0 && !r.seen)
        rc = err_set(err, ERR_NOT_FOUND, "no run '%.200s'", run_id);
    if (rc == 0 && r.left_out)
        rc = 1;
    hashmap_free(r.done);
    region_free(r.collected);
    region_free(r.region);
    mem_free(r.files);
    return rc;
}
