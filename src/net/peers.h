/* SPDX-License-Identifier: MIT */
/*
 * peers: who is connected to a server, and who has to make room.
 *
 * A connection is reading until its request is whole, and busy while it is answered. One that
 * reads is ended when its request takes longer than the deadline, counted from the beginning
 * or from the answer before; and, when it is PEER_GRACE old, to make room: when its address has
 * more connections than one may have, or when all together are too many. Then the address with
 * the most connections gives one up, its oldest first. A connection whose bytes lie unread in
 * the kernel is not ended: it waits for us. So whoever sends a whole request at once is heard,
 * however many others there are that do not.
 *
 * An address is one of IPv4, or 64 bits of IPv6. A connection is ended by shutdown(2), which
 * its thread then meets as an end of file: nothing of it is released here.
 *
 * Units    milliseconds of the monotonic clock, passed in
 * Errors   ERR_MEMORY; a connection that cannot be told of is not limited
 * Owns     an entry for each connection, until peers_drop
 * Threads  any
 */
#ifndef NET_PEERS_H
#define NET_PEERS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define PEER_GRACE 1000

struct peers_opts {
    size_t most;       /* connections */
    size_t of_address; /* connections of one address; 0: no limit */
    uint64_t deadline; /* for a request as a whole; 0: none */
};

struct peers;
struct peer;
struct sockaddr;

/* Set up the list of connections. opts is copied; NULL with ERR_MEMORY. */
struct peers *peers_new(const struct peers_opts *opts, struct err *err) MUST_CHECK;

/* Release; every peer must have been dropped. NULL is fine. */
void peers_free(struct peers *peers);

/* A connection has begun; its descriptor is lent until peers_drop. NULL without memory. */
struct peer *peers_add(struct peers *peers, int fd, const struct sockaddr *address,
                       uint64_t now);

/* It has ended, and its descriptor is not closed yet; NULL is fine. */
void peers_drop(struct peers *peers, struct peer *peer);

/* Its request is whole, or (answered) the next one may begin; NULL is fine. */
void peers_whole(struct peers *peers, struct peer *peer);

/*
 * The peer's request was answered: the deadline of its next one begins now. NULL is fine.
 */
void peers_answered(struct peers *peers, struct peer *peer, uint64_t now);

/* End what is late or has to make room; gives how many. To be called every PEERS_LOOK. */
#define PEERS_LOOK 200

/*
 * End connections that are late, or have to make room. Call it every PEERS_LOOK
 * milliseconds. Returns how many it ended.
 */
size_t peers_look(struct peers *peers, uint64_t now);

#endif
