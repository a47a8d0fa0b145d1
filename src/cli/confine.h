/* SPDX-License-Identifier: MIT */
/*
 * confine: a sandbox (Landlock and seccomp) for commands that read untrusted bytes.
 *
 * Landlock restricts the process to the files named here and forbids TCP connections. seccomp
 * allows only the system calls that reading, writing and threads need: no program can be
 * started, no socket created, no other process signalled or traced, no memory made executable.
 * Code injected by an archive could damage only the files that the command may write. If the
 * kernel lacks Landlock or seccomp, the command runs without that part, and logs so at -v.
 *
 * Order    confine_begin; confine_read and confine_write for each path; confine_enter, before
 *          untrusted bytes are read and before threads start: Landlock applies to the calling
 *          thread and to threads that it starts later. It cannot be undone.
 * Errors   none: a part of the sandbox that is not available is logged
 * Owns     a descriptor from confine_begin to confine_enter
 * Threads  one; the seccomp filter is set for all existing threads (TSYNC)
 * Source   landlock(7), seccomp(2), by libseccomp
 */
#ifndef CLI_CONFINE_H
#define CLI_CONFINE_H

#include "cli/opt.h"

#include <stdbool.h>
#include <stdint.h>

/* The option that disables the sandbox: the struct of the option table confine_opts. */
struct confine_args {
    bool off;
};

extern const struct opt confine_opts[];

enum confine_flags {
    /* Allow sockets, and reading what the name resolver and TLS need: for a command that serves
     * or sends HTTP requests. */
    CONFINE_NET = 1,
    /* Allow serving connections of a socket that listens already; none can be created. */
    CONFINE_SERVE = 2,
};

struct confine {
    bool off;
    unsigned flags;
    int ruleset;      /* -1: Landlock is not available */
    int version;      /* Landlock's ABI version; 0: the kernel has no Landlock */
    const char *why;  /* why Landlock is not available */
    uint64_t handled; /* accesses that are denied unless a rule allows them */
};

/* The kernel's version of Landlock; 0: it has none. The sandbox uses version 2 and later. */
int confine_landlock(void);

/* Whether the kernel has seccomp filters. */
bool confine_seccomp(void);

/* Start building the sandbox; flags: enum confine_flags. */
void confine_begin(struct confine *confine, const struct confine_args *args, unsigned flags);

/* Allow reading a file, or everything below a folder; a path that does not exist is ignored. */
void confine_read(struct confine *confine, const char *path);

/* Allow creating, replacing and linking files and folders below dir, and listing dir.
 * Reading existing files needs confine_read as well. */
void confine_write(struct confine *confine, const char *dir);

/* Allow removing empty folders in dir. */
void confine_rmdir(struct confine *confine, const char *dir);

/* Enter the sandbox, for the rest of the process's life. */
void confine_enter(struct confine *confine);

#endif
