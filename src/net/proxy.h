/* SPDX-License-Identifier: MIT */
/*
 * proxy: chooses the proxy of a request.
 *
 * The environment variables are curl's: http_proxy (lower case only), https_proxy, HTTPS_PROXY,
 * all_proxy, ALL_PROXY; no_proxy, NO_PROXY. They are read here and not by libcurl, so that the
 * check whether the key may be sent applies to the proxy that is used. Loopback addresses never
 * use a proxy.
 *
 * Errors   none; an invalid proxy fails when it is used
 * Threads  any, as long as no thread changes the environment
 * Source   curl(1), "PROXY ENVIRONMENT VARIABLES"
 */
#ifndef NET_PROXY_H
#define NET_PROXY_H

#include <stdbool.h>

/* Whether a host (as in url_origin) is this machine: localhost, 127.0.0.0/8, [::1]. */
bool proxy_is_local(const char *host);

/*
 * Whether a no_proxy list matches a host: by its name, a parent domain, its address, a network
 * (10.0.0.0/8), or "*".
 */
bool proxy_exempt(const char *list, const char *host);

/*
 * The proxy for an origin (as url_origin gives it), a pointer into the environment; NULL: none.
 *
 * name     gets the name of the variable that set the proxy; may be NULL
 */
const char *proxy_of(const char *origin, const char **name);

#endif
