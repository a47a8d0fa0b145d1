/* SPDX-License-Identifier: MIT */
/*
 * tag_manifest: manifest.json of an archive that is made from another one: a rewritten volume,
 * or a redacted copy. The whole manifest is in memory.
 *
 * Units    bytes
 * Errors   the volume's and the page's; those of `make`
 * Owns     the text, until tag_manifest_clear
 * Threads  one
 */
#ifndef PULL_TAG_MANIFEST_H
#define PULL_TAG_MANIFEST_H

#include "base/buf.h"
#include "base/err.h"
#include "format/manifest.h"
#include "view/page.h"
#include "writer/volume.h"

#include <stdbool.h>
#include <stdint.h>

struct tag_manifest {
    /*
     * Set by the caller: make the manifest.
     *
     * views   files that the manifest names besides the payload; NULL: none
     * stored  bytes of the archive so far
     * out     gets the manifest, in place of what it has
     */
    int (*make)(void *ctx, const struct manifest_views *views, uint64_t stored, struct buf *out,
                struct err *err);
    void *ctx;
    struct buf text;
    bool drained; /* text is complete: all places and totals are known */
};

/* Initialise; make is called with ctx. */
void tag_manifest_init(struct tag_manifest *manifest,
                       int (*make)(void *ctx, const struct manifest_views *views,
                                   uint64_t stored, struct buf *out, struct err *err),
                       void *ctx);

/* Free the text; may be called twice. */
void tag_manifest_clear(struct tag_manifest *manifest);

/* Write the manifest, which is made once, when all places are known: tag_source.manifest. */
int tag_manifest_put(struct tag_manifest *manifest, struct volume *volume,
                     const struct manifest_views *views, put_fn *put, void *to,
                     struct err *err) MUST_CHECK;

/* Give the manifest's rows to the view: tag_source.show. */
int tag_manifest_show(struct tag_manifest *manifest, struct page *page,
                      struct err *err) MUST_CHECK;

#endif
