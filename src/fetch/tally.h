/* SPDX-License-Identifier: MIT */
/*
 * tally: ends tasks, and counts their items: those that are done, and those that are missing.
 *
 * Items that are not listed (ZIPs that are fetched only to be unpacked) do not count.
 *
 * Errors   none
 * Owns     nothing
 * Threads  the loop's
 */
#ifndef FETCH_TALLY_H
#define FETCH_TALLY_H

#include "fetch/task.h"

#include <stddef.h>

struct tally {
    struct tasks *tasks;
    size_t done;    /* listed items whose tasks have ended */
    size_t missing; /* of them, those that are lost */
};

/* End a task whose content is in the archive. */
void tally_stored(struct tally *tally, struct task *task);

/* End a task that is lost, and say so in the log. */
void tally_lost(struct tally *tally, struct task *task, enum reason reason);

/* The content of an item that was lost has come after all. */
void tally_found(struct tally *tally);

#endif
