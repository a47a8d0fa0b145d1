/* SPDX-License-Identifier: MIT */
/*
 * log_replay: what the log says, brought into the catalog.
 *
 * The only way in: who writes a line has it read from the file. The catalog
 * remembers how far it has read and the SHA-256 of that, so that one that is older,
 * was made again, or was left behind by a kill between file and catalog comes to know
 * the rest. A file that does not begin with what was read (cut, lost, put back from a
 * backup) gets back the lines that the catalog has and it lacks, and a hold that
 * either of them has is a hold.
 *
 * A line that cannot be read may be a hold. It is counted, and prune removes nothing
 * as long as there is one.
 *
 * Units    milliseconds since 1970
 * Errors   the file's, the catalog's
 * Owns     nothing; texts are lent for the call
 * Threads  the catalog's
 */
#ifndef CATALOG_LOG_REPLAY_H
#define CATALOG_LOG_REPLAY_H

#include "base/err.h"
#include "catalog/audit_log.h"
#include "catalog/db.h"

#include <stdbool.h>
#include <stdint.h>

/* Bring the catalog up to what the file says. Within a transaction, with the directory's lock.
 */
int log_replay_run(struct db *c, const char *dir, struct err *err) MUST_CHECK;

/* The same in a transaction of its own. */
int log_replay_begun(struct db *c, const char *dir, struct err *err) MUST_CHECK;

/* Write entries into the file, and from there into the catalog. */
int log_replay_add(struct db *c, const char *dir, const struct audit_log_entry *entries,
                   size_t count, struct err *err) MUST_CHECK;

/* Lines of the file that cannot be read; -1: error. */
int64_t log_replay_unreadable(struct db *c, struct err *err) MUST_CHECK;

/* Whether a run is held, and why (may be NULL). */
bool log_replay_held(struct db *c, const char *run_id, char *reason, size_t size);

/* Whether the log says of a volume, since it was entered, that it was removed
 * (AUDIT_LOG_REMOVE), or lost (AUDIT_LOG_LOSE): 1, 0, or -1. */
int log_replay_told(struct db *c, const char *volume, const char *what,
                    struct err *err) MUST_CHECK;

/* Whether a rule of prune has ever let a run go: 1, 0, or -1. */
int log_replay_pruned(struct db *c, const char *run_id, struct err *err) MUST_CHECK;

/* Each hold; fn gives -1 to fail. */
int log_replay_holds(struct db *c,
                     int (*fn)(void *ctx, const struct audit_log_entry *hold, struct err *err),
                     void *ctx, struct err *err) MUST_CHECK;

#endif
