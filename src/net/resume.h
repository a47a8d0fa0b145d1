/* SPDX-License-Identifier: MIT */
/*
 * resume: going on with a body that broke off, and never gluing it wrongly.
 *
 * What is here may be gone on with when the answer says that it begins where we
 * stopped and that the whole still is the same: by a strong entity tag, else by
 * its length. Where neither was told, only a checksum that will judge the whole
 * makes it safe.
 *
 * Pure.
 *
 * Units    bytes
 * Errors   none: what cannot be trusted is started anew
 * Threads  any
 * Source   RFC 9110, 13.1.5 (If-Range), 14.2 (Range), 14.4 (Content-Range)
 */
#ifndef NET_RESUME_H
#define NET_RESUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESUME_UNSAID  UINT64_MAX
#define RESUME_TAG_MAX 128 /* a longer entity tag counts as none */

/* What is here of a body, and what was said of the whole; {0}: nothing is here. */
struct resume {
    uint64_t from;            /* bytes here */
    uint64_t total;           /* of the whole, or RESUME_UNSAID */
    bool judged;              /* a checksum will judge the whole */
    char tag[RESUME_TAG_MAX]; /* strong entity tag with its quotes; "": none */
};

/* Whether what is here is worth asking for the rest. */
bool resume_possible(const struct resume *resume);

/* Keep an entity tag when it is strong and fits; "" otherwise. */
void resume_tag(char out[RESUME_TAG_MAX], const char *etag);

/*
 * Whether a 206 goes on exactly where we stopped, with the same whole.
 *
 * range    its Content-Range; "" for none
 * etag     its ETag; "" for none
 */
bool resume_right(const struct resume *resume, const char *range, const char *etag);

#endif
