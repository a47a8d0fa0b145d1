/* SPDX-License-Identifier: MIT */
/*
 * expiry: when a signed URL dies, read off the URL itself.
 *
 * Pure. Knows Skyvern's own (expiry=), S3's old and new form (Expires=;
 * X-Amz-Date with X-Amz-Expires), Google's (X-Goog-*) and Azure's (se=).
 *
 * Units    milliseconds since 1970, by the server's clock
 * Threads  any
 * Source   docs/api.md, "Signed URLs"
 */
#ifndef API_EXPIRY_H
#define API_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>

#define EXPIRY_NEVER INT64_MAX /* it does not say: taken as living on */

/* When the URL dies. */
int64_t expiry_of(const char *url);

/* Whether the URL carries a signature (and so needs no key, and must not be shown). */
bool expiry_signed(const char *url);

/*
 * Whether its signature was cut on its way: Skyvern's own has exactly 43 characters. Such a URL
 * is not expired, and neither asking again nor a list would tell.
 */
bool expiry_cut(const char *url);

#endif
