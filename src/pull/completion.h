/* SPDX-License-Identifier: MIT */
/*
 * completion: what ends tasks, and what their end means for others.
 *
 * A task ends when the packer has its content in the archive, or when it is lost. With it end
 * its followers, which are the same content; the members of a bundle, when they came out of the
 * bundle's ZIP; where it is lost, the first of its followers is fetched in its place. The
 * members of a bundle wait until its ZIP has been taken apart. Where the ZIP is not fetched,
 * one member is fetched first as a scout: some servers answer a member with the whole ZIP.
 * Members that the ZIP did not give are fetched by themselves.
 *
 * Errors   with strict, the first task that is missing is fatal: see tasks_failure
 * Owns     nothing but itself
 * Threads  the transfer loop
 */
#ifndef PULL_COMPLETION_H
#define PULL_COMPLETION_H

#include "base/err.h"
#include "pull/task.h"
#include "writer/journal.h"
#include "writer/plan.h"

#include <stdbool.h>
#include <stddef.h>

struct completion_opts {
    struct tasks *tasks;
    const struct plan *plan;
    struct journal *journal; /* told of what is in the archive; NULL: none */
    bool strict;
};

struct completion;

/* What opts points to is lent until completion_free. */
struct completion *completion_new(const struct completion_opts *opts,
                                  struct err *err) MUST_CHECK;

/* Free it; NULL is fine. */
void completion_free(struct completion *c);

/* Take over what an interrupted attempt has left, and open the tasks that are to be fetched. */
void completion_begin(struct completion *c, const struct task_before *before);

/* The packer has told of an item: what follows for its task. */
struct task_step completion_result(struct completion *c, const struct pack_result *result);

/* A task will not come, and why: it is missing, unless suspect content of it is still to be
 * had. */
struct task_step completion_lose(struct completion *c, struct task *task, enum reason reason);

/* The time is up: nothing is started any more, and what is not with the packer is missing. */
void completion_expire(struct completion *c);

/*
 * Write what the journal has been told: all of it, or, when it was written a moment ago, later.
 * A kill loses that moment; frames that are still open are lost with it anyway.
 */
void completion_flush(struct completion *c, bool all);

/* Why an item is missing: its own reason, or that of the task that it follows. */
enum reason completion_reason(const struct completion *c, const struct item *item);

/* How many listed items are archived or missing, and how many of them are missing. */
void completion_count(const struct completion *c, size_t *done, size_t *missing);

#endif
