/* SPDX-License-Identifier: MIT */
/*
 * question: one request to a service, without a client or a loop: one that gives credentials,
 * or a time-stamping authority.
 *
 * A service that answers that it is busy (408, 429, 5xx) is asked three times in about a
 * second. One that does not answer is asked once. Redirects are not followed.
 *
 * Units    milliseconds
 * Errors   those of net/request: ERR_NET, ERR_HTTP, ERR_DENIED, ERR_NOT_FOUND, ERR_FORMAT;
 *          ERR_LIMIT for an answer of more than 256 KiB; ERR_CANCELLED
 * Owns     the answer, a buffer that is wiped when it is cleared
 * Threads  any; each question has a connection of its own and ends by its time limit
 */
#ifndef NET_QUESTION_H
#define NET_QUESTION_H

#include "base/buf.h"
#include "base/err.h"
#include "base/pulse.h"
#include "net/request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUESTION_HEADERS 4

struct question_opts {
    const char *agent;
    const char *ca_file;
    struct stop stop;
};

struct question {
    /* the request; all is borrowed */
    const char *method;
    const char *url;
    const char *headers[QUESTION_HEADERS];
    size_t header_count;
    struct buf *body;  /* NULL: none */
    uint64_t limit_ms; /* for each attempt */
    bool direct;       /* no proxy */

    /* the response, set by question_ask */
    struct buf answer; /* of a success; to be cleared by buf_clear, also after an error */
    struct request request;

    bool done; /* private */
};

/* Ask, and wait for the answer. */
int question_ask(const struct question_opts *opts, struct question *q,
                 struct err *err) MUST_CHECK;

#endif
