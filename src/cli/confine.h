/* SPDX-License-Identifier: MIT */
/*
 * confine: what a command may still do once it reads bytes from strangers.
 *
 * Landlock leaves it the files that it was told of, and no TCP connections; seccomp the system
 * calls that reading, writing and threads need: no program is started, no socket made, no other
 * process touched, no memory made executable. So code that an archive smuggled in could spoil
 * what the command may write, and no more. Where the kernel has one of them not, the command
 * goes on, and says so at -v.
 *
 * Order    confine_begin; confine_read and confine_write for each path; confine_enter, before
 *          anything from outside is read and before threads start: Landlock is of the calling
 *          thread and of those that it starts later. It cannot be undone.
 * Errors   none: what cannot be had is said
 * Owns     a descriptor from confine_begin to confine_enter
 * Threads  one; seccomp's filter is set for all that there may be (TSYNC)
 * Source   landlock(7), seccomp(2), by libseccomp
 */
#ifndef CLI_CONFINE_H
#define CLI_CONFINE_H

#include "cli/opt.h"

#include <stdbool.h>
#include <stdint.h>

/* The option that switches it off; an opt_group's table, its struct: */
struct confine_args {
    bool off;
};

extern const struct opt confine_opts[];

enum confine_flags {
    CONFINE_NET = 1, /* sockets stay: for a command that serves or asks by the network */
};

struct confine {
    bool off;
    unsigned flags;
    int ruleset;      /* -1: Landlock cannot be had */
    int version;      /* of Landlock's interface; 0: the kernel has none */
    const char *why;  /* it cannot be had */
    uint64_t handled; /* what is forbidden unless a rule allows it */
};

/* Begin; flags are of enum confine_flags. */
void confine_begin(struct confine *confine, const struct confine_args *args, unsigned flags);

/* A file, or all below a folder, may be read; what is not there is let be. */
void confine_read(struct confine *confine, const char *path);

/* Files and folders may be made, replaced and linked below a folder, and the folder be listed;
 * what is there cannot be read. */
void confine_write(struct confine *confine, const char *dir);

/* From here on. */
void confine_enter(struct confine *confine);

#endif
