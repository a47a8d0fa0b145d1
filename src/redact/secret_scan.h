/* SPDX-License-Identifier: MIT */
/*
 * secret_scan: finds the secrets in a text.
 *
 * The scanner finds user and password in a URL's authority; values of the names in
 * secret_names, in the listed contexts; bearer tokens and JSON Web Tokens; otpauth URLs; URLs
 * whose path is a secret; and the API key. Secrets are also found if the text is
 * percent-encoded (any number of times), has JSON escapes (\/ and \u0026, with any number of
 * backslashes) or HTML character references. The scanner decodes single characters (symbol) and
 * not the whole text, because parts of the text may be encoded differently.
 *
 * If in doubt, more is redacted: a value ends at the first character that cannot belong to it.
 * The time is linear in the length of the text (for the key, times its length in the worst
 * case).
 *
 * Errors   errors of the callback
 * Owns     nothing; allocates no memory
 * Threads  any
 */
#ifndef REDACT_SECRET_SCAN_H
#define REDACT_SECRET_SCAN_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define SECRET_MASK "***" /* the replacement of a secret */

struct secret_scan {
    const char *key; /* the API key; NULL: none */
    bool raw;        /* find the API key only */
    bool address;    /* the text is an address: user, query and fragment are secrets */
};

/* Called with each secret, from left to right; secrets do not overlap. */
typedef int secret_span_fn(void *ctx, size_t from, size_t to, struct err *err);

#define SECRET_AGAIN 2 /* after masking, another scan may find more */
#define SECRET_KEY   1 /* the text has the API key, which must be masked first */

/*
 * Find the secrets in a text. Masked values are not reported.
 *
 * returns  0; SECRET_AGAIN; -1; or SECRET_KEY, without any report, if the text has the key and
 *          raw is not set: the key's characters could confuse the scan
 */
int secret_scan(const struct secret_scan *what, const char *text, size_t len,
                secret_span_fn *span, void *ctx, struct err *err) MUST_CHECK;

/* Whether a value is a mask, or a mask as changed in file names ("___"). */
bool secret_masked(const char *value, size_t len);

#endif
