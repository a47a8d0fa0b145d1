/* SPDX-License-Identifier: MIT */
/*
 * original_check: whether an archive is a redacted copy of another: the same but for what its
 * manifest says.
 *
 * Compared are the manifests: the digest of the original's with the one that the copy names,
 * each row of the copy with the original's, and the changed and removed files that the copy
 * names with those that there are. That the copy's files are those of its manifest is what
 * reader/verify checks; the original's files are not read.
 *
 * Units    bytes
 * Errors   errors that prevent reading; differences are reported to the hook
 * Owns     nothing
 * Threads  one
 * Source   docs/redact.md, "What the copy says"
 */
#ifndef COPY_ORIGINAL_CHECK_H
#define COPY_ORIGINAL_CHECK_H

#include "base/err.h"

/*
 * Compare a copy with its original.
 *
 * fault    called with each difference; what is valid for the call
 * returns  0: the copy is what it says; 1: there are differences; -1: error
 */
int original_check(const char *copy, const char *original,
                   void (*fault)(void *ctx, const char *what), void *ctx,
                   struct err *err) MUST_CHECK;

#endif
