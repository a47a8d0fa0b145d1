/* SPDX-License-Identifier: MIT */
/*
 * completion: ends tasks, and updates the tasks that depend on them.
 *
 * A task ends when the packer has its content in the archive, or when it is lost. This also
 * ends its followers, which are the same content, and the members of a bundle that were in the
 * bundle's ZIP. If it is lost, the first of its followers is fetched in its place, unless the
 * ZIP lacks it and both are the same entry of it. The members of a bundle wait until its ZIP
 * has been unpacked. If the ZIP is not fetched, one member is fetched first as a scout: some
 * servers send the whole ZIP for a member. Members that the ZIP does not contain are fetched by
 * requests of their own. A picture that only a record names is fetched after all others if the
 * plan has bundles: the answer may be such a ZIP, and the picture is then the one that no row
 * names.
 *
 * Errors   with strict, the first task that is missing is fatal: see tasks_failure
 * Owns     only itself
 * Threads  the transfer loop
 */
#ifndef FETCH_COMPLETION_H
#define FETCH_COMPLETION_H

#include "base/err.h"
#include "fetch/task.h"
#include "writer/journal.h"
#include "writer/plan.h"

#include <stdbool.h>
#include <stddef.h>

struct completion_opts {
    struct tasks *tasks;
    const struct plan *plan; /* may grow: see completion_ahead */
    struct journal *journal; /* gets a row for each archived item; NULL: none */
    bool strict;
};

struct completion;

/* What opts points to must stay valid until completion_free. */
struct completion *completion_new(const struct completion_opts *opts,
                                  struct err *err) MUST_CHECK;

/* Free it; may be NULL. */
void completion_free(struct completion *c);

/*
 * While the plan grows: open the tasks of the items that were added since the last call, and
 * that may be fetched before the plan is complete. These have no bundle, and would cost little
 * if an identical item of a later run had to be fetched, too.
 */
void completion_ahead(struct completion *c);

/* The plan has grown for the last time: open the other tasks. */
int completion_finish(struct completion *c, struct err *err) MUST_CHECK;

/*
 * With a complete plan: take over the items kept from an interrupted attempt, and open the
 * tasks that are to be fetched.
 */
void completion_begin(struct completion *c, const struct task_before *before);

/* The packer has reported an item: update its task. */
struct task_step completion_result(struct completion *c, const struct pack_result *result);

/*
 * A task is lost, for the given reason: it is missing, unless its suspect content can still be
 * fetched.
 */
struct task_step completion_lose(struct completion *c, struct task *task, enum reason reason);

/*
 * The timeout has expired: start nothing more; each item that the packer does not have is
 * missing.
 */
void completion_expire(struct completion *c);

/*
 * Write the pending entries of the journal: all of them, or none if it was written a moment
 * ago. If the process is killed, the pending entries are lost; frames that are still open are
 * lost then, too.
 */
void completion_flush(struct completion *c, bool all);

/* Why an item is missing: its own reason, or that of the task that it follows. */
enum reason completion_reason(const struct completion *c, const struct item *item);

/* Counts of the listed items that are archived or missing, and of those that are missing. */
void completion_count(const struct completion *c, size_t *done, size_t *missing);

#endif
