/* SPDX-License-Identifier: MIT */
/*
 * run_state: where each run stands on its way into the directory.
 *
 *   running   it has not ended
 *   due       it has ended, and is to be archived
 *   open      it is archived, and is to be listed once more: it may grow
 *   sealed    nothing more is expected of it
 *   gone      the service does not have it, and it was never archived
 *   lost      it was archived, its volume is lost, and the service does not have it any more
 *   pruned    it was archived, and removed on purpose
 *
 * What fails is put off, longer each time. Of a run whose volume is lost (gone, damaged,
 * another) the table lost has what was in it and is in no other; the run is due again. What
 * comes into a volume leaves the table.
 *
 * Units    microseconds since 1970 for times of records, milliseconds for ours
 * Errors   the catalog's
 * Owns     nothing; texts are lent for the call
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

/* The reason of one that was sealed since the service does not have it any more: whether it had
   grown since it was archived, nobody knows. */
#define RUN_STATE_LEFT "gone at the service"

/* The reason of one that is completed, and of which the service listed nothing at all. */
#define RUN_STATE_EMPTY "no artifacts"

struct run_state_row {
    const char *run_id;
    const char *state;
    const char *status;
    int64_t created_at; /* DB_UNKNOWN: not known, also below */
    int64_t finished_at;
    int64_t tries;
};

#define RUN_STATE_HOUR ((int64_t)3600 * 1000)

/* What the service says of a run now, in a list or by its record: it becomes due when it has
 * ended. One that was gone is there again. What was not known of its times is noted. 1: the run
 * was not known. */
int run_state_seen(struct db *c, const struct run_state_row *row, bool terminal, int64_t now_ms,
                   struct err *err) MUST_CHECK;

/* Forget a run that is still going on, or due: it is none that is wanted. */
int run_state_drop(struct db *c, const char *run_id, struct err *err) MUST_CHECK;

/* Move a run on; next_ms: not to be looked at before. */
int run_state_set(struct db *c, const char *run_id, const char *state, int64_t next_ms,
                  const char *reason, struct err *err) MUST_CHECK;

/*
 * A run was listed, and no volume need be written for it: sealed when it ended before
 * before_us, else open until next_ms.
 *
 * returns  1; 0: it is in no volume, or lacks what may still come, and nothing changed; -1
 */
int run_state_nothing_new(struct db *c, const char *run_id, int64_t before_us, int64_t next_ms,
                          struct err *err) MUST_CHECK;

/* A sealed run is to be listed again, at next_ms; one in another state stays as it is. */
int run_state_reopen(struct db *c, const char *run_id, int64_t next_ms, const char *reason,
                     struct err *err) MUST_CHECK;

/* It failed: again, in this state, after a while that doubles, from an hour on up to a week. */
int run_state_put_off(struct db *c, const char *run_id, const char *state, int64_t now_ms,
                      const char *reason, struct err *err) MUST_CHECK;

/*
 * It is archived, and the service lists nothing of it: it is looked at again after most of a
 * day, and sealed the last time.
 *
 * nights   how often it is looked at
 * returns  1: it is sealed now; 0: not yet; -1
 */
int run_state_empty(struct db *c, const char *run_id, int64_t now_ms, int nights,
                    struct err *err) MUST_CHECK;

/* It has been asked for, and is still going on: others go before it the next time. */
int run_state_asked(struct db *c, const char *run_id, int64_t now_ms,
                    struct err *err) MUST_CHECK;

/* It is archived, and there is more of it: due again; how often that failed is not forgotten.
 */
int run_state_grown(struct db *c, const char *run_id, struct err *err) MUST_CHECK;

/*
 * Visit runs of a state whose time has come, oldest first.
 *
 * fn       gives -1 to fail
 */
struct run_state_which {
    const char *state;
    int64_t now_ms;
    int64_t horizon; /* a time further ahead was set by a clock that was wrong: it has come */
    int64_t seen_ms; /* leave out those that a list or record at this time told of; 0: none */
    size_t most;     /* visit at most so many */
    bool in_turn;    /* those first that were asked for longest ago: see run_state_asked */
    bool doubtful;   /* those alone that failed before, or that a lost volume had: does the
                        service have them? */
};

/*
 * Visit the runs that which describes, oldest first; fn gives -1 to fail, and may change
 * the row's state.
 */
int run_state_each(struct db *c, const struct run_state_which *which,
                   int (*fn)(void *ctx, const struct run_state_row *row, struct err *err),
                   void *ctx, struct err *err) MUST_CHECK;

/* The longest that anything is put off: a week, or settle where that is longer. */
int64_t run_state_horizon(int64_t settle);

/* Whether a run is in this state: 1, 0, or -1. */
int run_state_is(struct db *c, const char *run_id, const char *state,
                 struct err *err) MUST_CHECK;

/* The service does not have the run any more: it is lost, or sealed where a volume has it, or
 * gone. 1: it is lost. */
int run_state_vanished(struct db *c, const char *run_id, const char *reason,
                       struct err *err) MUST_CHECK;

/* A rule let the run go. As long as some volume has it, it may lack what another had: it is to
 * be listed again, unless that volume goes, too. */
int run_state_pruned(struct db *c, const char *run_id, struct err *err) MUST_CHECK;

/* A part of a run was in a volume that is lost; nothing follows when another volume has it. */
int run_state_lose(struct db *c, const char *run_id, const char *part, const char *volume,
                   int64_t at_ms, struct err *err) MUST_CHECK;

/* Runs that lack what a lost volume had, and of which nothing more is expected; -1 on error. */
int64_t run_state_count_lost(struct db *c, struct err *err);

/* Each of them (untold: that was not told of yet), with the volume and how many parts it lacks;
 * fn gives -1 to fail. */
int run_state_each_lost(struct db *c, bool untold,
                        int (*fn)(void *ctx, const char *run_id, const char *volume,
                                  int64_t parts, struct err *err),
                        void *ctx, struct err *err) MUST_CHECK;

/* All of them were told of. */
int run_state_told_lost(struct db *c, struct err *err) MUST_CHECK;

/* How many are in a state; -1 on error. */
int64_t run_state_count(struct db *c, const char *state, struct err *err);

/* When the oldest run was made that has ended and is not archived; DB_UNKNOWN: none. */
int64_t run_state_oldest(struct db *c, struct err *err);

/* A sync, as the catalog remembers it. */
struct run_state_sync {
    int64_t id;
    const char *outcome; /* "done", "incomplete", "stopped", "failed" */
    const char *error;   /* or NULL */
    uint64_t runs;
    uint64_t artifacts;
    uint64_t bytes; /* downloaded */
    uint64_t missing;
    uint64_t damaged; /* volumes that were gone, differed, or were damaged */
};

/* It begins; one that has not ended by now was killed. *id is for its end. */
int run_state_sync_begin(struct db *c, int64_t now_ms, int64_t *id, struct err *err) MUST_CHECK;

/* Note how the sync that run_state_sync_begin noted has ended. */
int run_state_sync_end(struct db *c, int64_t now_ms, const struct run_state_sync *sync,
                       struct err *err) MUST_CHECK;

/* The stretch of time in which all runs of a filter are known, by when they were made; both
 * DB_UNKNOWN: none. */
struct frontier {
    int64_t from;
    int64_t until;
};

/*
 * The stretch of time over which the list of runs was read whole under a filter;
 * DB_UNKNOWN where it never was.
 */
int run_state_frontier(struct db *c, const char *filter, struct frontier *frontier,
                       struct err *err) MUST_CHECK;

/* Note over which stretch of time the list of runs was read whole under a filter. */
int run_state_set_frontier(struct db *c, const char *filter, const struct frontier *frontier,
                           struct err *err) MUST_CHECK;

/* A volume is about to be written, of these runs (one a line); it is there, or given up. */
int run_state_intend(struct db *c, const char *name, const char *runs,
                     struct err *err) MUST_CHECK;

/* Note that a volume which run_state_intend announced is there, or was given up. */
int run_state_intended(struct db *c, const char *name, struct err *err) MUST_CHECK;

/* The first volume that was begun and not ended: 1; its texts are lent until
 * run_state_intent_done.
 */
void run_state_intent_done(struct db *c);

/*
 * The first volume that was announced and not ended. Returns 1, or 0 where there is none;
 * the texts are lent until run_state_intent_done.
 */
int run_state_intent(struct db *c, const char **name, const char **runs,
                     struct err *err) MUST_CHECK;

#endif
