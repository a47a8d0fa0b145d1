/* SPDX-License-Identifier: MIT */
/*
 * server: a small HTTP server for requests with a body, by libmicrohttpd.
 *
 * Who has no business here costs little: a request is looked at when its head is here (admit),
 * and the body of one that is refused is not kept; all bodies share one budget of memory
 * (net/bodies); a request as a whole has a deadline, an address a number of connections, and
 * who has nothing to say makes room for who has (net/peers). The handler gets whole requests
 * only. It answers with a status and one line of JSON.
 *
 * Units    bytes; milliseconds
 * Errors   ERR_USAGE for an address that is none; ERR_SYSTEM
 * Owns     its threads and connections, until server_free
 * Threads  admit and handle are called from several at a time
 * Source   RFC 9110
 */
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define SERVER_ANSWER_MAX 512
#define SERVER_FDS        16 /* descriptors beside those of the connections */

/* A whole request; lent for the call. */
struct server_request {
    const char *method;
    const char *path;
    const char *header; /* the one that opts name, or NULL: not sent */
    const char *body;
    size_t len;
};

struct server_opts {
    const char *addr; /* "127.0.0.1:8080", "[::1]:8080", ":8080" for all; port 0: a free one */
    const char *cert; /* PEM texts for TLS; NULL: plain HTTP */
    const char *key;
    const char *header; /* handed to the handler */
    size_t body_max;    /* of one, 413 beyond */
    size_t budget;      /* of all bodies, 503 beyond */
    size_t connections; /* at a time */
    size_t of_address;  /* of them, from one address; 0: no limit */
    uint64_t deadline;  /* for a request as a whole; 0: none */
    /* Look at a request's head (body and len are empty): 0, or the status that refuses it. */
    unsigned (*admit)(void *ctx, const struct server_request *request,
                      char answer[SERVER_ANSWER_MAX]);
    /* Write the answer's JSON; returns the status. */
    unsigned (*handle)(void *ctx, const struct server_request *request,
                       char answer[SERVER_ANSWER_MAX]);
    void *ctx;
};

struct server;

/* Start listening; the strings of opts are lent until server_free. */
struct server *server_new(const struct server_opts *opts, struct err *err) MUST_CHECK;

/* Take no more connections, finish what is going on, and release; NULL is fine. */
void server_free(struct server *server);

/* The port that it listens on. */
unsigned server_port(const struct server *server);

#endif
