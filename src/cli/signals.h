/* SPDX-License-Identifier: MIT */
/*
 * signals: SIGINT and SIGTERM as a wish to stop, SIGUSR1 as a question.
 *
 * A handler only notes the signal and writes a byte into a pipe, which wakes
 * whoever waits for it. A second SIGINT or SIGTERM ends the program at once.
 *
 * Errors   ERR_SYSTEM
 * Threads  set up by one, before the others start; asked by one
 */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include "base/err.h"

#include <stdbool.h>

int signals_setup(struct err *err) MUST_CHECK;

/* Becomes readable with each signal. */
int signals_fd(void);

/* The signal that asks to stop, or 0. Empties the pipe. */
int signals_stop(void);

/* Whether one has: signals_stop as a hook; ctx is not used. */
bool signals_stopped(void *ctx);

/* Whether the status was asked for since the last call. */
bool signals_asked(void);

/* Whether SIGUSR1 has come and signals_asked was not called since. */
bool signals_unanswered(void);

#endif
