/* SPDX-License-Identifier: MIT */
/*
 * way: how an artifact's bytes can be reached, and what follows a failure.
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

enum way { WAY_SIGNED, WAY_RENEWED, WAY_CONTENT, WAY_LOCAL };

/* As the manifest says it: "signed-url", "renewed-url", "content-endpoint", "local-root". */
const char *way_name(enum way way);

enum way_step {
    WAY_DONE,
    WAY_AGAIN,      /* the same, after a while */
    WAY_RENEW,      /* list the run again */
    WAY_TO_CONTENT, /* by the content endpoint */
    WAY_TO_LOCAL,   /* from the server's own disk */
    WAY_GIVE_UP,
};

struct way_verdict {
    enum way_step step;
    enum reason reason; /* why not */
    bool broken;        /* what is here of it is of no use */
};

/* What to know of an artifact that was tried. */
struct way_facts {
    enum way way;
    bool local;     /* after all of them: there is a file of it under --local-root */
    bool archived;  /* in cold storage */
    bool renewable; /* its list may be fetched again for it */
    bool sized;     /* the service gave its size */
    uint64_t file_size;
    uint64_t have; /* bytes of it that are here */
};

/* Judge an attempt by what came of it. */
struct way_verdict way_judge(const struct way_facts *facts, const struct request *request);

/*
 * Whether a URL should be renewed before it is used.
 *
 * dies     when it dies, or EXPIRY_NEVER
 * listed   when it was listed
 * now      by the same, the server's clock
 */
bool way_stale(int64_t dies, int64_t listed, int64_t now);

#endif
