/* SPDX-License-Identifier: MIT */
#include "pack/archive.h"

#include "base/mem.h"
#include "format/entry.h"
#include "format/zip.h"

#include <string.h>
#include <strings.h>

#define TAIL_MAX ((size_t)1 << 30)

struct pack_archive {
    enum archive_format format;
    struct writer *writer;
    struct lanes *lanes; /* tar */
    struct zip *zip;     /* or zip */
};

static const struct {
    const char *name;
    const char *alias;
    enum archive_format format;
} formats[] = {
    { "tar.zst", "tzst", ARCHIVE_TAR_ZST },
    { "tar.gz", "tgz", ARCHIVE_TAR_GZ },
    { "tar", "tar", ARCHIVE_TAR },
    { "zip", "zip", ARCHIVE_ZIP },
};

const char *archive_format_name(enum archive_format format)
{
    return formats[format].name;
}

/* Whether name ends in ".suffix". */
static bool ends_in(const char *name, const char *suffix)
{
    size_t len = strlen(name);
    size_t n = strlen(suffix);

    return len > n + 1 && name[len - n - 1] == '.' && strcasecmp(name + len - n, suffix) == 0;
}

int archive_format_of(const char *name, bool whole, enum archive_format *format,
                      struct err *err)
{
    size_t i;

    for (i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
        bool hit = whole ? strcasecmp(name, formats[i].name) == 0 ||
                               strcasecmp(name, formats[i].alias) == 0
                         : ends_in(name, formats[i].name) || ends_in(name, formats[i].alias);

        if (hit) {
            *format = formats[i].format;
            return 0;
        }
    }
    return err_set(err, ERR_USAGE, "'%.200s' %s tar.zst, tar.gz, tar or zip", name,
                   whole ? "is none of" : "does not end in");
}

static enum frame_codec codec_of(enum archive_format format)
{
    return format == ARCHIVE_TAR_ZST  ? FRAME_ZSTD
           : format == ARCHIVE_TAR_GZ ? FRAME_GZIP
                                      : FRAME_NONE;
}

struct pack_archive *pack_archive_open(const struct archive_opts *opts, struct err *err)
{
    struct pack_archive *a = mem_new(sizeof(*a), err);

    if (!a)
        return NULL;
    a->format = opts->format;
    a->writer = writer_open(opts->path, opts->force, err);
    if (a->writer && a->format == ARCHIVE_ZIP)
        a->zip = zip_new(opts->level, writer_put, a->writer, err);
    else if (a->writer)
        a->lanes = lanes_new(codec_of(a->format), opts->level, opts->workers, a->writer, err);
    if (a->zip || a->lanes)
        return a;
    pack_archive_free(a);
    return NULL;
}

void pack_archive_free(struct pack_archive *a)
{
    if (!a)
        return;
    lanes_free(a->lanes); /* threads first: they write */
    zip_free(a->zip);
    writer_free(a->writer);
    mem_free(a);
}

bool pack_archive_links(const struct pack_archive *a)
{
    return a->lanes != NULL;
}

bool pack_archive_rewinds(const struct pack_archive *a)
{
    return a->lanes && writer_rewinds(a->writer);
}

int pack_archive_begin(struct pack_archive *a, const char *path, uint64_t size, int64_t mtime,
                       bool packed, const char *link, struct place *place, struct err *err)
{
    if (place)
        *place = (struct place){ PLACE_NONE, PLACE_NONE };
    if (a->zip)
        return zip_entry(a->zip, path, size, mtime, packed, err);
    return lanes_begin(a->lanes, packed, path, size, mtime, link, place, err);
}

int pack_archive_add(struct pack_archive *a, const void *bytes, size_t len, struct err *err)
{
    return a->zip ? zip_add(a->zip, bytes, len, err) : lanes_add(a->lanes, bytes, len, err);
}

int pack_archive_add_chunk(struct pack_archive *a, struct chunk *chunk, struct err *err)
{
    return a->zip ? zip_add(a->zip, chunk->data, chunk->len, err)
                  : lanes_add_chunk(a->lanes, chunk, err);
}

int pack_archive_end(struct pack_archive *a, uint64_t size, struct err *err)
{
    return a->zip ? 0 : lanes_end(a->lanes, size, err);
}

void pack_archive_mark(struct pack_archive *a)
{
    lanes_mark(a->lanes);
}

void pack_archive_back(struct pack_archive *a)
{
    lanes_back(a->lanes);
}

int pack_archive_drain(struct pack_archive *a, uint64_t *written, struct err *err)
{
    if (a->lanes && lanes_drain(a->lanes, NULL, err) < 0)
        return -1;
    *written = writer_offset(a->writer);
    return 0;
}

bool pack_archive_failed(struct pack_archive *a)
{
    return a->lanes && lanes_failed(a->lanes);
}

/* End the tar stream and put the tail behind it. */
static int finish_tar(struct pack_archive *a, const struct place *manifest, uint64_t size,
                      struct err *err)
{
    static const unsigned char zeros[ENTRY_END];
    struct seek_locator locator = { manifest->frame, 0, manifest->offset, size };
    struct seek *seek;
    struct buf tail;
    uint64_t i;
    int rc = -1;

    buf_init(&tail, TAIL_MAX);
    if (lanes_add(a->lanes, zeros, sizeof(zeros), err) < 0 ||
        lanes_drain(a->lanes, &seek, err) < 0)
        return -1;
    for (i = 0; codec_of(a->format) != FRAME_NONE && i < manifest->frame && i < seek->count;
         i++)
        locator.coded += seek->rows[i].coded;
    if (seek_tail(seek, codec_of(a->format), &locator, &tail, err) == 0)
        rc = writer_put(a->writer, tail.data, tail.len, err);
    buf_clear(&tail);
    return rc;
}

int pack_archive_finish(struct pack_archive *a, const struct place *manifest,
                        uint64_t manifest_size, struct archive_result *result, struct err *err)
{
    int rc = a->zip ? zip_end(a->zip, err) : finish_tar(a, manifest, manifest_size, err);

    if (rc < 0)
        return -1;
    result->size = writer_offset(a->writer);
    return writer_commit(a->writer, result->sha256, err);
}
