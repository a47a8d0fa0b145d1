/* SPDX-License-Identifier: MIT */
/*
 * dedupe: finds content that was added before.
 *
 * Candidates have the same size and XXH3-128; SHA-256 decides, since an attacker can construct
 * XXH3 collisions.
 *
 * Errors   ERR_MEMORY
 * Owns     none of the objects that it points to
 * Threads  one at a time
 */
#ifndef WRITER_DEDUPE_H
#define WRITER_DEDUPE_H

#include "base/digest.h"
#include "base/err.h"

#include <stdint.h>

struct dedupe;
struct pagefile;

/* Make an empty table of contents, for tests; NULL with ERR_MEMORY. */
struct dedupe *dedupe_new(struct err *err) MUST_CHECK;

/* The same with its contents on a page file, which must outlive it (NULL: in memory). */
struct dedupe *dedupe_on(struct pagefile *file, struct err *err) MUST_CHECK;

/* Free the table; may be NULL. */
void dedupe_free(struct dedupe *dedupe);

/* The first owner added with this content; NULL: none. */
void *dedupe_find(const struct dedupe *dedupe, uint64_t size, const struct digest *digest);

/* Add the owner of this content. */
int dedupe_add(struct dedupe *dedupe, uint64_t size, const struct digest *digest, void *who,
               struct err *err) MUST_CHECK;

#endif
