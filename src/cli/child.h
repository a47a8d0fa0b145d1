/* SPDX-License-Identifier: MIT */
/*
 * child: a command run by the shell, and nothing else of ours for it.
 *
 * Whatever skyarc starts is started here: with a clean environment (PATH, HOME and LANG, and
 * what the caller names; never a key), standard input from /dev/null, standard output on
 * standard error, no other descriptor, default signals, and a process group of its own.
 *
 * A signal that asks skyarc to stop is passed on to the group; so is SIGTERM when the time is
 * up. What has not ended CHILD_GRACE later is killed. A second signal kills the group at once
 * (cli/signals.h). What a command that ended by itself left in the background stays.
 *
 * Units    milliseconds
 * Errors   ERR_SYSTEM: it could not be started, failed, or took too long; ERR_CANCELLED: a
 *          signal ended it, or came before it was started
 * Threads  one; one child at a time
 * Source   POSIX.1-2017, posix_spawn, system
 */
#ifndef CLI_CHILD_H
#define CLI_CHILD_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define CHILD_GRACE 5000

struct child_opts {
    const char *command; /* for /bin/sh -c */
    char *const *env; /* "NAME=value", ended by NULL: added to the environment; may be NULL */
    uint64_t timeout; /* 0: none */
};

/* Run a command and wait for its end; its exit status is 0, or err says how it ended. */
int child_run(const struct child_opts *opts, struct err *err) MUST_CHECK;

#endif
