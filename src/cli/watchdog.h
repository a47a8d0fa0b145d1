/* SPDX-License-Identifier: MIT */
/*
 * watchdog: ends a process that makes no progress.
 *
 * A thread that reads the counters of base/pulse and shares no lock with other threads, not
 * even the log's: it writes to standard error directly and ends the process by _exit. If no
 * counter changed for a while, and no wait that may take that long is registered, it prints a
 * warning once, with the state of each transfer. If the limit is reached, it ends the process
 * with exit status 1. The unfinished archive can be resumed: its journal is written row by row.
 *
 * The watchdog also answers SIGUSR1 if the main thread has not done so for a second.
 *
 * Units    milliseconds
 * Errors   ERR_SYSTEM if the thread cannot be started
 * Owns     its thread
 * Threads  start and stop: one
 */
#ifndef CLI_WATCHDOG_H
#define CLI_WATCHDOG_H

#include "base/err.h"

#include <stdint.h>

#define WATCHDOG_LIMIT 300000 /* the default */

/*
 * Start the watchdog thread; no effect if it is running.
 *
 * limit    longest time without progress; 0: no limit. The warning is printed after a fifth of
 *          the limit, at most a minute
 */
int watchdog_start(uint64_t limit, struct err *err) MUST_CHECK;

/* Stop the watchdog thread; no effect if it is not running. */
void watchdog_stop(void);

#endif
