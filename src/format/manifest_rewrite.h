/* SPDX-License-Identifier: MIT */
/*
 * manifest_rewrite: rewrites a manifest for an archive that is reduced to some of its runs.
 *
 * Rows are copied unchanged, including members that this program does not know, except for the
 * files' positions and duplicates. Written anew are tool, created_at (the clock is read), the
 * totals, and the rows of the view's files; rows and IDs of other runs are left out.
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
#include "base/err.h"
#include "base/json.h"
#include "format/manifest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MANIFEST_REWRITE_NONE UINT64_MAX        /* an unknown position */
#define MANIFEST_REWRITE_MAX  ((size_t)1 << 30) /* bytes of a manifest in memory */

/* A file that stays in the archive: an artifact's row or a document's. */
struct manifest_rewrite_row {
    struct json_value row; /* the old row */
    uint64_t size;
    bool document;
    uint64_t offset; /* new */
    /* new values, of an artifact */
    uint64_t frame;
    uint64_t level;    /* of that frame, 0: stored; MANIFEST_REWRITE_NONE: none */
    const char *first; /* path of the first copy, or NULL */
    bool link;
};

struct manifest_rewrite {
    struct json_value root; /* the old manifest */
    const struct manifest_rewrite_row *rows;
    size_t count;
    const char *tool;
    uint64_t stored;                   /* bytes of the archive up to the manifest */
    const struct manifest_views *view; /* the offline view's files; NULL: none (yet) */
    struct buf *scratch;
    bool (*keep)(void *ctx, const char *run_id);
    void *ctx;
};

/* Write the new manifest to out, replacing its contents. */
int manifest_rewrite(const struct manifest_rewrite *rewrite, struct buf *out,
                     struct err *err) MUST_CHECK;

#endif
