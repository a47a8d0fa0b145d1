/* SPDX-License-Identifier: MIT */
/*
 * err: the cause of a failure, as a value on the caller's stack.
 *
 * A function that can fail takes a struct err * last and fills it when it returns -1 or NULL.
 * The kind decides the exit status and whether to retry. The text is for people; each caller
 * may put its own context in front ("cannot do this: because of that").
 *
 * Errors   none of its own; a text that is too long is truncated
 * Owns     nothing: it allocates no memory, so it works when there is none; it may be copied,
 *          also between threads
 * Threads  any; a struct err belongs to one thread at a time
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define MUST_CHECK             __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

#include <stdbool.h>

enum err_kind {
    ERR_NONE = 0,
    ERR_USAGE,     /* the command line is wrong */
    ERR_SYSTEM,    /* a system call failed: see os */
    ERR_MEMORY,    /* out of memory */
    ERR_NET,       /* no answer: connection, TLS, time-out */
    ERR_HTTP,      /* the server answered with an error: see http */
    ERR_DENIED,    /* the service refused the key */
    ERR_NOT_FOUND, /* no such object in the service, archive or directory */
    ERR_FORMAT,    /* malformed or invalid data */
    ERR_LIMIT,     /* a size or count limit was exceeded */
    ERR_MISMATCH,  /* a length or digest does not match */
    ERR_EXISTS,    /* the target exists and would be overwritten */
    ERR_BUSY,      /* another process holds the lock; try later */
    ERR_CANCELLED, /* stopped on request */
};

struct err {
    enum err_kind kind;
    int os;         /* errno, or 0 */
    long http;      /* status code, or 0 */
    char text[512]; /* outermost first: "cannot open 'a': no such file" */
};

/* Reset err to ERR_NONE; NULL is fine. */
void err_clear(struct err *err);

/* Fill err (may be NULL) with a kind and a text. Returns -1, so that callers can return it. */
int err_set(struct err *err, enum err_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Fill err from errno; the text is followed by the system's description. Returns -1. */
int err_sys(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/*
 * Whether an error is the process's own, of memory, descriptors or threads: it says nothing
 * about a file.
 */
bool err_is_own(const struct err *err);

/* Whether an error says that the bytes that were read are wrong. */
bool err_is_damage(const struct err *err);

/* Put "text: " in front of err's text, unless it begins so; the kind and the codes stay.
 * Returns -1. */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Append "; text", usually advice on what to do. Returns -1. */
int err_hint(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
