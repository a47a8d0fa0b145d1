/* SPDX-License-Identifier: MIT */
/*
 * child: run one shell command, isolated from skyarc's descriptors, environment and signals.
 *
 * Every program that skyarc starts is started here: with a clean environment (PATH, HOME, LANG
 * and the variables that the caller names; never an API key), standard input from /dev/null,
 * standard output redirected to standard error, no other open descriptor, default signal
 * handlers, and a process group of its own.
 *
 * A signal that asks skyarc to stop is forwarded to the child's process group. When the timeout
 * expires, the group gets SIGTERM. Processes of the group that are still alive CHILD_GRACE
 * later are killed. A second signal kills the group at once (cli/signals.h). Background
 * processes left by a command that exited by itself are not touched.
 *
 * Units    milliseconds
 * Errors   ERR_SYSTEM: the command could not be started, failed, or timed out; ERR_CANCELLED: a
 *          signal ended the command, or arrived before the command was started
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
    const char *command; /* passed to /bin/sh -c */
    char *const *env;    /* "NAME=value" strings to add to the environment; ends with NULL */
    uint64_t timeout;    /* 0: no timeout */
};

/* Run a command and wait until it ends. Returns 0 if the exit status is 0; otherwise err
 * says how the command ended. */
int child_run(const struct child_opts *opts, struct err *err) MUST_CHECK;

#endif
