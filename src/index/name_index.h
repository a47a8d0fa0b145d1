/* SPDX-License-Identifier: MIT */
/*
 * name_index: the pages of an archive's index of names.
 *
 * The index finds the row and the content of an artifact by its path or its ID without reading
 * the manifest or the seek table. It is a hash table of pages of NAME_INDEX_PAGE bytes, in a
 * skippable frame. Entries are sorted by their keys; a key has a home page, and entries for
 * which a page has no room are in the pages that follow. So finding a name takes one page, at a
 * computed place, and sometimes the second one, which is read with it.
 *
 * Pure.
 *
 * Units    bytes
 * Errors   ERR_FORMAT for a page that is damaged
 * Owns     nothing
 * Threads  any
 * Source   docs/archive-format.md, "The index of names"
 */
#ifndef INDEX_NAME_INDEX_H
#define INDEX_NAME_INDEX_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_INDEX_PAGE     4096
#define NAME_INDEX_ENTRIES  63 /* of a page */
#define NAME_INDEX_HEAD     8  /* of the skippable frame */
#define NAME_INDEX_DIGEST   16 /* bytes of the SHA-256 that an entry has */
#define NAME_INDEX_ROW_BITS 28 /* of a row's length; its flags are above, in one number */

/* What an entry is. */
enum {
    NAME_INDEX_BY_PATH = 1,  /* the key is of the path, or of the ID in it */
    NAME_INDEX_BY_ID = 2,    /* the key is of the artifact's ID */
    NAME_INDEX_LINK = 4,     /* a hard link: the place of the content is its target's */
    NAME_INDEX_DOCUMENT = 8, /* no artifact */
};

/* A place in a frame: the frame, and the offset in its content. */
struct name_index_place {
    uint64_t frame_at;  /* offset of the frame in the archive */
    uint32_t frame_len; /* compressed size of the frame */
    uint32_t within;
};

struct name_index_entry {
    uint64_t key;
    struct name_index_place file; /* of the tar header before the content */
    struct name_index_place row;  /* of the row in manifest.json */
    uint32_t row_len;
    uint32_t path; /* hash of the path */
    unsigned flags;
    uint8_t sha256[NAME_INDEX_DIGEST]; /* the first bytes of the content's SHA-256 */
};

/* The head of a page. */
struct name_index_page {
    uint32_t missing; /* rows of missing items in the manifest */
    unsigned count;   /* entries */
    bool more;        /* entries of this page's keys are in the next page, too */
};

/*
 * The part of a path that is its key: the artifact's ID in the names that skyarc gives,
 * TIME_ID.EXT; else the whole path.
 */
const char *name_index_token(const char *path, size_t *len);

/* The key of an ID or of a path's token. */
uint64_t name_index_key(const char *token, size_t len);

/* The hash of a path, which tells the paths of one key apart. */
uint32_t name_index_path(const char *path);

/* The home page of a key in an index of so many pages (at least one). */
uint32_t name_index_home(uint64_t key, uint32_t pages);

/* The number of pages of an index with so many entries, unless some do not fit. */
uint32_t name_index_pages(uint64_t entries);

/* Write the head of the skippable frame of an index of so many pages. */
void name_index_head(unsigned char out[NAME_INDEX_HEAD], uint32_t pages);

/* Write entry i of a page, which must be zeroed before. */
void name_index_set(unsigned char page[NAME_INDEX_PAGE], unsigned i,
                    const struct name_index_entry *entry);

/* Read entry i of a page. */
void name_index_get(const unsigned char page[NAME_INDEX_PAGE], unsigned i,
                    struct name_index_entry *out);

/* The order of two entries: by key, then by the places of their rows, then by flags. */
int name_index_compare(const struct name_index_entry *a, const struct name_index_entry *b);

/* A sum of entries, which is the same in whatever order they are added. */
struct name_index_sum {
    uint64_t seed; /* random, so that nobody can make other entries with the same sum */
    uint64_t low;
    uint64_t high;
    uint64_t count;
};

/* Add an entry to a sum. */
void name_index_add(struct name_index_sum *sum, const struct name_index_entry *entry);

/* Write the head of page `number` of `pages`, after its entries. */
void name_index_seal(unsigned char page[NAME_INDEX_PAGE], uint32_t number, uint32_t pages,
                     const struct name_index_page *head);

/* Check a page, and read its head. */
int name_index_open(const unsigned char page[NAME_INDEX_PAGE], uint32_t number, uint32_t pages,
                    struct name_index_page *head, struct err *err) MUST_CHECK;

#endif
