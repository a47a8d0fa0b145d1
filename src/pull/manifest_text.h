/* SPDX-License-Identifier: MIT */
/*
 * manifest_text: writes manifest.json of a pull twice, to be measured and hashed, and into the
 * archive; and gives its rows to the offline view before that.
 *
 * The rows of artifacts, which are most of it, are made once: their text is kept in chunks that
 * are no longer used by bodies, then in an unnamed file; if the file cannot be written, the
 * rows are made again each time.
 *
 * Errors   the volume's, ERR_SYSTEM when the file fails, ERR_MEMORY
 * Owns     the rows' text
 * Threads  one, after fetching and packing have ended
 * Source   docs/archive-format.md, docs/manifest.schema.json
 */
#ifndef PULL_MANIFEST_TEXT_H
#define PULL_MANIFEST_TEXT_H

#include "base/err.h"
#include "client/listing.h"
#include "fetch/fetch.h"
#include "format/manifest.h"
#include "view/page.h"
#include "writer/body.h"
#include "writer/packer.h"
#include "writer/plan.h"
#include "writer/volume.h"

/* The data of a manifest. */
struct manifest_facts {
    struct manifest_head head;
    const struct api *api;
    const struct listing *listing;
    const struct plan *plan;
    const struct fetch *fetch;
    const struct packer *packer;
    const char *(*parent)(void *ctx, const char *run_id); /* see pull_opts */
    void *ctx;
    struct volume *volume;         /* volume_flush sets the places of its files */
    struct spool spool;            /* for the rows' text; borrowed */
    struct manifest_totals totals; /* stored_bytes is filled in once it is known */
};

struct manifest_text;

/* Make a manifest of facts, which must outlive it; NULL with ERR_MEMORY. */
struct manifest_text *manifest_text_new(struct manifest_facts *facts,
                                        struct err *err) MUST_CHECK;

/* Free it and its rows; may be NULL. */
void manifest_text_free(struct manifest_text *source);

/*
 * Write the manifest. The places must be known (volume_flush) and must not change.
 *
 * views  the files of the offline view, which the manifest names
 *
 * The first call waits until all pending data is written.
 */
int manifest_text_put(struct manifest_text *source, const struct manifest_views *views,
                      put_fn *put, void *ctx, struct err *err) MUST_CHECK;

/*
 * Give all rows to the page; the places must be known, stored_bytes need not be. The rows of
 * artifacts are not parsed for it.
 */
int manifest_text_show(struct manifest_text *source, struct page *page,
                       struct err *err) MUST_CHECK;

#endif
