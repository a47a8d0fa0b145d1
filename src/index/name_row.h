/* SPDX-License-Identifier: MIT */
/*
 * name_row: the names that a row of the manifest has in the index of names.
 *
 * Units    bytes
 * Errors   ERR_MEMORY; ERR_FORMAT for an invalid row
 * Owns     the memory for parsing, until name_reader_clear
 * Threads  one at a time
 * Source   docs/archive-format.md, "The index of names"
 */
#ifndef INDEX_NAME_ROW_H
#define INDEX_NAME_ROW_H

#include "base/err.h"
#include "base/mem.h"
#include "format/manifest_read.h"
#include "format/seek.h"
#include "index/name_index.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_ROW_MAX 2 /* names of a row: its path, and its ID unless the path has it */

struct name_row {
    uint64_t key;
    uint64_t offset; /* of the tar header; of a link: its target's key */
    uint64_t row_at; /* in manifest.json */
    uint8_t sha256[NAME_INDEX_DIGEST];
    uint32_t path;
    uint32_t row; /* length of the row in the lower bits, flags in the upper ones */
};

/* Reads rows, and counts those of missing items; {0} at first. */
struct name_reader {
    struct region *scratch;
    size_t used;
    uint32_t missing;
};

/* Free its memory; may be called twice. */
void name_reader_clear(struct name_reader *reader);

/*
 * Get the names of a row of the manifest; only artifacts and documents have any.
 *
 * at       offset of the row's text in manifest.json
 * returns  their number, or -1
 */
int name_reader_row(struct name_reader *reader, enum manifest_read_section section,
                    const char *text, size_t len, uint64_t at,
                    struct name_row out[NAME_ROW_MAX], struct err *err) MUST_CHECK;

/* The flags of a name, NAME_INDEX_* or-ed. */
unsigned name_row_flags(const struct name_row *name);

/* Whether an entry with these flags and digest can have the content of a link. */
bool name_row_is_target(unsigned flags, const uint8_t sha256[NAME_INDEX_DIGEST],
                        const struct name_row *link);

/* The place of a byte of the tar stream; zeros if no frame has it. */
struct name_index_place name_row_place(const struct seek *seek, uint64_t at);

/*
 * The entry of a name; of a link, without the place of the file.
 *
 * manifest_at  offset of manifest.json's content in the tar stream
 */
struct name_index_entry name_row_entry(const struct name_row *name, const struct seek *seek,
                                       uint64_t manifest_at);

#endif
