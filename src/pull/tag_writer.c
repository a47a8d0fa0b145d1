/* SPDX-License-Identifier: MIT */
#include "pull/tag_writer.h"

#include "base/log.h"
#include "base/mem.h"
#include "format/manifest_read.h"
#include "format/tagfile.h"

#include <string.h>

#define VIEWS_MAX ((size_t)1 << 24)

/* What is written at the end: the log of requests, the view, then each enum tag. */
enum made_file {
    MADE_REQUESTS,
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
    return file == MADE_REQUESTS ? TAGFILE_REQUESTS
           : file == MADE_VIEW   ? TAGFILE_VIEW
                                 : tagfile_name(file - (int)MADE_MANIFEST);
}

/* The result of the first pass over a file. */
struct tag_sum {
    uint64_t size; /* 0: there is no such file */
    uint8_t sha256[SHA256_SIZE];
};

/* The log of requests, or a file of the view: its place is known after volume_flush. */
struct view_file {
    struct view_file *next;
    struct spot place;
};

struct making {
    const struct tag_source *source;
    struct name_list *names;   /* of the archive's index; NULL: it has none */
    struct manifest_read rows; /* of the manifest, while it is written */
    struct bag_info info;
    struct tag_sum tags[MADE_COUNT];
    struct manifest_views views; /* these files, in the order in which they are written */
    size_t view_cap;
    struct view_file *view; /* their places, in the same order */
    struct view_file **last_view;
    struct region *region; /* their paths and places */
};

int tag_payload_add(struct tag_payload *payload, const char *path, uint64_t size,
                    const uint8_t sha256[SHA256_SIZE], struct err *err)
{
    payload->bytes += size;
    payload->files++;
    return bag_line(payload->put, payload->ctx, sha256, path, err);
}

static int make_payload(struct making *m, put_fn *put, void *ctx, struct err *err)
{
    struct tag_payload payload = { .put = put, .ctx = ctx };
    int rc = m->source->payload(m->source->ctx, &payload, err);

    m->info.bytes = payload.bytes;
    m->info.files = payload.files;
    return rc;
}

static int make_tags(struct making *m, put_fn *put, void *ctx, struct err *err)
{
    size_t k;
    int i;

    for (k = 0; k < m->views.count; k++) {
        const struct manifest_view *view = &m->views.files[k];

        if (bag_line(put, ctx, view->sha256, view->path, err) < 0)
            return -1;
    }
    for (i = MADE_MANIFEST; i < MADE_TAGS; i++) {
        if (m->tags[i].size && bag_line(put, ctx, m->tags[i].sha256, name_of(i), err) < 0)
            return -1;
    }
    return 0;
}

static int make(struct making *m, enum made_file file, put_fn *put, void *ctx, struct err *err)
{
    const struct tag_source *source = m->source;

    switch (file) {
    case MADE_REQUESTS:
        return source->requests(source->ctx, put, ctx, err);
    case MADE_VIEW:
        return page_write(source->page, source->info.name, false, put, ctx, err);
    case MADE_MANIFEST:
        return source->manifest(source->ctx, &m->views, put, ctx, err);
    case MADE_PAYLOAD:
        return make_payload(m, put, ctx, err);
    case MADE_INFO:
        return bag_info(put, ctx, &m->info, err);
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

/* Begin a file in the volume. */
static int begin_file(struct making *m, const char *name, uint64_t size, struct spot *place,
                      struct err *err)
{
    char path[ENTRY_PATH];

    const struct entry_file file = { .path = entry_path(path, m->info.name, name),
                                     .size = size,
                                     .mtime = m->info.made / 1000 };

    return strcmp(name, tagfile_name(TAG_MANIFEST)) == 0
               ? volume_begin_manifest(m->source->volume, &file, err)
               : volume_begin(m->source->volume, &file, place, err);
}

/* Note a file of the view for the manifests. */
static int note_view(struct making *m, const char *path, uint64_t size,
                     const uint8_t sha256[SHA256_SIZE], struct err *err)
{
    struct manifest_view view = { .path = region_text(m->region, path, err), .size = size };

    if (!view.path || mem_room(&m->views.files, &m->view_cap, m->views.count, sizeof(view),
                               VIEWS_MAX, err) < 0)
        return -1;
    memcpy(view.sha256, sha256, SHA256_SIZE);
    m->views.files[m->views.count++] = view;
    return 0;
}

/* The place of the view's next file; NULL: no memory. */
static struct spot *next_place(struct making *m, struct err *err)
{
    struct view_file *file = region_take(m->region, sizeof(*file), err);

    if (!file)
        return NULL;
    *file = (struct view_file){ .place = { SPOT_NONE, SPOT_NONE, 0 } };
    *m->last_view = file;
    m->last_view = &file->next;
    return &file->place;
}

/* End the open frames, so that the places of all documents are known, and note the view's. */
static void note_places(struct making *m)
{
    const struct view_file *file = m->view;
    size_t i;

    volume_flush(m->source->volume);
    for (i = 0; i < m->views.count; i++, file = file->next)
        m->views.files[i].offset = file->place.offset;
}

/* The sink of a sidecar, which also hashes it. */
struct passing {
    struct volume *volume;
    struct sha256 *sha;
};

static int put_passing(void *ctx, const void *bytes, size_t len, struct err *err)
{
    struct passing *p = ctx;

    sha256_add(p->sha, bytes, len);
    return volume_add(p->volume, bytes, len, err);
}

/* Write the view's sidecars. */
static int write_sidecars(struct making *m, struct sha256 *sha, struct err *err)
{
    struct page *page = m->source->page;
    struct passing passing = { m->source->volume, sha };
    struct page_sidecar sidecar;
    uint8_t sha256[SHA256_SIZE];
    struct spot *place;
    size_t i;

    for (i = 0; i < page_sidecars(page); i++) {
        if (!page_sidecar(page, i, &sidecar))
            continue;
        place = next_place(m, err);
        if (!place || begin_file(m, sidecar.path, sidecar.size, place, err) < 0 ||
            page_put_sidecar(page, i, put_passing, &passing, err) < 0 ||
            volume_end(passing.volume, err) < 0)
            return -1;
        sha256_end(sha, sha256);
        if (note_view(m, sidecar.path, sidecar.size, sha256, err) < 0)
            return -1;
    }
    return 0;
}

static int on_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    struct making *m = ctx;

    return name_list_add(m->names, section, text, len, m->rows.row_at, err);
}

/* Write the manifest, and read its rows for the index of names. */
static int put_both(void *ctx, const void *bytes, size_t len, struct err *err)
{
    struct making *m = ctx;

    return volume_add(m->source->volume, bytes, len, err) < 0
               ? -1
               : manifest_read_feed(&m->rows, bytes, len, err);
}

static int make_into_volume(struct making *m, enum made_file file, struct err *err)
{
    int rc;

    if (file != MADE_MANIFEST || !m->names)
        return make(m, file, volume_put, m->source->volume, err);
    manifest_read_init(&m->rows, on_row, m);
    rc = make(m, file, put_both, m, err);
    manifest_read_clear(&m->rows);
    return rc;
}

/* Make a file twice: to measure it, and into the volume. */
static int write_tag(struct making *m, enum made_file file, struct measure *measure,
                     struct spot *place, struct err *err)
{
    struct volume *volume = m->source->volume;
    struct tag_sum *tag = &m->tags[file];

    measure->size = 0;
    if (make(m, file, put_measure, measure, err) < 0)
        return -1;
    tag->size = measure->size;
    sha256_end(measure->sha, tag->sha256);
    if (begin_file(m, name_of((int)file), tag->size, place, err) < 0 ||
        make_into_volume(m, file, err) < 0)
        return -1;
    return volume_end(volume, err);
}

/* Only the manifest has a SHA-512, for its signature. */
static int write_manifest(struct making *m, struct measure *measure, struct tag_result *result,
                          struct err *err)
{
    struct sha512 *sha512 = sha512_new(err);
    int rc = -1;

    measure->sha512 = sha512;
    if (sha512)
        rc = write_tag(m, MADE_MANIFEST, measure, NULL, err);
    if (rc == 0) {
        memcpy(result->sha256, m->tags[MADE_MANIFEST].sha256, SHA256_SIZE);
        sha512_end(sha512, result->sha512);
    }
    measure->sha512 = NULL;
    sha512_free(sha512);
    return rc;
}

/* Write the sidecars, then index.html. A view that cannot be made is left out. */
static int write_view(struct making *m, struct measure *measure, struct err *err)
{
    const struct tag_sum *tag = &m->tags[MADE_VIEW];
    struct spot *place;

    if (m->source->show(m->source->ctx, m->source->page, err) < 0 ||
        page_settle(m->source->page, err) < 0) {
        if (!page_broken(m->source->page))
            return -1;
        log_line(LOG_WARNING, "the offline view is left out: %s", err->text);
        err_clear(err);
        return 0;
    }
    if (write_sidecars(m, measure->sha, err) < 0)
        return -1;
    place = next_place(m, err);
    if (!place || write_tag(m, MADE_VIEW, measure, place, err) < 0 ||
        note_view(m, TAGFILE_VIEW, tag->size, tag->sha256, err) < 0)
        return -1;
    return 0;
}

/* Write the log of requests. */
static int write_requests(struct making *m, struct measure *measure, struct err *err)
{
    const struct tag_sum *tag = &m->tags[MADE_REQUESTS];
    struct spot *place = next_place(m, err);

    return !place || write_tag(m, MADE_REQUESTS, measure, place, err) < 0
               ? -1
               : note_view(m, TAGFILE_REQUESTS, tag->size, tag->sha256, err);
}

/* Give the volume its index. */
static int set_names(struct making *m, struct err *err)
{
    if (!m->names)
        return 0;
    if (name_list_sort(m->names, err) < 0)
        return -1;
    volume_set_names(m->source->volume, m->names);
    m->names = NULL;
    return 0;
}

int tag_writer_write(const struct tag_source *source, struct tag_result *result,
                     struct err *err)
{
    struct making m = { .source = source, .info = source->info };
    struct measure measure = { .sha = sha256_new(err) };
    int rc = measure.sha ? 0 : -1;
    int i;

    m.last_view = &m.view;
    if (!source->placed || volume_codec(source->volume) != FRAME_ZSTD)
        volume_flush(source->volume); /* then all places are known, and no data is pending */
    m.region = rc == 0 ? region_new(err) : NULL;
    if (!m.region)
        rc = -1;
    if (rc == 0 && volume_codec(source->volume) == FRAME_ZSTD) {
        m.names = name_list_new(err);
        rc = m.names ? 0 : -1;
    }
    if (rc == 0 && source->logged)
        rc = write_requests(&m, &measure, err);
    if (rc == 0 && source->page)
        rc = write_view(&m, &measure, err);
    note_places(&m);
    if (rc == 0)
        rc = write_manifest(&m, &measure, result, err);
    if (rc == 0)
        rc = set_names(&m, err);
    for (i = MADE_PAYLOAD; rc == 0 && i < MADE_COUNT; i++)
        rc = write_tag(&m, (enum made_file)i, &measure, NULL, err);
    name_list_free(m.names);
    sha256_free(measure.sha);
    region_free(m.region);
    mem_free(m.views.files);
    return rc < 0 ? err_wrap(err, "cannot write the tag files") : 0;
}
