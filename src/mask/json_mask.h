/* SPDX-License-Identifier: MIT */
/*
 * json_mask: masks the values of a JSON document, which stays JSON.
 *
 * Masked are the values that json paths of the rules name, those of members with a secret's
 * name (redact/secret_names), of a HAR's cookies, headers and parameters (mask/har_mask), what
 * actions typed into password fields (mask/typed), bodies in base64 after decoding, and in all
 * other strings, and in the names of members, what text_mask finds. Strings that are JSON
 * documents, also between lines of ```, are masked as documents. A masked number becomes a
 * string; true, false, null and empty strings stay.
 *
 * Units    bytes
 * Errors   those of text_mask
 * Owns     nothing
 * Threads  one at a time
 */
#ifndef MASK_JSON_MASK_H
#define MASK_JSON_MASK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "mask/text_mask.h"

#include <stddef.h>

#define JSON_MASK_NEST 4 /* documents in strings of documents */

/*
 * Masks a body that was decoded from base64.
 *
 * out      gets the masked body
 * returns  1; 0: nothing was masked; -1: error
 */
typedef int json_mask_body_fn(struct masker *m, const char *bytes, size_t len, struct buf *out,
                              struct err *err);

/*
 * Parse a text that may be a document.
 *
 * doc      gets the document; NULL: the text is none, or exceeds the limits of base/json
 * returns  0, or -1 with ERR_MEMORY: whether the text is a document is not known
 */
int json_mask_parse(const char *text, size_t len, struct json **doc,
                    struct err *err) MUST_CHECK;

/*
 * Append a masked copy of a document, whose text is `text`.
 *
 * returns  1; 0: nothing was masked; -1: error
 */
int json_mask(struct masker *m, const struct json *doc, const char *text, size_t len,
              json_mask_body_fn *body, struct buf *out, struct err *err) MUST_CHECK;

#endif
