/* SPDX-License-Identifier: MIT */
/*
 * sniff: what bytes are, by their beginning.
 *
 * The service mislabels recordings and leaves types out; magic bytes don't lie.
 *
 * Threads  any
 * Source   the formats' own specifications; WHATWG MIME Sniffing for the images;
 *          RFC 8794 (EBML)
 */
#ifndef FORMAT_SNIFF_H
#define FORMAT_SNIFF_H

#include <stdbool.h>
#include <stddef.h>

#define SNIFF_SIZE 64 /* bytes that suffice */

struct sniff {
    const char *ext;        /* without the dot */
    const char *media_type; /* IANA */
    bool packed;            /* compressed already: squeezing gains nothing */
};

/* What begins with these bytes; NULL: no format we know (text, mostly). */
const struct sniff *sniff_find(const void *head, size_t len);

/*
 * Whether a WebM or Matroska file was never finished: the size of its segment is still open,
 * so that players find neither its length nor where to seek.
 *
 * head     its first bytes; some hundred suffice
 */
bool sniff_unfinished(const void *head, size_t len);

/* The extension for bytes that sniff_find does not know: html, json, txt or bin. */
const char *sniff_guess(const void *head, size_t len);

/* The media type that goes with an extension (without the dot), or application/octet-stream. */
const char *sniff_media_type(const char *ext);

#endif
