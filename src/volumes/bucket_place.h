/* SPDX-License-Identifier: MIT */
/*
 * bucket_place: a prefix of a bucket that has the volumes of a sync, and what is there.
 *
 *     PREFIX/2026/11/skyarc-20261124T020000Z.tar.zst               a volume
 *     PREFIX/2026/11/skyarc-20261124T020000Z.tar.zst.sig           its signature, time stamps
 *     PREFIX/2026/11/skyarc-20261124T020000Z.tar.zst.damaged.json  it does not count any more
 *     PREFIX/commits/2026/11/skyarc-20261124T020000Z.tar.zst.json  it counts
 *     PREFIX/sequence/0000000000000042.json  a decision which volume is committed
 *     PREFIX/leases/1-of-8.json             which process archives a shard (storage/lease)
 *     PREFIX/log/0001764000000000-0123456789abcdef.jsonl           entries of the log
 *     PREFIX/catalog/...                    a copy of the catalog (volumes/catalog_index)
 *     PREFIX/tombstones/...                 what is about to be removed (volumes/tombstone)
 *
 * One list of the prefix tells which volumes there are, with their sizes and entity tags. What
 * this process changes is entered into the list that it has read.
 *
 * Units    bytes
 * Errors   those of s3_client; ERR_LIMIT for a prefix that is too long
 * Owns     the client and the list, until bucket_place_close
 * Threads  one; bucket_place_key any
 */
#ifndef VOLUMES_BUCKET_PLACE_H
#define VOLUMES_BUCKET_PLACE_H

#include "attest/proof.h"
#include "base/err.h"
#include "base/mem.h"
#include "catalog/volume_name.h"
#include "s3/location.h"
#include "s3/object.h"
#include "s3/s3_client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUCKET_COMMITS "commits/"
#define BUCKET_LOG     "log/"
#define BUCKET_INDEX   "catalog/"
#define BUCKET_LEASES  "leases/"

#define BUCKET_INDEX_NAME 112 /* buffer size */
#define BUCKET_SHARD      32

#define BUCKET_MARK      40                 /* buffer size for bucket_place_mark */
#define BUCKET_MARKS_MAX 100                /* of a volume */
#define BUCKET_MARK_MAX  ((size_t)16 << 10) /* bytes of a mark */

struct hashmap;

/* An object that says that a volume does not count. */
struct bucket_mark {
    struct bucket_mark *next;
    char end[BUCKET_MARK]; /* its name after the volume's */
};

/* A volume of the list. */
struct bucket_volume {
    char name[VOLUME_NAME];
    uint64_t size;
    int64_t modified_ms; /* by the store's clock; CLOCK_NONE: not known */
    char etag[128];      /* without quotes */
    bool there;          /* the object */
    bool committed;      /* the commit record */
    struct bucket_mark *marks;
    bool aside;      /* one of them is of this object: it does not count */
    unsigned proofs; /* bit i: the proof i (attest/proof) */
};

struct bucket_place {
    struct location location; /* its key is the prefix, "" or with a slash */
    /* how volumes are stored; NULL: as the bucket does by default */
    const struct object_options *objects;
    uint64_t rate_bps; /* of an upload; 0: no limit */
    const char *tool;
    char shard[BUCKET_SHARD]; /* how copies of the catalog end, "-3.8", of a shard; or "" */
    struct s3_client *client;
    /* the list */
    bool listed;
    bool used;                     /* something of a sync is there */
    char index[BUCKET_INDEX_NAME]; /* the newest copy of the catalog, without its end; "" */
    bool index_is_own;             /* it is of this shard */
    struct region *region;
    struct hashmap *by_name;
    struct bucket_volume **all;
    size_t count;
    size_t cap;
};

/* Parse "s3://bucket/prefix"; slashes at its end do not count. */
int bucket_place_parse(struct location *place, const char *text, struct err *err) MUST_CHECK;

/* Connect, unless that was done. */
int bucket_place_connect(struct bucket_place *bucket, struct err *err) MUST_CHECK;

/* The time by the store's clock, as far as it told it, in milliseconds since 1970. */
int64_t bucket_place_now(const struct bucket_place *bucket);

/* Free the client and the list; may be called twice, and on {0}. */
void bucket_place_close(struct bucket_place *bucket);

/* The key of an object: the prefix, a folder ("" or with a slash), a name, and an end. */
int bucket_place_key(const struct bucket_place *bucket, char out[LOCATION_KEY_MAX + 1],
                     const char *folder, const char *name, const char *end,
                     struct err *err) MUST_CHECK;

/* Read the list, unless it was read; afresh: in any case. */
int bucket_place_list(struct bucket_place *bucket, bool afresh, struct err *err) MUST_CHECK;

/* A volume of the list that was read; NULL: nothing is known of the name. */
struct bucket_volume *bucket_place_get(const struct bucket_place *bucket, const char *name);

/* The same; a name that is not known is added. NULL: an error. */
struct bucket_volume *bucket_place_add(struct bucket_place *bucket, const char *name,
                                       struct err *err) MUST_CHECK;

/* Whether a volume counts. */
bool bucket_place_counts(const struct bucket_volume *volume);

/* Write the key of a volume's proof i (attest/proof): 1; 0: there is none; -1. */
int bucket_place_proof(const struct bucket_place *bucket, const struct bucket_volume *volume,
                       unsigned i, char key[LOCATION_KEY_MAX + 1], struct err *err) MUST_CHECK;

/* Write a mark of a volume. out: set to its name */
int bucket_place_put_mark(struct bucket_place *bucket, struct bucket_volume *volume,
                          const char *word, char out[VOLUME_NAME], struct err *err) MUST_CHECK;

/*
 * Log the marks of a volume whose file this machine still has, which can heal the bucket: how
 * to put it in its place.
 *
 * path     of the file
 */
int bucket_place_tell_marks(const struct bucket_place *bucket,
                            const struct bucket_volume *volume, const char *path,
                            struct err *err) MUST_CHECK;

/* Read the marks of a volume that is there: whether one of them is of this object. */
int bucket_place_read_marks(struct bucket_place *bucket, struct bucket_volume *volume,
                            struct err *err) MUST_CHECK;

/* Whether a copy of the catalog, named without its folder, is of a shard; shard: as in struct
 * bucket_place. */
bool bucket_place_is_index_of(const char *name, const char *shard);

/* Copy an entity tag without its quotes. */
void bucket_place_etag(char out[128], const char *etag);

#endif
