/* SPDX-License-Identifier: MIT */
/*
 * contents: volumes and what they hold, entered into the catalog and taken out.
 *
 * To be called within a transaction.
 *
 * Units    bytes; microseconds since 1970 for times of records, ms for ours
 * Errors   the catalog's
 * Owns     nothing; texts are lent for the call, NULL where not known
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
    const char *name; /* below the directory: "2026/11/skyarc-....tar.zst" */
    const char *manifest_sha256;
    uint64_t size;
    const uint8_t *tail; /* SHA256_SIZE bytes: see volume_store_look; NULL: not known */
    int64_t created_ms;
    int64_t entered_ms;
    int64_t verified_ms; /* when it was read back, every hash; DB_UNKNOWN: it was not */
};

struct contents_run {
    const char *run_id;
    const char *supplements; /* the volume that holds what came before, or NULL */
    const char *status;
    const char *run_type;
    const char *failure_reason;
    const char *prompt;
    const char *title;
    const char *output; /* JSON, cut short */
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
    bool wrong; /* it has another checksum than the service gave, or cannot be what it should be
                 */
};

/* What a list says of an artifact's content. */
struct contents_listing {
    const char *checksum; /* NULL: nothing, also below */
    const char *modified_at;
    uint64_t size; /* UINT64_MAX: nothing */
};

#define CONTENTS_LISTED 16 /* bytes: the beginning of a SHA-256 */

struct contents_missing {
    const char *run_id;
    const char *artifact_id;
    const char *type;
    const char *reason;
    bool final; /* it will never come */
};

/* Enter a volume; one of the same name goes with all it held. The ID is for the rest. */
int contents_volume(struct db *c, const struct contents_volume *volume, int64_t *id,
                    struct err *err) MUST_CHECK;

/* Enter a run of a volume, which contents_volume entered. */
int contents_run(struct db *c, int64_t volume, const struct contents_run *run,
                 struct err *err) MUST_CHECK;

/* Enter an artifact of a volume, which contents_volume entered. */
int contents_artifact(struct db *c, int64_t volume, const struct contents_artifact *artifact,
                      struct err *err) MUST_CHECK;

/* It could not be had; each time counts. */
int contents_missing(struct db *c, const struct contents_missing *missing,
                     struct err *err) MUST_CHECK;

/*
 * An artifact that is there is not what the service has: it is missing (contents_settled says
 * no) until another copy comes; for ever, when there are most copies of it already.
 */
int contents_again(struct db *c, const struct contents_missing *missing, unsigned most,
                   struct err *err) MUST_CHECK;

/* Whether some copy of an artifact has the checksum that the service gave (or none was given),
 * and nothing newer is wanted: 1, 0, or -1. */
int contents_has_good(struct db *c, const char *run_id, const char *artifact_id,
                      struct err *err) MUST_CHECK;

/* What a list says of an artifact, in CONTENTS_LISTED bytes: by its checksum, or else by its
 * time.
 */
int contents_listing(uint8_t out[CONTENTS_LISTED], const struct contents_listing *listing,
                     struct err *err) MUST_CHECK;

/*
 * Whether some copy of an artifact of a run is what a list says: its checksum, or the same
 * words as the list had that it was archived by. Where those are not known: it was not modified
 * since the volume was begun.
 *
 * returns  1; 0: there are copies, and none is; -1: error, or there is no copy (*none)
 */
int contents_is_listed(struct db *c, const char *run_id, const char *artifact_id,
                       const struct contents_listing *listing, bool *none,
                       struct err *err) MUST_CHECK;

/* All of it is there, and its manifest's digest is known: sum up. */
int contents_end(struct db *c, int64_t volume, const char *manifest_sha256,
                 struct err *err) MUST_CHECK;

/* Take a volume out, with what only it held. */
int contents_remove(struct db *c, const char *name, struct err *err) MUST_CHECK;

/* Whether a volume is entered: 1, 0, or -1. */
int contents_has(struct db *c, const char *name, struct err *err) MUST_CHECK;

/* Whether a volume is entered, and a run is in it: 1, 0, or -1. */
int contents_holds(struct db *c, const char *name, const char *run_id,
                   struct err *err) MUST_CHECK;

/* The digest of a volume's manifest: 1, 0 where it is not entered, or -1. */
int contents_manifest(struct db *c, const char *name, char sha256[SHA256_TEXT],
                      struct err *err) MUST_CHECK;

/* It was read back, and is what it should be; DB_UNKNOWN: it is to be read back soon. tail
 * may be NULL. */
int contents_verified(struct db *c, const char *name, int64_t verified_ms, const uint8_t *tail,
                      struct err *err) MUST_CHECK;

/* Whether an artifact of a run is in some volume, or is known never to come: 1, 0, or -1. */
int contents_settled(struct db *c, const char *run_id, const char *artifact_id,
                     struct err *err) MUST_CHECK;

/* Each volume; fn gives -1 to fail, and does not change any. */
int contents_volumes(struct db *c,
                     int (*fn)(void *ctx, const struct contents_volume *volume,
                               struct err *err),
                     void *ctx, struct err *err) MUST_CHECK;

/* The volumes that a run is in, or one that it has started. */
int contents_volumes_of(struct db *c, const char *run_id,
                        int (*fn)(void *ctx, const struct contents_volume *volume,
                                  struct err *err),
                        void *ctx, struct err *err) MUST_CHECK;

/* What would be lost with a volume: each part of a run (see run_state_lose) that is in no
 * other. */
int contents_parts(struct db *c, const char *volume,
                   int (*fn)(void *ctx, const char *run_id, const char *part, struct err *err),
                   void *ctx, struct err *err) MUST_CHECK;

/* Each run that names a volume as the one with its part before, in the order of runs. */
int contents_supplements(struct db *c,
                         int (*fn)(void *ctx, const char *run_id, const char *volume,
                                   struct err *err),
                         void *ctx, struct err *err) MUST_CHECK;

/* A run, however many volumes it is in. */
struct contents_kept {
    const char *run_id;
    const char *status;
    int64_t ended; /* or was made; DB_UNKNOWN: neither is known */
};

/* Each run; fn gives -1 to fail. */
int contents_runs(struct db *c,
                  int (*fn)(void *ctx, const struct contents_kept *run, struct err *err),
                  void *ctx, struct err *err) MUST_CHECK;

/* Each run in each volume, in the order of volumes; fn gives -1 to fail. */
int contents_contents(struct db *c,
                      int (*fn)(void *ctx, const char *volume, const char *run_id,
                                struct err *err),
                      void *ctx, struct err *err) MUST_CHECK;

/* The volume that has an artifact, the newest; false: none. */
bool contents_volume_with(struct db *c, const char *artifact_id, char *out, size_t size);

/* The volume entered last, and its manifest's digest; false: there is none. */
bool contents_newest(struct db *c, char *name, size_t size, char sha256[SHA256_TEXT]);

/* The volume that a run's first part, or its latest, is in; false: none. */
bool contents_volume_of(struct db *c, const char *run_id, char *out, size_t size);

#endif
