/* SPDX-License-Identifier: MIT */
/*
 * s3_client: concurrent requests to a bucket, signed, with retries.
 *
 * A request is repeated after a network error, a time-out, 408, 429 and 5xx, with backoff. Each
 * call may correct once the client's region, to the one that the server names, and the clock's
 * offset, and have expired keys renewed. No redirect is followed: a signature is valid for one
 * host only.
 *
 * Units    bytes; milliseconds
 * Errors   a call's are in call->err when done is called: ERR_NOT_FOUND (404), ERR_DENIED
 *          (403: no permission), ERR_EXISTS (412: a condition was not met), ERR_BUSY (409:
 *          a request at the same time won), ERR_HTTP, ERR_NET, ERR_LIMIT, ERR_CANCELLED
 * Owns     a client its loop; a call belongs to its caller until call->done
 * Threads  one
 * Source   Amazon S3 API reference, "Error responses"; RFC 9110
 */
#ifndef S3_S3_CLIENT_H
#define S3_S3_CLIENT_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/pulse.h"
#include "credentials/credentials.h"
#include "limit/backoff.h"
#include "net/request.h"
#include "net/send.h"
#include "s3/location.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define S3_HEADERS     16     /* maximum number of a call's own headers */
#define S3_JOBS        8      /* calls of a client that run at a time */
#define S3_PATIENCE_MS 120000 /* see s3_client_persist */
#define S3_CODE_MAX    64

struct s3_client;

struct s3_opts {
    struct location_endpoint endpoint; /* its region is corrected if the server names another */
    const char *bucket;
    struct credentials *credentials; /* NULL: requests are not signed */
    const char *ca_file;             /* PEM file, or NULL: the system's */
    const char *agent;
    unsigned jobs;     /* 0: S3_JOBS */
    unsigned retries;  /* of each call */
    uint64_t rate_bps; /* of what is received; 0: no limit */
    struct stop stop;
};

/* Create a client for one bucket; the strings of opts are borrowed. */
struct s3_client *s3_client_new(const struct s3_opts *opts, struct err *err) MUST_CHECK;

/* Abort all calls without calling done, and free; NULL is fine. */
void s3_client_free(struct s3_client *client);

/* The client's bucket. */
const char *s3_client_bucket(const struct s3_client *client);

struct s3_call {
    /* the request; texts are borrowed until done */
    const char *method;
    const char *key;                 /* "": the bucket */
    const char *query;               /* percent-encoded, see sigv4_encode; or "" */
    const char *headers[S3_HEADERS]; /* lines "name: value", signed */
    size_t header_count;
    const char *payload; /* SHA-256 of the body in hex; NULL: of no bytes */
    uint64_t size;       /* of the body */
    send_read_fn *read;
    void *read_ctx;
    size_t max;           /* bytes that the response's body may have */
    uint64_t stall_s;     /* see struct send */
    uint64_t rate_bps;    /* the same */
    bool may_fail;        /* a response of 2xx may have an error in its body, and then is one */
    bool conflict_passes; /* repeat it after 409, which says that it had no effect */
    void (*done)(void *ctx, struct s3_call *call);
    void *ctx;

    /* the response, complete when done is called */
    struct err err;  /* ERR_NONE: a status of 2xx */
    struct buf body; /* of a success; to be cleared by s3_call_clear */
    long status;
    char code[S3_CODE_MAX];   /* the error's code, "NoSuchKey"; "": none */
    char etag[128];           /* with its quotes */
    char version[128];        /* version ID; "": none */
    char sha256[SHA256_TEXT]; /* x-amz-meta-sha256; "": none */
    char range[80];           /* Content-Range */
    uint64_t length;          /* Content-Length of a HEAD's response, or REQUEST_UNSAID */
    unsigned attempts;        /* more than 1: an earlier attempt may have had an effect */

    /* private to the client */
    struct s3_call *next;
    struct s3_client *client;
    struct request request;
    struct send send;
    struct location_url url;
    struct buf auth; /* header lines for the signature, each ended by a NUL */
    const char *lines[S3_HEADERS + 8];
    struct backoff backoff;
    uint64_t due;
    char id[KEYS_ID_MAX]; /* of the keys it was signed with */
    char signed_for[AWS_REGION_MAX + 1];
    int64_t offset_ms;               /* of the clock it was signed by */
    bool refused;                    /* these keys were refused as expired */
    bool renewed;                    /* its keys were renewed once */
    bool moved;                      /* its region was corrected once */
    bool timed;                      /* its time was corrected once */
    char region[AWS_REGION_MAX + 1]; /* that the response names */
};

/* The region that requests are signed for: as the server has corrected it. */
const char *s3_client_region(const struct s3_client *client);

/*
 * The server's clock less this machine's, as far as the last response's Date tells: to a second
 * and the time of the response. CLOCK_NONE: no response told the time.
 */
int64_t s3_client_skew(const struct s3_client *client);

/* Queue a call; done is called from s3_client_turn. */
void s3_call_add(struct s3_client *client, struct s3_call *call);

/* Free what a finished call holds; may be called twice, and on {0}. */
void s3_call_clear(struct s3_call *call);

/*
 * Run until something has happened: calls have ended, or a moment has passed.
 *
 * returns  1: calls remain; 0: none does; -1: error, also ERR_CANCELLED
 */
int s3_client_turn(struct s3_client *client, struct err *err) MUST_CHECK;

/*
 * From now on, repeat calls for S3_PATIENCE_MS that do not reach the store, however many
 * attempts that takes: a gateway that is started again should not end the upload of a large
 * file. Calls that fail otherwise have their number of retries as before.
 *
 * lost  called with a call's key when its body was being sent, and the connection ended without
 *       an answer; it may queue a call
 */
void s3_client_persist(struct s3_client *client, void (*lost)(void *ctx, const char *key),
                       void *ctx);

/* A function for s3_client_persist that does nothing. */
void s3_lost_untold(void *ctx, const char *key);

/*
 * Make calls short from now on, for what must still be cleaned up, and forget the calls that
 * are queued or delayed, without calling done.
 *
 * stoppable  whether requests to stop still count; false after one
 * retries    of each call
 * limit_ms   of each attempt
 */
void s3_client_hurry(struct s3_client *client, bool stoppable, unsigned retries,
                     uint64_t limit_ms);

/* Abort all calls without calling done. */
void s3_client_drop(struct s3_client *client);

/* Do one call, while no other is queued, and copy its error to err. done must be unset. */
int s3_call_do(struct s3_client *client, struct s3_call *call, struct err *err) MUST_CHECK;

#endif
