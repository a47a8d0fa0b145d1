/* SPDX-License-Identifier: MIT */
/*
 * manifest_rewrite: the manifest of an archive that is written anew with some of its runs.
 *
 * Rows stay as they are, also what they have that this program does not know; only
 * where files lie now, what they are the same as, and the sums are made again.
 *
 * Pure.
 *
 * Units    bytes
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Owns     nothing
 * Threads  one
 * Source   docs/manifest.schema.json
 */
#ifndef FORMAT_MANIFEST_REWRITE_H
#define FORMAT_MANIFEST_REWRITE_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MANIFEST_REWRITE_NONE UINT64_MAX   /* a place that is not known */
#define MANIFEST_REWRITE_VIEW "index.html" /* the document that is made anew */

/* A file that is kept: an artifact's row, or a document's. */
struct manifest_rewrite_row {
    struct json_value row; /* as it was */
    uint64_t size;
    bool document;
    /* of an artifact, as it is now */
    uint64_t frame;
    uint64_t offset;
    const char *first; /* path of the file that it is the same as, or NULL */
    bool link;
};

struct manifest_rewrite {
    struct json_value root; /* the old manifest */
    const struct manifest_rewrite_row *rows;
    size_t count;
    const char *tool;
    uint64_t stored;    /* bytes of the archive before the manifest */
    uint64_t view_size; /* 0: there is no view (yet) */
    const uint8_t *view_sha256;
    struct buf *scratch;
    bool (*keep)(void *ctx, const char *run_id);
    void *ctx;
};

/* Put the new manifest into out, in place of what it holds. */
int manifest_rewrite(const struct manifest_rewrite *revise, struct buf *out,
                     struct err *err) MUST_CHECK;

#endif
