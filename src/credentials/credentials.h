/* SPDX-License-Identifier: MIT */
/*
 * credentials: the keys that requests to an object store are signed with.
 *
 * They come from the first of these sources that has some: the variables AWS_ACCESS_KEY_ID,
 * AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; a web identity (AWS_ROLE_ARN and
 * AWS_WEB_IDENTITY_TOKEN_FILE, exchanged at STS); the profile of AWS_PROFILE in the credentials
 * and the config file; the container's metadata service (AWS_CONTAINER_CREDENTIALS_*); the
 * instance's (IMDSv2). Those that expire are fetched again before they do; if that fails, they
 * are used as long as they are valid. The sources are asked at most once in half a minute, also
 * after a failure, unless the server refuses the keys.
 *
 * Units    milliseconds since 1970
 * Errors   ERR_DENIED if no source has any; those of credentials/profile, credentials/sts and
 *          credentials/metadata; ERR_FORMAT; ERR_CANCELLED
 * Owns     the keys, which are wiped when freed, and their cache
 * Threads  any: a mutex covers the cache, also while a service is asked, at most some seconds
 * Source   AWS SDKs and tools reference, "Standardized credential providers"
 */
#ifndef CREDENTIALS_CREDENTIALS_H
#define CREDENTIALS_CREDENTIALS_H

#include "base/err.h"
#include "base/pulse.h"
#include "credentials/keys.h"
#include "credentials/profile.h"

#include <stdbool.h>
#include <stdint.h>

struct credentials;

struct credentials_opts {
    /*
     * of AWS_PROFILE; NULL: it is read when it is needed. It is read again when keys are
     * renewed, unless its files can be read once only
     */
    const struct profile *profile;
    const char *region; /* for STS; may be NULL */
    const char *agent;
    const char *ca_file;
    struct stop stop;
};

/* Create the chain of sources; asks none yet. The strings of opts are borrowed. */
struct credentials *credentials_new(const struct credentials_opts *opts,
                                    struct err *err) MUST_CHECK;

/* Wipe and free; NULL is fine. */
void credentials_free(struct credentials *credentials);

/*
 * Copy the keys to *keys, which the caller wipes by explicit_bzero.
 *
 * refused  the id of keys that the server refused as expired: they are fetched again, unless
 *          another thread has done so; or NULL
 */
int credentials_get(struct credentials *credentials, const char *refused, struct keys *keys,
                    struct err *err) MUST_CHECK;

/* Where the keys are from. */
struct credentials_source {
    char name[160];     /* "the environment", "the profile 'x'" */
    bool session;       /* they have a session token */
    int64_t expires_ms; /* INT64_MAX: never */
};

/* Fetch the keys, unless that was done, and tell where they are from, without them. */
int credentials_describe(struct credentials *credentials, struct credentials_source *source,
                         struct err *err) MUST_CHECK;

#endif
