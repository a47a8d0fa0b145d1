/* SPDX-License-Identifier: MIT */
/*
 * decisions: what was decided about the runs of a directory and what was lost, by log.jsonl and
 * the catalog's copy of it.
 *
 * The file is the truth (catalog/audit_log). If it does not begin with what the catalog has
 * read of it, the holds of the catalog count as well, as for prune, and that is a fault. Runs
 * are named by their canonical IDs.
 *
 * Units    milliseconds since 1970
 * Errors   those of the file and the catalog
 * Owns     everything, until decisions_free
 * Threads  the catalog's
 */
#ifndef EVIDENCE_DECISIONS_H
#define EVIDENCE_DECISIONS_H

#include "base/err.h"
#include "catalog/db.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An entry of the log; texts are redacted. */
struct decision {
    int64_t at_ms;
    const char *what;   /* see catalog/audit_log */
    const char *run_id; /* NULL: none; the same for the texts below */
    const char *volume;
    const char *reason;
};

struct decisions;

/* Read the log of a directory. */
struct decisions *decisions_read(const char *dir, struct db *catalog,
                                 struct err *err) MUST_CHECK;

/* Free them; NULL is fine. */
void decisions_free(struct decisions *decisions);

/* The hold of a run; NULL: it is not held. */
const struct decision *decisions_hold(const struct decisions *decisions, const char *run_id);

/* The last removal of a run by prune, or NULL. */
const struct decision *decisions_prune(const struct decisions *decisions, const char *run_id);

/* Whether the log names a run. */
bool decisions_names(const struct decisions *decisions, const char *run_id);

/* The removal of a volume, given by its file name, or NULL. */
const struct decision *decisions_removal(const struct decisions *decisions, const char *name);

/* All entries of the log, in its order. */
size_t decisions_all(const struct decisions *decisions, const struct decision *const **all);

/* What is wrong with the log; NULL: nothing. */
const char *decisions_fault(const struct decisions *decisions);

#endif
