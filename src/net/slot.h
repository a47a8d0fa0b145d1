/* SPDX-License-Identifier: MIT */
/*
 * slot: a transfer slot of the engine: a libcurl handle, set up for one request.
 *
 * Private to the engine.
 *
 * Errors   ERR_MEMORY, ERR_SYSTEM; ERR_USAGE if a proxy would read the key
 * Owns     a slot owns its handle, its headers and the redirect's URL
 * Threads  the transfer loop
 * Source   libcurl's easy interface; RFC 9113, 3.2 (HTTP/2 is what ALPN calls "h2")
 */
#ifndef NET_SLOT_H
#define NET_SLOT_H

#include "net/origin.h"
#include "net/request.h"
#include "net/sockets.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

struct engine;

/* libcurl's callbacks; ctx is the slot. */
struct slot_calls {
    size_t (*header)(char *line, size_t size, size_t count, void *ctx);
    size_t (*body)(char *bytes, size_t size, size_t count, void *ctx);
    int (*ready)(void *ctx, char *remote, char *local, int remote_port, int local_port);
};

/* The settings that all slots of an engine share; see struct engine_opts. */
struct slot_setup {
    const char *agent;
    const char *ca_file;
    bool secure;
    bool http2; /* whether to ask for HTTP/2: slot_knows_http2, which takes long, and no rate */
    uint64_t stall_bps;
    uint64_t stall_s;
    const struct slot_calls *calls;
    struct sockets *sockets;
};

/* An easy handle and its request; the multi handle keeps the connections. */
struct slot {
    struct slot *next;
    struct slot *prev;
    CURL *easy;
    struct request *request;
    struct curl_slist *headers;
    char *moved; /* redirect target; NULL: none yet */
    unsigned redirects;
    bool paused;
    bool limited; /* paused by the rate limit, not by its sink */
    uint64_t limited_at;
    bool held;        /* was paused at some time: then its host is not the cause if it breaks */
    uint64_t sent_us; /* when its request was sent; 0: not yet, or its response has begun */
    bool counted;     /* in its origin's number of running transfers */
    size_t memory;    /* while counted: see request_memory */
    bool unfit;       /* its connection must not be used for its request */
    unsigned unfits;
    char why[CURL_ERROR_SIZE];
    const struct slot_setup *setup;
    struct engine *engine; /* the owner, for the callbacks */
};

/*
 * Whether the slot's connection, with this local port, had a request before, by HTTP/1, and has
 * bytes to read although the next one was not sent: they would be taken for its response.
 */
bool slot_dirty(const struct slot *slot, int local_port);

/* Whether the slot's request is the first on its connection. */
bool slot_fresh(const struct slot *slot);

/* Whether the TLS library tells if a connection uses HTTP/2: see slot_shared. */
bool slot_knows_http2(void);

/* The URL to fetch: the redirect target, or the request's URL. */
const char *slot_url(const struct slot *slot);

/*
 * What a request to an origin is sent over. HTTP/2 until it is known not to have it, but not
 * for a body of more than REQUEST_STREAM: see engine.h.
 */
enum request_wire slot_wire(const struct slot_setup *setup, const struct origin *origin,
                            uint64_t expected);

/*
 * Create a new handle for the slot's request to an origin. The key is sent only if the origin
 * is the key's.
 */
int slot_set_up(struct slot *slot, const char *origin, struct err *err) MUST_CHECK;

/*
 * Whether the slot's TLS connection does not use HTTP/2 but is also in use by another slot of
 * the list running, so that the responses would be mixed up. libcurl multiplexes a connection
 * that it takes for HTTP/2, and any status line may claim HTTP/2. Over plain http HTTP/2 is
 * never requested and connections are never shared.
 */
bool slot_shared(const struct slot *slot, const struct slot *running);

/* Wipe and free the slot's headers, which may contain the key. */
void slot_drop_headers(struct slot *slot);

#endif
