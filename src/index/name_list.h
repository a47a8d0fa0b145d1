/* SPDX-License-Identifier: MIT */
/*
 * name_list: makes the index of names (name_index) from the rows of a manifest.
 *
 * The index is a function of the manifest and the seek table: the reader that verifies an
 * archive makes the index again, and compares the two.
 *
 * Units    bytes
 * Errors   ERR_MEMORY, ERR_LIMIT; ERR_FORMAT for an invalid row; errors of put
 * Limits   some 52 bytes for each name; an artifact has one if its path contains its ID, else
 *          two; a document has one
 * Owns     what it keeps of the rows
 * Threads  one at a time
 * Source   docs/archive-format.md, "The index of names"
 */
#ifndef INDEX_NAME_LIST_H
#define INDEX_NAME_LIST_H

#include "base/buf.h"
#include "base/err.h"
#include "format/manifest_read.h"
#include "format/seek.h"

#include <stdint.h>

struct name_list;

/* Create an empty list. */
struct name_list *name_list_new(struct err *err) MUST_CHECK;

/* Free the list; NULL is fine. */
void name_list_free(struct name_list *list);

/*
 * Add a row of the manifest; those of runs are ignored.
 *
 * at  offset of the row's text in manifest.json
 */
int name_list_add(struct name_list *list, enum manifest_read_section section, const char *text,
                  size_t len, uint64_t at, struct err *err) MUST_CHECK;

/* Sort the names; afterwards name_list_size is known. No row may be added any more. */
int name_list_sort(struct name_list *list, struct err *err) MUST_CHECK;

/* The size of the index with the head of its skippable frame; 0: no names, no index. */
uint64_t name_list_size(const struct name_list *list);

/*
 * Write the index, as a skippable frame.
 *
 * seek         the frames of the archive
 * manifest_at  offset of manifest.json's content in the tar stream
 */
int name_list_put(const struct name_list *list, const struct seek *seek, uint64_t manifest_at,
                  put_fn *put, void *ctx, struct err *err) MUST_CHECK;

#endif
