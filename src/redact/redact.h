/* SPDX-License-Identifier: MIT */
/*
 * redact: the one way in which secrets are taken out of what leaves the program:
 * what is archived, printed, logged or kept.
 *
 * A secret becomes "***"; everything else stays byte for byte. What is a secret is
 * said by secret_names (the list) and secret_scan (where to look); in a JSON document
 * also: all that a secret's member holds (but for a JSON Schema, true, false and
 * null), the value beside a name ({"name": "password", "value": ...}), and documents
 * that are strings of a document. JSON stays JSON, and redacting twice changes
 * nothing.
 *
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Threads  any
 */
#ifndef REDACT_REDACT_H
#define REDACT_REDACT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>

struct redact {
    const char *key;         /* the API key, always taken out; NULL: none is known */
    bool raw;                /* take out the key alone */
    const char *const *keep; /* members that stay as they are; NULL: none */
};

/* Room that a redacted text of len bytes needs at most. */
size_t redact_room(size_t len);

/* Append a clean copy of a text; one that is JSON is handled as such. */
int redact_text(struct buf *out, const char *text, size_t len, const struct redact *what,
                struct err *err) MUST_CHECK;

/* Append a clean copy of a JSON document; ERR_FORMAT when it is none. */
int redact_json(struct buf *out, const char *json, size_t len, const struct redact *what,
                struct err *err) MUST_CHECK;

/*
 * A clean text: the same pointer where nothing is to be taken out, else a copy in the
 * region. NULL for NULL.
 *
 * returns  "(unreadable)" without memory
 */
const char *redact_copy(const char *text, const struct redact *what, struct region *region);

/* Clean a text in place, cut where it does not fit; takes no memory. For messages. */
void redact_line(char *text, size_t size);

#endif
