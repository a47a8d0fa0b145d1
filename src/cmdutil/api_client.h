/* SPDX-License-Identifier: MIT */
/*
 * api_client: API calls and output helpers for commands that only query the service.
 *
 * Errors   those of session and loop; ERR_CANCELLED if a signal asked to stop
 * Owns     API, loop and connections, until api_client_close
 * Threads  one
 */
#ifndef CMDUTIL_API_CLIENT_H
#define CMDUTIL_API_CLIENT_H

#ifndef PACKAGE_VERSION
#    include "config.h"
#endif

#include "api/api.h"
#include "base/err.h"
#include "base/jsonw.h"
#include "client/call.h"
#include "client/listing.h"
#include "cmdutil/session.h"
#include "net/loop.h"
#include "redact/redact.h"

/* The program's name and version, as in User-Agent and the manifest's tool. */
#define TOOL_NAME "skyarc/" PACKAGE_VERSION

#define API_CLIENT_JOBS    8
#define API_CLIENT_RETRIES 5

struct api_client {
    struct api api;
    struct loop loop;
    struct callers callers;
};

/* Set up the API and the transfer loop. client must be {0}; close it also on failure. */
int api_client_open(struct api_client *client, const struct session_args *session,
                    struct err *err) MUST_CHECK;

/*
 * Set up the transfer loop of a client whose API is set up, after signals_setup. As of
 * api_client_open, close the client also on failure.
 *
 * retries  the number of times that a call is repeated
 */
int api_client_start(struct api_client *client, const struct session_args *session,
                     unsigned retries, struct err *err) MUST_CHECK;

/* Close the connections and free what client owns; may be called twice, and on {0}. */
void api_client_close(struct api_client *client);

/* Open, list the runs, close the connections. The caller clears listing and closes client. */
int api_client_listing(struct api_client *client, const struct session_args *session,
                       char *const *ids, size_t count, const struct kind_filter *filter,
                       struct listing *listing, struct err *err) MUST_CHECK;

/* Make one call (POST if body is not NULL). The answer is in call, which the caller clears. */
int api_client_call(struct api_client *client, struct call *call, const char *body, size_t len,
                    struct err *err) MUST_CHECK;

/*
 * The exit status of a command that failed with err: -1, or the status for the signal that
 * stopped the command, which is then logged.
 */
int api_client_status(const struct err *err);

/* Write bytes to standard output without stdio; a put_fn, ctx is not used. */
int api_client_put_raw(void *ctx, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* Print valid JSON of unknown origin after the text lead; characters that could control a
 * terminal are escaped. */
int api_client_json(const char *lead, const char *json, size_t len, struct err *err) MUST_CHECK;

/* As api_client_json, with secrets redacted. */
int api_client_redacted(const char *lead, const char *json, size_t len,
                        const struct redact *what, struct err *err) MUST_CHECK;

/* A put_fn that writes to standard output by stdio. */
int api_client_put(void *ctx, const void *bytes, size_t len, struct err *err);

/*
 * Begin a document on standard output that is an array.
 *
 * w     gets the writer, which api_client_list_end frees; NULL if json is not set
 * json  whether there is to be a document
 */
int api_client_list(struct jsonw **w, bool json, struct err *err) MUST_CHECK;

/* End the document, unless rc, the result of what wrote it, is -1; w may be NULL. */
int api_client_list_end(struct jsonw *w, int rc, struct err *err) MUST_CHECK;

#endif
