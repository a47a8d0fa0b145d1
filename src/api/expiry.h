/* SPDX-License-Identifier: MIT */
/*
 * expiry: the expiry time of a signed URL, parsed from the URL.
 *
 * Pure. Supported are Skyvern's own URLs (expiry=), S3's old and new form (Expires=; X-Amz-Date
 * with X-Amz-Expires), Google's (X-Goog-*) and Azure's (se=).
 *
 * Units    milliseconds since 1970, by the server's clock
 * Threads  any
 * Source   docs/api.md, "Signed URLs"
 */
#ifndef API_EXPIRY_H
#define API_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>

#define EXPIRY_NEVER INT64_MAX /* the URL has no expiry time: assume that it never expires */

/* The expiry time of a URL, or EXPIRY_NEVER. */
int64_t expiry_of(const char *url);

/* Whether a URL is signed, and so needs no key and must not be printed. */
bool expiry_signed(const char *url);

/*
 * Whether the signature of one of Skyvern's own URLs is truncated: it must have exactly 43
 * characters. A retry with such a URL, or with one from a new list, is useless.
 */
bool expiry_cut(const char *url);

#endif
