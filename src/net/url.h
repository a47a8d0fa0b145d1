/* SPDX-License-Identifier: MIT */
/*
 * url: parsing of URLs, by the parser that also connects to them.
 *
 * If two parsers disagree about a URL's host, a key can leak. Therefore libcurl's own parser
 * determines every origin.
 *
 * Errors   ERR_FORMAT for anything but an http or https URL
 * Threads  any
 * Source   RFC 3986; origin as in RFC 6454 (scheme, host, port)
 */
#ifndef NET_URL_H
#define NET_URL_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define URL_MAX        16384 /* maximum length of a URL */
#define URL_ORIGIN_MAX 300   /* buffer size for "https://host:port" */
#define URL_SHOWN_MAX  400   /* buffer size for url_shown */

/* Write a URL's origin: "scheme://host:port" in lower case, always with the port. */
int url_origin(char out[URL_ORIGIN_MAX], const char *url, struct err *err) MUST_CHECK;

/*
 * Write the host of an origin that url_origin wrote, an IPv6 address in brackets; false: none.
 */
bool url_host(char out[URL_ORIGIN_MAX], const char *origin);

/* Whether a URL's scheme is https. */
bool url_is_secure(const char *url);

/* Format a URL for messages: escaped, without user, query and fragment; returns out. */
const char *url_shown(char out[URL_SHOWN_MAX], const char *url);

/*
 * Get the decoded value of a query parameter; names are case-sensitive.
 *
 * returns  false if there is no such parameter, or its value does not fit
 */
bool url_query(const char *url, const char *name, char *out, size_t size);

/* Append a text as a percent-encoded query value. */
int url_encode(struct buf *out, const char *text, struct err *err) MUST_CHECK;

/* Get the percent-decoded path without query; false if there is none, or it does not fit. */
bool url_path(const char *url, char *out, size_t size);

/*
 * Canonicalise a base URL as users paste it: remove a trailing slash, /v1, /api/v1 and the
 * query.
 *
 * returns  the base URL, to be freed by mem_free; NULL on error
 */
char *url_base(const char *pasted, struct err *err) MUST_CHECK;

#endif
