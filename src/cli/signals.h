/* SPDX-License-Identifier: MIT */
/*
 * signals: SIGINT, SIGTERM, SIGHUP and SIGXFSZ ask the program to stop; SIGUSR1 asks for its
 * status.
 *
 * A handler only stores the signal and writes a byte into a pipe, which wakes the thread that
 * polls the pipe. A second SIGINT, SIGTERM or SIGHUP ends the program at once and kills its
 * child. A SIGHUP that is ignored at the start (nohup) stays ignored. Every write beyond the
 * file size limit sends SIGXFSZ and fails; the first SIGXFSZ asks the program to stop, later
 * ones have no effect.
 *
 * Errors   ERR_SYSTEM
 * Threads  signals_early and signals_setup before other threads start; the other functions on
 *          one thread
 */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include "base/err.h"
#include "base/pulse.h"

#include <stdbool.h>

/*
 * Let a write beyond the file size limit fail instead of ending the process. For commands that
 * do not call signals_setup, and until it is called. Returns -1 with errno set on failure.
 */
int signals_early(void) MUST_CHECK;

/* Install the signal handlers. */
int signals_setup(struct err *err) MUST_CHECK;

/* A descriptor that becomes readable with each signal. */
int signals_fd(void);

/* The signal that asked to stop, or 0. Empties the pipe. */
int signals_stop(void);

/* What asks to stop when a signal did; its fd is signals_fd. */
struct stop signals_stopping(void);

/* Set the process group that a second signal kills; 0: no child is running. */
void signals_group(int pgid);

/* Whether SIGUSR1 arrived since the last call. */
bool signals_asked(void);

/* Whether SIGUSR1 arrived and signals_asked was not called since. */
bool signals_unanswered(void);

#endif
