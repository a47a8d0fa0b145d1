/* SPDX-License-Identifier: MIT */
/*
 * tagfiles: what an archive says of its runs and of itself: run.json, artifacts.json and
 * records/NAME.json of each run, manifest.json and the BagIt files.
 *
 * Each file is made twice, the first time only to be measured and hashed, so
 * that a manifest of any length needs no memory.
 *
 * Errors   the volume's
 * Owns     nothing
 * Threads  one, when fetching and packing have ended
 * Source   docs/archive-format.md, docs/manifest.schema.json
 */
#ifndef PULL_TAGFILES_H
#define PULL_TAGFILES_H

#include "base/err.h"
#include "client/listing.h"
#include "pull/manifest_text.h"
#include "view/page.h"
#include "writer/packer.h"
#include "writer/plan.h"

#include <stddef.h>
#include <stdint.h>

struct tagfiles {
    struct manifest_facts facts; /* tagfiles_count fills in the totals, but for stored_bytes */
    const char *top;             /* the top directory's name */
    struct page *page;           /* the offline view, or NULL */
    uint8_t sha256[SHA256_SIZE]; /* of manifest.json; tagfiles_write fills them */
    uint8_t sha512[SHA512_SIZE];
    uint64_t mismatches; /* checksums that the service gave and that are wrong */
    uint64_t suspects;   /* artifacts whose content cannot be what their type says */
};

/* Hand run.json, artifacts.json and the records of all runs to the packer; the texts in the
 * listing move. records: NULL where none is kept. */
int tagfiles_documents(struct listing *listing, const struct records *records,
                       struct packer *packer, struct err *err) MUST_CHECK;

/* Show the page (ctx) what may be a text of it; the `seen` hook of entry_writer. */
int tagfiles_see(void *ctx, const char *path, const struct item *item,
                 const struct packed *packed, const struct body *body,
                 struct err *err) MUST_CHECK;

/* Count everything up. */
void tagfiles_count(struct tagfiles *record);

/* Write all tag files; gives where manifest.json is and its size. */
int tagfiles_write(struct tagfiles *record, struct spot *manifest, uint64_t *manifest_size,
                   struct err *err) MUST_CHECK;

#endif
