/* SPDX-License-Identifier: MIT */
/*
 * slot: one of the engine's places for a transfer: a libcurl handle, set up for one request.
 *
 * The engine's own; nobody else includes it.
 *
 * Errors   ERR_MEMORY, ERR_SYSTEM; ERR_USAGE where a proxy would read the key
 * Owns     a slot owns its handle, its headers and where a redirect led
 * Threads  the transfer loop
 * Source   libcurl's easy interface; RFC 9113, 3.2 (HTTP/2 is what ALPN calls "h2")
 */
#ifndef NET_SLOT_H
#define NET_SLOT_H

#include "net/request.h"
#include "net/sockets.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

struct engine;

/* What libcurl calls; ctx is the slot. */
struct slot_calls {
    size_t (*header)(char *line, size_t size, size_t count, void *ctx);
    size_t (*body)(char *bytes, size_t size, size_t count, void *ctx);
    int (*ready)(void *ctx, char *remote, char *local, int remote_port, int local_port);
};

/* What all of an engine's slots have in common; see struct engine_opts. */
struct slot_setup {
    const char *agent;
    const char *ca_file;
    bool secure;
    uint64_t stall_bps;
    uint64_t stall_s;
    const struct slot_calls *calls;
    struct sockets *sockets;
};

/* An easy handle and the request it runs; the multi handle keeps the connections. */
struct slot {
    struct slot *next;
    struct slot *prev;
    CURL *easy;
    struct request *request;
    struct curl_slist *headers;
    char *moved; /* where a redirect led; NULL at first */
    unsigned redirects;
    bool paused;
    bool limited; /* paused by the rate, not by its sink */
    uint64_t limited_at;
    bool counted; /* at its request's origin */
    bool unfit;   /* its connection must not take its request */
    unsigned unfits;
    char why[CURL_ERROR_SIZE];
    const struct slot_setup *setup;
    struct engine *engine; /* whose it is; for the calls */
};

/* The URL that it asks: the request's, or where a redirect led. */
const char *slot_url(const struct slot *slot);

/*
 * A handle of its own for the answer to come, with all that its request asks for, at an origin.
 * The key goes along when that is the key's own origin.
 */
int slot_set_up(struct slot *slot, const char *origin, struct err *err) MUST_CHECK;

/*
 * Whether its connection, one over TLS, takes one request after the other, and one of the slots
 * in the list that begins with running has not done with it: what comes over it would be mixed
 * up. libcurl shares what it takes for HTTP/2, and any status line may claim to be that; over
 * plain http it is never asked for HTTP/2, and never shares.
 */
bool slot_crowded(const struct slot *slot, const struct slot *running);

/* Release its headers, which may hold the key: wiped. */
void slot_drop_headers(struct slot *slot);

#endif
