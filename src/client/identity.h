/* SPDX-License-Identifier: MIT */
/*
 * identity: the two names of one run.
 *
 * A task of version 2 (tsk_v2_...) runs as a workflow run (wr_...), and is both. Servers list
 * its artifacts under one of the two names: those since March 2026 under wr_, older ones under
 * tsk_v2_.
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

/* Whether an ID is that of a task of version 2, or of a workflow run: it may have another name.
 */
bool identity_is_task(const char *id);

/* Whether an ID is that of a workflow run (wr_...). */
bool identity_is_workflow(const char *id);

/* Whether two IDs can be the names of one run. */
bool identity_pair(const char *a, const char *b);

/*
 * Take the other name of a run from a record of it, unless it is known already: from the ID
 * that the record gives itself, the task that it belongs to, or the end of its app_url.
 *
 * other  "" while not known
 */
void identity_take(char other[RUN_ID_MAX + 1], const char *id, const struct run *record);

/* The same from a name that was found elsewhere (NULL: none). */
void identity_take_name(char other[RUN_ID_MAX + 1], const char *id, const char *name);

#endif
