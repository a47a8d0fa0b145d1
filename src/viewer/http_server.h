/* SPDX-License-Identifier: MIT */
/*
 * http_server: serves files to browsers on this machine, read-only, by libmicrohttpd.
 *
 * Each request is checked first (viewer/access). Accepted requests are answered by a callback,
 * which names the file to send; if a range is requested, only that range is sent. The headers
 * of every response forbid other sites to frame or embed it, and browsers to guess another type
 * and to store it.
 *
 * Order    http_server_bind, then the sandbox, then http_server_start: the threads are created
 *          inside the sandbox, in which no socket can be created
 * Units    bytes; milliseconds of the monotonic clock
 * Errors   ERR_SYSTEM
 * Owns     the socket, the threads and connections, until http_server_free
 * Limits   a thread and some 100 KiB for each connection
 * Threads  the callback is called from several threads at a time: that of each connection
 * Source   RFC 9110
 */
#ifndef VIEWER_HTTP_SERVER_H
#define VIEWER_HTTP_SERVER_H

#include "base/err.h"
#include "viewer/served_file.h"

#include <stdbool.h>
#include <stdint.h>

/* What is sent; a callback fills it in. */
struct http_answer {
    unsigned status;          /* 200, or that of an error */
    const char *media_type;   /* of the file; static */
    const char *policy;       /* the Content-Security-Policy header; static */
    bool download;            /* the browser saves the file instead of showing it */
    struct served_file *file; /* moved to the server; NULL: text is sent */
    char text[256];           /* plain text, of an error */
};

/* Answer a request for a path, which begins with a slash and is decoded. query: the value of
 * the URL's parameter HTTP_QUERY, or NULL. */
typedef void http_get_fn(void *ctx, const char *path, const char *query,
                         struct http_answer *answer);

#define HTTP_QUERY "q"

struct http_server;

/* Listen on a loopback port; 0: any free one. Connections wait until http_server_start. */
struct http_server *http_server_bind(unsigned port, struct err *err) MUST_CHECK;

/*
 * Start answering.
 *
 * landing  where the first URL leads to: "./", with a fragment to be shown
 */
int http_server_start(struct http_server *server, const char *landing, http_get_fn *get,
                      void *ctx, struct err *err) MUST_CHECK;

/* Finish running responses, and free the server; NULL is fine. */
void http_server_free(struct http_server *server);

/* The first URL, with the token; valid until http_server_free. */
const char *http_server_url(const struct http_server *server);

/* When a browser last asked for something or was being sent something; the time of
 * http_server_bind if none did. */
uint64_t http_server_used(const struct http_server *server);

#endif
