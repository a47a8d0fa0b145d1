/* SPDX-License-Identifier: MIT */
/*
 * tag_writer: writes the log of requests, the offline view, manifest.json and the BagIt files
 * at the end of an archive.
 *
 * Each file is made twice, the first time only to measure and hash it, so that a file of any
 * length needs no memory; only the sidecars of the view, whose sizes are known, are made once.
 *
 * Units    bytes
 * Errors   the volume's, those of the callbacks
 * Owns     nothing
 * Threads  one, after all payload files were added to the volume
 * Source   docs/archive-format.md; RFC 8493 (BagIt 1.0)
 */
#ifndef PULL_TAG_WRITER_H
#define PULL_TAG_WRITER_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "format/bag.h"
#include "format/manifest.h"
#include "view/page.h"
#include "writer/volume.h"

#include <stdbool.h>
#include <stdint.h>

/* The payload files seen so far; used by tag_payload_add. */
struct tag_payload {
    put_fn *put;
    void *ctx;
    uint64_t bytes;
    uint64_t files;
};

/* What the tag files of an archive are made from. */
struct tag_source {
    struct volume *volume;
    struct page *page; /* the offline view, or NULL */
    /*
     * Whether the places of all payload files are known, since only runs' documents came last:
     * the view then shares their frame, so that its copies of them cost little.
     */
    bool placed;
    struct bag_info info; /* name: the top directory; bytes and files are counted */
    /*
     * Write manifest.json; the same bytes each time.
     *
     * views  the log of requests and the files of the offline view, which the manifest names;
     *        none if there are none
     */
    int (*manifest)(void *ctx, const struct manifest_views *views, put_fn *put, void *to,
                    struct err *err);
    /* Write requests.jsonl, if `logged` is set; the same bytes each time. */
    int (*requests)(void *ctx, put_fn *put, void *to, struct err *err);
    bool logged;
    /* Give the rows of the manifest to the page; the total of stored bytes is not needed. */
    int (*show)(void *ctx, struct page *page, struct err *err);
    /* Call tag_payload_add for each payload file, in the same order each time. */
    int (*payload)(void *ctx, struct tag_payload *payload, struct err *err);
    void *ctx;
};

/* What is known of manifest.json when it is written. */
struct tag_result {
    uint8_t sha256[SHA256_SIZE];
    uint8_t sha512[SHA512_SIZE];
};

/* Name one payload file. */
int tag_payload_add(struct tag_payload *payload, const char *path, uint64_t size,
                    const uint8_t sha256[SHA256_SIZE], struct err *err) MUST_CHECK;

/* Write all tag files. The places of the payload files are known when manifest is called. */
int tag_writer_write(const struct tag_source *source, struct tag_result *result,
                     struct err *err) MUST_CHECK;

#endif
