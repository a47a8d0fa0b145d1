/* SPDX-License-Identifier: MIT */
/*
 * tagfiles: the files that describe the runs and the archive of a pull: run.json,
 * artifacts.json and records/NAME.json of each run; what manifest.json and the BagIt files are
 * made from.
 *
 * Errors   the volume's
 * Owns     nothing
 * Threads  tagfiles_see: the packer's; the others: one, and all but tagfiles_documents after
 *          packer_join
 * Source   docs/archive-format.md, docs/manifest.schema.json
 */
#ifndef PULL_TAGFILES_H
#define PULL_TAGFILES_H

#include "base/err.h"
#include "client/listing.h"
#include "pull/manifest_text.h"
#include "pull/pull_opts.h"
#include "pull/request_file.h"
#include "pull/tag_writer.h"
#include "view/page.h"
#include "writer/packer.h"
#include "writer/plan.h"

#include <stdint.h>

struct tagfiles {
    struct manifest_facts facts; /* tagfiles_count fills in the totals except stored_bytes */
    const char *top;             /* the top directory's name */
    struct page *page;           /* the offline view, or NULL */
    const struct request_file *requests;
    uint64_t mismatches; /* artifacts whose checksum differs from the service's */
    uint64_t suspects;   /* artifacts whose content does not match their type */
};

/*
 * Give run.json, artifacts.json and the records of all runs to the packer, which
 * listing and records must outlive. records: NULL if none are kept.
 */
int tagfiles_documents(struct listing *listing, const struct records *records,
                       struct packer *packer, struct err *err) MUST_CHECK;

/* Pass content that may be text to the page (ctx); the `seen` hook of entry_writer. */
int tagfiles_see(void *ctx, const char *path, const struct item *item,
                 const struct packed *packed, const struct body *body,
                 struct err *err) MUST_CHECK;

/* Count the totals. */
void tagfiles_count(struct tagfiles *files);

/* Write all tag files. */
int tagfiles_write(struct tagfiles *files, struct tag_result *manifest,
                   struct err *err) MUST_CHECK;

/*
 * Ask the authorities of opts for time stamps of a manifest, and write their responses beside
 * the archive. One that does not come is logged, and counted in the result.
 */
void tagfiles_stamp(const struct pull_opts *opts, struct pull_result *result);

/*
 * Write the signature of a manifest, made with opts->sign_key, to a file.
 *
 * errors  ERR_EXISTS if there is such a file, unless opts->force
 */
int tagfiles_sign(const struct tag_result *manifest, const struct pull_opts *opts,
                  const char *path, struct err *err) MUST_CHECK;

#endif
