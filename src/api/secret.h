/* SPDX-License-Identifier: MIT */
/*
 * secret: a value that is wiped when released and never printed.
 *
 * Its pages are excluded from core dumps and, where the system allows, from swap. Only
 * secret_peek gives access to the text; grep for its callers.
 *
 * Errors   ERR_MEMORY, ERR_SYSTEM, ERR_FORMAT (bytes that an HTTP header cannot contain)
 * Owns     the text
 * Threads  any; a secret does not change
 */
#ifndef API_SECRET_H
#define API_SECRET_H

#include "base/err.h"
#include "base/pulse.h"

#include <stddef.h>

#define SECRET_MAX 4096 /* maximum length of a secret in bytes */

struct secret;

/*
 * Create a secret from a text, without surrounding blanks and line ends.
 *
 * returns  NULL on error, also for an empty text or bytes outside 0x21..0x7e
 */
struct secret *secret_new(const char *text, size_t len, struct err *err) MUST_CHECK;

/* Read a secret, with file_read, from a file that contains nothing else. */
struct secret *secret_load(const char *path, struct stop stop, struct err *err) MUST_CHECK;

/*
 * Read this user's own random secret from a file. The file and its directories are created if
 * they do not exist. A file of another size, or on which group or others have any permission,
 * gets a new secret and mode 0600.
 */
struct secret *secret_own(const char *path, struct err *err) MUST_CHECK;

/* Wipe and free a secret; NULL is fine. */
void secret_free(struct secret *secret);

/* The text, valid until secret_free; NULL for NULL. */
const char *secret_peek(const struct secret *secret);

#endif
