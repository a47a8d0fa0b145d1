/* SPDX-License-Identifier: MIT */
/*
 * sockets: the connections that libcurl has open, and whether one holds bytes that nobody has
 * asked for.
 *
 * A server that sends more than an answer leaves the rest in a kept connection, where libcurl
 * takes it for the answer to the next request, and that one's for the next: one artifact's
 * bytes under another's name. So a connection is looked at before it is used again.
 *
 * Errors   ERR_MEMORY; a socket that cannot be remembered is not looked at
 * Owns     the list; the sockets are libcurl's
 * Threads  the transfer loop
 * Source   RFC 9112, 9.2 and 9.3 (responses are matched to requests by their order alone)
 */
#ifndef NET_SOCKETS_H
#define NET_SOCKETS_H

#include "base/err.h"

#include <curl/curl.h>
#include <stdbool.h>

struct sockets;

/* A new, empty list of connections; NULL with ERR_MEMORY. */
struct sockets *sockets_new(struct err *err) MUST_CHECK;

/* Release the list, when no connection is open any more; NULL is fine. */
void sockets_free(struct sockets *sockets);

/* CURLOPT_OPENSOCKETFUNCTION and CURLOPT_CLOSESOCKETFUNCTION; ctx is the list. */
curl_socket_t sockets_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address);

/*
 * libcurl's CURLOPT_CLOSESOCKETFUNCTION: close fd and take it from the list, which is ctx.
 */
int sockets_close(void *ctx, curl_socket_t fd);

/* An answer by HTTP/1 has come over the connection from this local port: one after the other.
 */
void sockets_serial(struct sockets *sockets, long port);

/*
 * Whether the connection from this local port has been used before, answers one request after
 * the other, and has something to read before it is asked.
 */
bool sockets_dirty(struct sockets *sockets, int port);

#endif
