/* SPDX-License-Identifier: MIT */
/*
 * secret: a value that is wiped when released and never printed.
 *
 * Its pages are kept out of core dumps and, where the system allows, out of
 * swap. Only secret_peek shows the text; grep for it to see who does.
 *
 * Errors   ERR_MEMORY, ERR_SYSTEM, ERR_FORMAT (bytes that a header cannot carry)
 * Owns     its text
 * Threads  read by many once set
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/err.h"

#include <stddef.h>

#define SECRET_MAX 4096 /* bytes a secret may have */

struct secret;

/*
 * Keep a copy of a text, its surrounding blanks and line ends cut off.
 *
 * returns  NULL also when nothing is left, or for bytes outside 0x21..0x7e
 */
struct secret *secret_new(const char *text, size_t len, struct err *err) MUST_CHECK;

/* Read a file that holds nothing but the secret. */
struct secret *secret_load(const char *path, struct err *err) MUST_CHECK;

/*
 * Read a file that holds a secret of this user's own, made at random when it is not there; so
 * are the directories of its path. A file that others can read or write is made anew.
 */
struct secret *secret_own(const char *path, struct err *err) MUST_CHECK;

/* Wipe and release; NULL is fine. */
void secret_free(struct secret *secret);

/* The text, until secret_free; NULL for NULL. */
const char *secret_peek(const struct secret *secret);

#endif
