/* SPDX-License-Identifier: MIT */
/*
 * commit_record: the small object that makes a volume in a bucket count.
 *
 * It is written once, by a conditional request, when the volume and its signature are there: a
 * volume without one is a leftover, or belongs to a process that is still at work. It says
 * which volume it is (size, SHA-256, digests of manifest and tail), and which runs it has, so
 * that other machines need not read the volume. A reader ignores members that it does not know.
 *
 *     { "version": 1, "volume": "2026/11/skyarc-20261124T020000Z.tar.zst", "size": 4242,
 *       "sha256": "...", "tail_sha256": "...", "etag": "...", "version_id": null,
 *       "committed_at": "2026-11-24T02:03:04Z", "made_by": "skyarc 0.3.0", "nonce": "...",
 *       "runs": [ { "run_id": "wr_1", "supplements": null } ], "manifest_sha256": "..." }
 *
 * "supplements" names the volume with the run's part before this one; so the generation of a
 * run is the length of this chain. The nonce makes records of different writers differ.
 *
 * Errors   ERR_FORMAT for a malformed record; the archive's
 * Owns     nothing
 * Threads  any
 * Source   docs/object-stores.md, "A sync in a bucket"
 */
#ifndef VOLUMES_COMMIT_RECORD_H
#define VOLUMES_COMMIT_RECORD_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/pulse.h"
#include "s3/s3_client.h"
#include "volumes/bucket_place.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COMMIT_RECORD_VERSION 1
#define COMMIT_RECORD_MAX     ((size_t)32 << 20) /* of the whole record */

/* What a record says of the object; the texts may be "" if they are not known. */
struct commit_record {
    uint64_t size;
    char sha256[SHA256_TEXT]; /* of the whole volume; "": not known */
    char tail_sha256[SHA256_TEXT];
    char etag[128]; /* without quotes */
    char version[128];
};

/*
 * Write the record of a volume.
 *
 * archive  path to read the volume's manifest from
 * name     the volume's name
 * tool     the program's name and version
 */
int commit_record_write(const struct commit_record *record, const char *archive,
                        const char *name, const char *tool, struct stop stop, struct buf *out,
                        struct err *err) MUST_CHECK;

/* Read the IDs of the runs that a volume has, both of each run that has two. */
int commit_record_runs(const char *archive, struct stop stop, struct text_list *out,
                       struct err *err) MUST_CHECK;

/*
 * Load the record of a volume.
 *
 * client     the place's, or another one of its bucket
 * malformed  set if a record stands, and the error is that it cannot be understood
 * returns    1; 0: there is none; -1
 */
int commit_record_load(struct commit_record *record, const struct bucket_place *bucket,
                       struct s3_client *client, const char *name, bool *malformed,
                       struct err *err) MUST_CHECK;

/* Read a record, which must be of the volume of this name. */
int commit_record_read(struct commit_record *record, const char *name, const char *text,
                       size_t len, struct err *err) MUST_CHECK;

#endif
