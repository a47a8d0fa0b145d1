/* SPDX-License-Identifier: MIT */
/*
 * trial: tries another concurrency limit for one window, and keeps it if that was better.
 *
 * A limit is raised by a quarter for one window, by a half after a success, and stays there
 * only if the throughput has grown. If requests wait in a queue, the limit is lowered for one
 * window, and stays there unless the throughput has fallen. After a failure some windows pass
 * until the next trial, more after each failure.
 *
 * Pure.
 *
 * Errors   none
 * Owns     nothing
 * Threads  the transfer loop only
 * Source   the comparison of latencies is that of TCP Vegas and of Netflix's concurrency-limits
 */
#ifndef LIMIT_TRIAL_H
#define LIMIT_TRIAL_H

#include "limit/level.h"
#include "limit/window.h"

enum trial_phase { TRIAL_NONE, TRIAL_RAISED, TRIAL_LOWERED };

struct trial {
    enum trial_phase phase;
    double best;     /* work that a trial is compared with; 0: unknown */
    unsigned wins;   /* successful raises in a row */
    unsigned pause;  /* windows until the next raise */
    unsigned pauses; /* length of the next pause */
    unsigned rest;   /* windows until the limit may be lowered again */
};

/* Begin anew at another limit: what was measured before does not count. */
void trial_reset(struct trial *trial);

/* Cancel the current trial, if there is one: the limit was changed for another reason. */
void trial_cancel(struct trial *trial);

/* Decide after a full window: end the current trial, and start another, or none. */
void trial_window(struct trial *trial, struct level *level, const struct sample *sample);

#endif
