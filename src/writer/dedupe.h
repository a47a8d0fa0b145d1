/* SPDX-License-Identifier: MIT */
/*
 * dedupe: has this content been seen?
 *
 * Candidates by size and XXH3-128; SHA-256 decides, since an attacker can make
 * XXH3 collide.
 *
 * Errors   ERR_MEMORY
 * Owns     nothing of what it points to
 * Threads  one at a time
 */
#ifndef WRITER_DEDUPE_H
#define WRITER_DEDUPE_H

#include "base/digest.h"
#include "base/err.h"

#include <stdint.h>

struct dedupe;

/* A new, empty table of contents; NULL with ERR_MEMORY. */
struct dedupe *dedupe_new(struct err *err) MUST_CHECK;

/* Free the table; NULL is fine. */
void dedupe_free(struct dedupe *dedupe);

/* Who was added first with this content; NULL: nobody. */
void *dedupe_find(const struct dedupe *dedupe, uint64_t size, const struct digest *digest);

/* Remember who has this content. */
int dedupe_add(struct dedupe *dedupe, uint64_t size, const struct digest *digest, void *who,
               struct err *err) MUST_CHECK;

#endif
