/* SPDX-License-Identifier: MIT */
/*
 * metadata: asks the metadata service of a container or an instance (IMDSv2) for credentials.
 *
 * No proxy of the environment is used for a metadata service, since credentials come by plain
 * http. A container's service must be on loopback or one of the addresses that AWS documents,
 * or be asked by https.
 *
 * Errors   ERR_NOT_FOUND: the service does not exist here; ERR_NET, ERR_HTTP, ERR_DENIED;
 *          ERR_FORMAT for malformed answers; ERR_CANCELLED
 * Owns     nothing
 * Threads  any; each call has a connection of its own and ends by its time limit
 * Source   AWS SDKs and tools reference guide, "Container credential provider", "IMDS
 *          credential provider"
 */
#ifndef CREDENTIALS_METADATA_H
#define CREDENTIALS_METADATA_H

#include "base/err.h"
#include "credentials/keys.h"
#include "net/question.h"

/* Ask the container's service that AWS_CONTAINER_CREDENTIALS_* name; ERR_NOT_FOUND: none. */
int metadata_container(const struct question_opts *opts, struct keys *keys,
                       struct err *err) MUST_CHECK;

/*
 * Ask the instance's service, unless AWS_EC2_METADATA_DISABLED is "true"; ERR_NOT_FOUND, within
 * about two seconds, if this machine is no instance.
 */
int metadata_instance(const struct question_opts *opts, struct keys *keys,
                      struct err *err) MUST_CHECK;

#endif
