/* SPDX-License-Identifier: MIT */
/*
 * remote: the process's settings for object stores, and the clients made of them.
 *
 * Process-wide, like the log: an archive is opened by its path at many places, and what a path
 * "s3://..." needs in addition (credentials, endpoint, the CA file) is the same everywhere.
 *
 * Settings come from the environment and from the profile of AWS's configuration files:
 * AWS_REGION, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL,
 * AWS_S3_ADDRESSING_STYLE.
 *
 * Errors   those of credentials/credentials and credentials/profile; ERR_FORMAT for invalid
 *          settings
 * Owns     the credentials, until remote_end
 * Threads  any, after remote_begin
 * Source   AWS SDKs and tools reference guide
 */
#ifndef STORAGE_REMOTE_H
#define STORAGE_REMOTE_H

#include "base/err.h"
#include "base/pulse.h"
#include "s3/s3_client.h"

#include <stdbool.h>
#include <stdint.h>

struct remote_opts {
    const char *agent;
    const char *ca_file; /* NULL: the system's */
    unsigned retries;
    uint64_t rate_bps; /* 0: no limit */
    struct stop stop;
};

/*
 * Set what is used from now on; the strings are borrowed. Nothing is read before it is needed.
 */
void remote_begin(const struct remote_opts *opts);

/* Use this local directory for a sync in a bucket, unless one is given; NULL: the default. */
void remote_use_work_dir(const char *dir);

/* What remote_use_work_dir has set. */
const char *remote_work_dir(void);

/* Forget the settings, and wipe the credentials. */
void remote_end(void);

/* Create a client for a bucket; free it by s3_client_free before remote_end. */
struct s3_client *remote_client(const char *bucket, unsigned jobs, struct err *err) MUST_CHECK;

#define REMOTE_ENDPOINT_MAX 512

/* The URL of the store's endpoint that is set; "": AWS's. */
int remote_endpoint(char out[REMOTE_ENDPOINT_MAX], struct err *err) MUST_CHECK;

/* Where requests to a bucket go, and how they are signed; without secrets. */
struct remote_facts {
    char server[LOCATION_HOST + 8];  /* "https://host:port", of the bucket */
    bool secure;                     /* by TLS */
    char region[AWS_REGION_MAX + 1]; /* that is set, or assumed */
    struct err no_keys;              /* why there are no credentials; ERR_NONE: there are */
    struct credentials_source keys;  /* if there are */
};

/* Tell the settings, and fetch the credentials. ERR_SYSTEM: invalid settings, which are no
 * damage. */
int remote_describe(const char *bucket, struct remote_facts *facts, struct err *err) MUST_CHECK;

/*
 * Visit the files that clients may read while they work: keys, tokens, certificates. To be
 * called before the process is confined: it also forbids core dumps, which needs prctl.
 */
void remote_each_file(void (*visit)(void *ctx, const char *path), void *ctx);

/* How an operation of this process is asked to stop. */
struct stop remote_stop(void);

#endif
