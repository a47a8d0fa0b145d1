/* SPDX-License-Identifier: MIT */
/*
 * chain: checks a series of archives, each of which names its predecessor by the digest of its
 * manifest.
 *
 * Pure. A chain reveals removed and replaced archives. An anchor that is stored elsewhere also
 * reveals that the whole chain was rewritten.
 *
 * Errors   ERR_MEMORY
 * Owns     copies of all strings
 * Threads  one at a time
 */
#ifndef READER_CHAIN_H
#define READER_CHAIN_H

#include "base/err.h"

#include <stddef.h>

struct chain;

/* Create an empty chain; NULL with ERR_MEMORY. */
struct chain *chain_new(struct err *err) MUST_CHECK;

/* Free a chain; NULL is fine. */
void chain_free(struct chain *chain);

/* Add an archive: its path, its manifest's digest in hex, and its predecessor ("": none). */
int chain_add(struct chain *chain, const char *path, const char *sha256, const char *previous,
              const char *previous_sha256, struct err *err) MUST_CHECK;

/*
 * Check the chain. To be called once: the links are marked as used.
 *
 * anchor   a digest stored elsewhere, or NULL
 * damage   called for each break; path may be NULL
 * head     gets the path of the newest archive, which no other names; NULL if it is ambiguous
 * returns  the number of breaks
 */
size_t chain_judge(const struct chain *chain, const char *anchor,
                   void (*damage)(void *ctx, const char *path, const char *what), void *ctx,
                   const char **head);

#endif
