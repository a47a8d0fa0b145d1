/* SPDX-License-Identifier: MIT */
#include "sync/rewrite.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/hashmap.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "fetch/budget.h"
#include "format/manifest_read.h"
#include "format/manifest_rewrite.h"
#include "format/payload_path.h"
#include "format/sniff.h"
#include "format/tagfile.h"
#include "provenance/request_filter.h"
#include "pull/tag_manifest.h"
#include "pull/tag_writer.h"
#include "reader/archive_reader.h"
#include "reader/entry_reader.h"
#include "reader/fetchone.h"
#include "reader/manifest_scan.h"
#include "view/page.h"
#include "writer/volume.h"

#include <stdio.h>
#include <string.h>

#define PIECE     ((size_t)128 << 10)
#define FILES_MAX ((size_t)1 << 26)
#define VIEW_TEXT ((size_t)32 << 20) /* more than the view uses of any file */

/* A file to keep: an artifact's, or a document. */
struct kept {
    struct json_value row; /* its row of the manifest */
    const char *path;
    const char *type;
    const char *media_type;
    uint64_t size;
    uint8_t sha256[SHA256_SIZE];
    struct kept *first; /* the file with the same content, or NULL */
    bool link;
    bool document;
    bool there; /* already written */
    struct spot spot;
};

struct rewrite {
    const struct rewrite_opts *opts;
    struct archive_reader reader;
    struct buf text; /* the old manifest */
    struct json *doc;
    struct region *region;
    struct hashmap *by_path;    /* kept files */
    struct hashmap *successors; /* paths of dropped files -> the kept file with their content */
    struct kept **files;
    size_t count;
    size_t cap;
    struct volume *volume;
    struct page *page;
    struct hasher *hasher;
    unsigned char *piece;
    struct buf seen; /* beginning of a file, for the view */
    struct tag_manifest manifest;
    bool logged;             /* there is a log of requests */
    uint64_t unlogged;       /* number of its lines that are left out */
    struct hashmap *dropped; /* the names of runs that are dropped */
};

static bool is_kept(const struct rewrite *r, const char *run_id)
{
    return run_id && r->opts->keep(r->opts->ctx, run_id);
}

/* Add a file to keep. */
static struct kept *add(struct rewrite *r, struct json_value row, const char *path,
                        struct err *err)
{
    struct kept *k = region_take(r->region, sizeof(*k), err);
    const char *sha256 = json_text(row, "sha256", r->region);

    if (!k || mem_room(&r->files, &r->cap, r->count, sizeof(struct kept *), FILES_MAX, err) < 0)
        return NULL;
    if (!sha256 || text_unhex(k->sha256, SHA256_SIZE, sha256) < 0 ||
        !json_u64(json_get(row, "size"), &k->size) ||
        hashmap_get(r->by_path, path, strlen(path))) {
        (void)err_set(err, ERR_FORMAT, "the manifest has an invalid row for '%.200s'", path);
        return NULL;
    }
    k->row = row;
    k->path = path;
    k->spot = (struct spot){ SPOT_NONE, SPOT_NONE, 0 };
    if (hashmap_add(r->by_path, path, strlen(path), k, err) < 0)
        return NULL;
    r->files[r->count++] = k;
    return k;
}

/* Find the file with the content of a duplicate. If that file is dropped, the duplicate
 * becomes the file. */
static int find_first(struct rewrite *r, struct kept *k, struct err *err)
{
    const char *path = json_text(k->row, "duplicate_of", r->region);

    (void)json_bool(json_get(k->row, "link"), &k->link);
    if (!path)
        return 0;
    k->first = hashmap_get(r->by_path, path, strlen(path));
    if (!k->first)
        k->first = hashmap_get(r->successors, path, strlen(path));
    if (k->first)
        return 0;
    k->link = false;
    return hashmap_add(r->successors, path, strlen(path), k, err);
}

static int read_artifacts(struct rewrite *r, struct err *err)
{
    struct json_value list = json_get(json_root(r->doc), "artifacts");
    struct json_value v = { 0 };
    size_t i;

    while ((v = json_next(list, v)).doc) {
        const char *path = json_text(v, "path", r->region);
        struct kept *k;

        if (!is_kept(r, json_text(v, "run_id", r->region)))
            continue;
        k = path ? add(r, v, path, err) : NULL;
        if (!k)
            return path ? -1
                        : err_set(err, ERR_FORMAT,
                                  "the manifest has an artifact without a path");
        k->type = json_text(v, "artifact_type", r->region);
        k->media_type = json_text(v, "media_type", r->region);
    }
    /* rows are in the order of the lists: a duplicate may precede its original */
    for (i = 0; i < r->count; i++) {
        if (!r->files[i]->document && find_first(r, r->files[i], err) < 0)
            return -1;
    }
    return 0;
}

/* Whether a document such as "data/RUN_ID/run.json" is of a kept run. */
static bool is_kept_document(struct rewrite *r, const char *path)
{
    char id[256];
    size_t len;
    const char *run = payload_path_run(path, &len);

    if (!run || len >= sizeof(id))
        return false;
    memcpy(id, run, len);
    id[len] = '\0';
    return is_kept(r, id);
}

static int read_documents(struct rewrite *r, struct err *err)
{
    struct json_value list = json_get(json_root(r->doc), "documents");
    struct json_value v = { 0 };

    while ((v = json_next(list, v)).doc) {
        const char *path = json_text(v, "path", r->region);
        struct kept *k;

        r->logged = r->logged || (path && strcmp(path, TAGFILE_REQUESTS) == 0);
        if (!path || !is_kept_document(r, path))
            continue;
        k = add(r, v, path, err);
        if (!k)
            return -1;
        k->document = true;
    }
    return 0;
}

/* Note the names of a run that is dropped, by its key of the manifest's row. */
static int drop_name(struct rewrite *r, struct json_value row, const char *key, struct err *err)
{
    const char *name = json_text(row, key, r->region);

    return !name || hashmap_get(r->dropped, name, strlen(name))
               ? 0
               : hashmap_add(r->dropped, name, strlen(name), r, err);
}

static int read_dropped(struct rewrite *r, struct err *err)
{
    struct json_value list = json_get(json_root(r->doc), "runs");
    struct json_value v = { 0 };

    while ((v = json_next(list, v)).doc) {
        if (!is_kept(r, json_text(v, "run_id", r->region)) &&
            (drop_name(r, v, "run_id", err) < 0 || drop_name(r, v, "other_run_id", err) < 0))
            return -1;
    }
    return 0;
}

/*
 * Whether the new log has the requests about a run: the name is another's than of dropped runs.
 */
static bool is_logged(void *ctx, const char *run)
{
    return !hashmap_get(((const struct rewrite *)ctx)->dropped, run, strlen(run));
}

/* Copy the log of requests without those about dropped runs. */
static int put_log(void *ctx, put_fn *put, void *to, struct err *err)
{
    struct rewrite *r = ctx;
    struct request_filter filter = {
        .keep = is_logged, .ctx = r, .put = put, .to = to, .remove = r->unlogged
    };
    struct err ignored;
    int rc;

    request_filter_begin(&filter);
    rc = fetchone(r->opts->from, TAGFILE_REQUESTS, request_filter_put, &filter, err);
    if (request_filter_end(&filter, rc < 0 ? &ignored : err) < 0)
        rc = -1;
    r->unlogged = filter.removed;
    return rc;
}

static int load(struct rewrite *r, struct err *err)
{
    if (archive_reader_open(&r->reader, r->opts->from, err) < 0 ||
        manifest_scan(&r->reader, manifest_read_check, NULL, NULL, err) < 0 ||
        fetchone_manifest(r->opts->from, &r->text, &r->doc, err) < 0 ||
        read_documents(r, err) < 0 || read_artifacts(r, err) < 0 || read_dropped(r, err) < 0)
        return -1;
    return r->logged ? put_log(r, put_nowhere, NULL, err) : 0;
}

/* Append bytes of a file to the volume, the hash, and the text for the view. */
static int take(struct rewrite *r, const void *bytes, size_t len, size_t want, struct err *err)
{
    size_t more = want > r->seen.len ? want - r->seen.len : 0;

    hasher_add(r->hasher, bytes, len);
    if (buf_add(&r->seen, bytes, len < more ? len : more, err) < 0)
        return -1;
    return volume_add(r->volume, bytes, len, err);
}

/* A kept file, as the view knows it. */
static struct page_file view_file(const struct kept *k)
{
    return (struct page_file){ k->path, k->type,
                               k->document     ? NULL
                               : k->media_type ? k->media_type
                                               : "",
                               k->size };
}

static size_t view_wants(const struct kept *k)
{
    const struct page_file file = view_file(k);

    return page_wants(&file);
}

static int begin_file(struct rewrite *r, struct kept *k, int64_t mtime, bool packed,
                      struct err *err)
{
    char path[ENTRY_PATH];

    buf_reset(&r->seen);
    return volume_begin(r->volume,
                        &(struct entry_file){ .path = entry_path(path, r->opts->top, k->path),
                                              .size = k->size,
                                              .mtime = mtime,
                                              .packed = packed,
                                              .family = entry_family(k->type) },
                        &k->spot, err);
}

/* End a file, and compare its digest with the manifest. */
static int end_file(struct rewrite *r, struct kept *k, size_t want, struct err *err)
{
    const struct page_file file = view_file(k);
    struct digest digest;

    hasher_end(r->hasher, &digest);
    if (memcmp(digest.sha256, k->sha256, SHA256_SIZE) != 0)
        return err_set(err, ERR_MISMATCH, "the SHA-256 of '%s' does not match the manifest",
                       k->path);
    k->there = true;
    if (volume_end(r->volume, err) < 0)
        return -1;
    return want ? page_text(r->page, &file, buf_text(&r->seen), r->seen.len, err) : 0;
}

/* Copy the current entry. */
static int copy(struct rewrite *r, struct entry_reader *entries,
                const struct entry_reader_entry *entry, struct kept *k, struct err *err)
{
    size_t want = view_wants(k);
    ssize_t n = entry_reader_read(entries, r->piece, PIECE, err);
    const struct sniff *is = n > 0 ? sniff_find(r->piece, (size_t)n) : NULL;

    if (n < 0 || entry->size != k->size)
        return n < 0 ? -1
                     : err_set(err, ERR_MISMATCH,
                               "the size of '%s' does not match the manifest", k->path);
    if (begin_file(r, k, entry->mtime, is && is->packed, err) < 0)
        return -1;
    for (; n > 0; n = entry_reader_read(entries, r->piece, PIECE, err)) {
        if (take(r, r->piece, (size_t)n, want, err) < 0)
            return -1;
    }
    return n < 0 ? -1 : end_file(r, k, want, err);
}

static int copy_files(struct rewrite *r, struct err *err)
{
    struct entry_reader *entries = entry_reader_open(&r->reader, 0, UINT64_MAX, err);
    struct entry_reader_entry entry;
    int rc = entries ? 1 : -1;

    while (rc > 0 && (rc = entry_reader_next(entries, &entry, err)) > 0) {
        const char *path = archive_reader_below(&r->reader, entry.path);
        struct kept *k;

        if (entry.kind != ENTRY_READER_FILE || !path)
            continue;
        k = hashmap_get(r->by_path, path, strlen(path));
        if (k && !k->there && copy(r, entries, &entry, k, err) < 0)
            rc = -1;
    }
    entry_reader_free(entries);
    return rc;
}

struct putting {
    struct rewrite *rewrite;
    size_t want;
};

static int put_piece(void *ctx, const void *bytes, size_t len, struct err *err)
{
    struct putting *p = ctx;

    return take(p->rewrite, bytes, len, p->want, err);
}

/* Copy the content of a dropped file to the link that replaces it. */
static int copy_successor(struct rewrite *r, struct kept *k, struct err *err)
{
    struct putting putting = { r, view_wants(k) };
    bool packed = k->media_type && (strncmp(k->media_type, "video/", 6) == 0 ||
                                    strncmp(k->media_type, "image/", 6) == 0);

    if (begin_file(r, k, clock_wall() / 1000, packed, err) < 0 ||
        fetchone(r->opts->from, k->path, put_piece, &putting, err) < 0)
        return -1;
    return end_file(r, k, putting.want, err);
}

static int copy_links(struct rewrite *r, struct err *err)
{
    char path[ENTRY_PATH];
    char target[ENTRY_PATH];
    size_t i;

    for (i = 0; i < r->count; i++) {
        struct kept *k = r->files[i];

        if (!k->there && !k->link && copy_successor(r, k, err) < 0)
            return -1;
    }
    volume_flush(r->volume); /* a link comes after its target */
    for (i = 0; i < r->count; i++) {
        struct kept *k = r->files[i];

        if (!k->there &&
            volume_begin(r->volume,
                         &(struct entry_file){
                             .path = entry_path(path, r->opts->top, k->path),
                             .size = 0,
                             .mtime = clock_wall() / 1000,
                             .link = entry_path(target, r->opts->top, k->first->path) },
                         &k->spot, err) < 0)
            return -1;
    }
    return 0;
}

/* Make the new manifest, with the view and the bytes stored so far. */
static int make_manifest(void *ctx, const struct manifest_views *view, uint64_t stored,
                         struct buf *out, struct err *err)
{
    struct rewrite *r = ctx;
    struct manifest_rewrite rewrite_opts = { .root = json_root(r->doc),
                                             .count = r->count,
                                             .tool = r->opts->tool,
                                             .stored = stored,
                                             .view = view,
                                             .scratch = &r->seen,
                                             .keep = r->opts->keep,
                                             .ctx = r->opts->ctx };
    struct manifest_rewrite_row *rows = mem_array(r->count, sizeof(*rows), err);
    size_t i;
    int rc;

    if (!rows)
        return -1;
    for (i = 0; i < r->count; i++) {
        const struct kept *k = r->files[i];

        rows[i] = (struct manifest_rewrite_row){ .row = k->row,
                                                 .size = k->size,
                                                 .document = k->document,
                                                 .frame = k->spot.frame,
                                                 .level = spot_level(&k->spot),
                                                 .offset = k->spot.offset,
                                                 .first = k->first ? k->first->path : NULL,
                                                 .link = k->link };
    }
    rewrite_opts.rows = rows;
    rc = manifest_rewrite(&rewrite_opts, out, err);
    mem_free(rows);
    return rc;
}

static int put_manifest(void *ctx, const struct manifest_views *view, put_fn *put, void *to,
                        struct err *err)
{
    struct rewrite *r = ctx;

    return tag_manifest_put(&r->manifest, r->volume, view, put, to, err);
}

static int show_rows(void *ctx, struct page *page, struct err *err)
{
    return tag_manifest_show(&((struct rewrite *)ctx)->manifest, page, err);
}

static int put_payload(void *ctx, struct tag_payload *payload, struct err *err)
{
    struct rewrite *r = ctx;
    size_t i;

    for (i = 0; i < r->count; i++) {
        const struct kept *k = r->files[i];

        if (tag_payload_add(payload, k->path, k->size, k->sha256, err) < 0)
            return -1;
    }
    return 0;
}

/* Write the tag files, and end the archive. */
static int put_tags(struct rewrite *r, struct err *err)
{
    struct json_value root = json_root(r->doc);
    struct json_value previous = json_get(root, "previous");
    struct tag_source source = {
        .volume = r->volume,
        .page = r->page,
        .info = { .name = r->opts->top,
                  .software = r->opts->tool,
                  .source = json_text(root, "source", r->region),
                  .made = clock_wall(),
                  .previous = json_text(previous, "archive", r->region),
                  .previous_sha256 = json_text(previous, "manifest_sha256", r->region) },
        .manifest = put_manifest,
        .requests = put_log,
        .logged = r->logged,
        .show = show_rows,
        .payload = put_payload,
        .ctx = r
    };
    struct tag_result manifest;
    struct volume_result result;

    if (tag_writer_write(&source, &manifest, err) < 0)
        return -1;
    return volume_finish(r->volume, &result, err);
}

static int write_all(struct rewrite *r, struct err *err)
{
    struct volume_opts opts = { .path = r->opts->to,
                                .mode = 0600,
                                .unhashed = true,
                                .workers = budget_workers(),
                                .stop = stop_never() };

    if (container_of_name(r->opts->to, false, &opts.format, err) < 0)
        return -1;
    r->volume = volume_open(&opts, err);
    if (!r->volume || volume_start(r->volume, NULL, err) < 0 || copy_files(r, err) < 0 ||
        copy_links(r, err) < 0)
        return -1;
    return put_tags(r, err);
}

int rewrite_run(const struct rewrite_opts *opts, struct err *err)
{
    struct rewrite r = { .opts = opts };
    int rc = -1;

    buf_init(&r.text, MANIFEST_REWRITE_MAX);
    buf_init(&r.seen, VIEW_TEXT);
    tag_manifest_init(&r.manifest, make_manifest, &r);
    r.region = region_new(err);
    r.by_path = hashmap_new(err);
    r.successors = hashmap_new(err);
    r.dropped = hashmap_new(err);
    r.hasher = hasher_new(err);
    r.piece = mem_new(PIECE, err);
    r.page = page_new(opts->spool_dir, err);
    if (r.region && r.by_path && r.successors && r.dropped && r.hasher && r.piece && r.page &&
        load(&r, err) == 0)
        rc = write_all(&r, err);
    (void)volume_free(r.volume, false);
    page_free(r.page);
    mem_free(r.piece);
    hasher_free(r.hasher);
    mem_free(r.files);
    hashmap_free(r.dropped);
    hashmap_free(r.successors);
    hashmap_free(r.by_path);
    json_free(r.doc);
    region_free(r.region);
    tag_manifest_clear(&r.manifest);
    buf_clear(&r.seen);
    buf_clear(&r.text);
    archive_reader_close(&r.reader);
    return rc < 0 ? err_wrap(err, "cannot rewrite '%s'", opts->from) : 0;
}
