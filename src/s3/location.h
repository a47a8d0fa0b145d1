/* SPDX-License-Identifier: MIT */
/*
 * location: where objects are: "s3://bucket/key", and the endpoint that serves a bucket.
 *
 * Errors   ERR_USAGE for a malformed address, ERR_FORMAT for a malformed endpoint; ERR_MEMORY;
 *          ERR_LIMIT. An endpoint is never part of a message: it might contain a password
 * Owns     a location owns its bucket and key; a location_url its texts
 * Threads  any
 * Source   Amazon S3 user guide, "Bucket naming rules", "Virtual hosting of buckets"; AWS
 *          General Reference, "Service endpoints"
 */
#ifndef S3_LOCATION_H
#define S3_LOCATION_H

#include "base/buf.h"
#include "base/err.h"
#include "credentials/aws_region.h"

#include <stdbool.h>

#define LOCATION_SCHEME  "s3://"
#define LOCATION_BUCKET  63   /* maximum length of a bucket's name */
#define LOCATION_KEY_MAX 1024 /* maximum length of a key */
#define LOCATION_HOST    300  /* buffer size for a Host header */

struct location {
    char bucket[LOCATION_BUCKET + 1];
    char key[LOCATION_KEY_MAX + 1]; /* or a prefix; "": the whole bucket */
};

enum location_style {
    LOCATION_AUTO,    /* by the bucket's host name at AWS, by a path elsewhere */
    LOCATION_PATH,    /* https://endpoint/bucket/key */
    LOCATION_VIRTUAL, /* https://bucket.endpoint/key */
};

/* The endpoint of a bucket. */
struct location_endpoint {
    const char *url; /* "https://host:port", or with a path; NULL: AWS's, by the region */
    enum location_style style;
    char region[AWS_REGION_MAX + 1];
};

/* What is sent and signed for one object. */
struct location_url {
    struct buf url;           /* the whole URL, with the query */
    struct buf path;          /* its path, percent-encoded */
    char host[LOCATION_HOST]; /* the Host header */
};

/* Whether a text is the address of an object store: it starts with "s3://". */
bool location_is(const char *text);

/* Parse "s3://bucket/key"; the key may be missing. */
int location_parse(struct location *location, const char *text, struct err *err) MUST_CHECK;

/* The same for the address of an object: ERR_USAGE if the key is missing or ends in a slash. */
int location_parse_object(struct location *location, const char *text,
                          struct err *err) MUST_CHECK;

/*
 * Write the URL of an object.
 *
 * key      not encoded; "": the bucket
 * query    percent-encoded, without '?'; or ""
 * out      {0} or of an earlier call; free by location_url_clear, also after an error
 */
int location_url(struct location_url *out, const struct location_endpoint *endpoint,
                 const char *bucket, const char *key, const char *query,
                 struct err *err) MUST_CHECK;

/* Free the texts; may be called twice, and on {0}. */
void location_url_clear(struct location_url *url);

#endif
