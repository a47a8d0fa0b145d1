/* SPDX-License-Identifier: MIT */
/*
 * slowlink: a TCP proxy that adds delay, limits the rate and resets connections.
 *
 *   slowlink PORT SOCKET [--rtt MS] [--jitter MS] [--rate BYTES] [--window BYTES]
 *                        [--unread MS] [--reset BYTES] [--seed N]
 *
 * Listens on 127.0.0.1:PORT and forwards each connection to the Unix socket. Prints "ready"
 * when it listens, and "reset" for each reset by --unread or --reset; runs until it is killed.
 *
 *   --rtt      round-trip time: data to the client is delayed by it; the first data of a
 *              connection by twice as much, for the TCP handshake
 *   --jitter   maximum random delay added to each piece of data; the order does not change
 *   --rate     bytes per second of each connection to the client
 *   --window   maximum bytes in flight of each connection: its rate is at most window / rtt
 *   --unread   reset a connection when nothing could be written to the client for this time
 *   --reset    reset a connection after a random number of bytes, 0.5 to 1.5 times this value
 *   --seed     seed of the random numbers
 *
 * Each piece of data is queued with its time of arrival, so the delay does not limit the rate.
 * One thread; each event makes it process all connections, which is cheap for some hundreds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PIECE  ((size_t)256 << 10)
#define BURST  10000u /* longest burst, in microseconds of --rate */
#define NEVER  UINT64_MAX
#define UPLOAD ((size_t)64 << 10)

struct piece {
    struct piece *next;
    uint64_t due; /* time of arrival */
    size_t at;    /* bytes already sent */
    size_t len;
    char bytes[];
};

struct side {
    int fd;
    bool in;  /* may be read */
    bool out; /* may be written */
    bool end; /* end of file or error seen */
    struct conn *conn;
};

struct conn {
    struct conn *next;
    struct side client;
    struct side server;
    struct piece *first; /* queue to the client */
    struct piece *last;
    size_t held;
    uint64_t due;   /* time of arrival of the last piece */
    uint64_t free;  /* time from which --rate allows the next write */
    uint64_t stuck; /* time since when the client is not writable; 0: writable */
    uint64_t sent;
    uint64_t reset; /* reset after this many bytes; 0: never */
    bool begun;
    bool shut;
    bool reset_now;
    char up[UPLOAD]; /* data to the server */
    size_t up_at;
    size_t up_len;
};

static struct {
    uint64_t rtt;
    uint64_t jitter;
    uint64_t rate;
    uint64_t window;
    uint64_t unread;
    uint64_t reset;
    uint64_t seed;
} how = { .window = 6u << 20, .seed = 1 };

static struct sockaddr_un target = { .sun_family = AF_UNIX };
static struct conn *conns;
static int poller = -1;

static uint64_t now_us(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(1);
}

/* A random number in 0..below-1: splitmix64 by Sebastiano Vigna, public domain. */
static uint64_t dice(uint64_t below)
{
    uint64_t z = how.seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return below ? (z ^ z >> 31) % below : 0;
}

static void watch(struct side *side)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                 .data.ptr = side };

    if (epoll_ctl(poller, EPOLL_CTL_ADD, side->fd, &event) < 0)
        die("epoll_ctl");
}

/* Add a client connection, and connect it to the server. */
static void welcome(int fd)
{
    int one = 1;
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct conn *conn = calloc(1, sizeof(*conn));

    if (server < 0 || !conn)
        die("slowlink");
    if (connect(server, (const struct sockaddr *)&target, sizeof(target)) < 0)
        die("connect");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    conn->client = (struct side){ .fd = fd, .conn = conn };
    conn->server = (struct side){ .fd = server, .conn = conn };
    conn->reset = how.reset ? how.reset / 2 + dice(how.reset) + 1 : 0;
    conn->next = conns;
    conns = conn;
    watch(&conn->client);
    watch(&conn->server);
}

/* Read one piece from the server and queue it. True: data or its end was read. */
static bool take(struct conn *conn, uint64_t now)
{
    static char bytes[PIECE];
    struct piece *piece;
    ssize_t n;

    if (!conn->server.in || conn->server.end || conn->held >= how.window)
        return false;
    n = recv(conn->server.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        conn->server.in = errno == EINTR;
        return false;
    }
    if (n <= 0) {
        conn->server.end = true;
        return true;
    }
    piece = malloc(sizeof(*piece) + (size_t)n);
    if (!piece)
        die("malloc");
    memcpy(piece->bytes, bytes, (size_t)n);
    piece->next = NULL;
    piece->at = 0;
    piece->len = (size_t)n;
    piece->due = now + how.rtt * (conn->begun ? 1 : 2) + dice(how.jitter);
    if (piece->due < conn->due)
        piece->due = conn->due;
    conn->due = piece->due;
    conn->begun = true;
    conn->held += piece->len;
    if (conn->last)
        conn->last->next = piece;
    else
        conn->first = piece;
    conn->last = piece;
    return true;
}

/* Write to the client what is due; lowers *next to the time of the next try. False: drop it. */
static bool give(struct conn *conn, uint64_t now, uint64_t *next, bool *busy)
{
    struct piece *piece = conn->first;
    size_t len;
    ssize_t n;

    if (!piece)
        return true;
    if (piece->due > now || conn->free > now) {
        uint64_t when = piece->due > conn->free ? piece->due : conn->free;

        *next = when < *next ? when : *next;
        return true;
    }
    len = piece->len - piece->at;
    if (how.rate && len > how.rate * BURST / 1000000 + 1)
        len = how.rate * BURST / 1000000 + 1;
    n = conn->client.out
            ? send(conn->client.fd, piece->bytes + piece->at, len, MSG_DONTWAIT | MSG_NOSIGNAL)
            : -1;
    if (n < 0) {
        if (conn->client.out && errno != EAGAIN && errno != EINTR)
            return false;
        conn->client.out = false;
        conn->stuck = conn->stuck ? conn->stuck : now;
        conn->reset_now = how.unread && now - conn->stuck >= how.unread;
        if (conn->reset_now)
            return false;
        if (how.unread && conn->stuck + how.unread < *next)
            *next = conn->stuck + how.unread;
        return true;
    }
    conn->stuck = 0;
    conn->sent += (uint64_t)n;
    conn->reset_now = conn->reset && conn->sent >= conn->reset;
    if (conn->reset_now)
        return false;
    if (how.rate)
        conn->free = now + (uint64_t)n * 1000000 / how.rate;
    piece->at += (size_t)n;
    conn->held -= (size_t)n;
    if (piece->at == piece->len) {
        conn->first = piece->next;
        if (!conn->first)
            conn->last = NULL;
        free(piece);
    }
    *busy = true;
    return true;
}

/* Forward data of the client, which is little, without delay. False: the client has closed. */
static bool upload(struct conn *conn, bool *busy)
{
    ssize_t n;

    if (conn->up_at == conn->up_len && conn->client.in) {
        conn->up_at = conn->up_len = 0;
        n = recv(conn->client.fd, conn->up, sizeof(conn->up), MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return false;
        if (n < 0)
            conn->client.in = errno == EINTR;
        else
            conn->up_len = (size_t)n;
        *busy = *busy || n > 0;
    }
    if (conn->server.end) {
        conn->up_at = conn->up_len; /* discard: the server has closed */
    } else if (conn->up_at < conn->up_len) {
        n = send(conn->server.fd, conn->up + conn->up_at, conn->up_len - conn->up_at,
                 MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0)
            conn->up_at += (size_t)n;
        else if (errno != EAGAIN && errno != EINTR)
            conn->up_at = conn->up_len; /* discard: the next read reports the error */
    }
    return true;
}

/* Do all that is possible for a connection now. False: the connection has ended. */
static bool step(struct conn *conn, uint64_t now, uint64_t *next, bool *busy)
{
    if (!upload(conn, busy))
        return false;
    if (take(conn, now))
        *busy = true;
    if (!give(conn, now, next, busy))
        return false;
    if (conn->server.end && !conn->first && !conn->shut) {
        conn->shut = true;
        (void)shutdown(conn->client.fd, SHUT_WR); /* then wait for the client to close */
    }
    return true;
}

/* Close and free a connection. Sends a reset unless all data was written to the client. */
static void drop(struct conn *conn)
{
    struct linger hard = { 1, 0 };
    struct piece *piece;

    if (conn->reset_now) {
        (void)puts("reset");
        (void)fflush(stdout);
    }
    if (!conn->shut)
        (void)setsockopt(conn->client.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    (void)close(conn->client.fd);
    (void)close(conn->server.fd);
    while ((piece = conn->first)) {
        conn->first = piece->next;
        free(piece);
    }
    free(conn);
}

static int listen_at(const char *port)
{
    struct sockaddr_in addr = { .sin_family = AF_INET,
                                .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 4096) < 0 ||
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
        die("listen");
    return fd;
}

static void options(int argc, char **argv)
{
    static const struct {
        const char *name;
        uint64_t *value;
        unsigned unit;
    } known[] = { { "--rtt", &how.rtt, 1000 },       { "--jitter", &how.jitter, 1000 },
                  { "--rate", &how.rate, 1 },        { "--window", &how.window, 1 },
                  { "--unread", &how.unread, 1000 }, { "--reset", &how.reset, 1 },
                  { "--seed", &how.seed, 1 } };
    int i;
    size_t k;

    for (i = 3; i + 1 < argc; i += 2) {
        for (k = 0; k < sizeof(known) / sizeof(*known); k++)
            if (strcmp(argv[i], known[k].name) == 0)
                break;
        if (k == sizeof(known) / sizeof(*known))
            break;
        *known[k].value = strtoull(argv[i + 1], NULL, 10) * known[k].unit;
    }
    if (argc < 3 || i != argc || strlen(argv[2]) >= sizeof(target.sun_path)) {
        (void)fputs("usage: slowlink PORT SOCKET [--OPTION NUMBER]...\n", stderr);
        exit(2);
    }
    (void)strcpy(target.sun_path, argv[2]);
}

int main(int argc, char **argv)
{
    struct rlimit files;
    int door;

    options(argc, argv);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0)
        die("epoll_create1");
    door = listen_at(argv[1]);
    (void)puts("ready");
    (void)fflush(stdout);
    for (uint64_t next = NEVER, now = 0;;) {
        struct epoll_event events[256];
        struct conn **at = &conns;
        bool busy = false;
        int wait = next == NEVER ? -1 : next <= now ? 0 : (int)((next - now + 999) / 1000);
        int n = epoll_wait(poller, events, 256, wait);
        int fd;

        for (int i = 0; i < n; i++) {
            struct side *side = events[i].data.ptr;

            if (!side)
                continue;
            side->in = side->in || (events[i].events & ~(uint32_t)EPOLLOUT);
            side->out = side->out || (events[i].events & EPOLLOUT);
        }
        while ((fd = accept4(door, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
            welcome(fd);
        now = now_us();
        next = NEVER;
        while (*at) {
            struct conn *conn = *at;

            if (step(conn, now, &next, &busy)) {
                at = &conn->next;
            } else {
                *at = conn->next;
                drop(conn);
            }
        }
        if (busy)
            next = now;
    }
}
