/* SPDX-License-Identifier: MIT */
/*
 * send: what a request sends if it is neither a plain GET nor a POST of JSON: a method, header
 * lines, a body that is read while it is sent.
 *
 * Such a request is for one host only: its headers may be a signature for that host. The engine
 * does not follow its redirects. Its body can be read again from any offset, so that libcurl
 * can repeat it on a new connection if an idle connection turns out to be closed.
 *
 * Units    bytes
 * Errors   the errors of the read function, in request->err
 * Owns     nothing; all of it must be valid until the request is done
 * Threads  the transfer loop only
 * Source   RFC 9110, 9.3 (methods); libcurl's CURLOPT_UPLOAD and CURLOPT_CUSTOMREQUEST
 */
#ifndef NET_SEND_H
#define NET_SEND_H

#include "base/err.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A read function for the bytes of a body: exactly len bytes from offset at on. */
typedef int send_read_fn(void *ctx, void *bytes, size_t len, uint64_t at, struct err *err);

/* A send_read_fn that reads from bytes in memory, its ctx. */
int send_from_bytes(void *ctx, void *bytes, size_t len, uint64_t at, struct err *err);

/* A send_read_fn that reads from a struct buf, its ctx. */
int send_from_buf(void *ctx, void *bytes, size_t len, uint64_t at, struct err *err);

struct send {
    const char *method; /* "GET", "HEAD", "PUT", "POST", "DELETE" */
    const char *const
        *headers; /* lines, "name: value"; wiped after use from libcurl's memory */
    size_t header_count;
    uint64_t size;      /* of the body, for PUT and POST; 0: none */
    send_read_fn *read; /* if size is not 0 */
    void *read_ctx;
    /* called for each header line of the response, "name: value", without its end */
    void (*header)(void *ctx, const char *line, size_t len);
    void *header_ctx;
    bool direct; /* use no proxy */
    bool once;   /* on a new connection: libcurl repeats what an idle one did not answer */
    uint64_t rate_bps; /* most bytes a second of the body that are sent; 0: no limit */
    uint64_t stall_s;  /* seconds without bytes after which the transfer is ended; 0: default */

    /* private to the engine */
    uint64_t at;     /* bytes handed to libcurl */
    struct err *err; /* of the request: what read said */
};

/*
 * Set the method and the body of an easy handle; false if libcurl refuses.
 *
 * read_err  gets the errors of the read function
 */
bool send_set_up(struct send *send, CURL *easy, struct err *read_err) MUST_CHECK;

#endif
