/* SPDX-License-Identifier: MIT */
/*
 * ping: report start, success or failure to a monitoring service (dead man's switch).
 *
 * A ping is a GET of URL/start, URL or URL/fail, as healthchecks.io and similar services
 * expect. The API key is not sent, and redirects are followed. An error is only a warning:
 * nothing fails because the monitoring service is unavailable.
 *
 * Threads  one; waits up to ten seconds, or three after a request to stop
 */
#ifndef NET_PING_H
#define NET_PING_H

#include "base/pulse.h"

enum ping_what { PING_START, PING_SUCCESS, PING_FAIL };

/*
 * Send a ping.
 *
 * url      the base URL; NULL: do nothing
 * agent    the User-Agent
 * stop     when asked to stop, PING_START is abandoned; the other pings are
 *          still sent, but with a shorter time limit
 */
void ping_send(const char *url, const char *agent, const char *ca_file, enum ping_what what,
               struct stop stop);

#endif
