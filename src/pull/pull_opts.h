/* SPDX-License-Identifier: MIT */
/*
 * pull_opts: options, progress and result of a pull.
 *
 * Units    bytes; milliseconds
 * Owns     nothing: the caller that fills them in owns the texts
 */
#ifndef PULL_PULL_OPTS_H
#define PULL_PULL_OPTS_H

#include "api/api.h"
#include "api/artifact_filter.h"
#include "api/endpoint.h"
#include "api/reason.h"
#include "attest/authority.h"
#include "attest/sshsig.h"
#include "base/err.h"
#include "base/pulse.h"
#include "format/manifest.h"
#include "net/engine.h"
#include "provenance/request_log.h"
#include "pull/planner.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PULL_REASONS 16
#define PULL_ORIGINS 8 /* hosts that are described */

/* The number of missing items for one reason. */
struct missing_reason {
    enum reason reason;
    uint64_t count;
};

/* Progress, for display. */
struct pull_status {
    size_t runs;
    size_t runs_listed;
    size_t runs_ended; /* runs, while waiting */
    bool waiting;
    bool early; /* bodies are fetched, but not all runs are listed: totals may grow */
    size_t artifacts;
    size_t artifacts_done;
    size_t missing;
    unsigned running;
    unsigned retries;
    const char *verified; /* NULL, or the volume that is read back: `bytes` of bytes_expected */
    uint64_t bytes;
    uint64_t bytes_expected; /* of the artifacts whose size is known */
    size_t unsized;          /* artifacts to be fetched whose size is not known */
    uint64_t asked;          /* delay that a host requested, in ms; 0: none did */
    struct origin_state origins[PULL_ORIGINS]; /* the hosts, the busiest first */
    size_t origin_count;
};

/* Receiver of a pull's progress. Passed on by value, unchanged, like struct stop. */
struct pull_watcher {
    void (*status)(void *ctx, const struct pull_status *status); /* called often */
    void *ctx;
};

/* A watcher that does nothing. */
struct pull_watcher pull_unwatched(void);

struct pull_opts {
    const struct api *api;
    char *const *run_ids;
    size_t run_count;
    const struct artifact_filter *filter;
    bool must_match; /* a run of which the filter accepts nothing makes the pull incomplete */
    bool children;   /* include the runs that the requested runs have started */
    const struct endpoint_filter *records; /* which records are kept; NULL: none */
    const char *tool;                      /* "skyarc 1.0" */
    const char *ca_file;
    const char *spool_dir;
    const char *output;
    /* for the journal, which allows a later attempt to resume; NULL: no journal */
    const char *state_key;
    const struct sshsig_key *sign_key; /* writes OUTPUT.sig; NULL: no signature */
    struct authorities authorities;    /* of OUTPUT.tsr; {0}: no time stamps */
    const char *stamped;               /* instead of OUTPUT in that name; NULL: OUTPUT */
    const struct request_log *asked;   /* requests made before, which chose the runs; NULL */
    bool log_host;                     /* the log of requests has the name of this host */
    bool view;                         /* with index.html, the offline view */
    /* What the series contains already. Every hook is set: see pull_opts_no_hooks. */
    bool (*skip)(void *ctx, const char *run_id, const struct artifact *artifact);
    const char *(*parent)(void *ctx,
                          const char *run_id); /* the archive with a run's first part */
    /*
     * Called with each listed run before planning; 1: file it under its canonical name (wr_) if
     * it has one, 0: under the requested name, -1: fail.
     */
    int (*met)(void *ctx, const struct listed_run *run, struct err *err);
    /*
     * Whether an archived run has another final status than its archives say: only_new then
     * writes an archive for it.
     */
    bool (*changed)(void *ctx, const struct listed_run *run);
    /* Called at the end with each missing artifact. */
    void (*lost)(void *ctx, const char *run_id, const char *artifact_id, const char *type,
                 enum reason reason);
    bool calm;     /* anomalies of a run are recorded, and not logged */
    bool only_new; /* write no archive if there is neither an artifact nor a new run */
    /* payload limit; runs beyond it are deferred; 0: none */
    uint64_t most_bytes;
    const char *previous; /* the previous archive of the series, or NULL: see bag_info */
    const char *previous_sha256;
    const char *top; /* the archive's top directory */
    enum container format;
    int level;
    bool force;
    unsigned mode; /* of the archive, or of a directory's files, and of the signature */
    bool strict;
    /* if artifacts are missing that may still appear, fail and keep the partial archive */
    bool patient;
    /* number of simultaneous pulls among which descriptors and cores are divided; 0: one */
    unsigned share;
    bool dedupe;
    enum entry_writer_duplicates duplicates;
    enum bundle_mode bundles;
    const char *local_root; /* see file_open_beneath; NULL: none */
    unsigned jobs;
    uint64_t memory; /* see budget_limits */
    unsigned retries;
    /* wait for the runs to end, polling at this interval; 0: do not wait */
    uint64_t wait_interval;
    uint64_t timeout;   /* timeout of the whole pull; 0: none */
    uint64_t rate_bps;  /* 0: no limit */
    uint64_t stall_bps; /* see engine_opts */
    uint64_t stall_s;
    uint64_t max_size;
    struct stop stop;
    struct pull_watcher watcher;
    bool digest;  /* compute the archive's own SHA-256, for the result */
    bool dry_run; /* report to planned what would be fetched, and write nothing */
    void (*planned)(void *ctx, const struct pull_planned *planned);
    void *ctx;
};

/*
 * What is archived and how, as the journal's first line: a later attempt resumes only if its
 * own line is equal. Free it with mem_free.
 */
char *pull_opts_request(const struct pull_opts *opts, struct err *err) MUST_CHECK;

/*
 * Whether some listed run has not been archived before, according to opts->parent and changed.
 */
bool pull_opts_any_new(const struct pull_opts *opts, const struct listing *listing);

/* The filter, as the manifest records it. */
struct manifest_filter pull_opts_filter(const struct pull_opts *opts);

/*
 * How an engine talks to the service: identity, trust, limits of stalled transfers, and jobs.
 * A caller that has a rate limit or a memory budget adds it.
 */
struct engine_opts pull_opts_engine(const struct pull_opts *opts);

/* Set all hooks to functions that do nothing: nothing is skipped, stopped or reported. */
void pull_opts_no_hooks(struct pull_opts *opts);

struct pull_result {
    struct manifest_totals totals;
    struct missing_reason reasons[PULL_REASONS];
    size_t reason_count;
    uint64_t mismatches;
    uint64_t suspects;   /* artifacts whose content does not match their type */
    size_t records;      /* records of the runs */
    size_t records_lost; /* records that the service should have returned */
    size_t runs;         /* requested runs and their children */
    size_t children;     /* children that were not requested themselves */
    size_t runs_left;    /* requested runs deferred because of most_bytes */
    size_t runs_failed;
    size_t runs_unmatched; /* requested runs without an artifact that the filter accepts */
    size_t runs_going;     /* runs that have not ended, or are going to be retried */
    unsigned retries;
    struct origin_state origins[PULL_ORIGINS]; /* the hosts, the busiest first */
    size_t origin_count;
    uint64_t elapsed;
    uint64_t size;  /* of the archive */
    bool directory; /* not an archive: it has no sha256, and size is that of its files */
    uint8_t sha256[SHA256_SIZE];          /* zeros: not computed, see pull_opts.digest */
    uint8_t manifest_sha256[SHA256_SIZE]; /* the head of its series */
    unsigned stamps;                      /* time stamps that were kept */
    unsigned stamps_failed;               /* those that did not come, which was logged */
    size_t restored;                      /* artifacts kept from an interrupted attempt */
    uint64_t restored_bytes;
    size_t coming;   /* after a failure: artifacts that a patient pull misses */
    size_t kept;     /* after a failure: artifacts kept for a later attempt */
    bool nothing;    /* there was nothing new, and no archive was written */
    bool incomplete; /* something is missing or differs from what the service announced */
};

#endif
