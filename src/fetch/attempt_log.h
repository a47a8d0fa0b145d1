/* SPDX-License-Identifier: MIT */
/*
 * attempt_log: says how an attempt to fetch an artifact ended: in the log of the program, and,
 * if it was a request to the API, in the log of requests.
 *
 * Errors   none
 * Owns     nothing
 * Threads  the loop's
 */
#ifndef FETCH_ATTEMPT_LOG_H
#define FETCH_ATTEMPT_LOG_H

#include "api/fetch_route.h"
#include "fetch/task.h"
#include "net/request.h"
#include "provenance/request_log.h"

/*
 * Log an attempt that has ended. Those with the API key are requests to the
 * API: by the content endpoint, or by URLs of the API that have no signature.
 * The content's digest is not logged: the manifest has it.
 *
 * requests  NULL: requests are not logged
 */
void attempt_log(struct request_log *requests, const struct task *task,
                 const struct request *request, struct fetch_route_verdict verdict);

#endif
