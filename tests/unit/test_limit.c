/* SPDX-License-Identifier: MIT */
/*
 * The concurrency limit on simulated links: a discrete event simulation of one client and its
 * hosts. A request takes half a round trip to its host (a whole one more on a new connection),
 * waits there for one of the host's workers, passes through the link, which sends one piece of
 * CHUNK bytes after the other, half a round trip, and the client, which is busy for a while
 * with each response. Times are in microseconds.
 */
#include "limit/limit.h"

#include "unit.h"

#include <stdbool.h>
#include <string.h>

#define HOSTS     2
#define MOST      256
#define CHUNK     65536
#define RETRY_US  250000
#define START_US  1000000 /* the clock's first time: 0 means "none" to some modules */
#define RATIO     1.25
#define LISTS     4
/* what a small artifact takes (skyarc on the machine of docs/robustness.md) */
#define CLIENT_US 200

struct host {
    /* parameters */
    uint64_t rtt;
    unsigned workers;  /* requests that the host serves at a time; 0: any number */
    uint64_t service;  /* time for each */
    unsigned thrash;   /* above this number each request takes in proportion longer; 0: none */
    unsigned reject;   /* 503 if more requests are there; 0: never */
    unsigned broken;   /* of 1000 responses, those that break */
    double link;       /* bytes per microsecond */
    double connection; /* of one connection; 0: as the link */
    uint64_t size;     /* of a body */
    unsigned files;
    uint64_t change_at;  /* then ... */
    uint64_t change_rtt; /* ... these; 0: unchanged */
    double change_link;

    /* state */
    struct limit limit;
    unsigned fixed; /* the limit; 0: adaptive */
    unsigned left;
    unsigned whole;
    unsigned rejected;
    uint64_t ended; /* when its last body came */
    unsigned idle;  /* open connections without a request */
    unsigned there;
    unsigned serving;
    unsigned waiting[MOST * 4];
    unsigned first_waiting;
    unsigned last_waiting;
    uint64_t link_free;
};

enum kind { ARRIVES, SERVED, PIECE, CAME, RETRIES };

struct event {
    uint64_t at;
    uint64_t order;
    enum kind kind;
    unsigned host;
    unsigned request;
};

struct req {
    bool used;
    bool fresh; /* on a new connection */
    bool first; /* the first byte has come */
    bool rejected;
    bool breaks;
    uint64_t begun;
    uint64_t sent;
    uint64_t left;
};

static struct {
    struct host host[HOSTS];
    unsigned hosts;
    uint64_t client; /* time of the client for each response */
    uint64_t client_free;
    uint64_t now;
    uint64_t order;
    uint64_t dice;
    struct event events[8192];
    unsigned count;
    struct req reqs[HOSTS][MOST * 2];
} sim;

static uint32_t below(uint32_t n)
{
    sim.dice = sim.dice * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return (uint32_t)((sim.dice >> 33) % n);
}

static bool before(const struct event *a, const struct event *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

/* The events are a binary heap. */
static void add(uint64_t at, enum kind kind, unsigned host, unsigned request)
{
    struct event event = { at, sim.order++, kind, host, request };
    unsigned i = sim.count++;

    assert_true(sim.count < sizeof(sim.events) / sizeof(sim.events[0]));
    for (; i && before(&event, &sim.events[(i - 1) / 2]); i = (i - 1) / 2)
        sim.events[i] = sim.events[(i - 1) / 2];
    sim.events[i] = event;
}

static struct event next_event(void)
{
    struct event first = sim.events[0];
    struct event last = sim.events[--sim.count];
    unsigned i = 0;
    unsigned child;

    while ((child = 2 * i + 1) < sim.count) {
        if (child + 1 < sim.count && before(&sim.events[child + 1], &sim.events[child]))
            child++;
        if (!before(&sim.events[child], &last))
            break;
        sim.events[i] = sim.events[child];
        i = child;
    }
    sim.events[i] = last;
    return first;
}

static uint64_t ms(void)
{
    return sim.now / 1000;
}

/* Half a round trip, up to 4 % longer. */
static uint64_t half(struct host *host)
{
    uint64_t rtt = host->rtt;

    if (host->change_at && sim.now >= host->change_at && host->change_rtt)
        rtt = host->change_rtt;
    return rtt / 2 + below((uint32_t)(rtt / 50 + 1));
}

static double rate(const struct host *host)
{
    return host->change_at && sim.now >= host->change_at && host->change_link > 0
               ? host->change_link
               : host->link;
}

static unsigned room(const struct host *host)
{
    if (host->fixed)
        return host->limit.running < host->fixed ? 1 : 0;
    return limit_room(&host->limit);
}

static void start_all(void)
{
    unsigned h;

    for (h = 0; h < sim.hosts; h++) {
        struct host *host = &sim.host[h];

        while (host->left && room(host)) {
            unsigned r = 0;
            uint64_t connect = 0;

            while (sim.reqs[h][r].used) /* at most as many as the limit */
                r++;
            host->left--;
            limit_begin(&host->limit, ms());
            if (host->idle)
                host->idle--;
            else
                connect = 2 * half(host);
            sim.reqs[h][r] = (struct req){ .used = true,
                                           .fresh = connect > 0,
                                           .begun = ms(),
                                           .sent = sim.now + connect,
                                           .left = host->size,
                                           .breaks = below(1000) < host->broken };
            add(sim.now + connect + half(host), ARRIVES, h, r);
        }
    }
}

static void serve(unsigned h, unsigned r)
{
    struct host *host = &sim.host[h];
    uint64_t time = host->service;

    host->serving++;
    if (host->thrash && host->there > host->thrash)
        time = time * host->there * host->there / (host->thrash * host->thrash);
    add(sim.now + time, SERVED, h, r);
}

static void arrive(unsigned h, unsigned r)
{
    struct host *host = &sim.host[h];

    if (host->reject && host->there >= host->reject) {
        sim.reqs[h][r].rejected = true;
        add(sim.now + half(host), CAME, h, r);
        return;
    }
    host->there++;
    if (!host->workers || host->serving < host->workers)
        serve(h, r);
    else
        host->waiting[host->last_waiting++ % (MOST * 4)] = r;
}

/* Send a request's next piece over the link. */
static void send(unsigned h, unsigned r)
{
    struct host *host = &sim.host[h];
    struct req *req = &sim.reqs[h][r];
    uint64_t size = req->left < CHUNK ? req->left : CHUNK;
    uint64_t begin = host->link_free > sim.now ? host->link_free : sim.now;
    uint64_t end = begin + (uint64_t)((double)size / rate(host)) + 1;

    host->link_free = end;
    req->left -= size;
    add(end + half(host), CAME, h, r);
    if (req->left) {
        uint64_t own = host->connection > 0 ? (uint64_t)((double)size / host->connection) : 0;

        add(sim.now + own > end ? sim.now + own : end, PIECE, h, r);
    }
}

static void served(unsigned h, unsigned r)
{
    struct host *host = &sim.host[h];

    host->serving--;
    host->there--;
    send(h, r);
    if (host->first_waiting != host->last_waiting)
        serve(h, host->waiting[host->first_waiting++ % (MOST * 4)]);
}

/* The client gets a piece, or a rejection. */
static void came(unsigned h, unsigned r)
{
    struct host *host = &sim.host[h];
    struct req *req = &sim.reqs[h][r];

    if (sim.client) {
        if (sim.client_free > sim.now) {
            add(sim.client_free, CAME, h, r);
            return;
        }
        sim.client_free = sim.now + sim.client;
    }
    if (req->rejected) {
        host->rejected++;
        host->idle++;
        limit_end(&host->limit, false, ms());
        limit_reject(&host->limit, LIMIT_THROTTLED, req->begun, ms());
        req->used = false;
        add(sim.now + RETRY_US + below(RETRY_US), RETRIES, h, 0);
        return;
    }
    if (!req->first)
        limit_first(&host->limit, sim.now - req->sent, req->fresh, ms());
    req->first = true;
    if (req->breaks) {
        limit_end(&host->limit, false, ms());
        limit_reject(&host->limit, LIMIT_BROKEN, req->begun, ms());
        req->used = false;
        req->left = 0;
        add(sim.now + RETRY_US + below(RETRY_US), RETRIES, h, 0);
        return;
    }
    limit_bytes(&host->limit, host->size < CHUNK ? host->size : CHUNK, ms());
    if (req->left)
        return;
    limit_end(&host->limit, true, ms());
    host->whole++;
    host->ended = sim.now;
    host->idle++;
    req->used = false;
}

/* Run until everything is fetched; returns the time in milliseconds. */
static uint64_t run(void)
{
    unsigned h;

    sim.now = START_US;
    sim.dice = 1;
    for (h = 0; h < sim.hosts; h++) {
        struct host *host = &sim.host[h];

        limit_init(&host->limit, host->fixed ? host->fixed : MOST);
        host->left = host->files;
    }
    start_all();
    while (sim.count) {
        struct event event = next_event();

        sim.now = event.at;
        switch (event.kind) {
        case ARRIVES:
            arrive(event.host, event.request);
            break;
        case SERVED:
            served(event.host, event.request);
            break;
        case PIECE:
            if (sim.reqs[event.host][event.request].used)
                send(event.host, event.request);
            break;
        case CAME:
            if (sim.reqs[event.host][event.request].used)
                came(event.host, event.request);
            break;
        case RETRIES:
            sim.host[event.host].left++;
            break;
        }
        start_all();
    }
    for (h = 0; h < sim.hosts; h++)
        assert_int_equal(sim.host[h].whole, sim.host[h].files);
    return (sim.now - START_US) / 1000;
}

/* Run a link with a fixed limit, or with the adaptive one (0). */
static uint64_t run_link(const struct host *host, uint64_t client, unsigned fixed)
{
    memset(&sim, 0, sizeof(sim));
    sim.host[0] = *host;
    sim.host[0].fixed = fixed;
    sim.hosts = 1;
    sim.client = client;
    return run();
}

/* The time with the best fixed limit. */
static uint64_t best_fixed(const struct host *host, uint64_t client, unsigned *best)
{
    uint64_t least = UINT64_MAX;
    unsigned fixed;

    for (fixed = 4; fixed <= MOST; fixed *= 2) {
        uint64_t time = run_link(host, client, fixed);

        if (time < least) {
            least = time;
            *best = fixed;
        }
    }
    return least;
}

/* The fixed limit that a host which rejects more allows, or the best one. */
static uint64_t best_allowed(const struct host *host, uint64_t client, unsigned *best)
{
    *best = host->reject;
    return host->reject ? run_link(host, client, host->reject) : best_fixed(host, client, best);
}

/*
 * The adaptive limit must be about as fast as the best fixed one. Both times include LISTS
 * round trips before the first body, for the connection, the run and its list.
 */
static void compare(const char *name, const struct host *host, uint64_t client, double ratio)
{
    unsigned at = 0;
    uint64_t lists = LISTS * host->rtt / 1000;
    uint64_t best = best_allowed(host, client, &at) + lists;
    uint64_t time = run_link(host, client, 0) + lists;

    if ((double)time > ratio * (double)best) {
        print_message("%s: %llu ms, by a limit of %u %llu ms; limit %u, highest %u, "
                      "%u rejected\n",
                      name, (unsigned long long)time, at, (unsigned long long)best,
                      sim.host[0].limit.level.now, sim.host[0].limit.highest,
                      sim.host[0].rejected);
        fail();
    }
}

static void test_links_with_delay(void **state)
{
    static const uint64_t rtts[] = { 5000, 50000, 150000 };
    unsigned i;

    (void)state;
    for (i = 0; i < 3; i++) {
        struct host host = { .rtt = rtts[i], .link = 125, .size = 6000, .files = 3000 };

        compare("delay", &host, CLIENT_US, RATIO);
        assert_true(rtts[i] < 50000 || sim.host[0].limit.level.now == MOST);
    }
}

static void test_loopback(void **state)
{
    struct host host = { .rtt = 60, .link = 2000, .size = 6000, .files = 10000, .service = 30 };
    struct host large = { .rtt = 60, .link = 2000, .size = 5000000, .files = 300 };

    (void)state;
    compare("loopback", &host, 60, 1.1);
    assert_true(sim.host[0].limit.highest <= 3 * LEVEL_START);
    assert_true(sim.host[0].limit.level.now <= 32);
    compare("loopback, large", &large, 30, 1.1);
    assert_true(sim.host[0].limit.highest <= 3 * LEVEL_START);
    assert_true(sim.host[0].limit.level.now <= 32);
}

static void test_a_bottleneck(void **state)
{
    struct host narrow = { .rtt = 30000, .link = 1.25, .size = 30000, .files = 2000 };
    struct host large = { .rtt = 30000, .link = 12.5, .size = 2000000, .files = 150 };
    struct host window = {
        .rtt = 100000, .link = 125, .connection = 1, .size = 1000000, .files = 500
    };

    (void)state;
    compare("10 Mbit/s", &narrow, 50, 1.1);
    assert_true(sim.host[0].limit.level.now <= 40); /* no longer queue than needed */
    compare("100 Mbit/s, large", &large, 50, 1.1);
    compare("one connection is slow", &window, 50, RATIO);
}

static void test_a_host_that_slows_down(void **state)
{
    struct host workers = {
        .rtt = 10000, .link = 125, .size = 20000, .files = 3000, .workers = 20, .service = 30000
    };
    struct host thrash = {
        .rtt = 10000, .link = 125, .size = 20000, .files = 10000, .thrash = 24, .service = 20000
    };

    (void)state;
    compare("20 workers", &workers, 50, RATIO);
    assert_true(sim.host[0].limit.level.now <= 64);
    compare("slows down above 24", &thrash, 50, RATIO);
    assert_true(sim.host[0].limit.level.now <= 48);
}

static void test_a_host_that_rejects(void **state)
{
    static const unsigned above[] = { 4, 8, 20, 60 };
    unsigned i;

    (void)state;
    for (i = 0; i < 4; i++) {
        unsigned percent = above[i] > 20 ? 2 : 1;
        struct host host = { .rtt = 50000,
                             .link = 125,
                             .size = 6000,
                             .files = 5000,
                             .reject = above[i],
                             .service = 50000 };
        struct host near = host;

        near.rtt = 1000;
        (void)run_link(&host, 50, 0);
        assert_true(sim.host[0].rejected <= 16 ||
                    sim.host[0].rejected * 100 <= percent * host.files);
        compare("rejects", &host, 50, RATIO);
        (void)run_link(&near, 50, 0);
        assert_true(sim.host[0].rejected <= 16 ||
                    sim.host[0].rejected * 100 <= percent * host.files);
    }
}

static void test_connections_that_break(void **state)
{
    struct host host = { .rtt = 20000, .link = 125, .size = 6000, .files = 5000, .broken = 5 };

    (void)state;
    compare("0.5 % break", &host, CLIENT_US, 1.5);
}

/* With too little to do, or a limit of the caller's own, the limit does not change. */
static void test_a_limit_that_is_not_reached(void **state)
{
    struct limit limit;
    uint64_t now;

    (void)state;
    limit_init(&limit, MOST);
    for (now = 1; now < 20000; now++) {
        while (limit.running < 5)
            limit_begin(&limit, now);
        limit_first(&limit, 1000 + now % 7 * 1000, false, now);
        limit_bytes(&limit, 1000000 / (1 + now % 3000), now);
        limit_end(&limit, true, now);
    }
    assert_int_equal(limit.level.now, LEVEL_START);
}

static void test_the_bounds(void **state)
{
    struct limit limit;
    uint64_t now = 1000;
    unsigned i;

    (void)state;
    limit_init(&limit, 0);
    assert_int_equal(limit_room(&limit), 1);
    limit_init(&limit, 3);
    assert_int_equal(limit_room(&limit), 3);
    for (i = 0; i < 1000; i++) {
        now += 10;
        while (limit_room(&limit))
            limit_begin(&limit, now);
        limit_first(&limit, 1, i % 3 == 0, now);
        limit_end(&limit, i < 500, now);
        if (i >= 500)
            limit_reject(&limit, i % 2 ? LIMIT_BROKEN : LIMIT_THROTTLED, now, now + 1);
        assert_in_range(limit.level.now, 1, 3);
    }
    assert_int_equal(limit.level.now, 1);
    assert_int_equal(limit.rejected, 500);
}

static void test_two_hosts(void **state)
{
    struct host far = { .rtt = 100000, .link = 125, .size = 6000, .files = 2500 };
    struct host poor = {
        .rtt = 20000, .link = 125, .size = 6000, .files = 800, .reject = 8, .service = 20000
    };
    uint64_t alone = run_link(&far, 50, 0);

    (void)state;
    memset(&sim, 0, sizeof(sim));
    sim.host[0] = far;
    sim.host[1] = poor;
    sim.hosts = 2;
    sim.client = 50;
    (void)run();
    assert_true(sim.host[0].ended <= START_US + 1100 * alone); /* no host slows the other */
    assert_int_equal(sim.host[0].limit.highest, MOST);
    assert_int_equal(sim.host[0].rejected, 0);
    assert_in_range(sim.host[1].limit.level.now, 4, 9);
    assert_true(sim.host[1].rejected <= 16);
}

static void test_a_link_that_changes(void **state)
{
    struct host farther = { .rtt = 5000,
                            .link = 125,
                            .size = 6000,
                            .files = 40000,
                            .change_at = START_US + 1000000,
                            .change_rtt = 100000 };
    struct host narrower = { .rtt = 20000,
                             .link = 125,
                             .size = 20000,
                             .files = 20000,
                             .change_at = START_US + 1000000,
                             .change_link = 6 };
    struct host wider = narrower;

    (void)state;
    compare("farther", &farther, CLIENT_US, RATIO);
    compare("narrower", &narrower, 50, RATIO);
    wider.link = 6;
    wider.change_link = 125;
    compare("wider", &wider, 50, RATIO);
}

/* Any host: the limit never gets stuck far from the best. */
static void test_random_hosts(void **state)
{
    unsigned i;

    (void)state;
    for (i = 0; i < 60; i++) {
        struct host host = { 0 };
        uint64_t client;

        sim.dice = 1000 + i;
        client = 20 + below(300);
        host.rtt = 50 + below(below(2) ? 200000 : 5000);
        host.link = 1 + below(below(2) ? 200 : 10);
        host.size = 1000 + below(below(4) ? 20000 : 1000000);
        host.connection = below(3) ? 0 : 1 + below(20);
        host.files = 1000 + 3000000 / (1000 + (unsigned)host.size / 5);
        host.workers = below(2) ? 0 : 1 + below(60);
        host.service = below(2) ? 0 : below(50000);
        host.change_at = below(3) ? 0 : START_US + below(4000000);
        host.change_rtt = below(2) ? 0 : 50 + below(200000);
        host.change_link = below(2) ? 0 : 1 + below(200);
        compare("random", &host, client, 1.5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links_with_delay),
        cmocka_unit_test(test_loopback),
        cmocka_unit_test(test_a_bottleneck),
        cmocka_unit_test(test_a_host_that_slows_down),
        cmocka_unit_test(test_a_host_that_rejects),
        cmocka_unit_test(test_connections_that_break),
        cmocka_unit_test(test_a_limit_that_is_not_reached),
        cmocka_unit_test(test_the_bounds),
        cmocka_unit_test(test_two_hosts),
        cmocka_unit_test(test_a_link_that_changes),
        cmocka_unit_test(test_random_hosts),
    };

    return RUN(tests);
}
