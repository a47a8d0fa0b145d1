/* SPDX-License-Identifier: MIT */
#include "pull/tagfiles.h"

#include "base/clock.h"
#include "base/mem.h"
#include "format/bag.h"
#include "format/tagfile.h"
#include "redact/redact.h"
#include "writer/body.h"

#include <stdio.h>
#include <string.h>

#define PATH_MAX_ENTRY 1024

/* What is written at the end: the view, then each enum tag. */
enum made_file {
    MADE_VIEW,
    MADE_MANIFEST,
    MADE_PAYLOAD,
    MADE_INFO,
    MADE_BAGIT,
    MADE_TAGS,
    MADE_COUNT
};

static const char *name_of(int file)
{
    return file == MADE_VIEW ? TAGFILE_VIEW : tagfile_name(file - (int)MADE_MANIFEST);
}

struct making {
    struct tagfiles *record;
    struct manifest_text *manifest;
    struct tag_sum tags[MADE_COUNT]; /* results of the first pass over each file */
    uint64_t payload_bytes;
    uint64_t payload_files;
};

void tagfiles_count(struct tagfiles *record)
{
    struct manifest_totals *t = &record->facts.totals;
    size_t i;

    for (i = 0; i < record->facts.listing->count; i++)
        t->missing += record->facts.listing->runs[i].failed;
    for (i = 0; i < plan_count(record->facts.plan); i++) {
        const struct item *item = plan_at(record->facts.plan, i);
        const struct packed *packed = fetch_packed(record->facts.fetch, item);

        if (!packed->here) {
            t->missing += !item->unlisted;
            continue;
        }
        t->artifacts++;
        t->bytes += packed->size;
        t->duplicates += packed->duplicate_of != NULL;
        record->mismatches += packed->mismatch;
        record->suspects += packed->suspect;
    }
    t->unique = t->artifacts - t->duplicates;
    t->downloaded_bytes = fetch_progress(record->facts.fetch).bytes;
}

static int make_payload(struct making *m, put_fn *put, void *ctx, struct err *err)
{
    const struct document *document;
    size_t i;

    m->payload_bytes = m->payload_files = 0;
    for (document = packer_documents(m->record->facts.packer); document;
         document = document->next) {
        if (bag_line(put, ctx, document->digest.sha256, document->path, err) < 0)
            return -1;
        m->payload_bytes += document->size;
        m->payload_files++;
    }
    for (i = 0; i < plan_count(m->record->facts.plan); i++) {
        const struct packed *packed =
            fetch_packed(m->record->facts.fetch, plan_at(m->record->facts.plan, i));

        if (!packed->here)
            continue;
        if (bag_line(put, ctx, packed->digest.sha256, packed->path, err) < 0)
            return -1;
        m->payload_bytes += packed->size;
        m->payload_files++;
    }
    return 0;
}

static int make_tags(struct making *m, put_fn *put, void *ctx, struct err *err)
{
    int i;

    for (i = 0; i < MADE_TAGS; i++) {
        if (m->tags[i].size && bag_line(put, ctx, m->tags[i].sha256, name_of(i), err) < 0)
            return -1;
    }
    return 0;
}

static int make(struct making *m, enum made_file file, put_fn *put, void *ctx, struct err *err)
{
    const struct tagfiles *record = m->record;
    struct bag_info info = { .name = record->top,
                             .software = record->facts.head.tool,
                             .source = record->facts.head.source,
                             .made = record->facts.head.created_at,
                             .bytes = m->payload_bytes,
                             .files = m->payload_files,
                             .previous = record->facts.head.previous,
                             .previous_sha256 = record->facts.head.previous_sha256 };

    switch (file) {
    case MADE_VIEW:
        return page_write(record->page, record->top, put, ctx, err);
    case MADE_MANIFEST:
        return manifest_text_put(m->manifest, &m->tags[MADE_VIEW], put, ctx, err);
    case MADE_PAYLOAD:
        return make_payload(m, put, ctx, err);
    case MADE_INFO:
        return bag_info(put, ctx, &info, err);
    case MADE_BAGIT:
        return put(ctx, BAG_DECLARATION, strlen(BAG_DECLARATION), err);
    case MADE_TAGS:
        return make_tags(m, put, ctx, err);
    case MADE_COUNT:
        break;
    }
    return 0;
}

struct measure {
    struct sha256 *sha;
    struct sha512 *sha512; /* NULL: not wanted */
    uint64_t size;
};

static int put_measure(void *ctx, const void *bytes, size_t len, struct err *err)
{
    struct measure *measure = ctx;

    (void)err;
    sha256_add(measure->sha, bytes, len);
    if (measure->sha512)
        sha512_add(measure->sha512, bytes, len);
    measure->size += len;
    return 0;
}

static int put_volume(void *ctx, const void *bytes, size_t len, struct err *err)
{
    return volume_add(ctx, bytes, len, err);
}

/* A body being read from its start. */
struct reading {
    const struct body *body;
    struct body_cursor cursor;
    uint64_t at;
};

static ssize_t read_on(void *ctx, void *bytes, size_t len, struct err *err)
{
    struct reading *r = ctx;
    ssize_t n = body_read_at(r->body, &r->cursor, bytes, len, r->at, err);

    r->at += n > 0 ? (uint64_t)n : 0;
    return n;
}

int tagfiles_see(void *ctx, const char *path, const struct item *item,
                 const struct packed *packed, const struct body *body, struct err *err)
{
    struct reading reading = { .body = body };
    const struct page_file file = { path, item ? item->what.type : NULL,
                                    packed ? packed->media_type : NULL, body->size };

    return page_take(ctx, &file, read_on, &reading, err);
}

static int feed_rows(void *ctx, const void *bytes, size_t len, struct err *err)
{
    return manifest_read_feed(ctx, bytes, len, err);
}

/* The offline view reads its rows from the manifest as it is made. */
static int feed_view(struct making *m, struct err *err)
{
    struct manifest_read rows;
    int rc;

    manifest_read_init(&rows, page_row, m->record->page);
    rc = manifest_text_put(m->manifest, NULL, feed_rows, &rows, err);
    manifest_read_clear(&rows);
    return rc;
}

/* Make a file twice: to measure it, and into the volume; only the manifest has a sha512. */
static int write_tag(struct making *m, enum made_file file, struct volume *volume,
                     struct measure *measure, struct spot *place, struct err *err)
{
    const struct tagfiles *record = m->record;
    char path[PATH_MAX_ENTRY];
    struct tag_sum *tag = &m->tags[file];

    measure->size = 0;
    if (make(m, file, put_measure, measure, err) < 0)
        return -1;
    tag->size = measure->size;
    sha256_end(measure->sha, tag->sha256);
    if (measure->sha512) {
        memcpy(m->record->sha256, tag->sha256, SHA256_SIZE);
        sha512_end(measure->sha512, m->record->sha512);
    }
    (void)snprintf(path, sizeof(path), "%s/%s", record->top, name_of((int)file));
    if (volume_begin(volume,
                     &(struct entry_file){ .path = path,
                                           .size = tag->size,
                                           .mtime = record->facts.head.created_at / 1000 },
                     place, err) < 0 ||
        make(m, file, put_volume, volume, err) < 0)
        return -1;
    return volume_end(volume, err);
}

int tagfiles_write(struct tagfiles *record, struct spot *manifest, uint64_t *manifest_size,
                   struct err *err)
{
    struct volume *volume = record->facts.volume;
    struct making m = { .record = record, .manifest = manifest_text_new(&record->facts, err) };
    struct measure measure = { .sha = sha256_new(err) };
    struct sha512 *sha512 = sha512_new(err);
    int rc = m.manifest && measure.sha && sha512 ? 0 : -1;
    int i;

    volume_flush(volume); /* then all places are known, and nothing is pending */
    if (rc == 0 && record->page)
        rc = feed_view(&m, err);
    if (rc == 0 && record->page)
        rc = write_tag(&m, MADE_VIEW, volume, &measure, NULL, err);
    for (i = MADE_MANIFEST; rc == 0 && i < MADE_COUNT; i++) {
        measure.sha512 = i == MADE_MANIFEST ? sha512 : NULL;
        rc = write_tag(&m, (enum made_file)i, volume, &measure,
                       i == MADE_MANIFEST ? manifest : NULL, err);
    }
    *manifest_size = m.tags[MADE_MANIFEST].size;
    manifest_text_free(m.manifest);
    sha256_free(measure.sha);
    sha512_free(sha512);
    return rc < 0 ? err_wrap(err, "cannot write the manifest") : 0;
}

/* Give a document of a run to the packer, which takes over its path and its text. */
static int put_document(struct packer *packer, const struct listed_run *run, char *path,
                        char *text, size_t len, struct err *err)
{
    int64_t created = run->run.created_at ? clock_us(run->run.created_at) : CLOCK_NONE;
    struct body *body = text ? body_of_text(text, len, err) : NULL;

    if (!path || !body) {
        mem_free(path);
        body_free(body);
        return -1;
    }
    if (created == CLOCK_NONE)
        created = clock_wall() * 1000;
    return packer_document(packer, path, created / 1000000, body, err);
}

/* The same for a buffer, which is empty afterwards. */
static int put_buffer(struct packer *packer, const struct listed_run *run, const char *name,
                      struct buf *buffer, struct err *err)
{
    struct buf taken = *buffer;

    *buffer = (struct buf){ 0 };
    return put_document(packer, run, mem_format(err, "data/%s/%s", run->id, name), taken.data,
                        taken.len, err);
}

int tagfiles_documents(struct listing *listing, const struct records *records,
                       struct packer *packer, struct err *err)
{
    size_t i;
    size_t k;

    for (i = 0; i < listing->count; i++) {
        struct listed_run *run = &listing->runs[i];

        if (!run->failed &&
            (put_buffer(packer, run, "run.json", &run->run_json, err) < 0 ||
             put_buffer(packer, run, "artifacts.json", &run->list_json, err) < 0))
            return -1;
        for (k = 0; !run->failed && k < run->records.count; k++) {
            const struct record_row *row = &run->records.rows[k];

            if (!row->reason &&
                put_document(packer, run,
                             mem_format(err, "data/%s/records/%s.json", run->id, row->name),
                             records_read(records, row, err), row->len, err) < 0)
                return -1;
        }
    }
    return 0;
}
