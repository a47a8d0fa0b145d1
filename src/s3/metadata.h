/* SPDX-License-Identifier: MIT */
/*
 * metadata: asks the services that give credentials: STS for a web identity, a container's and
 * an instance's metadata service (IMDSv2).
 *
 * No proxy of the environment is used for a metadata service, since credentials come by plain
 * http. A container's service must be on loopback or one of the addresses that AWS documents,
 * or be asked by https.
 *
 * Units    milliseconds
 * Errors   ERR_NOT_FOUND: the service does not exist here; ERR_NET, ERR_HTTP, ERR_DENIED;
 *          ERR_FORMAT for malformed answers; ERR_CANCELLED
 * Owns     nothing
 * Threads  any; each call has a connection of its own and ends by its time limit
 * Source   AWS SDKs and tools reference guide, "Container credential provider", "IMDS
 *          credential provider", "Assume role with web identity"
 */
#ifndef S3_METADATA_H
#define S3_METADATA_H

#include "base/err.h"
#include "base/pulse.h"
#include "s3/keys.h"

struct metadata_opts {
    const char *agent;
    const char *ca_file;
    struct stop stop;
};

/* Exchange a web identity for keys at STS: AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE. */
int metadata_web_identity(const struct metadata_opts *opts, const char *role,
                          const char *token_file, const char *session, const char *region,
                          struct keys *keys, struct err *err) MUST_CHECK;

/* Ask the container's service that AWS_CONTAINER_CREDENTIALS_* name; ERR_NOT_FOUND: none. */
int metadata_container(const struct metadata_opts *opts, struct keys *keys,
                       struct err *err) MUST_CHECK;

/* Ask the instance's service, unless AWS_EC2_METADATA_DISABLED is "true". */
int metadata_instance(const struct metadata_opts *opts, struct keys *keys,
                      struct err *err) MUST_CHECK;

#endif
