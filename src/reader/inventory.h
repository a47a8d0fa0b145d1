/* SPDX-License-Identifier: MIT */
/*
 * inventory: what an archive should hold, by its manifest: a row for each artifact and
 * document.
 *
 * Kept compact, since there may be millions: a row takes INVENTORY_ROW_COST bytes and the bytes
 * of its file's name; folders, runs and types are kept once. Beyond INVENTORY_MEMORY_MAX the
 * manifest is refused.
 *
 * Units    bytes
 * Errors   ERR_MEMORY, ERR_LIMIT; ERR_FORMAT for a row that is none, whose path may not be
 *          written (reader/safe_name), or is that of another row
 * Owns     all texts and rows
 * Threads  one that changes it; several that look rows up
 * Source   docs/archive-format.md
 */
#ifndef READER_INVENTORY_H
#define READER_INVENTORY_H

#include "base/digest.h"
#include "base/err.h"
#include "format/manifest_read.h"
#include "format/seek.h"
#include "reader/safe_name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INVENTORY_MEMORY_MAX ((uint64_t)1 << 30) /* bytes of all rows: some seven million */
#define INVENTORY_ROW_COST   104                 /* bytes of a row without its name, at most */
#define INVENTORY_NONE       UINT32_MAX          /* no row */

/* A row; texts are lent as long as the roll, NULL where the manifest has null. */
struct inventory_row {
    const uint8_t *sha256;
    uint64_t size;
    uint64_t offset; /* MANIFEST_READ_NONE: none, as frame */
    uint64_t frame;
    const char *run_id;
    const char *artifact_type;
    const char *media_type;
    bool document; /* a file that skyarc wrote of its own; no more is known of it than above */
    bool link;
};

struct inventory;

/* memory: at most so many bytes; 0: INVENTORY_MEMORY_MAX. */
struct inventory *inventory_new(uint64_t memory, struct err *err) MUST_CHECK;

/* Free the roll; NULL is fine. */
void inventory_free(struct inventory *roll);

/* Add a row of MANIFEST_READ_ARTIFACTS or MANIFEST_READ_DOCUMENTS, as text; others are let be.
 */
int inventory_add(struct inventory *roll, enum manifest_read_section section, const char *text,
                  size_t len, struct err *err) MUST_CHECK;

/* How many rows; their numbers are 0, 1, ... as they were added. */
uint32_t inventory_count(const struct inventory *roll);

/* The number of a path below the top directory, or INVENTORY_NONE. */
uint32_t inventory_find(const struct inventory *roll, const char *path);

/* Fill *out with row `number`, counting from 0; its texts are lent until inventory_free. */
void inventory_get(const struct inventory *roll, uint32_t number, struct inventory_row *out);

/* A row's path; returns out. */
const char *inventory_path(const struct inventory *roll, uint32_t number,
                           char out[SAFE_NAME_PATH_MAX + 1]);

/* Its artifact's ID, cut to 255 bytes, or NULL; returns out. */
const char *inventory_id(const struct inventory *roll, uint32_t number, char out[256]);

/* Marks of the caller's own, a byte a row, and a row that it connects with this one. */
unsigned inventory_marks(const struct inventory *roll, uint32_t number);

/* Set the marks of a row; they are the caller's own. */
void inventory_mark(struct inventory *roll, uint32_t number, unsigned marks);

/* Connect a row with another one, as a link with its target. */
void inventory_set_target(struct inventory *roll, uint32_t number, uint32_t target);

/* The row that inventory_set_target connected with this one; INVENTORY_NONE where there is
 * none. */
uint32_t inventory_target(const struct inventory *roll, uint32_t number);

/* Whether the manifest names target's path as what this row is the same as. */
bool inventory_is_duplicate(const struct inventory *roll, uint32_t number, uint32_t target);

/* The frames that begin with an artifact's header, a bit each, to be freed by mem_free. */
uint8_t *inventory_starts(const struct inventory *roll, const struct seek *seek,
                          struct err *err) MUST_CHECK;

#endif
