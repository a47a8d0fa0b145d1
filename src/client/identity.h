/* SPDX-License-Identifier: MIT */
/*
 * identity: the two names that a run may have.
 *
 * A task v2 (tsk_v2_...) runs as a workflow run (wr_...), so that both IDs name the same run. A
 * server lists the run's artifacts under one of the names: servers since March 2026 under wr_,
 * older ones under tsk_v2_.
 *
 * Pure.
 *
 * Threads  any
 * Source   docs/api.md, "A run"
 */
#ifndef CLIENT_IDENTITY_H
#define CLIENT_IDENTITY_H

#include "api/run.h"

#include <stdbool.h>

/* Whether an ID is that of a task v2 (tsk_v2_...). */
bool identity_is_task(const char *id);

/* Whether an ID is that of a plain task (tsk_..., but not tsk_v2_...). */
bool identity_is_plain_task(const char *id);

/* Whether an ID is that of a workflow run (wr_...). */
bool identity_is_workflow(const char *id);

/* Whether two IDs may be names of the same run. */
bool identity_pair(const char *a, const char *b);

/* Put the two names of a run into their order: its alias (tsk_v2_...) first, then the ID by
 * which the catalog has the run (wr_...). */
void identity_order(const char **name, const char **other);

/*
 * Set the other name of a run, unless it is known, from one of its records: from the record's
 * own ID, the task that it belongs to, or a part of the path of its app_url.
 *
 * other  "": not known yet
 */
void identity_take(char other[RUN_ID_MAX + 1], const char *id, const struct run *record);

/* Set the other name of a run, unless it is known, from a name found elsewhere (NULL: none). */
void identity_take_name(char other[RUN_ID_MAX + 1], const char *id, const char *name);

#endif
