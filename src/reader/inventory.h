/* SPDX-License-Identifier: MIT */
/*
 * inventory: the expected contents of an archive, from its manifest: a row for each artifact
 * and document.
 *
 * Rows are stored compactly, since there may be millions: a row takes INVENTORY_ROW_COST bytes
 * and the bytes of its file name; folders, runs and types are stored once. A manifest that
 * needs more than INVENTORY_MEMORY_MAX is refused.
 *
 * Units    bytes
 * Errors   ERR_MEMORY, ERR_LIMIT; ERR_FORMAT for a row that is malformed, whose path is refused
 *          (format/safe_name), or whose path another row has
 * Owns     all rows and strings
 * Threads  one that modifies it; several that search
 * Source   docs/archive-format.md
 */
#ifndef READER_INVENTORY_H
#define READER_INVENTORY_H

#include "base/digest.h"
#include "base/err.h"
#include "format/manifest_read.h"
#include "format/safe_name.h"
#include "format/seek.h"
#include "provenance/request_check.h"
#include "reader/entry_reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INVENTORY_MEMORY_MAX ((uint64_t)1 << 30) /* of all rows: about seven million */
#define INVENTORY_ROW_COST   104                 /* maximum size of a row without its name */
#define INVENTORY_NONE       UINT32_MAX          /* no row */

/* What is wrong with a row that is marked by odd_level. */
#define INVENTORY_ODD_LEVEL "has a frame_level that is no level, or another than its frame has"

/* A row; strings are valid as long as the inventory, and NULL for null. */
struct inventory_row {
    const uint8_t *sha256;
    uint64_t size;
    uint64_t offset; /* MANIFEST_READ_NONE: none, also for frame */
    uint64_t frame;
    const char *run_id;
    const char *artifact_type;
    const char *media_type;
    bool document;  /* a file written by skyarc; only sha256, size and offset are valid */
    bool unplaced;  /* a document whose offset the manifest does not have, as in 0.1 */
    bool selected;  /* see inventory_select */
    bool odd_level; /* see INVENTORY_ODD_LEVEL */
    bool link;
};

struct inventory;

/* Create an inventory. memory: maximum size in bytes; 0: INVENTORY_MEMORY_MAX. */
struct inventory *inventory_new(uint64_t memory, struct err *err) MUST_CHECK;

/* Free the inventory; NULL is fine. */
void inventory_free(struct inventory *inventory);

/*
 * Add a row of MANIFEST_READ_ARTIFACTS or MANIFEST_READ_DOCUMENTS, as text; other rows
 * are ignored.
 */
int inventory_add(struct inventory *inventory, enum manifest_read_section section,
                  const char *text, size_t len, struct err *err) MUST_CHECK;

/* The artifact of the row added last, with all that the manifest says; valid until the next row
 * is added. The row must be of an artifact. */
const struct manifest_read_artifact *inventory_last(const struct inventory *inventory);

/* Select the row added last: a bit for the caller's use, set before other threads read. */
void inventory_select(struct inventory *inventory);

/* The number of rows; rows are numbered from 0 in the order added. */
uint32_t inventory_count(const struct inventory *inventory);

/* Find a row by its path relative to the top directory; INVENTORY_NONE if there is none. */
uint32_t inventory_find(const struct inventory *inventory, const char *path);

/* Get row `number`; its strings are valid until inventory_free. */
void inventory_get(const struct inventory *inventory, uint32_t number,
                   struct inventory_row *out);

/* Whether a row's entry is at this offset, or the manifest does not tell. */
bool inventory_is_at(const struct inventory *inventory, uint32_t number, uint64_t offset);

/* Get a row's path; returns out. */
const char *inventory_path(const struct inventory *inventory, uint32_t number,
                           char out[SAFE_NAME_PATH_MAX + 1]);

/*
 * Get the ID of a row's artifact, truncated to 255 bytes; returns out, or NULL if there
 * is none.
 */
const char *inventory_id(const struct inventory *inventory, uint32_t number, char out[256]);

/*
 * Read the log of requests, an entry of size bytes, and compare it with the documents; those
 * that it has are marked.
 *
 * opts    the lock is held when documents are marked, too; its find is not used
 * sha256  gets the digest of the log
 */
int inventory_read_log(struct inventory *inventory, struct entry_reader *entries, uint64_t size,
                       unsigned mark, const struct request_check_opts *opts,
                       uint8_t sha256[SHA256_SIZE], struct err *err) MUST_CHECK;

/* The marks of a row, a byte for the caller's use. */
unsigned inventory_marks(const struct inventory *inventory, uint32_t number);

/* Add marks to a row. */
void inventory_mark(struct inventory *inventory, uint32_t number, unsigned marks);

/* Set the target of a row, which is a link. */
void inventory_set_target(struct inventory *inventory, uint32_t number, uint32_t target);

/* The target of a row, as set by inventory_set_target; or INVENTORY_NONE. */
uint32_t inventory_target(const struct inventory *inventory, uint32_t number);

/* Whether two rows have the same size and digest. */
bool inventory_is_same(const struct inventory *inventory, uint32_t number, uint32_t other);

/* Whether the manifest has target's path as duplicate_of of this row. */
bool inventory_is_duplicate(const struct inventory *inventory, uint32_t number,
                            uint32_t target);

/*
 * A bit for each frame: whether it starts with an artifact's header. To be freed by mem_free.
 */
uint8_t *inventory_starts(const struct inventory *inventory, const struct seek *seek,
                          struct err *err) MUST_CHECK;

#endif
