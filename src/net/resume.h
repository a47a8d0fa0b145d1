/* SPDX-License-Identifier: MIT */
/*
 * resume: continuing a partial download without mixing two versions of a body.
 *
 * A partial download is continued only if the response starts at the requested offset and
 * belongs to the same version of the body: it must have the same validators as the first
 * response, weak ones included, and the same total length. If the server gave neither a strong
 * entity tag nor a length, a checksum of the whole body is required.
 *
 * Pure.
 *
 * Units    bytes
 * Errors   none: if in doubt, the download starts over
 * Threads  any
 * Source   RFC 9110, 13.1.5 (If-Range), 14.2 (Range), 14.4 (Content-Range)
 */
#ifndef NET_RESUME_H
#define NET_RESUME_H

#include <stdbool.h>
#include <stdint.h>

#define RESUME_UNSAID  UINT64_MAX
#define RESUME_TAG_MAX 128 /* a longer entity tag is not used */

/* The validators of one version of a body; "": not in the response. */
struct validators {
    char tag[RESUME_TAG_MAX]; /* ETag with its quotes, and W/ if weak */
    char date[64];            /* Last-Modified */
};

/* A partial download and what is known of the whole body; {0}: no bytes are here. */
struct resume {
    uint64_t from;  /* bytes received so far */
    uint64_t total; /* size of the whole body, or RESUME_UNSAID */
    bool judged;    /* a checksum of the whole body will be verified */
    bool same_host; /* seen came from the host of the request, and of its redirects */
    struct validators seen;
};

/* Whether the rest of the body can be requested. */
bool resume_possible(const struct resume *resume);

/*
 * Store an ETag; a malformed or too long one, and a second one, is stored as a value that
 * equals no other.
 */
void validators_tag(struct validators *seen, const char *etag);

/*
 * Store a Last-Modified date; an empty or too long one, and a second one that differs, is
 * stored as a value that equals no other.
 */
void validators_date(struct validators *seen, const char *date);

/* The strong entity tag for If-Range; "": none. */
const char *resume_tag(const struct resume *resume);

/*
 * Parse a Content-Range, "bytes FIRST-LAST/TOTAL"; total becomes RESUME_UNSAID if it is "*".
 * false: it has another form.
 */
bool resume_parse(const char *range, uint64_t *first, uint64_t *last, uint64_t *total);

/* The offset in the whole body where a Content-Range ends; or RESUME_UNSAID. */
uint64_t resume_end(const char *range);

/*
 * Whether a 206 continues the partial download at its end, with the same version of the body.
 *
 * range    the response's Content-Range; "": none
 * seen     the response's validators
 */
bool resume_right(const struct resume *resume, const char *range,
                  const struct validators *seen);

#endif
