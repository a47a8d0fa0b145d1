/* SPDX-License-Identifier: MIT */
/*
 * secret_scan: find the secrets in a text.
 *
 * What is found: user and password in a URL's authority; the value of a name that
 * secret_names lists, where it says; bearer tokens and JSON Web Tokens; otpauth
 * URLs; URLs whose path is the secret; and the API key itself. Each also where the
 * text is percent-encoded (any number of times), has JSON's escapes (\/ and \u0026,
 * with any number of backslashes) or HTML's references: the scanner reads
 * characters as a reader would decode them, one by one, and does not decode the
 * text as a whole, since different parts may be encoded in different ways.
 *
 * In doubt more is taken: a value goes on until a character that cannot belong to
 * it. The time is linear in the text (for the key: times its length, at worst).
 *
 * Errors   what the callback says
 * Owns     nothing; takes no memory
 * Threads  any
 */
#ifndef REDACT_SECRET_SCAN_H
#define REDACT_SECRET_SCAN_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define SECRET_MASK "***" /* what stands for a secret */

struct secret_scan {
    const char *key; /* the API key; NULL: none */
    bool raw;        /* look for the key alone */
    bool address;    /* the text is an address: user, query and fragment go as a whole */
};

/* Told of each secret, from left to right; they do not overlap. */
typedef int secret_span_fn(void *ctx, size_t from, size_t to, struct err *err);

#define SECRET_AGAIN 2 /* where they are masked, another look may find more */
#define SECRET_KEY   1 /* the key is in the text, and must be masked before all else */

/*
 * Find the secrets in a text. What is masked already is not told again.
 *
 * returns  0; SECRET_AGAIN; SECRET_KEY, with nothing told, where the key is in it and more than
 * the key is looked for: the key's own characters would mislead; -1
 */
int secret_scan(const struct secret_scan *what, const char *text, size_t len,
                secret_span_fn *span, void *ctx, struct err *err) MUST_CHECK;

/* Whether a value is masked, or was before it became part of a file's name. */
bool secret_masked(const char *value, size_t len);

#endif
