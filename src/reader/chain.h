/* SPDX-License-Identifier: MIT */
/*
 * chain: a series of archives, each of which names the one before it by its
 * manifest's digest.
 *
 * Pure. A chain shows what was removed or replaced; against somebody who can
 * write all of it again it needs an anchor that is kept elsewhere.
 *
 * Errors   ERR_MEMORY
 * Owns     copies of what it was told
 * Threads  one at a time
 */
#ifndef READER_CHAIN_H
#define READER_CHAIN_H

#include "base/err.h"

#include <stddef.h>

struct chain;

/* A new, empty chain; NULL with ERR_MEMORY. */
struct chain *chain_new(struct err *err) MUST_CHECK;

/* Free a chain; NULL is fine. */
void chain_free(struct chain *chain);

/* Add an archive: its path, its manifest's digest in hex, and what it names ("": nothing). */
int chain_add(struct chain *chain, const char *path, const char *sha256, const char *previous,
              const char *previous_sha256, struct err *err) MUST_CHECK;

/*
 * Judge it.
 *
 * anchor   a digest that was kept elsewhere, or NULL
 * damage   told of each break; path may be NULL
 * head     gets the path of the one archive that none names, or NULL
 * returns  how many breaks
 */
size_t chain_judge(const struct chain *chain, const char *anchor,
                   void (*damage)(void *ctx, const char *path, const char *what), void *ctx,
                   const char **head);

#endif
