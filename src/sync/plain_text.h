/* SPDX-License-Identifier: MIT */
/*
 * plain_text: what people read in a log or an LLM text, for the full-text index.
 *
 * A text that begins as JSON does is read as JSON, also if it is cut, or has one document in
 * each line: each key with its value on a line, strings without quotes and escapes, so that
 * words in any script are found. Images and other base64 data are left out. Any other text
 * stays as it is. Nothing is rejected: the text is untrusted.
 *
 * Pure.
 *
 * Units    bytes
 * Errors   ERR_MEMORY
 * Owns     nothing
 * Threads  any
 */
#ifndef SYNC_PLAIN_TEXT_H
#define SYNC_PLAIN_TEXT_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Append the text to out until its limit is reached; it ends with a whole character. Bytes that
 * are not UTF-8 become U+FFFD, NULs spaces.
 *
 * json  whether the text may be JSON
 */
int plain_text(struct buf *out, const char *bytes, size_t len, bool json,
               struct err *err) MUST_CHECK;

#endif
