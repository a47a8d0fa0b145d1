/* SPDX-License-Identifier: MIT */
/*
 * manifest_text: manifest.json of a pull, as often as it is asked for: once for the offline
 * view to learn its rows from, once to be measured and hashed, once for the archive.
 *
 * The rows of artifacts, which are most of it, are made once: their text is kept in chunks that
 * no body needs any more, then in a file without a name; where that has no room they are made
 * anew each time.
 *
 * Errors   the volume's, ERR_SYSTEM when the file fails, ERR_MEMORY
 * Owns     the rows' text
 * Threads  one, when fetching and packing have ended
 * Source   docs/archive-format.md, docs/manifest.schema.json
 */
#ifndef PULL_MANIFEST_TEXT_H
#define PULL_MANIFEST_TEXT_H

#include "base/err.h"
#include "client/listing.h"
#include "format/manifest.h"
#include "pull/fetch.h"
#include "writer/body.h"
#include "writer/packer.h"
#include "writer/plan.h"
#include "writer/volume.h"

#include <stdint.h>

/* What a manifest is made of. */
struct manifest_facts {
    struct manifest_head head;
    const struct api *api;
    const struct listing *listing;
    const struct plan *plan;
    const struct fetch *fetch;
    const struct packer *packer;
    const char *(*parent)(void *ctx, const char *run_id); /* see pull_opts */
    void *ctx;
    struct volume *volume;         /* what is in it gets its places from volume_flush */
    struct spool spool;            /* for the rows' text; lent */
    struct manifest_totals totals; /* stored_bytes is filled in when it is known */
};

/* A file that the manifest names, and that is made of it. */
struct tag_sum {
    uint64_t size; /* 0: there is none */
    uint8_t sha256[SHA256_SIZE];
};

struct manifest_text;

/* A manifest of facts, which must outlive it; NULL with ERR_MEMORY. */
struct manifest_text *manifest_text_new(struct manifest_facts *facts,
                                        struct err *err) MUST_CHECK;

/* Free it and its rows; NULL is fine. */
void manifest_text_free(struct manifest_text *source);

/*
 * Put the manifest out. Places must be known (volume_flush) and stay.
 *
 * view  index.html, which it names; NULL: it is to be made from this, and stored_bytes may
 * still be unknown; the first time with a view waits until all that is pending is written
 */
int manifest_text_put(struct manifest_text *source, const struct tag_sum *view, put_fn *put,
                      void *ctx, struct err *err) MUST_CHECK;

#endif
