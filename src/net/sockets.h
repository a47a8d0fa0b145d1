/* SPDX-License-Identifier: MIT */
/*
 * sockets: libcurl's open connections, and whether one of them has unexpected bytes to read.
 *
 * If a server sends more bytes than the response has, libcurl takes the rest for the response
 * to the next request on that connection, and one artifact's bytes would be stored under
 * another's name. Therefore a connection is checked before it is reused.
 *
 * Errors   ERR_MEMORY; a socket for which there is no memory is not checked
 * Owns     the list; the sockets belong to libcurl
 * Threads  the transfer loop
 * Source   RFC 9112, 9.2 and 9.3 (responses are matched to requests by their order alone)
 */
#ifndef NET_SOCKETS_H
#define NET_SOCKETS_H

#include "base/err.h"

#include <curl/curl.h>
#include <stdbool.h>

struct sockets;

/* Create an empty list of connections; NULL with ERR_MEMORY. */
struct sockets *sockets_new(struct err *err) MUST_CHECK;

/* Free the list after all connections were closed; NULL is fine. */
void sockets_free(struct sockets *sockets);

/* libcurl's CURLOPT_OPENSOCKETFUNCTION: open a socket and add it to the list, which is ctx. */
curl_socket_t sockets_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address);

/* libcurl's CURLOPT_CLOSESOCKETFUNCTION: close fd and remove it from the list, which is ctx. */
int sockets_close(void *ctx, curl_socket_t fd);

/*
 * Whether the connection with this local port has bytes to read; to be asked while no response
 * is awaited on it. Decrypted bytes that the TLS library holds are not seen: see slot_dirty.
 */
bool sockets_dirty(struct sockets *sockets, int port);

#endif
