/* SPDX-License-Identifier: MIT */
/*
 * roll: what an archive should hold, by its manifest: a row for each artifact and document.
 *
 * Kept compact, since there may be millions: a row takes ROLL_ROW_COST bytes and the bytes of
 * its file's name; folders, runs and types are kept once. Beyond ROLL_MEMORY_MAX the manifest
 * is refused.
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

#define ROLL_MEMORY_MAX ((uint64_t)1 << 30) /* bytes of all rows: some seven million */
#define ROLL_ROW_COST   104                 /* bytes of a row without its name, at most */
#define ROLL_NONE       UINT32_MAX          /* no row */

/* A row; texts are lent as long as the roll, NULL where the manifest has null. */
struct roll_row {
    const uint8_t *sha256;
    uint64_t size;
    uint64_t offset; /* ROWS_NONE: none, as frame */
    uint64_t frame;
    const char *run_id;
    const char *artifact_type;
    const char *media_type;
    bool document; /* a file that skyarc wrote of its own; no more is known of it than above */
    bool link;
};

struct roll;

/* memory: at most so many bytes; 0: ROLL_MEMORY_MAX. */
struct roll *roll_new(uint64_t memory, struct err *err) MUST_CHECK;

/* Free the roll; NULL is fine. */
void roll_free(struct roll *roll);

/* Add a row of ROWS_ARTIFACTS or ROWS_DOCUMENTS, as text; others are let be. */
int roll_add(struct roll *roll, enum rows_section section, const char *text, size_t len,
             struct err *err) MUST_CHECK;

/* How many rows; their numbers are 0, 1, ... as they were added. */
uint32_t roll_count(const struct roll *roll);

/* The number of a path below the top directory, or ROLL_NONE. */
uint32_t roll_find(const struct roll *roll, const char *path);

/* Fill *out with row `number`, counting from 0; its texts are lent until roll_free. */
void roll_get(const struct roll *roll, uint32_t number, struct roll_row *out);

/* A row's path; returns out. */
const char *roll_path(const struct roll *roll, uint32_t number, char out[NAME_PATH_MAX + 1]);

/* Its artifact's ID, cut to 255 bytes, or NULL; returns out. */
const char *roll_id(const struct roll *roll, uint32_t number, char out[256]);

/* Marks of the caller's own, a byte a row, and a row that it connects with this one. */
unsigned roll_marks(const struct roll *roll, uint32_t number);

/* Set the marks of a row; they are the caller's own. */
void roll_mark(struct roll *roll, uint32_t number, unsigned marks);

/* Connect a row with another one, as a link with its target. */
void roll_set_target(struct roll *roll, uint32_t number, uint32_t target);

/* The row that roll_set_target connected with this one; ROLL_NONE where there is none. */
uint32_t roll_target(const struct roll *roll, uint32_t number);

/* Whether the manifest names target's path as what this row is the same as. */
bool roll_is_duplicate(const struct roll *roll, uint32_t number, uint32_t target);

/* The frames that begin with an artifact's header, a bit each, to be freed by mem_free. */
uint8_t *roll_starts(const struct roll *roll, const struct seek *seek,
                     struct err *err) MUST_CHECK;

#endif
