/* SPDX-License-Identifier: MIT */
#include "listen/peers.h"

#include "base/mem.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define ADDRESS_SIZE 8

struct peer {
    struct peer *next; /* the next younger one */
    struct peer *prev;
    int fd;
    unsigned char address[ADDRESS_SIZE];
    uint64_t since; /* start of the request */
    size_t others;  /* connections of its address; only valid in end_excess */
    bool busy;
    bool ended; /* shut down; its thread will drop it */
};

struct peers {
    struct peers_opts opts;
    /* under lock */
    pthread_mutex_t lock;
    struct peer *first; /* oldest */
    struct peer *last;
    size_t count; /* not counting those shut down */
};

struct peers *peers_new(const struct peers_opts *opts, struct err *err)
{
    struct peers *peers = mem_new(sizeof(*peers), err);

    if (!peers)
        return NULL;
    peers->opts = *opts;
    (void)pthread_mutex_init(&peers->lock, NULL);
    return peers;
}

void peers_free(struct peers *peers)
{
    if (!peers)
        return;
    (void)pthread_mutex_destroy(&peers->lock);
    mem_free(peers);
}

/* An IPv4 address, also if mapped into IPv6; of an IPv6 address the first 64 bits. */
static void take_address(unsigned char out[ADDRESS_SIZE], const struct sockaddr *address)
{
    memset(out, 0, ADDRESS_SIZE);
    if (address && address->sa_family == AF_INET) {
        memcpy(out, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
    } else if (address && address->sa_family == AF_INET6) {
        const struct in6_addr *six =
            &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;

        if (IN6_IS_ADDR_V4MAPPED(six))
            memcpy(out, six->s6_addr + 12, 4);
        else
            memcpy(out, six->s6_addr, ADDRESS_SIZE);
    }
}

struct peer *peers_add(struct peers *peers, int fd, const struct sockaddr *address,
                       uint64_t now)
{
    struct peer *peer = mem_new(sizeof(*peer), NULL);

    if (!peer)
        return NULL;
    peer->fd = fd;
    peer->since = now;
    take_address(peer->address, address);
    (void)pthread_mutex_lock(&peers->lock);
    peer->prev = peers->last;
    *(peers->last ? &peers->last->next : &peers->first) = peer;
    peers->last = peer;
    peers->count++;
    (void)pthread_mutex_unlock(&peers->lock);
    return peer;
}

static void unlink_peer(struct peers *peers, struct peer *peer)
{
    *(peer->prev ? &peer->prev->next : &peers->first) = peer->next;
    *(peer->next ? &peer->next->prev : &peers->last) = peer->prev;
}

void peers_drop(struct peers *peers, struct peer *peer)
{
    if (!peer)
        return;
    (void)pthread_mutex_lock(&peers->lock);
    unlink_peer(peers, peer);
    peers->count -= !peer->ended;
    (void)pthread_mutex_unlock(&peers->lock);
    mem_free(peer);
}

void peers_whole(struct peers *peers, struct peer *peer)
{
    if (!peer)
        return;
    (void)pthread_mutex_lock(&peers->lock);
    peer->busy = true;
    (void)pthread_mutex_unlock(&peers->lock);
}

void peers_answered(struct peers *peers, struct peer *peer, uint64_t now)
{
    if (!peer)
        return;
    (void)pthread_mutex_lock(&peers->lock);
    peer->busy = false;
    peer->since = now;
    unlink_peer(peers, peer); /* move to the end: the list is sorted by since */
    peer->next = NULL;
    peer->prev = peers->last;
    *(peers->last ? &peers->last->next : &peers->first) = peer;
    peers->last = peer;
    (void)pthread_mutex_unlock(&peers->lock);
}

/*
 * Whether the server waits for the client: the request is incomplete and no bytes are unread.
 */
static bool is_waiting(const struct peer *peer)
{
    int unread = 0;

    return !peer->ended && !peer->busy &&
           (ioctl(peer->fd, FIONREAD, &unread) < 0 || unread == 0);
}

static void end(struct peers *peers, struct peer *peer)
{
    peer->ended = true;
    peers->count--;
    (void)shutdown(peer->fd, SHUT_RDWR);
}

static size_t end_late(struct peers *peers, uint64_t now)
{
    struct peer *peer;
    size_t ended = 0;

    for (peer = peers->first; peer && now - peer->since >= peers->opts.deadline;
         peer = peer->next) {
        if (is_waiting(peer)) {
            end(peers, peer);
            ended++;
        }
    }
    return ended;
}

/* Count the connections of each connection's address; returns the largest count. */
static size_t count_addresses(struct peers *peers)
{
    struct peer *peer;
    struct peer *other;
    size_t most = 0;

    for (peer = peers->first; peer; peer = peer->next) {
        peer->others = 0;
        for (other = peers->first; other; other = other->next)
            peer->others +=
                !other->ended && memcmp(other->address, peer->address, ADDRESS_SIZE) == 0;
        most = peer->others > most ? peer->others : most;
    }
    return most;
}

/* Update the counts after a connection was closed. */
static void discount(struct peers *peers, const struct peer *gone)
{
    struct peer *peer;

    for (peer = peers->first; peer; peer = peer->next)
        peer->others -= memcmp(peer->address, gone->address, ADDRESS_SIZE) == 0;
}

/* The oldest waiting connection of the address with the most connections; NULL: none. */
static struct peer *find_victim(struct peers *peers, uint64_t now)
{
    struct peer *peer;
    struct peer *victim = NULL;

    for (peer = peers->first; peer && now - peer->since >= PEER_GRACE; peer = peer->next) {
        if ((!victim || peer->others > victim->others) && is_waiting(peer))
            victim = peer;
    }
    return victim;
}

static size_t end_excess(struct peers *peers, uint64_t now)
{
    size_t limit = peers->opts.of_address ? peers->opts.of_address : SIZE_MAX;
    size_t most = count_addresses(peers);
    size_t ended = 0;
    struct peer *victim;

    while ((peers->count > peers->opts.most || most > limit) &&
           (victim = find_victim(peers, now)) &&
           (peers->count > peers->opts.most || victim->others > limit)) {
        end(peers, victim);
        discount(peers, victim);
        ended++;
    }
    return ended;
}

size_t peers_look(struct peers *peers, uint64_t now)
{
    size_t ended = 0;

    (void)pthread_mutex_lock(&peers->lock);
    if (peers->opts.deadline)
        ended += end_late(peers, now);
    if (peers->count > peers->opts.most || peers->opts.of_address)
        ended += end_excess(peers, now);
    (void)pthread_mutex_unlock(&peers->lock);
    return ended;
}
