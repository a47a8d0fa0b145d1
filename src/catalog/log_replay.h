/* SPDX-License-Identifier: MIT */
/*
 * log_replay: applies the entries of the log to the catalog.
 *
 * Entries get into the catalog only in this way: a writer appends to the file, then the file is
 * read. The catalog stores how far the file was read and the SHA-256 of that part. So a catalog
 * that is an older copy, was rebuilt, or missed entries because skyarc was killed, catches up.
 * If the file does not begin with the part that was read (truncated, lost, restored from a
 * backup), the entries that only the catalog has are appended to the file; a run is held if
 * either of the two has a hold.
 *
 * An unreadable line may be a hold. Such lines are counted, and prune removes nothing while
 * there are any.
 *
 * Units    milliseconds since 1970
 * Errors   the file's, the catalog's
 * Owns     nothing; texts are borrowed for the call
 * Threads  the catalog's
 */
#ifndef CATALOG_LOG_REPLAY_H
#define CATALOG_LOG_REPLAY_H

#include "base/err.h"
#include "catalog/audit_log.h"
#include "catalog/db.h"

#include <stdbool.h>
#include <stdint.h>

/* Bring the catalog up to date with the file. In a transaction, with the directory's lock. */
int log_replay_run(struct db *c, const char *dir, struct err *err) MUST_CHECK;

/*
 * Delete an incomplete last line of the file, then do as log_replay_run, in a transaction of
 * its own.
 */
int log_replay_update(struct db *c, const char *dir, struct err *err) MUST_CHECK;

/*
 * Append entries to the file, after the origin has taken them, and apply them to the catalog in
 * a transaction of its own: not within another.
 */
int log_replay_add(struct db *c, const char *dir, struct audit_log_origin origin,
                   const struct audit_log_entry *entries, size_t count,
                   struct err *err) MUST_CHECK;

/* Whether an entry is one that this version makes: another one may be a hold. */
bool log_replay_understands(const struct audit_log_entry *entry);

/* The mark up to which the catalog has read the file: 1; 0: there is none; -1. */
int log_replay_mark(struct db *c, struct audit_log_mark *mark, struct err *err) MUST_CHECK;

/* Number of unreadable lines of the file; -1: error. */
int64_t log_replay_unreadable(struct db *c, struct err *err) MUST_CHECK;

/*
 * Whether a run is held, and why (reason may be NULL); also true if the catalog cannot be read.
 */
bool log_replay_held(struct db *c, const char *run_id, char *reason, size_t size);

/* Whether the log says that a volume was removed (AUDIT_LOG_REMOVE) or lost (AUDIT_LOG_LOSE)
 * since it was added to the catalog: 1, 0, or -1. */
int log_replay_told(struct db *c, const char *volume, const char *what,
                    struct err *err) MUST_CHECK;

/* Whether the log says one or the other: 1, 0, or -1. */
int log_replay_told_gone(struct db *c, const char *volume, struct err *err) MUST_CHECK;

/* Whether a run was ever pruned: 1, 0, or -1. */
int log_replay_pruned(struct db *c, const char *run_id, struct err *err) MUST_CHECK;

/* How many of a run, and the runs that it started, directly or not, were ever pruned; -1:
 * error. */
int64_t log_replay_count_pruned(struct db *c, const char *run_id, struct err *err) MUST_CHECK;

/* The number of the last hold in the log, 0: there is none; -1: error. A greater one means that
 * there is a new hold. */
int64_t log_replay_last_hold(struct db *c, struct err *err) MUST_CHECK;

/* Visit each hold; fn returns -1 to fail. */
int log_replay_holds(struct db *c,
                     int (*fn)(void *ctx, const struct audit_log_entry *hold, struct err *err),
                     void *ctx, struct err *err) MUST_CHECK;

#endif
