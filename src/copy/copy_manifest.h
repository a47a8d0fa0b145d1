/* SPDX-License-Identifier: MIT */
/*
 * copy_manifest: the manifest of a redacted copy: the original's rows, masked, without what was
 * left out, and the member "redaction", which says what the copy is.
 *
 * Units    bytes
 * Errors   those of text_mask; ERR_FORMAT for an invalid manifest; ERR_LIMIT
 * Owns     nothing
 * Threads  one
 * Source   docs/manifest.schema.json, "redaction"
 */
#ifndef COPY_COPY_MANIFEST_H
#define COPY_COPY_MANIFEST_H

#include "base/buf.h"
#include "base/err.h"
#include "copy/copy_plan.h"
#include "mask/text_mask.h"

#include <stdbool.h>
#include <stdint.h>

struct copy_manifest {
    const struct copy_plan *plan;
    struct masker *masker;
    const uint8_t *sha256; /* of the original's manifest */
    bool digests;          /* name the digests of what was masked or left out */
};

/*
 * Write the manifest's text to out: its rows have the positions and duplicates of the original,
 * which manifest_rewrite replaces. All contents must have been masked.
 */
int copy_manifest_make(const struct copy_manifest *made, struct buf *out,
                       struct err *err) MUST_CHECK;

/* The members of the manifest's rows that are never masked; ends with NULL. */
extern const char *const copy_manifest_spared[];

/* Whether two values have the same bytes, but for the blanks between them. */
bool copy_manifest_same(struct json_value a, struct json_value b);

#endif
