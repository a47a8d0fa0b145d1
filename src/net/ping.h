/* SPDX-License-Identifier: MIT */
/*
 * ping: tell a dead-man switch that something began, went well, or failed.
 *
 * A GET of URL/start, URL or URL/fail, as healthchecks.io and its kin take them.
 * The key is never sent, redirects are followed as everywhere, and what goes wrong
 * is a warning and no more: nothing fails because its watcher is away.
 *
 * Threads  one; waits up to ten seconds, and three for an end that was asked for
 */
#ifndef NET_PING_H
#define NET_PING_H

#include <stdbool.h>

enum ping_what { PING_START, PING_SUCCESS, PING_FAIL };

/*
 * Send one.
 *
 * url      NULL: nobody is told
 * agent    the User-Agent
 * stopped  whether to stop, asked often; may be NULL. A start is then not told any more, an
 *          end still is, but is not waited for so long
 */
void ping_send(const char *url, const char *agent, const char *ca_file, enum ping_what what,
               bool (*stopped)(void *ctx), void *ctx);

#endif
