/* SPDX-License-Identifier: MIT */
/*
 * sniff: detects file formats by their first bytes.
 *
 * Needed because the service reports wrong or no types for some artifacts.
 *
 * Threads  any
 * Source   the formats' own specifications; WHATWG MIME Sniffing for the images; RFC
 *          8794 (EBML)
 */
#ifndef FORMAT_SNIFF_H
#define FORMAT_SNIFF_H

#include <stdbool.h>
#include <stddef.h>

#define SNIFF_SIZE 64 /* number of bytes that sniff_find needs */

struct sniff {
    const char *ext;        /* without the dot */
    const char *media_type; /* IANA */
    bool packed;            /* already compressed: compression gains nothing */
};

/* Detect a format by magic bytes; NULL if it is unknown (mostly text). */
const struct sniff *sniff_find(const void *head, size_t len);

/* Whether a detected format (NULL: none) is this one; ext without the dot. */
bool sniff_is(const struct sniff *is, const char *ext);

/* Whether an artifact type (NULL: none) is that of a HAR, which the archive and the view treat
 * differently from other types. */
bool sniff_type_is_har(const char *type);

/* Whether an artifact type (NULL: none) is that of a model's answer, in whatever form. */
bool sniff_type_is_answer(const char *type);

/*
 * Whether a WebM or Matroska file is unfinished: the size of its segment is unknown, so that
 * players cannot show its length or seek.
 *
 * head     its first bytes; a few hundred suffice
 */
bool sniff_unfinished(const void *head, size_t len);

/* Guess the extension of a format without magic bytes: html, json, txt or bin. */
const char *sniff_guess(const void *head, size_t len);

/* The media type for an extension (without the dot), or application/octet-stream. */
const char *sniff_media_type(const char *ext);

/* The static name of a media type that these functions return; NULL: none of them does. */
const char *sniff_known_type(const char *media_type);

#endif
