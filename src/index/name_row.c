/* SPDX-License-Identifier: MIT */
#include "index/name_row.h"

#include <string.h>

#define SCRATCH ((size_t)256 << 10) /* bytes of rows parsed into one region */

_Static_assert(MANIFEST_READ_ROW_MAX < 1U << NAME_INDEX_ROW_BITS, "NAME_INDEX_ROW_BITS");

void name_reader_clear(struct name_reader *reader)
{
    region_free(reader->scratch);
    reader->scratch = NULL;
}

unsigned name_row_flags(const struct name_row *name)
{
    return name->row >> NAME_INDEX_ROW_BITS;
}

static uint64_t key_of_path(const char *path)
{
    size_t len;
    const char *token = name_index_token(path, &len);

    return name_index_key(token, len);
}

/* The names of an artifact: by its path, and by its ID unless the path has it. */
static int names_of(const struct manifest_read_artifact *a, size_t len, uint64_t at,
                    struct name_row out[NAME_ROW_MAX])
{
    size_t n;
    const char *token = name_index_token(a->path, &n);
    bool same =
        a->artifact_id && strlen(a->artifact_id) == n && memcmp(a->artifact_id, token, n) == 0;
    bool link = a->link && a->duplicate_of;
    unsigned is = link ? NAME_INDEX_LINK : 0;

    if (a->offset == MANIFEST_READ_NONE || (a->link && !a->duplicate_of))
        return 0;
    out[0] = (struct name_row){ .key = name_index_key(token, n),
                                .offset = link ? key_of_path(a->duplicate_of) : a->offset,
                                .row_at = at,
                                .path = name_index_path(a->path) };
    memcpy(out[0].sha256, a->sha256, NAME_INDEX_DIGEST);
    out[0].row = (uint32_t)len | (is | NAME_INDEX_BY_PATH | (same ? NAME_INDEX_BY_ID : 0U))
                                     << NAME_INDEX_ROW_BITS;
    if (same || !a->artifact_id)
        return 1;
    out[1] = out[0];
    out[1].key = name_index_key(a->artifact_id, strlen(a->artifact_id));
    out[1].row = (uint32_t)len | (is | NAME_INDEX_BY_ID) << NAME_INDEX_ROW_BITS;
    return 2;
}

/* The name of a document: its path. */
static int name_of(const struct manifest_read_name *document, size_t len, uint64_t at,
                   struct name_row *out)
{
    const unsigned is = NAME_INDEX_BY_PATH | NAME_INDEX_DOCUMENT;

    if (document->offset == MANIFEST_READ_NONE)
        return 0;
    *out = (struct name_row){ .key = key_of_path(document->name),
                              .offset = document->offset,
                              .row_at = at,
                              .path = name_index_path(document->name),
                              .row = (uint32_t)len | is << NAME_INDEX_ROW_BITS };
    memcpy(out->sha256, document->sha256, NAME_INDEX_DIGEST);
    return 1;
}

int name_reader_row(struct name_reader *reader, enum manifest_read_section section,
                    const char *text, size_t len, uint64_t at,
                    struct name_row out[NAME_ROW_MAX], struct err *err)
{
    struct manifest_read_artifact a;
    struct manifest_read_name document;

    if (section == MANIFEST_READ_MISSING && reader->missing < UINT32_MAX)
        reader->missing++;
    if (section != MANIFEST_READ_ARTIFACTS && section != MANIFEST_READ_DOCUMENTS)
        return 0;
    if (!reader->scratch || reader->used > SCRATCH) {
        region_free(reader->scratch);
        reader->used = 0;
        reader->scratch = region_new(err);
        if (!reader->scratch)
            return -1;
    }
    reader->used += len;
    if (section == MANIFEST_READ_DOCUMENTS)
        return manifest_read_name(&document, section, text, len, reader->scratch, err) < 0
                   ? -1
                   : name_of(&document, len, at, out);
    return manifest_read_artifact(&a, text, len, reader->scratch, err) < 0
               ? -1
               : names_of(&a, len, at, out);
}

bool name_row_is_target(unsigned flags, const uint8_t sha256[NAME_INDEX_DIGEST],
                        const struct name_row *link)
{
    return (flags & (NAME_INDEX_BY_PATH | NAME_INDEX_LINK)) == NAME_INDEX_BY_PATH &&
           memcmp(sha256, link->sha256, NAME_INDEX_DIGEST) == 0;
}

struct name_index_place name_row_place(const struct seek *seek, uint64_t at)
{
    struct name_index_place place = { 0 };
    uint64_t plain;
    size_t frame = seek_find(seek, at, &place.frame_at, &plain);

    if (frame == seek->count)
        return (struct name_index_place){ 0 };
    place.frame_len = seek->rows[frame].coded;
    place.within = (uint32_t)(at - plain);
    return place;
}

struct name_index_entry name_row_entry(const struct name_row *name, const struct seek *seek,
                                       uint64_t manifest_at)
{
    struct name_index_entry entry = { .key = name->key,
                                      .row = name_row_place(seek, manifest_at + name->row_at),
                                      .row_len = name->row & ((1U << NAME_INDEX_ROW_BITS) - 1),
                                      .path = name->path,
                                      .flags = name_row_flags(name) };

    if (!(entry.flags & NAME_INDEX_LINK))
        entry.file = name_row_place(seek, name->offset);
    memcpy(entry.sha256, name->sha256, NAME_INDEX_DIGEST);
    return entry;
}
