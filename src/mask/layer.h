/* SPDX-License-Identifier: MIT */
/*
 * layer: a text with its escapes decoded, and where each decoded byte stands in the text.
 *
 * Values are searched for in the decoded text and masked in the text as it is, so that all else
 * keeps its bytes. JSON's escapes, HTML's character references and percent-encoding can occur
 * mixed, since captured texts are often written by several programs into each other: a layer
 * decodes all of them at once, and the layer of a layer decodes what was encoded twice. What
 * only looks like an escape is decoded too; that can find a value too much, and none too few,
 * because the text that was not decoded is searched as well.
 *
 * Units    bytes
 * Errors   ERR_LIMIT for a text of more than LAYER_TEXT_MAX, ERR_MEMORY
 * Owns     the decoded text and its marks, until layer_clear
 * Threads  one at a time
 * Source   RFC 8259, 7; the HTML standard, 13.5; RFC 3986, 2.1; RFC 4648, 4 and 5
 */
#ifndef MASK_LAYER_H
#define MASK_LAYER_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAYER_TEXT_MAX ((size_t)256 << 20)

/* What layer_decode decodes. */
enum layer_escapes {
    LAYER_JSON = 1, /* \n, \u0041, \x41 */
    LAYER_HTML = 2, /* &amp;, &#64; */
    LAYER_PERCENT = 4,
    LAYER_ALL = 7
};

/* An escape: its bytes in both texts. */
struct layer_mark {
    uint32_t plain;
    uint32_t raw;
    uint8_t plain_len;
    uint8_t raw_len;
};

/* {0} is empty; layer_decode and layer_base64 may be called again for another text. */
struct layer {
    struct buf plain; /* the decoded text */
    struct layer_mark *marks;
    size_t count;
    size_t cap;
    bool base64;      /* plain was decoded from base64, which begins at... */
    size_t base64_at; /* ...this offset of the text */
};

/* Release; may be called twice, and on {0}. */
void layer_clear(struct layer *layer);

/*
 * Decode a text. escapes: those of enum layer_escapes, or-ed.
 *
 * returns  1; 0: the text has no escape, and layer->plain is not set; -1: error
 */
int layer_decode(struct layer *layer, const char *text, size_t len, unsigned escapes,
                 struct err *err) MUST_CHECK;

/*
 * Find the next run of base64 (of either alphabet) in a text, from *at on, that decodes to
 * text, and decode it.
 *
 * returns  1, and *at is behind the run; 0: there is none; -1: error
 */
int layer_base64(struct layer *layer, const char *text, size_t len, size_t *at,
                 struct err *err) MUST_CHECK;

/* Where the decoded byte at an offset begins in the text. */
size_t layer_from(const struct layer *layer, size_t plain);

/* Where the decoded byte before an offset, which is not 0, ends in the text. */
size_t layer_to(const struct layer *layer, size_t plain);

/* Whether a character is one of base64, of either alphabet, without '='. */
bool layer_is_base64(char c);

/*
 * Append the bytes that base64 text stands for; ends at the first character that is none.
 *
 * returns  the number of characters read, or -1 on error
 */
long layer_unbase64(struct buf *out, const char *text, size_t len, struct err *err) MUST_CHECK;

/* Append bytes as base64, in the standard alphabet, with padding. */
int layer_put_base64(struct buf *out, const void *bytes, size_t len,
                     struct err *err) MUST_CHECK;

/* Whether bytes look like text: no control characters but white space, and valid UTF-8 for the
 * most part. */
bool layer_is_text(const char *bytes, size_t len);

#endif
