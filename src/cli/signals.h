/* SPDX-License-Identifier: MIT */
/*
 * signals: SIGINT, SIGTERM, SIGHUP and SIGXFSZ as a wish to stop, SIGUSR1 as a question.
 *
 * A handler only notes the signal and writes a byte into a pipe, which wakes
 * whoever waits for it. A second SIGINT, SIGTERM or SIGHUP ends the program at once,
 * and kills its child. SIGHUP that is ignored at the start (nohup) stays ignored. Each
 * write beyond the limit of file size sends SIGXFSZ, and fails: the first is the wish to stop.
 *
 * Errors   ERR_SYSTEM
 * Threads  set up by one, before the others start; asked by one
 */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include "base/err.h"

#include <stdbool.h>

/* Handle the signals from now on. */
int signals_setup(struct err *err) MUST_CHECK;

/* Becomes readable with each signal. */
int signals_fd(void);

/* The signal that asks to stop, or 0. Empties the pipe. */
int signals_stop(void);

/* Whether one has: signals_stop as a hook; ctx is not used. */
bool signals_stopped(void *ctx);

/* The process group of a child, which a second signal kills; 0: there is none. */
void signals_group(int pgid);

/* Whether the status was asked for since the last call. */
bool signals_asked(void);

/* Whether SIGUSR1 has come and signals_asked was not called since. */
bool signals_unanswered(void);

#endif
