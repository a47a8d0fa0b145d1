/* SPDX-License-Identifier: MIT */
/*
 * redact: removes secrets from everything that leaves the program: archives, output, logs and
 * stored state.
 *
 * A secret is replaced by "***"; all other bytes stay unchanged. secret_names lists the names
 * whose values are secrets, and secret_scan finds them in text. In a JSON document, the
 * following is redacted as well: everything within a member with such a name (except JSON
 * Schemas, true, false and null), the value of a pair ({"name": "password", "value": ...}), and
 * secrets in documents that are strings of the document. The result of redacting JSON is valid
 * JSON, and redacting twice changes nothing.
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
    const char *key;         /* the API key, always redacted; NULL: none */
    bool raw;                /* redact the API key only */
    const char *const *keep; /* names of members that are not redacted; NULL: none */
};

/* Maximum size of the redacted form of a text of len bytes. */
size_t redact_room(size_t len);

/* Append a redacted copy of a text; a text that is JSON is handled as a document. */
int redact_text(struct buf *out, const char *text, size_t len, const struct redact *what,
                struct err *err) MUST_CHECK;

/*
 * redact_text for the contents of archives, which earlier versions or other programs may have
 * written with secrets in them: nothing is kept.
 */
int redact_untrusted(struct buf *out, const char *text, size_t len, struct err *err) MUST_CHECK;

/* Append a redacted copy of a JSON document; ERR_FORMAT if it is malformed. */
int redact_json(struct buf *out, const char *json, size_t len, const struct redact *what,
                struct err *err) MUST_CHECK;

/*
 * Redact a string: returns the same pointer if it has no secrets, else a redacted copy in the
 * region. NULL for NULL.
 *
 * returns  "(unreadable)" if there is no memory
 */
const char *redact_copy(const char *text, const struct redact *what, struct region *region);

/* Redact a message in place, truncated if it does not fit; allocates no memory. */
void redact_line(char *text, size_t size);

#endif
