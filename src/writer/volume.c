/* SPDX-License-Identifier: MIT */
#include "writer/volume.h"

#include "base/mem.h"
#include "base/text.h"
#include "format/entry.h"
#include "format/zip.h"

#include <assert.h>
#include <string.h>

#define TAIL_MAX ((size_t)1 << 30)

struct volume {
    enum container format;
    struct output *output;
    struct framer *framer;   /* tar */
    struct zip *zip;         /* or zip */
    struct tree *tree;       /* or a directory: then there is no output */
    bool failed;             /* volume_back failed in the directory */
    struct err back;         /* why */
    uint64_t size;           /* size of the entry, by its header */
    uint64_t got;            /* bytes of the entry so far */
    struct name_list *names; /* the index of names, or NULL */
    bool sealed;             /* manifest.json was begun: only tag files follow */
    bool followed;           /* by one more */
    struct spot manifest;
    uint64_t manifest_size;
    struct spot next; /* of the file after the manifest */
};

enum frame_codec volume_codec_of(enum container format)
{
    return format == CONTAINER_TAR_ZST  ? FRAME_ZSTD
           : format == CONTAINER_TAR_GZ ? FRAME_GZIP
                                        : FRAME_NONE;
}

struct volume *volume_open(const struct volume_opts *opts, struct err *err)
{
    struct volume *v = mem_new(sizeof(*v), err);
    struct framer_opts framer = { .codec = volume_codec_of(opts->format),
                                  .level = opts->level,
                                  .workers = opts->workers,
                                  .stepped = opts->stepped,
                                  .sizes = opts->sizes,
                                  .reserve = opts->reserve };

    if (!v)
        return NULL;
    v->format = opts->format;
    if (v->format == CONTAINER_DIR)
        v->tree = tree_open(opts->path, opts->force, opts->mode, err);
    else
        v->output = output_open(opts->path, opts->force, opts->mode, opts->stepped,
                                !opts->unhashed, opts->stop, err);
    if (v->output && v->format == CONTAINER_ZIP)
        v->zip = zip_new(opts->level, output_put, v->output, err);
    else if (v->output)
        v->framer = framer_new(&framer, v->output, err);
    if (v->zip || v->framer || v->tree)
        return v;
    (void)volume_free(v, true); /* the existing part belongs to another attempt */
    return NULL;
}

bool volume_free(struct volume *v, bool keep)
{
    bool whole;

    if (!v)
        return true;
    framer_free(v->framer); /* end the threads first: they write */
    zip_free(v->zip);
    whole = output_free(v->output, keep);
    tree_free(v->tree, keep);
    name_list_free(v->names);
    mem_free(v);
    return whole;
}

bool volume_resumes(const struct volume *v)
{
    return volume_rewinds(v);
}

int volume_left(const struct volume *v)
{
    return v->framer && output_rewinds(v->output) ? output_left(v->output) : -1;
}

struct tree *volume_tree(const struct volume *v)
{
    return v->tree;
}

bool volume_has_left(const struct volume *v)
{
    return v->tree ? tree_has_left(v->tree) : volume_left(v) >= 0;
}

enum frame_codec volume_codec(const struct volume *v)
{
    return volume_codec_of(v->format);
}

int volume_start(struct volume *v, struct volume_kept *kept, struct err *err)
{
    if (v->tree)
        return tree_start(v->tree, NULL, 0, err);
    if (kept && v->framer)
        framer_start(v->framer, &kept->seek, kept->plain);
    return output_start(v->output, kept ? kept->coded : 0, kept ? kept->sha : NULL, err);
}

void volume_flush(struct volume *v)
{
    if (v->framer)
        framer_flush(v->framer);
}

void volume_release(struct volume *v)
{
    if (v->framer)
        framer_release(v->framer);
}

void volume_age(struct volume *v)
{
    if (v->framer)
        framer_age(v->framer);
}

bool volume_links(const struct volume *v)
{
    return v->tree ? tree_links(v->tree) : v->framer != NULL;
}

bool volume_rewinds(const struct volume *v)
{
    return v->tree || (v->framer && output_rewinds(v->output));
}

/* A path without the top directory, which is the directory that is written. */
static const char *below_top(const char *path)
{
    const char *slash = path ? strchr(path, '/') : NULL;

    return slash ? slash + 1 : path;
}

static int begin_in_tree(struct volume *v, const struct entry_file *file, struct err *err)
{
    struct entry_file below = *file;

    below.path = below_top(file->path);
    below.link = below_top(file->link);
    return tree_begin(v->tree, &below, err);
}

/* Start an entry in its lane. */
static int begin_entry(struct volume *v, const struct entry_file *file, struct spot *place,
                       struct err *err)
{
    if (place)
        *place = (struct spot){ SPOT_NONE, SPOT_NONE, 0 };
    v->size = file->size;
    v->got = 0;
    if (v->tree)
        return begin_in_tree(v, file, err);
    if (v->zip)
        return zip_entry(v->zip, file->path, file->size, file->mtime, file->packed, err);
    return framer_begin(v->framer, file, place, err);
}

int volume_begin(struct volume *v, const struct entry_file *file, struct spot *place,
                 struct err *err)
{
    struct entry_file tag = *file;

    if (!v->sealed)
        return begin_entry(v, file, place, err);
    tag.packed = false;
    tag.family = FAMILY_REST;
    if (!v->followed) {
        assert(!place); /* nobody else needs it */
        place = &v->next;
    }
    v->followed = true;
    return begin_entry(v, &tag, place, err);
}

int volume_begin_manifest(struct volume *v, const struct entry_file *file, struct err *err)
{
    struct entry_file manifest = *file;

    manifest.packed = false;
    manifest.family = FAMILY_REST;
    volume_flush(v);
    v->sealed = true;
    v->manifest_size = file->size;
    return begin_entry(v, &manifest, &v->manifest, err);
}

/* Count the bytes added to an entry. */
static int count(struct volume *v, size_t len, struct err *err)
{
    v->got += len;
    if (v->got <= v->size)
        return 0;
    return err_set(err, ERR_MISMATCH,
                   "more than %llu bytes were added to an entry of that size",
                   (unsigned long long)v->size);
}

int volume_add(struct volume *v, const void *bytes, size_t len, struct err *err)
{
    if (count(v, len, err) < 0)
        return -1;
    if (v->tree)
        return tree_add(v->tree, bytes, len, err);
    return v->zip ? zip_add(v->zip, bytes, len, err) : framer_add(v->framer, bytes, len, err);
}

int volume_put(void *ctx, const void *bytes, size_t len, struct err *err)
{
    return volume_add(ctx, bytes, len, err);
}

int volume_add_chunk(struct volume *v, struct chunk *chunk, struct err *err)
{
    if (count(v, chunk->len, err) < 0)
        return -1;
    if (v->tree)
        return tree_add(v->tree, chunk->data, chunk->len, err);
    return v->zip ? zip_add(v->zip, chunk->data, chunk->len, err)
                  : framer_add_chunk(v->framer, chunk, err);
}

int volume_end(struct volume *v, struct err *err)
{
    if (v->got != v->size)
        return err_set(err, ERR_MISMATCH, "an entry of %llu byte%s got %llu",
                       (unsigned long long)v->size, text_plural(v->size),
                       (unsigned long long)v->got);
    if (v->tree)
        return tree_end(v->tree, err);
    return v->zip ? 0 : framer_end(v->framer, v->size, err);
}

void volume_mark(struct volume *v)
{
    if (v->tree)
        tree_mark(v->tree);
    else
        framer_mark(v->framer);
}

void volume_back(struct volume *v)
{
    if (!v->tree)
        framer_back(v->framer);
    else if (tree_back(v->tree, &v->back) < 0)
        v->failed = true;
}

int volume_drain(struct volume *v, uint64_t *written, struct err *err)
{
    if (v->framer && framer_drain(v->framer, NULL, err) < 0)
        return -1;
    if (v->failed && err)
        *err = v->back;
    *written = v->tree ? tree_size(v->tree) : output_offset(v->output);
    return v->failed ? -1 : 0;
}

bool volume_step(struct volume *v)
{
    return v->framer && framer_step(v->framer);
}

void volume_hurry(struct volume *v)
{
    if (v->framer)
        framer_hurry(v->framer);
    if (v->output)
        output_abort(v->output);
}

bool volume_failed(struct volume *v)
{
    return v->failed || (v->framer && framer_failed(v->framer));
}

void volume_set_names(struct volume *v, struct name_list *list)
{
    name_list_free(v->names);
    v->names = list;
}

/*
 * Append the index of names. Where the manifest's content begins follows from where the next
 * file does: its headers may have any length, its content is padded to whole blocks.
 */
static int put_names(struct volume *v, const struct seek *seek, struct seek_locator *locator,
                     struct err *err)
{
    uint64_t padded = (v->manifest_size + 511) / 512 * 512;

    locator->names_size = v->names ? name_list_size(v->names) : 0;
    assert(!locator->names_size || v->followed);
    return locator->names_size ? name_list_put(v->names, seek, v->next.offset - padded,
                                               output_put, v->output, err)
                               : 0;
}

/* End the tar stream and append the tail. */
static int finish_tar(struct volume *v, struct err *err)
{
    bool framed = volume_codec_of(v->format) != FRAME_NONE;
    static const unsigned char zeros[ENTRY_END];
    struct seek_locator locator = { 0 };
    struct seek *seek;
    struct buf tail;
    uint64_t i;
    int rc = -1;

    assert(v->sealed || !framed);
    buf_init(&tail, TAIL_MAX);
    if (framer_add(v->framer, zeros, sizeof(zeros), err) < 0 ||
        framer_drain(v->framer, &seek, err) < 0)
        return -1;
    locator.frame = v->manifest.frame; /* known since the drain */
    locator.plain = v->manifest.offset;
    locator.size = v->manifest_size;
    for (i = 0; framed && i < locator.frame && i < seek->count; i++)
        locator.coded += seek->rows[i].coded;
    if (put_names(v, seek, &locator, err) == 0 &&
        seek_tail(seek, volume_codec_of(v->format), &locator, &tail, err) == 0)
        rc = output_put(v->output, tail.data, tail.len, err);
    buf_clear(&tail);
    return rc;
}

int volume_finish(struct volume *v, struct volume_result *result, struct err *err)
{
    int rc;

    *result = (struct volume_result){ 0 };
    if (v->tree) {
        result->size = tree_size(v->tree);
        return tree_commit(v->tree, err);
    }
    rc = v->zip ? zip_end(v->zip, err) : finish_tar(v, err);
    if (rc < 0)
        return -1;
    result->size = output_offset(v->output);
    return output_commit(v->output, result->sha256, err);
}
