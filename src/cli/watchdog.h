/* SPDX-License-Identifier: MIT */
/*
 * watchdog: ends a process in which nothing moves any more.
 *
 * A thread that looks at the pulse (base/pulse) and shares no lock with the others, the log's
 * included: it writes to standard error by itself, and ends the process by _exit. When nothing
 * has moved for a while, and nothing is waited for that may take so long, it says so once, with
 * where each transfer stands; when that lasts, it ends the process with exit status 1. What an
 * unfinished archive holds stays, to be gone on with: its journal is written row by row.
 *
 * It also answers SIGUSR1 when the one who should has not for a second.
 *
 * Units    milliseconds
 * Errors   ERR_SYSTEM when there can be no thread
 * Owns     its thread
 * Threads  start and stop: one
 */
#ifndef CLI_WATCHDOG_H
#define CLI_WATCHDOG_H

#include "base/err.h"

#include <stdint.h>

#define WATCHDOG_LIMIT 300000 /* the usual */

/*
 * Start watching; once, until watchdog_stop.
 *
 * limit    nothing may stand still for longer; 0: do not watch. It warns after a fifth of it,
 *          at most a minute
 */
int watchdog_start(uint64_t limit, struct err *err) MUST_CHECK;

/* Stop watching; nothing when it was never started. */
void watchdog_stop(void);

#endif
