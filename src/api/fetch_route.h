/* SPDX-License-Identifier: MIT */
/*
 * fetch_route: how an artifact's bytes can be reached, and what follows a failure.
 *
 * Pure. The ways in their order: the signed URL of the list; one from a newer
 * list; the content endpoint with the key; the server's own disk, where we
 * were told that it is ours to read.
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

/* As the manifest says it: "signed-url", "renewed-url", "content-endpoint", "local-root". */
const char *fetch_route_name(enum fetch_route way);

enum fetch_route_step {
    FETCH_ROUTE_DONE,
    FETCH_ROUTE_AGAIN,      /* the same, after a while */
    FETCH_ROUTE_RENEW,      /* list the run again */
    FETCH_ROUTE_TO_CONTENT, /* by the content endpoint */
    FETCH_ROUTE_TO_LOCAL,   /* from the server's own disk */
    FETCH_ROUTE_GIVE_UP,
};

struct fetch_route_verdict {
    enum fetch_route_step step;
    enum reason reason; /* why not */
    bool broken;        /* what is here of it is of no use */
};

/* What to know of an artifact that was tried. */
struct fetch_route_facts {
    enum fetch_route way;
    bool local;     /* after all of them: there is a file of it under --local-root */
    bool archived;  /* in cold storage */
    bool renewable; /* its list may be fetched again for it */
    bool sized;     /* the service gave its size */
    uint64_t file_size;
    uint64_t have; /* bytes of it that are here */
};

/* Judge an attempt by what came of it. */
struct fetch_route_verdict fetch_route_judge(const struct fetch_route_facts *facts,
                                             const struct request *request);

/*
 * Whether a URL should be renewed before it is used.
 *
 * dies     when it dies, or EXPIRY_NEVER
 * listed   when it was listed
 * now      by the same, the server's clock
 */
bool fetch_route_stale(int64_t dies, int64_t listed, int64_t now);

#endif
