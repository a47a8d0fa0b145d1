/* SPDX-License-Identifier: MIT */
/*
 * mem: memory allocation with checked size arithmetic.
 *
 * A region holds many small objects that are freed together (the strings of a list), with one
 * allocation per 64 KiB. The objects of a region on a page file lie in a mapped, unnamed file:
 * pointers to them stay valid, and the kernel writes those that are not in use to the disk.
 *
 * Errors   NULL and ERR_MEMORY in err (err may be NULL)
 * Owns     the caller owns what mem_* returns, and releases it by mem_free; what region_*
 *          returns is valid until region_free
 * Threads  mem_*: any; a region belongs to one thread at a time
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/err.h"

#include <stddef.h>

/* Allocate size zeroed bytes (at least one). */
void *mem_new(size_t size, struct err *err) MUST_CHECK;

/* Allocate an array of count zeroed elements of size bytes. */
void *mem_array(size_t count, size_t size, struct err *err) MUST_CHECK;

/*
 * Resize to count elements of size bytes; new bytes are not zeroed; on failure old stays valid.
 */
void *mem_resize(void *old, size_t count, size_t size, struct err *err) MUST_CHECK;

/*
 * Make room for one more element in an array whose capacity doubles.
 *
 * array    address of the array's pointer; cap: address of its capacity, in elements
 * used     elements in use
 * limit    maximum number of elements (ERR_LIMIT beyond)
 */
int mem_room(void *array, size_t *cap, size_t used, size_t size, size_t limit,
             struct err *err) MUST_CHECK;

/* Copy a string. */
char *mem_copy(const char *s, struct err *err) MUST_CHECK;

/* Format a string, as printf does. */
char *mem_format(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3) MUST_CHECK;

/* Free memory; NULL is fine. */
void mem_free(void *p);

/*
 * Return freed large blocks to the system from now on, so that the memory in use stays within
 * its budgets.
 */
void mem_steady(void);

/*
 * Forbid core dumps and ptrace for the whole process from now on: it has secrets, and libraries
 * copy what they send.
 */
void mem_forbid_dumps(void);

/*
 * Make the nth allocation from now fail, and all later ones if stay is set; nth 0 turns
 * failures off. For tests; the counter is process-wide.
 */
void mem_fail_at(unsigned long nth, int stay);

/*
 * An unnamed file for objects that need not be in memory: the first 4 MiB of its regions are in
 * memory, what comes after them in the file, and in memory again if the disk has no space.
 * Several threads may use one, each with regions of its own.
 */
struct pagefile;

/* Make a page file, which takes fd over; -1: its regions are in memory. */
struct pagefile *pagefile_new(int fd, struct err *err) MUST_CHECK;

/* Free it, after all its regions; may be NULL. */
void pagefile_free(struct pagefile *file);

/*
 * Release the pages that are in memory; they are read again when they are used. NULL is fine.
 */
void pagefile_trim(struct pagefile *file);

/*
 * Count bytes of it that are about to be used, and trim it every 4 MiB: for loops over many of
 * its objects. NULL is fine.
 */
void pagefile_touch(struct pagefile *file, size_t bytes);

/*
 * Whether all that the kernel has written of it so far arrived on the disk: ERR_SYSTEM if not.
 * NULL is fine.
 */
int pagefile_check(const struct pagefile *file, struct err *err) MUST_CHECK;

struct region;

/* Create an empty region on a page file, which must outlive it (NULL: in memory). */
struct region *region_on(struct pagefile *file, struct err *err) MUST_CHECK;

/* Create an empty region in memory. */
struct region *region_new(struct err *err) MUST_CHECK;

#define REGION_ROWS 256 /* see region_renew */

/*
 * Prepare a region for the texts of a further row: every REGION_ROWS calls, those of the rows
 * before are freed. *region may be NULL at first; the caller frees it. calls counts, from 0.
 */
int region_renew(struct region **region, size_t *calls, struct err *err) MUST_CHECK;

/* Free a region and everything in it; NULL is fine. */
void region_free(struct region *region);

/* Allocate size zeroed bytes, aligned for any type. */
void *region_take(struct region *region, size_t size, struct err *err) MUST_CHECK;

/* Copy len bytes and append a NUL. */
char *region_copy(struct region *region, const char *s, size_t len, struct err *err) MUST_CHECK;

/* Copy a text. */
char *region_text(struct region *region, const char *text, struct err *err) MUST_CHECK;

/* Copies of texts, in the order in which they were added; {0}: none yet. */
struct text_list {
    struct region *region;
    char **at;
    size_t count;
    size_t cap;
};

/* Add a copy of a text; ERR_LIMIT if there are `most` already. */
int text_list_add(struct text_list *list, const char *text, size_t most,
                  struct err *err) MUST_CHECK;

/* Free the copies; may be called twice, and on {0}. */
void text_list_clear(struct text_list *list);

/*
 * An array in a region that grows, and whose elements stay where they are.
 */
struct segments {
    struct region *region;
    size_t size;    /* of an element */
    unsigned shift; /* a part has 1 << shift elements */
    void **parts;
    size_t count; /* of parts */
    size_t cap;
};

/* Start an empty array of elements of `size` bytes in a region, which must outlive it. */
void segments_init(struct segments *s, struct region *region, size_t size);

/* Free the table; may be called twice, and on {0}. */
void segments_clear(struct segments *s);

/* Make room for `count` elements; new ones are zeroed. */
int segments_reach(struct segments *s, size_t count, struct err *err) MUST_CHECK;

/* Number of elements for which there is room. */
size_t segments_room(const struct segments *s);

/* Element i, for which there must be room; valid as long as the region. */
void *segments_at(const struct segments *s, size_t i);

#endif
