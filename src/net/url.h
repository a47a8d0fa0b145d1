/* SPDX-License-Identifier: MIT */
/*
 * url: what a URL says, read by the parser that will also connect to it.
 *
 * Two parsers that disagree about a host are how keys leak; so every question
 * about an origin is put to libcurl's own parser.
 *
 * Errors   ERR_FORMAT for what is no http or https URL
 * Threads  any
 * Source   RFC 3986; origin as in RFC 6454 (scheme, host, port)
 */
#ifndef NET_URL_H
#define NET_URL_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define URL_MAX        16384 /* bytes of a URL that we follow */
#define URL_ORIGIN_MAX 300   /* room for "https://host:port" */
#define URL_SHOWN_MAX  400   /* room for what url_shown writes */

/* "scheme://host:port", lower case, with the default port spelled out. */
int url_origin(char out[URL_ORIGIN_MAX], const char *url, struct err *err) MUST_CHECK;

/* Whether url is https. */
bool url_is_secure(const char *url);

/* The URL without user, query and fragment, escaped for people; returns out. */
const char *url_shown(char out[URL_SHOWN_MAX], const char *url);

/*
 * The decoded value of a query parameter; names differ by case.
 *
 * returns  false when there is none or it does not fit
 */
bool url_query(const char *url, const char *name, char *out, size_t size);

/* Append a text as a query value, percent-encoded. */
int url_encode(struct buf *out, const char *text, struct err *err) MUST_CHECK;

/* The path, percent-decoded, without query; false when there is none or it does not fit. */
bool url_path(const char *url, char *out, size_t size);

/*
 * A base URL as users paste it, made canonical: no trailing slash, no /v1 or
 * /api/v1, no query.
 *
 * returns  to be freed by mem_free; NULL on error
 */
char *url_base(const char *pasted, struct err *err) MUST_CHECK;

#endif
