/* SPDX-License-Identifier: MIT */
#include "listen/peers.h"
#include "unit.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 64

struct guests {
    struct peers *peers;
    struct peer *peer[MOST];
    int ours[MOST];
    int theirs[MOST];
    size_t count;
};

/* Connect from an IPv4 or IPv6 address; returns the connection's number. */
static size_t come(struct guests *g, const char *from, uint64_t now)
{
    struct sockaddr_in four = { .sin_family = AF_INET };
    struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
    bool is_six = strchr(from, ':');
    int pair[2];
    size_t i = g->count++;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(inet_pton(is_six ? AF_INET6 : AF_INET, from,
                               is_six ? (void *)&six.sin6_addr : (void *)&four.sin_addr),
                     1);
    g->ours[i] = pair[0];
    g->theirs[i] = pair[1];
    g->peer[i] =
        peers_add(g->peers, pair[0],
                  is_six ? (const struct sockaddr *)&six : (const struct sockaddr *)&four, now);
    assert_non_null(g->peer[i]);
    return i;
}

/* Whether the connection was shut down. */
static bool gone(const struct guests *g, size_t i)
{
    char byte;

    return recv(g->theirs[i], &byte, 1, MSG_DONTWAIT) == 0;
}

static void leave(struct guests *g)
{
    size_t i;

    for (i = 0; i < g->count; i++) {
        peers_drop(g->peers, g->peer[i]);
        (void)close(g->ours[i]);
        (void)close(g->theirs[i]);
    }
    peers_free(g->peers);
}

static struct guests open_with(size_t most, size_t of_address, uint64_t deadline)
{
    struct peers_opts opts = { most, of_address, deadline };

    return (struct guests){ .peers = peers_new(&opts, NULL) };
}

static void test_a_deadline(void **state)
{
    struct guests g = open_with(MOST, 0, 5000);
    size_t slow = come(&g, "10.0.0.1", 0);
    size_t busy = come(&g, "10.0.0.1", 0);
    size_t kept = come(&g, "10.0.0.1", 0);
    size_t unread = come(&g, "10.0.0.1", 0);

    (void)state;
    peers_whole(g.peers, g.peer[busy]);
    peers_whole(g.peers, g.peer[kept]);
    peers_answered(g.peers, g.peer[kept], 1000);
    assert_int_equal(write(g.theirs[unread], "x", 1),
                     1); /* the server is late, not the client */
    assert_int_equal(peers_look(g.peers, 4999), 0);
    assert_int_equal(peers_look(g.peers, 5000), 1);
    assert_true(gone(&g, slow));
    assert_false(gone(&g, busy) || gone(&g, kept) || gone(&g, unread));
    assert_int_equal(peers_look(g.peers, 6000), 1);
    assert_true(gone(&g, kept));
    peers_drop(g.peers, NULL);
    peers_whole(g.peers, NULL);
    peers_answered(g.peers, NULL, 0);
    leave(&g);
}

static void test_an_address_has_its_number(void **state)
{
    struct guests g = open_with(MOST, 3, 0);
    size_t i;

    (void)state;
    for (i = 0; i < 5; i++)
        (void)come(&g, "10.0.0.1", i);
    (void)come(&g, "10.0.0.2", 0);
    assert_int_equal(peers_look(g.peers, PEER_GRACE - 1), 0);
    assert_int_equal(peers_look(g.peers, PEER_GRACE + 4), 2);
    assert_true(gone(&g, 0) && gone(&g, 1));
    assert_false(gone(&g, 2) || gone(&g, 3) || gone(&g, 4) || gone(&g, 5));
    assert_int_equal(peers_look(g.peers, PEER_GRACE + 5), 0);
    leave(&g);
}

static void test_the_fullest_address_makes_room(void **state)
{
    struct guests g = open_with(6, 0, 0);
    size_t i;

    (void)state;
    (void)come(&g, "10.0.0.9", 0); /* older than all other connections */
    for (i = 0; i < 7; i++)
        (void)come(&g, "10.0.0.1", i + 1);
    peers_whole(g.peers, g.peer[1]);
    assert_int_equal(peers_look(g.peers, 5000), 2);
    assert_true(gone(&g, 2) && gone(&g, 3));
    assert_false(gone(&g, 0) || gone(&g, 1) || gone(&g, 4));
    leave(&g);
}

static void test_addresses_of_ipv6(void **state)
{
    struct guests g = open_with(MOST, 2, 0);

    (void)state;
    (void)come(&g, "2001:db8:0:1::1", 0);
    (void)come(&g, "2001:db8:0:1::2", 1); /* the same network */
    (void)come(&g, "2001:db8:0:1:ffff::", 2);
    (void)come(&g, "2001:db8:0:2::1", 0);
    (void)come(&g, "10.0.0.1", 0);
    (void)come(&g, "::ffff:10.0.0.1", 1); /* the same */
    assert_int_equal(peers_look(g.peers, 5000), 1);
    assert_true(gone(&g, 0));
    (void)come(&g, "10.0.0.1", 3);
    assert_int_equal(peers_look(g.peers, 5000), 1);
    assert_true(gone(&g, 4));
    leave(&g);
}

static void test_nobody_can_be_ended(void **state)
{
    struct guests g = open_with(1, 1, 0);
    size_t i;

    (void)state;
    for (i = 0; i < 4; i++) {
        (void)come(&g, "10.0.0.1", 0);
        peers_whole(g.peers, g.peer[i]);
    }
    assert_int_equal(peers_look(g.peers, 9999999), 0);
    peers_answered(g.peers, g.peer[2], 9999999);
    assert_int_equal(peers_look(g.peers, 9999999 + PEER_GRACE), 1);
    leave(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_deadline),
        cmocka_unit_test(test_an_address_has_its_number),
        cmocka_unit_test(test_the_fullest_address_makes_room),
        cmocka_unit_test(test_addresses_of_ipv6),
        cmocka_unit_test(test_nobody_can_be_ended),
    };

    return RUN(tests);
}
