/* SPDX-License-Identifier: MIT */
/*
 * pull_opts: what a pull is asked for, how far it is, and what came of it.
 *
 * Units    bytes; milliseconds
 * Owns     nothing: texts are lent by who fills them in
 */
#ifndef PULL_PULL_OPTS_H
#define PULL_PULL_OPTS_H

#include "api/api.h"
#include "api/endpoint.h"
#include "api/kind.h"
#include "api/reason.h"
#include "base/err.h"
#include "base/pulse.h"
#include "format/manifest.h"
#include "format/sshsig.h"
#include "net/loop.h"
#include "pull/planner.h"
#include "writer/packer.h"
#include "writer/volume.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PULL_REASONS 16

/* How many of a reason. */
struct missing_reason {
    enum reason reason;
    uint64_t count;
};

/* What is going on, for people. */
struct pull_status {
    size_t runs;
    size_t runs_listed;
    size_t runs_ended; /* while waiting */
    bool waiting;
    size_t artifacts;
    size_t artifacts_done;
    size_t missing;
    unsigned running;
    unsigned retries;
    uint64_t bytes;
    uint64_t bytes_expected; /* 0: not known */
    uint64_t elapsed;
};

/* Who is told of a pull's progress. Handed down by value, unchanged, like struct stop. */
struct pull_watcher {
    void (*status)(void *ctx, const struct pull_status *status); /* called often */
    void *ctx;
};

struct pull_opts {
    const struct api *api;
    char *const *run_ids;
    size_t run_count;
    const struct kind_filter *filter;
    bool children;                         /* with the runs that they have started */
    const struct endpoint_filter *records; /* which records are kept; NULL: none */
    const char *tool;                      /* "skyarc 1.0" */
    const char *ca_file;
    const char *spool_dir;
    const char *output;
    const char *state_key;             /* for an interrupted attempt's journal; NULL: none */
    const struct sshsig_key *sign_key; /* writes OUTPUT.sig; NULL: no signature */
    bool view;                         /* with index.html, the offline view */
    /* What a series has already. Every hook is set: see pull_opts_no_hooks. */
    bool (*skip)(void *ctx, const char *run_id, const char *artifact_id);
    const char *(*parent)(void *ctx,
                          const char *run_id); /* the archive with a run's first part */
    /* Shown each run that was listed, before anything is planned; 1: it is to be filed under
       its canonical name (wr_) where it has one, 0: as it was asked for, -1 fails. */
    int (*met)(void *ctx, const struct listed_run *run, struct err *err);
    /* Whether a run that is archived ended otherwise than its archives say: then only_new
       writes one. */
    bool (*changed)(void *ctx, const struct listed_run *run);
    /* Told of each artifact that is missing, in the end. */
    void (*lost)(void *ctx, const char *run_id, const char *artifact_id, const char *type,
                 enum reason reason);
    bool calm;            /* what is odd about a run is noted, and not told */
    bool only_new;        /* write no archive in which there is no artifact and no new run */
    uint64_t most_bytes;  /* leave runs out, from the last on, whose artifacts are too many; 0:
                             none */
    const char *previous; /* the archive before in the series, or NULL: see bag_info */
    const char *previous_sha256;
    const char *top; /* the archive's top directory */
    enum container format;
    int level;
    bool force;
    unsigned mode; /* of the archive, or of a directory's files, and of the signature */
    bool strict;
    bool patient;   /* when something is missing that may come, fail and keep what is here */
    unsigned share; /* so many pulls run beside each other and share memory and cores; 0: one */
    bool dedupe;
    enum entry_writer_duplicates duplicates;
    enum bundle_mode bundles;
    const char *local_root; /* see file_open_beneath; NULL: none */
    unsigned jobs;
    unsigned retries;
    uint64_t wait_interval; /* wait for the runs to end, asking so often; 0: do not wait */
    uint64_t timeout;       /* of all; 0: none */
    uint64_t rate_bps;      /* 0: no limit */
    uint64_t stall_bps;     /* see engine_opts */
    uint64_t stall_s;
    uint64_t max_size;
    struct stop stop;
    struct pull_watcher watcher;
    bool dry_run; /* tell planned what would be fetched, and write nothing */
    void (*planned)(void *ctx, const struct pull_planned *planned);
    void *ctx;
};

/* Set all hooks to functions that do nothing: nothing is skipped, stopped or told. */
void pull_opts_no_hooks(struct pull_opts *opts);

struct pull_result {
    struct manifest_totals totals;
    struct missing_reason reasons[PULL_REASONS];
    size_t reason_count;
    uint64_t mismatches;
    uint64_t suspects;   /* artifacts whose content cannot be what their type says */
    size_t records;      /* that tell the runs' stories */
    size_t records_lost; /* that the service should have given */
    size_t runs;         /* those asked for, and their children */
    size_t children;     /* of them, not asked for */
    size_t runs_left;    /* of those asked for, left out for most_bytes */
    size_t runs_failed;
    size_t runs_going; /* that have not ended, or are going to be tried again */
    unsigned retries;
    uint64_t elapsed;
    uint64_t size;  /* of the archive */
    bool directory; /* not an archive: it has no sha256, and size is that of its files */
    uint8_t sha256[SHA256_SIZE];
    uint8_t manifest_sha256[SHA256_SIZE]; /* the head of its series */
    size_t restored;                      /* artifacts that an interrupted attempt had left */
    uint64_t restored_bytes;
    size_t coming;   /* after a failure: what a patient pull misses */
    size_t kept;     /* after a failure: artifacts that are here to be gone on with */
    bool nothing;    /* there was nothing new, and no archive was written */
    bool incomplete; /* something is missing or is not what the service said */
};

#endif
