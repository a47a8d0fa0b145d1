/* SPDX-License-Identifier: MIT */
/*
 * groups: which files of an interrupted attempt are kept together or not at all.
 *
 * Items that are identical by the plan form a group if the journal lists them: the one that is
 * fetched for all of them is not kept without the others. A member that was stored beside its
 * ZIP, which holds more than its members, is not kept without the ZIP: if all members were
 * kept, it would not be fetched again.
 *
 * Errors   ERR_MEMORY
 * Owns     its arrays, until groups_free
 * Threads  one
 */
#ifndef PULL_GROUPS_H
#define PULL_GROUPS_H

#include "base/err.h"
#include "writer/journal.h"
#include "writer/plan.h"

#include <stdbool.h>
#include <stddef.h>

struct groups;

/* Look up the journal's items in the plan. */
struct groups *groups_new(struct plan *plan, const struct journal *journal,
                          struct err *err) MUST_CHECK;

/* Free them; NULL is fine. */
void groups_free(struct groups *groups);

/* An item was found, by a row of the journal. */
void groups_add(struct groups *groups, const struct item *item, const struct journal_row *row);

/* An item that was found is not kept. */
void groups_drop(struct groups *groups, const struct item *item);

/* Whether an item was found, by its index in the plan. */
bool groups_found(const struct groups *groups, size_t index);

/* Number of files that are still to be found for those that were. */
size_t groups_owed(const struct groups *groups);

/* Whether everything that the found item needs was found. */
bool groups_complete(const struct groups *groups, const struct item *item);

#endif
