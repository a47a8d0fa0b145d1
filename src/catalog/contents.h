/* SPDX-License-Identifier: MIT */
/*
 * contents: volumes and their contents, added to the catalog and removed from it.
 *
 * Functions that write must be called within a transaction.
 *
 * Units    bytes; microseconds since 1970 for times of records, ms for times of
 *          this machine
 * Errors   the catalog's
 * Owns     nothing; texts are borrowed for the call, NULL if not known
 * Threads  the catalog's
 */
#ifndef CATALOG_CONTENTS_H
#define CATALOG_CONTENTS_H

#include "base/digest.h"
#include "base/err.h"
#include "catalog/db.h"

#include <stdbool.h>
#include <stdint.h>

struct contents_volume {
    const char *name; /* relative to the directory: "2026/11/skyarc-....tar.zst" */
    const char *manifest_sha256;
    uint64_t size;
    const uint8_t *tail; /* SHA256_SIZE bytes: see volumes/dir_store; NULL: not known */
    int64_t created_ms;
    int64_t entered_ms;
    int64_t verified_ms; /* time of the last full verification; DB_UNKNOWN: never */
};

struct contents_run {
    const char *run_id;
    const char *supplements; /* the volume with the run's earlier artifacts, or NULL */
    const char *status;
    const char *run_type;
    const char *failure_reason;
    const char *prompt;
    const char *title;
    const char *output; /* JSON, truncated */
    int64_t created_at;
    int64_t finished_at;
    uint64_t artifacts;
    uint64_t missing;
};

struct contents_artifact {
    const char *run_id;
    const char *artifact_id;
    const char *type;
    const char *path;
    int64_t created_at;
    uint64_t size;
    uint8_t sha256[SHA256_SIZE];
    const uint8_t *listed; /* CONTENTS_LISTED bytes, by contents_listing; NULL: not known */
    bool wrong; /* its checksum does not match the service's, or its content is suspect */
};

/* What a list of artifacts says of an artifact's content. */
struct contents_listing {
    const char *checksum; /* NULL: not stated; the same below */
    const char *modified_at;
    uint64_t size; /* UINT64_MAX: not stated */
};

#define CONTENTS_LISTED 16 /* bytes: the beginning of a SHA-256 */

struct contents_missing {
    const char *run_id;
    const char *artifact_id;
    const char *type;
    const char *reason;
    bool final; /* permanently missing */
};

#define CONTENTS_COPIES 8 /* kept copies of an artifact that keeps changing */

/* Add a volume; an existing volume of the same name is removed with its contents. *id is
 * passed to the functions below. */
int contents_volume(struct db *c, const struct contents_volume *volume, int64_t *id,
                    struct err *err) MUST_CHECK;

/* Add a run of a volume added by contents_volume. */
int contents_run(struct db *c, int64_t volume, const struct contents_run *run,
                 struct err *err) MUST_CHECK;

/* Add an artifact of a volume added by contents_volume. */
int contents_artifact(struct db *c, int64_t volume, const struct contents_artifact *artifact,
                      struct err *err) MUST_CHECK;

/*
 * Record a failed attempt to fetch an artifact; attempts are counted. No effect if a volume has
 * the artifact and no other copy is wanted.
 */
int contents_missing(struct db *c, const struct contents_missing *missing,
                     struct err *err) MUST_CHECK;

/*
 * Record that an archived artifact is not what the service has: it counts as missing
 * (contents_settled returns 0) until another copy is archived; permanently if there are `most`
 * copies already.
 */
int contents_again(struct db *c, const struct contents_missing *missing, unsigned most,
                   struct err *err) MUST_CHECK;

/* Whether a copy of an artifact has the checksum stated by the service (or none was stated),
 * and no newer copy is wanted: 1, 0, or -1. */
int contents_has_good(struct db *c, const char *run_id, const char *artifact_id,
                      struct err *err) MUST_CHECK;

/* Digest of what a list says of an artifact's content, CONTENTS_LISTED bytes: made from the
 * checksum, or without one from the time of modification. */
int contents_listing(uint8_t out[CONTENTS_LISTED], const struct contents_listing *listing,
                     struct err *err) MUST_CHECK;

/*
 * Whether a copy of an artifact is what a list says: it has the listed checksum, or was
 * archived from a list with the same statement. If that statement is not known: the artifact
 * was not modified since the volume's sync began.
 *
 * returns  1; 0: there are copies, but none matches; -1: there is no copy (then *none is set,
 *          and err is not), or an error
 */
int contents_is_listed(struct db *c, const char *run_id, const char *artifact_id,
                       const struct contents_listing *listing, bool *none,
                       struct err *err) MUST_CHECK;

/* End a volume: store its manifest's digest, and sum up the sizes of its runs. */
int contents_end(struct db *c, int64_t volume, const char *manifest_sha256,
                 struct err *err) MUST_CHECK;

/* Remove a volume, and the objects that only this volume had. */
int contents_remove(struct db *c, const char *name, struct err *err) MUST_CHECK;

/* Whether the catalog has a volume: 1, 0, or -1. */
int contents_has(struct db *c, const char *name, struct err *err) MUST_CHECK;

/* Whether the catalog has a volume with a run: 1, 0, or -1. */
int contents_holds(struct db *c, const char *name, const char *run_id,
                   struct err *err) MUST_CHECK;

/* Get the digest of a volume's manifest: 1, 0 if the volume is not in the catalog, or -1. */
int contents_manifest(struct db *c, const char *name, char sha256[SHA256_TEXT],
                      struct err *err) MUST_CHECK;

/* Record a successful verification; DB_UNKNOWN: the volume must be verified soon. tail may
 * be NULL. */
int contents_verified(struct db *c, const char *name, int64_t verified_ms, const uint8_t *tail,
                      struct err *err) MUST_CHECK;

/* Whether an artifact of a run is in a volume, or permanently missing: 1, 0, or -1. */
int contents_settled(struct db *c, const char *run_id, const char *artifact_id,
                     struct err *err) MUST_CHECK;

/* Visit each volume; fn must not change volumes, and returns -1 to fail. */
int contents_volumes(struct db *c,
                     int (*fn)(void *ctx, const struct contents_volume *volume,
                               struct err *err),
                     void *ctx, struct err *err) MUST_CHECK;

/* Visit the volumes that contain a run or one of the runs that it started. */
int contents_volumes_of(struct db *c, const char *run_id,
                        int (*fn)(void *ctx, const struct contents_volume *volume,
                                  struct err *err),
                        void *ctx, struct err *err) MUST_CHECK;

/* Visit the parts that would be lost with a volume: each part of a run (see run_state_lose)
 * that no other volume has. */
int contents_parts(struct db *c, const char *volume,
                   int (*fn)(void *ctx, const char *run_id, const char *part, struct err *err),
                   void *ctx, struct err *err) MUST_CHECK;

/* Visit each run that names a volume with its earlier artifacts, sorted by run ID. */
int contents_supplements(struct db *c,
                         int (*fn)(void *ctx, const char *run_id, const char *volume,
                                   struct err *err),
                         void *ctx, struct err *err) MUST_CHECK;

/* A run, in however many volumes. */
struct contents_kept {
    const char *run_id;
    const char *status;
    int64_t ended; /* its end, or else its creation; DB_UNKNOWN: neither is known */
};

/* Visit each run; fn returns -1 to fail. */
int contents_runs(struct db *c,
                  int (*fn)(void *ctx, const struct contents_kept *run, struct err *err),
                  void *ctx, struct err *err) MUST_CHECK;

/* Visit each run of each volume, sorted by volume, with the size of its artifacts; fn returns
 * -1 to fail. */
int contents_run_sizes(struct db *c,
                       int (*fn)(void *ctx, const char *volume, const char *run_id,
                                 uint64_t bytes, struct err *err),
                       void *ctx, struct err *err) MUST_CHECK;

/* The newest volume that has an artifact; false: none, or the catalog cannot be read. */
bool contents_volume_with(struct db *c, const char *artifact_id, char *out, size_t size);

/* The volume added last, and its manifest's digest; false: none, or an error. */
bool contents_newest(struct db *c, char *name, size_t size, char sha256[SHA256_TEXT]);

/* The volume added last that contains a run; false: none, or an error. */
bool contents_volume_of(struct db *c, const char *run_id, char *out, size_t size);

#endif
