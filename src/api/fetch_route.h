/* SPDX-License-Identifier: MIT */
/*
 * fetch_route: the routes by which an artifact can be fetched, and the decision after a failed
 * attempt.
 *
 * Pure. The routes in order of preference: the signed URL from the list; a signed URL from a
 * newer list; the content endpoint with the key; the server's own disk, if --local-root allows
 * it.
 *
 * Units    milliseconds since 1970
 * Threads  any
 * Source   docs/api.md, "Signed URLs"
 */
#ifndef API_FETCH_ROUTE_H
#define API_FETCH_ROUTE_H

#include "api/reason.h"
#include "net/request.h"

#include <stdbool.h>
#include <stdint.h>

enum fetch_route {
    FETCH_ROUTE_SIGNED,
    FETCH_ROUTE_RENEWED,
    FETCH_ROUTE_CONTENT,
    FETCH_ROUTE_LOCAL
};

/* The name in the manifest: "signed-url", "renewed-url", "content-endpoint", "local-root". */
const char *fetch_route_name(enum fetch_route route);

enum fetch_route_step {
    FETCH_ROUTE_DONE,
    FETCH_ROUTE_AGAIN,      /* retry by the same route, after a delay */
    FETCH_ROUTE_RENEW,      /* list the run again for a new signed URL */
    FETCH_ROUTE_TO_CONTENT, /* fetch by the content endpoint */
    FETCH_ROUTE_TO_LOCAL,   /* read from the server's disk */
    FETCH_ROUTE_GIVE_UP,
};

struct fetch_route_verdict {
    enum fetch_route_step step;
    enum reason reason; /* why the attempt failed */
    bool broken;        /* the partial download must be discarded */
};

/* The facts about an artifact and the attempt to fetch it. */
struct fetch_route_facts {
    enum fetch_route route;
    bool local;     /* the file is under --local-root: the last route */
    bool archived;  /* in cold storage */
    bool renewable; /* a new list may give a new URL */
    /* only its URL or its file is certain to be this artifact: another row has the same ID */
    bool by_url;
    bool refuted; /* the last answer at its URL was something else than "not found" */
    bool sized;   /* file_size is known */
    uint64_t file_size;
    uint64_t have; /* bytes received so far */
};

/* Decide what follows an attempt, given its response. */
struct fetch_route_verdict fetch_route_judge(const struct fetch_route_facts *facts,
                                             const struct request *request);

/*
 * Whether a URL is so close to its expiry that it should be renewed before use.
 *
 * expiry   its expiry time, or EXPIRY_NEVER
 * listed   the time of the list that it is from
 * now      the current time; all three by the server's clock
 */
bool fetch_route_stale(int64_t expiry, int64_t listed, int64_t now);

#endif
