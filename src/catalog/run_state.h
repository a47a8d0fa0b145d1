/* SPDX-License-Identifier: MIT */
/*
 * run_state: the state of each run.
 *
 *   undecided listed, but the shard that archives it (catalog/shard) is not known yet
 *   running   has not ended
 *   due       has ended, and must be archived
 *   open      archived, and will be listed again, since it may have further artifacts
 *   sealed    archived, and nothing more is expected
 *   gone      the service does not have the run, and it was never archived
 *   lost      archived, but its volume is lost and the service no longer has the run
 *   pruned    archived, and removed on purpose
 *
 * Failed runs are deferred, with a growing delay. When a volume is lost (gone, damaged,
 * replaced), its parts that no other volume has are put into the table `lost`, and their runs
 * become due. Parts that are archived again are removed from the table.
 *
 * Units    microseconds since 1970 for times of records, milliseconds for times of this
 *          machine
 * Errors   the catalog's
 * Owns     nothing; texts are borrowed for the call
 * Threads  the catalog's
 */
#ifndef CATALOG_RUN_STATE_H
#define CATALOG_RUN_STATE_H

#include "base/err.h"
#include "catalog/db.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUN_STATE_RUNNING "running"
#define RUN_STATE_DUE     "due"
#define RUN_STATE_OPEN    "open"
#define RUN_STATE_SEALED  "sealed"
#define RUN_STATE_GONE    "gone"
#define RUN_STATE_LOST    "lost"
#define RUN_STATE_PRUNED  "pruned"

#define RUN_STATE_UNDECIDED "undecided"

/* Reason of a run that was sealed because the service no longer has it: whether it had
 * further artifacts is not known. */
#define RUN_STATE_LEFT "gone at the service"

/* Reason of a run that ended and will be retried. */
#define RUN_STATE_RETRY "retry pending"

/* Reason of a completed run for which the service listed no artifacts. */
#define RUN_STATE_EMPTY "no artifacts"

struct run_state_row {
    const char *run_id;
    const char *state;
    const char *status;
    int64_t created_at; /* DB_UNKNOWN: not known; the same below */
    int64_t finished_at;
};

#define RUN_STATE_HOUR ((int64_t)3600 * 1000)

/*
 * Record what a list or a record of the service says: a run that ended becomes due; a run in
 * state gone or lost exists again (due or running), and an undecided one is decided; a sealed
 * run whose end changed becomes open; times that were unknown are stored. 1: the run was not
 * known.
 */
int run_state_seen(struct db *c, const struct run_state_row *row, bool terminal, int64_t now_ms,
                   struct err *err) MUST_CHECK;

/*
 * Record what a list says of a run whose shard is not known: a new run becomes undecided; a
 * known one keeps its state, and times that were unknown are stored.
 */
int run_state_undecided(struct db *c, const struct run_state_row *row, int64_t now_ms,
                        struct err *err) MUST_CHECK;

/* Whether a run is archived or has another state than undecided: 1, 0 or -1. */
int run_state_kept(struct db *c, const char *run_id, struct err *err) MUST_CHECK;

/* Delete the state of a run, whatever it is. */
int run_state_forget(struct db *c, const char *run_id, struct err *err) MUST_CHECK;

/* Whether the catalog knows a run, by either ID, archived or not: 1, 0 or -1. */
int run_state_known(struct db *c, const char *run_id, struct err *err) MUST_CHECK;

/* Forget a run in state running, due or undecided, because it is not wanted. */
int run_state_drop(struct db *c, const char *run_id, struct err *err) MUST_CHECK;

/* Set a run's state; next_ms: not to be visited before. */
int run_state_set(struct db *c, const char *run_id, const char *state, int64_t next_ms,
                  const char *reason, struct err *err) MUST_CHECK;

/*
 * A run was listed, and needs no volume: seal it if it ended before before_us, otherwise leave
 * it open until next_ms.
 *
 * returns  1; 0: it is in no volume, or lacks artifacts that may still appear, and nothing
 *          changed; -1
 */
int run_state_nothing_new(struct db *c, const char *run_id, int64_t before_us, int64_t next_ms,
                          struct err *err) MUST_CHECK;

/* Make a sealed run open, to be listed at next_ms; runs in other states are not changed. */
int run_state_reopen(struct db *c, const char *run_id, int64_t next_ms, const char *reason,
                     struct err *err) MUST_CHECK;

/* An attempt failed: defer the run in this state, for an hour, doubled up to a week. */
int run_state_put_off(struct db *c, const char *run_id, const char *state, int64_t now_ms,
                      const char *reason, struct err *err) MUST_CHECK;

/*
 * An archived run has no artifacts in the service's list: list it again after 20 hours, or seal
 * it if this was the last of `nights` lists.
 *
 * nights   how often the run is listed
 * returns  1: sealed now; 0: not yet; -1
 */
int run_state_empty(struct db *c, const char *run_id, int64_t now_ms, int nights,
                    struct err *err) MUST_CHECK;

/* A run was requested and is still running: other runs are requested first the next time. */
int run_state_asked(struct db *c, const char *run_id, int64_t now_ms,
                    struct err *err) MUST_CHECK;

/* An archived run has further artifacts: it becomes due; the count of failures is kept. */
int run_state_grown(struct db *c, const char *run_id, struct err *err) MUST_CHECK;

/*
 * Which runs run_state_each visits: runs in a state that are due, oldest first.
 */
struct run_state_which {
    const char *state;
    int64_t now_ms;
    int64_t horizon; /* a later next_ms was set by a wrong clock, and counts as due */
    int64_t seen_ms; /* leave out runs seen at this time in a list or record; 0: none */
    size_t most;     /* limit of visited runs */
    bool in_turn;    /* first the runs requested longest ago: see run_state_asked */
    bool doubtful;   /* only runs that failed before, or that a lost volume had: the service
                      * may not have them */
};

/*
 * Visit the runs that `which` describes; fn returns -1 to fail, and may change the row's state.
 */
int run_state_each(struct db *c, const struct run_state_which *which,
                   int (*fn)(void *ctx, const struct run_state_row *row, struct err *err),
                   void *ctx, struct err *err) MUST_CHECK;

/* The longest time for which a run is deferred: a week, or `settle` if that is longer. */
int64_t run_state_horizon(int64_t settle);

/* Whether a run is in this state: 1, 0, or -1. */
int run_state_is(struct db *c, const char *run_id, const char *state,
                 struct err *err) MUST_CHECK;

/* The service no longer has the run: set it to lost, or sealed if a volume has it, or gone.
 * 1: the run is lost. */
int run_state_vanished(struct db *c, const char *run_id, const char *reason,
                       struct err *err) MUST_CHECK;

/* A run was pruned. If a volume still has the run, it may lack what another volume had: it
 * becomes open, to be listed again. */
int run_state_pruned(struct db *c, const char *run_id, struct err *err) MUST_CHECK;

/* A part of a run was in a lost volume; no effect if another volume has the part. */
int run_state_lose(struct db *c, const char *run_id, const char *part, const char *volume,
                   int64_t at_ms, struct err *err) MUST_CHECK;

/* The number of runs that lack parts of a lost volume and are not being fetched; -1: error. */
int64_t run_state_count_lost(struct db *c, struct err *err);

/* Visit each such run (untold: only those not reported yet), with the volume and the number
 * of lost parts; fn returns -1 to fail. */
int run_state_each_lost(struct db *c, bool untold,
                        int (*fn)(void *ctx, const char *run_id, const char *volume,
                                  int64_t parts, struct err *err),
                        void *ctx, struct err *err) MUST_CHECK;

/* Mark all lost runs as reported. */
int run_state_told_lost(struct db *c, struct err *err) MUST_CHECK;

/* The number of runs in a state; -1: error. */
int64_t run_state_count(struct db *c, const char *state, struct err *err);

/* Creation time of the oldest run that ended and is not archived; DB_UNKNOWN: none, or an
 * error. */
int64_t run_state_oldest(struct db *c, struct err *err);

/* The creation times between which all runs of a filter are known; both DB_UNKNOWN: none. */
struct frontier {
    int64_t from;
    int64_t until;
};

/*
 * Get the interval in which all runs of a filter are known; DB_UNKNOWN if there is none.
 */
int run_state_frontier(struct db *c, const char *filter, struct frontier *frontier,
                       struct err *err) MUST_CHECK;

/* Store the interval in which all runs of a filter are known. */
int run_state_set_frontier(struct db *c, const char *filter, const struct frontier *frontier,
                           struct err *err) MUST_CHECK;

/* Record that a volume with these runs (one per line) will be written. */
int run_state_intend(struct db *c, const char *name, const char *runs,
                     struct err *err) MUST_CHECK;

/* Delete the record of run_state_intend: the volume exists, or was abandoned. */
int run_state_intended(struct db *c, const char *name, struct err *err) MUST_CHECK;

/* End the use of the texts that run_state_intent returned. */
void run_state_intent_done(struct db *c);

/*
 * Get the first volume that was started and not ended. Returns 1, 0 if there is none, or -1;
 * the texts are valid until run_state_intent_done.
 */
int run_state_intent(struct db *c, const char **name, const char **runs,
                     struct err *err) MUST_CHECK;

#endif
