/* SPDX-License-Identifier: MIT */
/*
 * exit: the exit statuses. Their numbers never change.
 *
 * Threads  any
 * Source   75 is EX_TEMPFAIL of sysexits.h; 128 + signal is the convention of shells
 */
#ifndef CLI_EXIT_H
#define CLI_EXIT_H

#include "base/err.h"

enum exit_status {
    EXIT_DONE = 0,       /* success */
    EXIT_FAILED = 1,     /* failed, nothing written; nothing matched; a run did not complete */
    EXIT_USAGE = 2,      /* the command line is wrong */
    EXIT_INCOMPLETE = 3, /* written, but artifacts are missing or not as the service stated */
    EXIT_DAMAGED = 4,    /* an archive failed verification; never a usage mistake */
    EXIT_LATER = 75,     /* a lock is held, runs have not ended, or the service said to retry */
    EXIT_SIGNAL = 128,   /* plus the number of the signal that interrupted the program */
};

/* The exit status for an error. */
enum exit_status exit_of(const struct err *err);

#endif
