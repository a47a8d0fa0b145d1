/* SPDX-License-Identifier: MIT */
/*
 * peers: the client connections of a server, and which of them are closed to make room.
 *
 * A connection is reading until its request is complete, and busy while the request is
 * answered. A reading connection is closed if its request takes longer than the deadline,
 * counted from the start of the connection or the previous response. A reading connection older
 * than PEER_GRACE is also closed to make room, if its address has more connections than one
 * address may have or if there are too many in total. In that case the address with the most
 * connections loses one, its oldest first. A connection with unread bytes in the kernel is not
 * closed, because it waits for the server. A client that sends its request without delay is
 * therefore always served, however many idle connections there are.
 *
 * An address is an IPv4 address or the first 64 bits of an IPv6 address. A connection is closed
 * by shutdown(2), which its thread sees as an end of file; this module releases nothing of the
 * connection.
 *
 * Units    milliseconds of the monotonic clock, passed in
 * Errors   ERR_MEMORY; a connection for which there is no memory is not limited
 * Owns     an entry for each connection, until peers_drop
 * Threads  any
 */
#ifndef LISTEN_PEERS_H
#define LISTEN_PEERS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define PEER_GRACE 1000

struct peers_opts {
    size_t most;       /* maximum number of connections */
    size_t of_address; /* maximum per address; 0: no limit */
    uint64_t deadline; /* for a complete request; 0: none */
};

struct peers;
struct peer;
struct sockaddr;

/* Create the list of connections; opts is copied. NULL with ERR_MEMORY. */
struct peers *peers_new(const struct peers_opts *opts, struct err *err) MUST_CHECK;

/* Free the list; every peer must have been dropped. NULL is fine. */
void peers_free(struct peers *peers);

/* Add a connection; its descriptor is borrowed until peers_drop. NULL without memory. */
struct peer *peers_add(struct peers *peers, int fd, const struct sockaddr *address,
                       uint64_t now);

/* Remove a connection before its descriptor is closed; NULL is fine. */
void peers_drop(struct peers *peers, struct peer *peer);

/* The request of a connection is complete: the connection is now busy. NULL is fine. */
void peers_whole(struct peers *peers, struct peer *peer);

/*
 * The response was sent: the deadline of the connection's next request begins now. NULL
 * is fine.
 */
void peers_answered(struct peers *peers, struct peer *peer, uint64_t now);

#define PEERS_LOOK 200

/*
 * Close connections that exceed the deadline or a limit. To be called every PEERS_LOOK
 * milliseconds. Returns the number of connections closed.
 */
size_t peers_look(struct peers *peers, uint64_t now);

#endif
