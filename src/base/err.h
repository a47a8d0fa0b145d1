/* SPDX-License-Identifier: MIT */
/*
 * err: why something failed, as a value on the caller's stack.
 *
 * A function that can fail takes a struct err * last and fills it when it
 * answers -1 or NULL. The kind decides the exit status and whether to try again;
 * the text is for people and grows outwards ("cannot do this: because of that").
 *
 * Errors   none of its own; long texts are cut, never overflow
 * Owns     nothing: no memory, so it works when there is none; copy it freely,
 *          also between threads
 * Threads  any; a struct err belongs to one thread at a time
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define MUST_CHECK             __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

enum err_kind {
    ERR_NONE = 0,
    ERR_USAGE,     /* the command line is wrong */
    ERR_SYSTEM,    /* the operating system said no: see os */
    ERR_MEMORY,    /* no memory */
    ERR_NET,       /* no answer: connection, TLS, time-out */
    ERR_HTTP,      /* an answer that is an error: see http */
    ERR_DENIED,    /* the service refused the key */
    ERR_NOT_FOUND, /* the service does not know it */
    ERR_FORMAT,    /* bytes that are not what they should be */
    ERR_LIMIT,     /* larger than we accept */
    ERR_MISMATCH,  /* a length or digest is wrong */
    ERR_EXISTS,    /* would overwrite */
    ERR_BUSY,      /* somebody else holds it; try later */
    ERR_CANCELLED, /* stopped on request */
};

struct err {
    enum err_kind kind;
    int os;         /* errno, or 0 */
    long http;      /* status code, or 0 */
    char text[512]; /* outermost first: "cannot open 'a': no such file" */
};

/* Forget what was there. */
void err_clear(struct err *err);

/* Fill err with a kind and a text. Returns -1, so that callers can return it. err may be NULL.
 */
int err_set(struct err *err, enum err_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Fill err from errno; the system's own words follow the text. Returns -1. */
int err_sys(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Put "text: " in front of what err says already; kind and codes stay. Returns -1. */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Append advice: "; text". Returns -1. */
int err_hint(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
