/* SPDX-License-Identifier: MIT */
/*
 * exit: the exit statuses, numbered once and for ever.
 *
 * Threads  any
 * Source   75 is sysexits.h's EX_TEMPFAIL; 128 + signal is the shells' habit
 */
#ifndef CLI_EXIT_H
#define CLI_EXIT_H

#include "base/err.h"

enum exit_status {
    EXIT_DONE = 0,       /* all done */
    EXIT_FAILED = 1,     /* failed, nothing written */
    EXIT_USAGE = 2,      /* the command line is wrong */
    EXIT_INCOMPLETE = 3, /* written, but something is missing or not as the service said */
    EXIT_DAMAGED = 4,    /* an archive failed verification */
    EXIT_LATER = 75,     /* another skyarc is at it, or the service asks to come back later */
    EXIT_SIGNAL = 128,   /* plus the signal's number: interrupted */
};

/* The status that goes with an error. */
enum exit_status exit_of(const struct err *err);

#endif
