/* SPDX-License-Identifier: MIT */
/*
 * proxy: through which proxy a request goes.
 *
 * The environment says it as for curl: http_proxy (in lower case alone), https_proxy,
 * HTTPS_PROXY, all_proxy, ALL_PROXY; no_proxy, NO_PROXY. It is read here and not by
 * libcurl, so that what is decided (may the key go along?) is what is done. This
 * machine's own addresses are never asked for through a proxy.
 *
 * Errors   none; a proxy that is none fails when it is used
 * Threads  any, as long as nobody changes the environment
 * Source   curl(1), "PROXY ENVIRONMENT VARIABLES"
 */
#ifndef NET_PROXY_H
#define NET_PROXY_H

#include <stdbool.h>

/* Whether a host (as url_origin has it) is this machine: localhost, 127.0.0.0/8, [::1]. */
bool proxy_is_local(const char *host);

/*
 * Whether a list like no_proxy's names a host: itself, a domain that it is in, an
 * address or network (10.0.0.0/8), or all (*).
 */
bool proxy_exempt(const char *list, const char *host);

/*
 * The proxy for an origin (url_origin's), lent by the environment; NULL: none.
 *
 * name     gets the variable that says so; may be NULL
 */
const char *proxy_of(const char *origin, const char **name);

#endif
