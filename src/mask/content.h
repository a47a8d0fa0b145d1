/* SPDX-License-Identifier: MIT */
/*
 * content: masks a file, according to what its content is.
 *
 * JSON stays JSON; all other texts, HTML among them, are masked as texts, and their markup
 * stays, since no character of a mask has a meaning in markup. A text that is compressed by
 * gzip is decompressed, masked and compressed again. Pictures stay, unless they have a known
 * value in their bytes. All other content cannot be masked.
 *
 * After masking, a text is searched again for all known values, in all encodings; if one is
 * left, the file must be left out.
 *
 * Units    bytes
 * Errors   those of text_mask; ERR_LIMIT for a body larger than CONTENT_MAX
 * Owns     nothing
 * Threads  one at a time
 * Source   RFC 1952 (gzip)
 */
#ifndef MASK_CONTENT_H
#define MASK_CONTENT_H

#include "base/buf.h"
#include "base/err.h"
#include "mask/text_mask.h"

#include <stddef.h>

#define CONTENT_MAX ((size_t)64 << 20) /* files that are larger are left out */

enum content_kind {
    CONTENT_TEXT,
    CONTENT_GZIP,
    CONTENT_PICTURE,
    CONTENT_OPAQUE, /* it cannot be masked */
};

/* What a content is, by all its bytes: a text has no NUL. */
enum content_kind content_kind(const void *bytes, size_t len);

enum content_result {
    CONTENT_SAME,
    CONTENT_MASKED,
    CONTENT_UNMASKABLE,
    CONTENT_LEFTOVER, /* a secret could not be taken out */
};

/*
 * Mask a whole content.
 *
 * out      gets the masked content, if the result is CONTENT_MASKED; replaced
 * returns  an enum content_result, or -1
 */
int content_mask(struct masker *m, const char *bytes, size_t len, struct buf *out,
                 struct err *err) MUST_CHECK;

#endif
