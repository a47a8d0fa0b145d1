/* SPDX-License-Identifier: MIT */
/*
 * bucket_log: the log of a sync in a bucket: holds, removals, losses, and the shard.
 *
 * Entries that are written together are one object, PREFIX/log/TIME-RANDOM.jsonl, written once,
 * by a conditional request; TIME are 16 digits, milliseconds since 1970, and greater than those
 * of all objects that the writer knew, whatever its clock says: so the order of the keys is one
 * in which each entry follows those that it was decided by. An entry counts when its object
 * stands.
 *
 * log.jsonl in the work directory (catalog/audit_log) is a copy: the lines of all objects, in
 * the order in which they were read. log.objects names those that it has. All keys are listed
 * each time, 1,000 by a request, and only new objects are read: no clock decides what is new.
 * If one of the two files is lost, both are made again.
 *
 * Units    bytes, milliseconds since 1970
 * Errors   those of s3_client; ERR_SYSTEM; ERR_LIMIT for an object that no skyarc wrote
 * Owns     the names of the objects that were read, until bucket_log_clear
 * Threads  the bucket's
 */
#ifndef VOLUMES_BUCKET_LOG_H
#define VOLUMES_BUCKET_LOG_H

#include "base/err.h"
#include "base/mem.h"
#include "catalog/audit_log.h"
#include "volumes/bucket_place.h"

#include <stdbool.h>
#include <stdint.h>

#define BUCKET_LOG_NAME 64 /* buffer size for the name of an object, without its folder */

struct bucket_log {
    struct bucket_place *bucket; /* borrowed, as the directory */
    const char *dir;
    struct hashmap *known; /* names of the objects that the copy has; NULL: not loaded */
    struct region *region;
    int64_t last_ms;          /* the greatest time of a known name */
    struct text_list written; /* objects of lines that are not in the copy yet */
};

/* Read the objects that the copy lacks, and append their lines to it. With the lock of the
 * work directory. */
int bucket_log_refresh(struct bucket_log *log, struct err *err) MUST_CHECK;

/* How catalog/audit_log writes entries into the bucket. Valid as long as log. */
struct audit_log_origin bucket_log_origin(struct bucket_log *log);

/* Free the names; may be called twice, and on {0}. */
void bucket_log_clear(struct bucket_log *log);

#endif
