/* SPDX-License-Identifier: MIT */
/*
 * api_client: the API and a loop, for commands that only ask it something.
 *
 * Errors   the session's and the loop's; ERR_CANCELLED when a signal came
 * Owns     API, loop and connections, until api_client_close
 * Threads  one
 */
#ifndef CMDUTIL_API_CLIENT_H
#define CMDUTIL_API_CLIENT_H

#include "api/api.h"
#include "base/err.h"
#include "cli/command.h"
#include "client/call.h"
#include "client/listing.h"
#include "cmdutil/session.h"
#include "net/loop.h"
#include "redact/redact.h"

#define API_CLIENT_JOBS    8
#define API_CLIENT_RETRIES 5

struct api_client {
    struct api api;
    struct loop loop;
    struct callers callers;
};

/* talk must be {0}, and is to be closed in any case. */
int api_client_open(struct api_client *talk, const struct session_args *session,
                    struct err *err) MUST_CHECK;

/* End the talk and free what it holds; may be called twice, and on {0}. */
void api_client_close(struct api_client *talk);

/* Open, list runs, and drop the connections; the caller clears the listing, and closes. */
int api_client_listing(struct api_client *talk, const struct session_args *session,
                       char *const *ids, size_t count, const struct kind_filter *filter,
                       struct listing *listing, struct err *err) MUST_CHECK;

/* Do one call (POST when body is not NULL); its answer is in call, to be cleared. */
int api_client_call(struct api_client *talk, struct call *call, const char *body, size_t len,
                    struct err *err) MUST_CHECK;

/* The status of a command that failed with err: -1, or that of the signal that stopped it. */
int api_client_status(const struct err *err);

/* Write bytes to standard output, past stdio; a put_fn, ctx unused. */
int api_client_put_raw(void *ctx, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* Print JSON from elsewhere, which has been checked, behind lead; nothing in it reaches a
 * terminal that should not. */
int api_client_json(const char *lead, const char *json, size_t len, struct err *err) MUST_CHECK;

/* The same of JSON that may hold secrets, without those. */
int api_client_redacted(const char *lead, const char *json, size_t len,
                        const struct redact *what, struct err *err) MUST_CHECK;

/* A put_fn to standard output. */
int api_client_put(void *ctx, const void *bytes, size_t len, struct err *err);

#endif
