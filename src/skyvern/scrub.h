/* SPDX-License-Identifier: MIT */
/*
 * scrub: take signatures and the key out of what the API served, before it is
 * kept.
 *
 * Any URL, in any string of the document, whose query carries a signature loses
 * its whole query; also inside JSON that is itself a string, and
 * percent-encoded. Everything else stays byte for byte.
 *
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Threads  any
 */
#ifndef SKYVERN_SCRUB_H
#define SKYVERN_SCRUB_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>

/* Append a clean copy of a text. key may be NULL. */
int scrub_text(struct buf *out, const char *text, size_t len, const char *key,
               struct err *err) MUST_CHECK;

/* Append a clean copy of a JSON document that json_check has accepted. */
int scrub_json(struct buf *out, const char *json, size_t len, const char *key,
               struct err *err) MUST_CHECK;

#endif
