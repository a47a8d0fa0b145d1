/* SPDX-License-Identifier: MIT */
#include "pull/tag_manifest.h"

#include "format/manifest_read.h"
#include "format/manifest_rewrite.h"

void tag_manifest_init(struct tag_manifest *manifest,
                       int (*make)(void *ctx, const struct manifest_views *views,
                                   uint64_t stored, struct buf *out, struct err *err),
                       void *ctx)
{
    *manifest = (struct tag_manifest){ .make = make, .ctx = ctx };
    buf_init(&manifest->text, MANIFEST_REWRITE_MAX);
}

void tag_manifest_clear(struct tag_manifest *manifest)
{
    buf_clear(&manifest->text);
}

int tag_manifest_put(struct tag_manifest *manifest, struct volume *volume,
                     const struct manifest_views *views, put_fn *put, void *to, struct err *err)
{
    uint64_t stored = 0;

    if (!manifest->drained) {
        if (volume_drain(volume, &stored, err) < 0 ||
            manifest->make(manifest->ctx, views, stored, &manifest->text, err) < 0)
            return -1;
        manifest->drained = true;
    }
    return put(to, manifest->text.data, manifest->text.len, err);
}

int tag_manifest_show(struct tag_manifest *manifest, struct page *page, struct err *err)
{
    struct manifest_read rows;
    int rc;

    if (manifest->make(manifest->ctx, NULL, 0, &manifest->text, err) < 0)
        return -1;
    manifest_read_init(&rows, page_row, page);
    rc = manifest_read_feed(&rows, manifest->text.data, manifest->text.len, err);
    manifest_read_clear(&rows);
    return rc;
}
