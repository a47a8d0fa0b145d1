/* SPDX-License-Identifier: MIT */
/*
 * request: one GET or POST, from what is asked to what came of it.
 *
 * The caller fills in the upper half, hands it to engine_start, and finds the
 * lower half filled when done is called. The sink gets the body of a 200 (of a
 * POST: of any 2xx) alone, or of a 206 that goes on right where it was asked to;
 * what an error says is kept aside, cut short, so that an error body can never be
 * taken for content.
 *
 * Units    bytes; milliseconds
 * Owns     nothing; url, key and ctx live until done
 * Threads  the transfer loop only
 * Source   RFC 9110
 */
#ifndef NET_REQUEST_H
#define NET_REQUEST_H

#include "base/err.h"
#include "net/resume.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REQUEST_UNSAID    UINT64_MAX /* no length announced */
#define REQUEST_ERROR_MAX 2048       /* bytes kept of an error's body */

/* What a body is wrapped in. */
enum coding {
    CODING_NONE,
    CODING_GZIP,
    CODING_DEFLATE,
    CODING_ZSTD,
    CODING_OTHER, /* one that is not known here, or several around each other */
};

enum sink {
    SINK_TAKEN,
    SINK_FULL,    /* took nothing; engine_resume offers it again */
    SINK_REFUSED, /* stop this transfer */
};

struct slot;

struct request {
    /* asked */
    const char *url;
    const char *key;        /* x-api-key, or NULL */
    const char *key_origin; /* the one origin that may have it */
    bool key_insecure;      /* also where a proxy can read it */
    const char
        *post; /* a JSON body to POST, or NULL: a GET; never sent twice, nor redirected */
    size_t post_len;
    uint64_t max;         /* most body bytes taken, those that are here included */
    struct resume resume; /* go on behind what is here; {0}: from the beginning */
    bool as_sent;         /* ask for the body as it is, and give it as it comes: see coding */
    enum sink (*sink)(void *ctx, const char *bytes, size_t len);
    void (*done)(void *ctx, struct request *request);
    void *ctx;

    /* answered */
    struct err err;         /* ERR_NONE: status tells the rest */
    long status;            /* HTTP status, 0 without an answer */
    bool sent;              /* something was sent: a POST may have arrived */
    bool hopeless;          /* the same again would fail the same */
    enum coding coding;     /* of the body; undone before the sink unless as_sent */
    bool chunked;           /* the body's framing tells its end, and no length */
    bool headed;            /* the headers have come to their end */
    const char *bad;        /* why they cannot be believed, or NULL */
    uint64_t length;        /* announced, of this answer; or REQUEST_UNSAID */
    uint64_t received;      /* body bytes given to the sink */
    uint64_t retry_after;   /* BACKOFF_UNSAID unless the server asked */
    int64_t date;           /* the server's clock, ms since 1970, or CLOCK_NONE */
    char host[256];         /* who answered last, for messages */
    char type[80];          /* content type */
    struct validators seen; /* entity tag and date of change */
    char range[80];         /* Content-Range */
    char error[REQUEST_ERROR_MAX + 1];
    size_t error_len;

    /* the engine's */
    struct slot *slot;
    struct origin *origin; /* where it ran last */
    uint64_t begun;        /* and since when */
};

/* Whether the status says that the body is what was asked for. */
bool request_good(const struct request *request);

/* Whether it is the rest of what is here already, and fits. */
bool request_partial(const struct request *request);

/* Whether asking for the rest was answered by what does not fit: ask for the whole. */
bool request_unfit(const struct request *request);

/* Bytes of the whole body as the answer announced them, or REQUEST_UNSAID: also when it is
 * encoded or chunked, since then a length does not describe what is delivered. */
uint64_t request_total(const struct request *request);

/* Whether the same request may succeed later: no answer, 408, 429, 5xx, a wrong length. */
bool request_retryable(const struct request *request);

/* Turn an answer that is not good into err; 0 when all is well. */
int request_check(const struct request *request, struct err *err) MUST_CHECK;

/*
 * Take one header line ("Name: value"); a status line forgets the former answer's. Lines behind
 * the empty one are trailers, which change nothing.
 */
void request_header(struct request *request, const char *line, size_t len, int64_t wall);

#endif
