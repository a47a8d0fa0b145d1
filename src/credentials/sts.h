/* SPDX-License-Identifier: MIT */
/*
 * sts: exchanges a web identity for keys at AWS's Security Token Service.
 *
 * The endpoint is that of the region, or AWS_ENDPOINT_URL_STS, or AWS_ENDPOINT_URL.
 *
 * Errors   those of net/question; ERR_DENIED with STS's reason; ERR_FORMAT for a malformed
 *          answer; ERR_SYSTEM for the token's file
 * Owns     nothing
 * Threads  any
 * Source   AWS STS API reference, "AssumeRoleWithWebIdentity"
 */
#ifndef CREDENTIALS_STS_H
#define CREDENTIALS_STS_H

#include "base/err.h"
#include "credentials/keys.h"
#include "net/question.h"

/*
 * Exchange the token in a file for keys of a role.
 *
 * session  the name of the role's session; NULL: "skyarc"
 * region   NULL: us-east-1
 */
int sts_web_identity(const struct question_opts *opts, const char *role, const char *token_file,
                     const char *session, const char *region, struct keys *keys,
                     struct err *err) MUST_CHECK;

#endif
