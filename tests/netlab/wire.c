/* SPDX-License-Identifier: MIT */
/*
 * wire: two network namespaces, and between them a link that delays, limits and loses packets.
 *
 *   wire [--rate KBITS] [--rtt MS] [--loss PPM] [--queue MS] [--mtu BYTES] [--seed N]
 *        [--dead BYTES] [--for MS]
 *
 * The near end is a TUN device in the namespace that the program is started in, 10.99.0.1; the
 * far end is one in a namespace that it makes, 10.99.0.2. Packets are carried between the two
 * by this program, which remains in the far namespace (nsenter --net=/proc/PID/ns/net). Prints
 * "ready" when both are up.
 *
 *   --rate   kilobits per second of each direction
 *   --rtt    round-trip time: half of it in each direction
 *   --loss   packets lost, of a million, in each direction
 *   --queue  packets that would wait longer than this for the rate are lost (100 ms)
 *   --dead   when so many bytes were sent to the far end, the link loses all packets ...
 *   --for    ... for this time; 0: until "up" is read
 *   --seed   seed of the losses
 *
 * Reads lines from standard input: "up" and "down" do what they say, "open" ends all limits,
 * and "bytes" is answered by the bytes sent to the far end. Ends at the end of its input. No
 * kernel module but TUN is needed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define PACKET 9216
#define HELD   ((size_t)64 << 20) /* bytes in transit in one direction */
#define TURN   64                 /* packets read from a device at a time */

struct packet {
    struct packet *next;
    uint64_t due;
    size_t len;
    char bytes[];
};

struct way {
    int from;
    int to;
    struct packet *first;
    struct packet *last;
    size_t held;
    uint64_t free; /* when the rate allows the next packet */
    uint64_t bytes;
};

static struct {
    uint64_t rate; /* bits per second; 0: no limit */
    uint64_t half; /* ns */
    uint64_t loss;
    uint64_t queue;
    uint64_t dead; /* bytes; 0: never */
    uint64_t pause;
    uint64_t until; /* when the link is up again; 0: it is up */
    uint64_t seed;
    uint64_t mtu;
} is = { .queue = 100000000, .seed = 1, .mtu = 1500 };

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    if (clock_gettime(CLOCK_MONOTONIC, &t) < 0)
        die("clock_gettime");
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t dice(uint64_t most)
{
    is.seed ^= is.seed << 13;
    is.seed ^= is.seed >> 7;
    is.seed ^= is.seed << 17;
    return is.seed % most;
}

/* Create a TUN device in the present namespace, with an address and its peer. */
static int device(const char *address, const char *peer)
{
    struct ifreq request;
    char command[300];
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        die("/dev/net/tun");
    memset(&request, 0, sizeof(request));
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    (void)snprintf(request.ifr_name, IFNAMSIZ, "wire");
    if (ioctl(fd, TUNSETIFF, &request) < 0)
        die("TUNSETIFF");
    (void)snprintf(command, sizeof(command),
                   "ip link set lo up && ip addr add %s peer %s dev wire && "
                   "ip link set wire mtu %u txqueuelen 2000 up",
                   address, peer, (unsigned)is.mtu);
    if (system(command) != 0)
        die("ip");
    return fd;
}

/* Put a packet into the queue of its direction, unless it is lost. */
static void take(struct way *way, const char *bytes, size_t len, uint64_t now, bool far)
{
    struct packet *packet;
    uint64_t start = way->free > now ? way->free : now;

    if (is.until && now < is.until)
        return;
    is.until = 0;
    if (start - now > is.queue || (is.loss && dice(1000000) < is.loss) || way->held > HELD)
        return;
    packet = malloc(sizeof(*packet) + len);
    if (!packet)
        die("malloc");
    way->free = start + (is.rate ? (uint64_t)len * 8 * 1000000000 / is.rate : 0);
    *packet = (struct packet){ .due = way->free + is.half, .len = len };
    memcpy(packet->bytes, bytes, len);
    if (way->last)
        way->last->next = packet;
    else
        way->first = packet;
    way->last = packet;
    way->held += len;
    way->bytes += len;
    if (far && is.dead && way->bytes >= is.dead) {
        is.dead = 0;
        is.until = is.pause ? now + is.pause : UINT64_MAX;
    }
}

static void read_some(struct way *way, bool far)
{
    char bytes[PACKET];
    int i;

    for (i = 0; i < TURN; i++) {
        ssize_t len = read(way->from, bytes, sizeof(bytes));

        if (len < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (len <= 0)
            die("read");
        take(way, bytes, (size_t)len, now_ns(), far);
    }
}

/* Deliver the packets that are due; returns when the next one is. */
static uint64_t deliver(struct way *way)
{
    uint64_t now = now_ns();

    while (way->first && way->first->due <= now) {
        struct packet *packet = way->first;

        if (write(way->to, packet->bytes, packet->len) < 0 && errno != EAGAIN &&
            errno != EINVAL)
            die("write");
        way->first = packet->next;
        if (!way->first)
            way->last = NULL;
        way->held -= packet->len;
        free(packet);
    }
    return way->first ? way->first->due : UINT64_MAX;
}

/* Do what a line says; false at the end of the input. */
static bool obey(const struct way *up)
{
    char line[32];
    ssize_t len = read(0, line, sizeof(line) - 1);

    if (len <= 0)
        return false;
    line[len] = '\0';
    if (strcmp(line, "up\n") == 0)
        is.until = 0;
    else if (strcmp(line, "down\n") == 0)
        is.until = UINT64_MAX;
    else if (strcmp(line, "open\n") == 0)
        is.rate = is.half = is.loss = is.dead = is.until = 0;
    else if (strcmp(line, "bytes\n") == 0 &&
             (printf("%llu\n", (unsigned long long)up->bytes) < 0 || fflush(stdout) != 0))
        die("printf");
    return true;
}

static void parse(int count, char **words)
{
    static const struct {
        const char *name;
        uint64_t *to;
        uint64_t unit;
    } known[] = { { "--rate", &is.rate, 1000 }, { "--rtt", &is.half, 500000 },
                  { "--loss", &is.loss, 1 },    { "--queue", &is.queue, 1000000 },
                  { "--mtu", &is.mtu, 1 },      { "--seed", &is.seed, 1 },
                  { "--dead", &is.dead, 1 },    { "--for", &is.pause, 1000000 } };
    size_t k;
    int i;

    for (i = 1; i + 1 < count; i += 2) {
        for (k = 0; k < sizeof(known) / sizeof(*known); k++) {
            if (strcmp(words[i], known[k].name) == 0) {
                *known[k].to = strtoull(words[i + 1], NULL, 10) * known[k].unit;
                break;
            }
        }
        if (k == sizeof(known) / sizeof(*known)) {
            (void)fprintf(stderr, "wire: unknown: %s\n", words[i]);
            exit(2);
        }
    }
}

int main(int count, char **words)
{
    struct way up = { 0 };
    struct way down = { 0 };

    parse(count, words);
    is.seed = is.seed * 2654435761u + 88172645463325252u;
    up.from = down.to = device("10.99.0.1", "10.99.0.2");
    if (unshare(CLONE_NEWNET) < 0)
        die("unshare");
    down.from = up.to = device("10.99.0.2", "10.99.0.1");
    if (puts("ready") < 0 || fflush(stdout) != 0)
        die("puts");
    for (;;) {
        struct pollfd wait[3] = { { up.from, POLLIN, 0 },
                                  { down.from, POLLIN, 0 },
                                  { 0, POLLIN, 0 } };
        uint64_t a = deliver(&up);
        uint64_t b = deliver(&down);
        uint64_t next = a < b ? a : b;
        uint64_t now = now_ns();
        uint64_t left = next > now ? next - now : 0;
        struct timespec time = { (time_t)(left / 1000000000), (long)(left % 1000000000) };

        if (ppoll(wait, 3, next == UINT64_MAX ? NULL : &time, NULL) < 0 && errno != EINTR)
            die("ppoll");
        if (wait[0].revents)
            read_some(&up, true);
        if (wait[1].revents)
            read_some(&down, false);
        if (wait[2].revents && !obey(&up))
            return 0;
    }
}
