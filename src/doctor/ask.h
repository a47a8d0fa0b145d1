/* SPDX-License-Identifier: MIT */
/*
 * ask: the requests of the checks, each with a time limit.
 *
 * Units    milliseconds
 * Errors   those of the calls; ERR_NET with ETIMEDOUT when the time is up; ERR_CANCELLED
 * Owns     nothing
 * Threads  the transfer loop
 */
#ifndef DOCTOR_ASK_H
#define DOCTOR_ASK_H

#include "base/err.h"
#include "cmdutil/api_client.h"

#define ASK_MS 20000 /* longest time for a request, which its deadline ends */

/* Make a call, set up by call_init with a URL; the answer is in the call, which the caller
 * clears. */
int ask_call(struct api_client *client, struct call *call, struct err *err) MUST_CHECK;

/*
 * Request a body and stop at its first bytes. The key is sent only to the API's own origin.
 *
 * returns  0 if the request was answered with the content; -1: see err
 */
int ask_first_bytes(struct api_client *client, const char *url, struct err *err) MUST_CHECK;

#endif
