/* SPDX-License-Identifier: MIT */
/*
 * server: a small HTTP server for requests with a body, based on libmicrohttpd.
 *
 * Unwanted requests cost little: a request is checked as soon as its head is complete (admit),
 * and the body of a refused request is discarded. All bodies share one memory budget
 * (listen/bodies). Requests have a deadline, addresses a limit of connections, and idle
 * connections are closed to make room for others (listen/peers). The handler is called only
 * with complete requests, and answers with a status and one line of JSON.
 *
 * Units    bytes; milliseconds
 * Errors   ERR_USAGE for an invalid address; ERR_SYSTEM
 * Owns     the threads and connections, until server_free
 * Threads  admit and handle are called from several threads at a time
 * Source   RFC 9110
 */
#ifndef LISTEN_SERVER_H
#define LISTEN_SERVER_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define SERVER_ANSWER_MAX 512

/* A complete request; valid for the call. */
struct server_request {
    const char *method;
    const char *path;
    const char *header; /* value of opts.header, or NULL: not sent */
    const char *body;
    size_t len;
};

struct server_opts {
    const char *addr; /* "127.0.0.1:8080", "[::1]:8080", ":8080" for all; port 0: any */
    const char *cert; /* PEM texts for TLS; NULL: plain HTTP */
    const char *key;
    const char *header; /* the header passed to the handler */
    size_t body_max;    /* of one body; larger: 413 */
    size_t budget;      /* of all bodies; exceeded: 503 */
    size_t connections; /* maximum at a time */
    size_t of_address;  /* maximum from one address; 0: no limit */
    uint64_t deadline;  /* for a complete request; 0: none */
    /*
     * Check a request's head (body and len are empty). Returns 0, or the status to refuse with.
     */
    unsigned (*admit)(void *ctx, const struct server_request *request,
                      char answer[SERVER_ANSWER_MAX]);
    /* Handle a request: write the response's JSON to answer; returns the status. */
    unsigned (*handle)(void *ctx, const struct server_request *request,
                       char answer[SERVER_ANSWER_MAX]);
    void *ctx;
};

struct server;

/* Start listening; the strings of opts are borrowed until server_free. */
struct server *server_new(const struct server_opts *opts, struct err *err) MUST_CHECK;

/* Accept no more connections, finish running requests, and free the server; NULL is fine. */
void server_free(struct server *server);

/* The port that the server listens on. */
unsigned server_port(const struct server *server);

#endif
