/* SPDX-License-Identifier: MIT */
/*
 * request: one HTTP request and its response: a GET, a POST of JSON, or what net/send
 * describes.
 *
 * The caller fills in the first part and calls engine_start; the second part is filled when
 * done is called. The sink gets only the body of a 200 (for a POST, and with net/send, of any
 * 2xx), or of a 206 that continues exactly at the requested offset. The start of an error
 * response's body is kept separately, so that it is never taken for content. A POST is sent at
 * most once, and its redirects are not followed.
 *
 * Units    bytes; milliseconds
 * Owns     nothing; url, key and ctx must be valid until done is called
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

#define REQUEST_UNSAID    UINT64_MAX  /* no length was announced */
#define REQUEST_ERROR_MAX 2048        /* bytes kept of an error response's body */
#define REQUEST_SMALL     16384       /* see request_memory */
#define REQUEST_STREAM    (256 << 10) /* a longer body is not asked for by HTTP/2 */

/* The Content-Encoding of a body. */
enum coding {
    CODING_NONE,
    CODING_GZIP,
    CODING_DEFLATE,
    CODING_ZSTD,
    CODING_OTHER, /* an unknown coding, or several */
};

enum sink {
    SINK_TAKEN,
    SINK_FULL,    /* took nothing: pause until engine_resume */
    SINK_REFUSED, /* abort the transfer */
};

/* What a request is sent over, by what its bytes cost: see request_memory. */
enum request_wire {
    WIRE_PLAIN,  /* a connection of its own, by http */
    WIRE_TLS,    /* a connection of its own, by https and HTTP/1.1 */
    WIRE_STREAM, /* a stream of HTTP/2 */
};

struct send;
struct slot;

struct request {
    /* the request */
    const char *url;
    const char *key;        /* x-api-key, or NULL */
    const char *key_origin; /* the only origin that the key is sent to */
    bool key_insecure;      /* send the key even if a proxy can read it */
    const char *post;       /* JSON body to POST; NULL: GET */
    size_t post_len;
    struct send *send;    /* a method, headers and a body of its own; NULL: none */
    uint64_t max;         /* maximum body size, including the bytes already here */
    struct resume resume; /* the partial download to continue; {0}: none */
    /*
     * size of the body as far as the caller knows it; 0: unknown. One of more than
     * REQUEST_STREAM is asked for by HTTP/1.1
     */
    uint64_t expected;
    bool as_sent; /* ask for an unencoded body, and do not decode it */
    bool costly;  /* the host loads the whole body into its memory: see origin.h */
    enum sink (*sink)(void *ctx, const char *bytes, size_t len);
    void (*done)(void *ctx, struct request *request);
    void *ctx;

    /* the response */
    struct err err;         /* ERR_NONE: see status */
    long status;            /* HTTP status; 0: no response */
    bool sent;              /* bytes were sent: the server may have got a POST */
    bool stalled;           /* it failed after a time-out */
    bool hopeless;          /* a retry would fail the same way */
    bool stream;            /* it comes by HTTP/2, and its sink should never be full */
    enum coding coding;     /* of the body; decoded before the sink unless as_sent */
    bool chunked;           /* chunked: no length is announced */
    bool heading;           /* the status line was received */
    bool headed;            /* the end of the headers was received */
    const char *bad;        /* why the headers are invalid, or NULL */
    uint64_t length;        /* Content-Length, or REQUEST_UNSAID */
    uint64_t received;      /* body bytes passed to the sink */
    uint64_t retry_after;   /* milliseconds, or BACKOFF_UNSAID */
    int64_t date;           /* the server's clock, ms since 1970, or CLOCK_NONE */
    char host[256];         /* the host that answered last, for messages */
    char type[80];          /* Content-Type */
    struct validators seen; /* ETag and Last-Modified */
    char range[80];         /* Content-Range */
    char error[REQUEST_ERROR_MAX + 1];
    size_t error_len;

    /* private to the engine */
    struct slot *slot;
    struct origin *origin; /* of the last attempt */
    uint64_t begun;        /* start of the last attempt */
};

/*
 * Copy the value of the header called name, without blanks around it, to out; one that does not
 * fit is cut. false: the line is another header.
 */
bool request_field(const char *line, size_t len, const char *name, char *out, size_t size);

/* Size of libcurl's buffer for the bytes of a body whose size is expected; 0: unknown. */
size_t request_buffer(uint64_t expected, enum request_wire wire);

/*
 * Memory of a running request, in addition to what its sink keeps: libcurl's handle, its share
 * of a connection, the buffer, and, without HTTP/2, a second one of the same size for the bytes
 * that libcurl keeps while the sink has no room. A body of at most REQUEST_SMALL is not paused,
 * since its sink has room from the beginning.
 */
size_t request_memory(uint64_t expected, enum request_wire wire);

/* The request's method. */
const char *request_method(const struct request *request);

/* Whether the response's body is the requested content. */
bool request_good(const struct request *request);

/* Whether the response is a 206 that continues the partial download. */
bool request_partial(const struct request *request);

/*
 * Whether the response to a range request cannot continue the partial download: retry
 * without it.
 */
bool request_unfit(const struct request *request);

/*
 * Size of the whole body as announced, or REQUEST_UNSAID; also if the body is encoded or
 * chunked, since then no length describes the delivered bytes.
 */
uint64_t request_total(const struct request *request);

/* Whether a retry may succeed: no response, 408, 429, 5xx, invalid headers. */
bool request_retryable(const struct request *request);

/* Translate an unsuccessful response into err; 0 if the response is good. */
int request_check(const struct request *request, struct err *err) MUST_CHECK;

/*
 * Process one header line ("Name: value"). A status line resets all fields of the previous
 * response; lines after the empty line are trailers and are ignored. A folded line, a blank
 * before the colon, or a status line among the headers makes the response invalid, since
 * programs disagree about its meaning; so does Content-Range with status 200, and one that is
 * too long or has two values. The line "HTTP/" resets the response at any time.
 */
void request_header(struct request *request, const char *line, size_t len, int64_t wall);

#endif
