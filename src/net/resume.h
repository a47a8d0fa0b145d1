/* SPDX-License-Identifier: MIT */
/*
 * resume: going on with what broke off, and never gluing it wrongly.
 *
 * What is here may be gone on with when the answer says that it begins where we
 * stopped and that the whole still is the same: its validators must be those that
 * the first answer had, weak ones too, and its length the same. Where neither a
 * strong entity tag nor a length was told, only a checksum that will judge the
 * whole makes it safe.
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

/* What tells one version of a body from another; "": the answer did not say. */
struct validators {
    char tag[RESUME_TAG_MAX]; /* entity tag with its quotes, and W/ when weak */
    char date[64];            /* Last-Modified */
};

/* What is here of a body, and what was said of the whole; {0}: nothing is here. */
struct resume {
    uint64_t from;  /* bytes here */
    uint64_t total; /* of the whole, or RESUME_UNSAID */
    bool judged;    /* a checksum will judge the whole */
    bool same_host; /* the validators are those of the host that is asked now */
    struct validators seen;
};

/* Whether what is here is worth asking for the rest. */
bool resume_possible(const struct resume *resume);

/* Keep an ETag; one that is malformed or too long is kept as one that no other equals. */
void validators_tag(struct validators *seen, const char *etag);

/* Keep a Last-Modified. */
void validators_date(struct validators *seen, const char *date);

/* The entity tag that an If-Range may name: a strong one; "": there is none. */
const char *resume_tag(const struct resume *resume);

/* Where the bytes of a Content-Range end, counted from the whole's beginning; or
 * RESUME_UNSAID. */
uint64_t resume_end(const char *range);

/*
 * Whether a 206 goes on exactly where we stopped, with the same whole.
 *
 * range    its Content-Range; "" for none
 * seen     its validators
 */
bool resume_right(const struct resume *resume, const char *range,
                  const struct validators *seen);

#endif
