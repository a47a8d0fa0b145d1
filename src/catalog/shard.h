/* SPDX-License-Identifier: MIT */
/*
 * shard: divides the runs of an account among several sync directories.
 *
 * Shard K of N has the runs whose hash is K - 1, modulo N. The hash is XXH64 (seed 0) of the
 * bytes of the run's canonical ID (catalog/relation), so that each machine and version computes
 * the same one; runs that another run started are in the shard of the first run of their
 * family. The hash must never change: directories would get other runs.
 *
 * The shard that a directory is filled with is an entry of its log (AUDIT_LOG_SHARD); the last
 * one counts. A directory without such an entry is filled with all runs. Several shards may
 * fill one prefix of a bucket: then the log has an entry for each, the last one tells how many
 * there are, and the catalog tells of which shard it has the states.
 *
 * The functions without a catalog are pure: the environment is read by a callback.
 *
 * Errors   ERR_USAGE: a shard that cannot be; the catalog's
 * Owns     nothing; texts are borrowed for the call
 * Threads  any; those with a catalog: the catalog's
 * Source   docs/scale.md; github.com/Cyan4973/xxHash, doc/xxhash_spec.md (XXH64);
 *          kubernetes.io/docs/concepts/workloads/controllers/job (Indexed Jobs);
 *          slurm.schedmd.com/job_array.html
 */
#ifndef CATALOG_SHARD_H
#define CATALOG_SHARD_H

#include "base/err.h"
#include "catalog/db.h"

#include <stdbool.h>
#include <stdint.h>

#define SHARD_MOST     1000000 /* N */
#define SHARD_TEXT_MAX 32      /* size of the buffer for shard_text */

/* Shard k of n; n is 1 for all runs, 0 if no shard is named. */
struct shard {
    uint64_t k; /* from 1 to n */
    uint64_t n;
};

/* The value of an environment variable, or NULL. */
typedef const char *shard_env_fn(void *ctx, const char *name);

/*
 * Parse "K/N", "auto/N" or "auto".
 *
 * auto takes K from JOB_COMPLETION_INDEX (of an Indexed Job of Kubernetes, which tells no N),
 * or K and N from SLURM_ARRAY_TASK_ID, _MIN, _STEP and _COUNT (of a job array of SLURM); with
 * auto/N, the array must have N tasks. A variable that is missing or wrong is named in the
 * error.
 */
int shard_parse(struct shard *out, const char *text, shard_env_fn *env, void *ctx,
                struct err *err) MUST_CHECK;

/* Write "K/N"; returns out. */
const char *shard_text(char out[SHARD_TEXT_MAX], const struct shard *shard);

/* Whether a shard leaves runs out: not if none is named, and not 1/1. */
bool shard_divides(const struct shard *shard);

/* The hash of a run ID. */
uint64_t shard_hash(const char *run_id);

/* Whether a run is in a shard by its hash, given its canonical ID and no parent. */
bool shard_takes(const struct shard *shard, const char *run_id);

/* What shard_choose decides by. */
struct shard_choice {
    const char *dir;       /* for messages */
    struct shard recorded; /* with which the directory is filled; n 0: none was recorded */
    bool filled;           /* the directory has or knows runs */
    struct shard asked;    /* n 0: none was asked for */
    bool change;           /* fill it with what was asked for, whatever it has */
    bool bucket;           /* a prefix of a bucket, which all shards may fill; for messages */
};

/*
 * Decide which shard a directory is filled with: the one that was asked for, if the directory
 * is new or this is also the recorded one; the recorded one if none was asked for. ERR_USAGE if
 * they differ and no change was asked for.
 *
 * use  written on success only; n is 1 for all runs
 */
int shard_choose(const struct shard_choice *choice, struct shard *use,
                 struct err *err) MUST_CHECK;

/*
 * Get the shard that the log recorded last; n is 0 if there is none.
 *
 * at_ms  gets the time of the entry, if there is one; may be NULL
 */
int shard_recorded(struct db *c, struct shard *shard, int64_t *at_ms,
                   struct err *err) MUST_CHECK;

/*
 * Of a bucket, which several shards may fill: set the shard whose runs have states in this
 * catalog. From then on shard_recorded tells it, as long as the bucket is divided into so many.
 *
 * returns  1: it was another one; 0: it was the same, or none; -1
 */
int shard_set_own(struct db *c, const struct shard *shard, struct err *err) MUST_CHECK;

/* How many shards of n the log has recorded; k: count only this one, 0: all. -1: error */
int64_t shard_members(struct db *c, uint64_t n, uint64_t k, struct err *err) MUST_CHECK;

/* The number of entries of the log that record a shard, or -1. */
int64_t shard_records(struct db *c, struct err *err) MUST_CHECK;

/*
 * The number of these entries, after the first `known`, that are of another number of shards.
 */
int64_t shard_records_after(struct db *c, int64_t known, uint64_t n,
                            struct err *err) MUST_CHECK;

/* Whether the catalog has volumes, or states of runs: 1, 0 or -1. */
int shard_is_filled(struct db *c, struct err *err) MUST_CHECK;

/* Whether a run, which may be one that another run started, is in a shard: 1, 0 or -1. */
int shard_has(struct db *c, const struct shard *shard, const char *run_id,
              struct err *err) MUST_CHECK;

/* The log says that a shard fills the place: as shard_changed, unless the catalog is that of
 * another shard of as many. In a transaction. */
int shard_joined(struct db *c, const struct shard *shard, struct err *err) MUST_CHECK;

/*
 * The directory is filled with another shard from now on: forget which runs were listed
 * (frontiers), and the runs of other shards that are in no volume and were in none. In a
 * transaction.
 */
int shard_changed(struct db *c, const struct shard *shard, struct err *err) MUST_CHECK;

#endif
