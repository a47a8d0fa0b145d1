/* SPDX-License-Identifier: MIT */
/*
 * mem: every allocation of skyarc, with its size arithmetic checked.
 *
 * A region holds many small things that die together (the strings of a list);
 * it is one allocation for some 64 KiB of them.
 *
 * Errors   NULL and ERR_MEMORY in err (err may be NULL)
 * Owns     what mem_* returns belongs to the caller, released by mem_free;
 *          what region_* returns lives as long as the region
 * Threads  mem_*: any; a region belongs to one thread at a time
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/err.h"

#include <stddef.h>

/* size zeroed bytes (at least one). */
void *mem_new(size_t size, struct err *err) MUST_CHECK;

/* count zeroed things of size bytes each. */
void *mem_array(size_t count, size_t size, struct err *err) MUST_CHECK;

/* Resize to count things of size bytes; new room is not zeroed; on failure old stays. */
void *mem_resize(void *old, size_t count, size_t size, struct err *err) MUST_CHECK;

/*
 * Make room for one thing more in an array that doubles.
 *
 * array    address of the array's pointer; cap: address of its capacity
 * used     things in it now
 * limit    most things it may ever hold (ERR_LIMIT beyond)
 */
int mem_room(void *array, size_t *cap, size_t used, size_t size, size_t limit,
             struct err *err) MUST_CHECK;

/* A copy of a string. */
char *mem_copy(const char *s, struct err *err) MUST_CHECK;

/* A string made by printf's rules. */
char *mem_format(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3) MUST_CHECK;

/* Release; NULL is fine. */
void mem_free(void *p);

/*
 * From now on give large blocks back to the system when they are released, and never cut small
 * ones out of them: for a process that stays for weeks, and whose budgets of memory are to be
 * what it really has.
 */
void mem_steady(void);

/*
 * Make the nth allocation from now fail, and all after it when stay is set
 * (0: none). For tests; counts are process-wide.
 */
void mem_fail_at(unsigned long nth, int stay);

struct region;

/* An empty region. */
struct region *region_new(struct err *err) MUST_CHECK;

/* Release it and all in it; NULL is fine. */
void region_free(struct region *region);

/* size zeroed bytes, aligned for any type. */
void *region_take(struct region *region, size_t size, struct err *err) MUST_CHECK;

/* A NUL-ended copy of len bytes. */
char *region_copy(struct region *region, const char *s, size_t len, struct err *err) MUST_CHECK;

#endif
