/* SPDX-License-Identifier: MIT */
/*
 * A whole transfer: the server's bytes through libcurl to an archive.
 *
 * The real fetch, engine, transfer, packer and frames run in one thread; connect() gives
 * libcurl one end of a socket pair, the input is what comes out of the other, and the monotonic
 * clock moves on when nothing else can. What was packed must be in the tar as the plan says it
 * is, as long as the service and the server said, and, where that was one plain answer, the
 * very bytes of it.
 *
 * An input: a byte of FLAG_*, two of the artifact's size (low first), then the bytes of the
 * connections, each sent when something was asked, with these marks among them:
 *
 *   0xff 'n'     this connection ends, the next begins
 *   0xff 'p'     wait until something more was asked, at most two minutes
 *   0xff 's'     nothing happens for 40 s
 *   0xff 'r' N   the 64 bytes before, N times more
 *   0xff other   that byte
 */
#undef _FORTIFY_SOURCE /* its inline poll() is not to be replaced */
#include "base/clock.h"
#include "base/hashmap.h"
#include "base/log.h"
#include "client/listing.h"
#include "fetch/fetch.h"
#include "fuzz.h"
#include "net/loop.h"
#include "pull/planner.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* libcurl calls these functions instead of libc's */
#define EXPORT        __attribute__((visibility("default")))
#define CONNECTIONS   24
#define BODY_MAX      ((uint64_t)1 << 20)
#define RUN_QUEUE_MAX 200000 /* polls of one input: more is a hang */
#define PAUSE_MS      120000
#define CHUNK         16384 /* largest piece that libcurl delivers */

enum flag {
    FLAG_SIZED = 1,
    FLAG_HAR = 2,
    FLAG_PASS = 4,
    FLAG_STRICT = 8,
    FLAG_TWO = 16,
    FLAG_ZIP = 32,
    FLAG_SUMMED = 64,
};

/* The server's end of a connection. */
struct peer {
    int fd;
    bool ended;
    bool begun;
    bool asked; /* data was received since the last pause */
};

static struct {
    bool on;
    const uint8_t *at; /* of the input */
    const uint8_t *end;
    struct peer peers[CONNECTIONS];
    unsigned count;
    uint8_t back[64];  /* sent last */
    unsigned repeated; /* number of repetitions so far */
    uint64_t now_ms;
    uint64_t quiet_until;
    uint64_t paused_at; /* 0: no pause */
    unsigned turns;
    struct packer *packer;
    struct volume *volume;
} server;

EXPORT int clock_gettime(clockid_t id, struct timespec *now);
EXPORT int connect(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len);
EXPORT int getpeername(int fd, __SOCKADDR_ARG addr, socklen_t *len);
EXPORT int poll(struct pollfd *fds, nfds_t count, int timeout);

int clock_gettime(clockid_t id, struct timespec *now)
{
    if (!server.on || (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_RAW))
        return (int)syscall(SYS_clock_gettime, id, now);
    now->tv_sec = (time_t)(server.now_ms / 1000);
    now->tv_nsec = (long)(server.now_ms % 1000) * 1000000;
    return 0;
}

int connect(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
    struct peer *peer = &server.peers[server.count];
    int pair[2];

    if (!server.on)
        return (int)syscall(SYS_connect, fd, addr.__sockaddr__, len);
    if (server.count == CONNECTIONS || server.at == server.end) {
        errno = ECONNREFUSED;
        return -1;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    (void)dup3(pair[0], fd, O_CLOEXEC);
    (void)close(pair[0]);
    *peer = (struct peer){ .fd = pair[1] };
    server.count++;
    return 0;
}

/* libcurl does not reuse a connection whose peer address is unknown. */
int getpeername(int fd, __SOCKADDR_ARG addr, socklen_t *len)
{
    struct sockaddr_in loopback = { .sin_family = AF_INET, .sin_port = htons(80) };

    if (!server.on)
        return (int)syscall(SYS_getpeername, fd, addr.__sockaddr__, len);
    loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memcpy(addr.__sockaddr__, &loopback, *len < sizeof(loopback) ? *len : sizeof(loopback));
    *len = sizeof(loopback);
    return 0;
}

/* Send one byte; false: the socket's buffer is full. */
static bool put(struct peer *peer, uint8_t byte)
{
    if (send(peer->fd, &byte, 1, MSG_NOSIGNAL) == 1) {
        memmove(server.back, server.back + 1, sizeof(server.back) - 1);
        server.back[sizeof(server.back) - 1] = byte;
        return true;
    }
    return errno != EAGAIN;
}

/* Send a piece several times; continues where it was interrupted. */
static bool repeat(struct peer *peer, unsigned times)
{
    uint8_t piece[sizeof(server.back)];

    memcpy(piece, server.back, sizeof(piece));
    for (; server.repeated < times; server.repeated++) {
        if (send(peer->fd, piece, sizeof(piece), MSG_NOSIGNAL) < 0 && errno == EAGAIN)
            return false;
    }
    server.repeated = 0;
    return true;
}

static void end(struct peer *peer)
{
    if (!peer->ended)
        (void)shutdown(peer->fd, SHUT_WR);
    peer->ended = true;
}

/* Whether a pause has ended: a request arrived, or its time has passed. */
static bool may_go_on(struct peer *peer)
{
    if (!server.paused_at)
        server.paused_at = server.now_ms;
    if (!peer->asked && server.now_ms < server.paused_at + PAUSE_MS)
        return false;
    peer->asked = false;
    server.paused_at = 0;
    return true;
}

/* Process the next byte or mark of the input; false: it has to wait. */
static bool say(struct peer *peer)
{
    uint8_t byte = *server.at;
    size_t left = (size_t)(server.end - server.at);

    if (byte != 0xff || left < 2)
        return put(peer, byte) ? (server.at++, true) : false;
    switch (server.at[1]) {
    case 'n':
        server.at += 2;
        end(peer);
        return false;
    case 'p':
        if (!may_go_on(peer))
            return false;
        server.at += 2;
        return true;
    case 's':
        server.at += 2;
        server.quiet_until = server.now_ms + 40000;
        return false;
    case 'r':
        if (left > 2 && !repeat(peer, server.at[2]))
            return false;
        server.at += left > 2 ? 3 : 2;
        return true;
    default:
        return put(peer, server.at[1]) ? (server.at += 2, true) : false;
    }
}

/* Read the client's requests, and send the input on the newest connection. */
static bool pump(bool idle)
{
    const uint8_t *before = server.at;
    struct peer *peer = server.count ? &server.peers[server.count - 1] : NULL;
    char room[4096];
    unsigned i;

    for (i = 0; i < server.count; i++) {
        while (recv(server.peers[i].fd, room, sizeof(room), 0) > 0)
            server.peers[i].asked = true;
        if (&server.peers[i] != peer)
            end(&server.peers[i]);
    }
    if (!peer || peer->ended || server.now_ms < server.quiet_until)
        return false;
    if (!peer->begun && !may_go_on(peer))
        return false;
    if (!peer->begun && server.end - server.at > 1 && server.at[0] == 0xff &&
        server.at[1] == 'p')
        server.at += 2; /* it has just waited */
    peer->begun = true;
    while (server.at < server.end && say(peer))
        ;
    if (server.at == server.end && idle)
        end(peer);
    return server.at != before || peer->ended;
}

/* Steps of the packer's and the writing thread. */
static void step(void)
{
    while (server.packer && packer_step(server.packer))
        ;
    while (server.volume && volume_step(server.volume))
        ;
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    int ready;

    if (!server.on)
        return (int)syscall(SYS_poll, fds, count, timeout);
    FUZZ_CHECK(++server.turns < RUN_QUEUE_MAX);
    (void)pump(false);
    step();
    ready = (int)syscall(SYS_poll, fds, count, 0);
    if (ready || timeout <= 0)
        return ready;
    if (pump(true))
        ready = (int)syscall(SYS_poll, fds, count, 0);
    if (!ready)
        server.now_ms += (uint64_t)timeout;
    return ready;
}

/* The files of the tar, by name. */
static struct hashmap *read_tar(const char *path, struct buf *files, size_t *count)
{
    struct archive *tar = archive_read_new();
    struct hashmap *table = hashmap_new(NULL);
    struct archive_entry *entry;
    int rc;

    FUZZ_CHECK(archive_read_support_format_tar(tar) == ARCHIVE_OK &&
               archive_read_open_filename(tar, path, 1 << 16) == ARCHIVE_OK);
    while ((rc = archive_read_next_header(tar, &entry)) == ARCHIVE_OK) {
        const char *name = archive_entry_pathname(entry);
        const char *link = archive_entry_hardlink(entry);
        struct buf *bytes = link ? hashmap_get(table, link, strlen(link)) : &files[(*count)++];
        char room[4096];
        la_ssize_t n = 0;

        FUZZ_CHECK(bytes);
        if (!link)
            buf_init(bytes, BODY_MAX * 2);
        while (!link && (n = archive_read_data(tar, room, sizeof(room))) > 0)
            FUZZ_CHECK(buf_add(bytes, room, (size_t)n, NULL) == 0);
        FUZZ_CHECK(n == 0 && hashmap_add(table, name, strlen(name), bytes, NULL) == 0);
    }
    FUZZ_CHECK(rc == ARCHIVE_EOF);
    (void)archive_read_free(tar);
    return table;
}

/*
 * What an input says in words so plain that there is no doubt of them; UINT64_MAX: it does not.
 */
struct said {
    uint64_t length;     /* of its only 200 */
    const uint8_t *body; /* all the bytes of that, where there is nothing else */
};

/* Its head: "HTTP/1.1 200", one length and no word of codings or chunks. */
static uint64_t plain_length(const uint8_t *head, size_t len)
{
    const uint8_t *at = memmem(head, len, "\r\nContent-Length: ", 18);
    uint64_t length = 0;

    if (!at || memchr(head, 0, len) || memmem(head, len, "oding", 5) ||
        memmem(head, len, "ODING", 5) || memmem(head, len, "\n ", 2) ||
        memmem(head, len, "\n\t", 2))
        return UINT64_MAX;
    for (at += 18; *at >= '0' && *at <= '9' && length < BODY_MAX; at++)
        length = length * 10 + (uint64_t)(*at - '0');
    if (*at != '\r' || memmem(at, len - (size_t)(at - head), "ength", 5))
        return UINT64_MAX;
    return length;
}

static struct said read_said(const uint8_t *data, size_t size)
{
    struct said said = { UINT64_MAX, NULL };
    const uint8_t *body = memmem(data, size, "\r\n\r\n", 4);

    if (!body || size < 15 || memcmp(data, "HTTP/1.1 200 ", 13) != 0 ||
        memmem(data + 13, size - 13, "200", 3))
        return said;
    body += 4;
    said.length = plain_length(data, (size_t)(body - data));
    if (said.length == size - (size_t)(body - data) && !memchr(data, 0xff, size))
        said.body = body;
    return said;
}

/* Compare the archive with the plan. */
static void check_item(const struct item *item, const struct packed *packed,
                       const struct outcome *outcome, struct hashmap *table,
                       const struct said *said)
{
    struct hasher *hasher = hasher_new(NULL);
    struct digest digest;
    const struct buf *bytes;
    char name[600];

    (void)snprintf(name, sizeof(name), "top/%s", packed->path);
    bytes = hashmap_get(table, name, strlen(name));
    FUZZ_CHECK(bytes && bytes->len == packed->size && bytes->len <= BODY_MAX);
    hasher_add(hasher, bytes->data, bytes->len);
    hasher_end(hasher, &digest);
    hasher_free(hasher);
    FUZZ_CHECK(memcmp(digest.sha256, packed->digest.sha256, SHA256_SIZE) == 0);
    if (item->what.sized && !packed->encoded && !packed->note_count && !packed->mismatch)
        FUZZ_CHECK(packed->size == item->what.file_size);
    if (packed->encoded || said->length == UINT64_MAX)
        return;
    if (said->body && outcome->attempts == 1)
        FUZZ_CHECK(bytes->len == said->length &&
                   (!bytes->len || memcmp(bytes->data, said->body, bytes->len) == 0));
    if (outcome->http_status == 206)
        FUZZ_CHECK(bytes->len == said->length);
}

/* The run's artifact list, according to the flags. */
static void list_run(struct listed_run *run, uint8_t flags, unsigned size)
{
    char json[1200];
    char sized[16] = "null";
    struct err err;

    if (flags & FLAG_SIZED)
        (void)snprintf(sized, sizeof(sized), "%u", size);
    (void)snprintf(
        json, sizeof(json),
        "[{\"artifact_id\": \"a\", \"artifact_type\": \"%s\", \"file_size\": %s, "
        "\"uri\": \"s3://b/a.%s\", \"checksum\": %s, \"bundle_key\": %s, "
        "\"signed_url\": \"http://127.0.0.1/a?sig=x\"}%s]",
        flags & FLAG_HAR ? "har" : "llm_prompt", sized, flags & FLAG_ZIP ? "zip" : "txt",
        flags & FLAG_SUMMED ? "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b"
                              "7852b855\""
                            : "null",
        flags & FLAG_ZIP ? "\"m\"" : "null",
        flags & FLAG_TWO ? ", {\"artifact_id\": \"b\", \"artifact_type\": \"html\", "
                           "\"signed_url\": \"http://127.0.0.1/b?sig=x\"}"
                         : "");
    FUZZ_CHECK(artifact_list_parse(&run->list, json, strlen(json), &err) == 0);
    run->id = "tsk_1";
    run->listed_at = clock_wall();
}

struct house {
    struct artifact_filter filter;
    struct api api;
    struct loop loop;
    struct callers callers;
    struct listing listing;
    struct listed_run run;
    struct entry_names *names;
    struct plan *plan;
    struct pool *pool;
    struct pool *pass;
    struct spool spool;
    struct spool parts;
    atomic_uint files;
    struct fetch *fetch;
};

static void set_up(struct house *h, const char *path, uint8_t flags, unsigned size)
{
    struct volume_opts volume = { .path = path,
                                  .format = CONTAINER_TAR,
                                  .force = true,
                                  .mode = 0600,
                                  .workers = 1,
                                  .stepped = true,
                                  .sizes = { .cut_file = CHUNK,
                                             .cut_piece = CHUNK * 2,
                                             .copy_max = CHUNK / 4,
                                             .chunk = CHUNK } };
    struct engine_opts engine = { .jobs = 2, .agent = "fuzz" };
    struct loop_hooks hooks = { stop_never(), loop_no_tick, NULL };
    struct planner_opts planner = {
        .skip = planner_skips_none, .listing = &h->listing, .filter = &h->filter, .dedupe = true
    };
    struct planner making;
    struct err err;

    server.volume = volume_open(&volume, &err);
    FUZZ_CHECK(server.volume && volume_start(server.volume, NULL, &err) == 0);
    FUZZ_CHECK(api_init(&h->api, "http://127.0.0.1", NULL, &err) == 0);
    FUZZ_CHECK(loop_init(&h->loop, &engine, &hooks, &err) == 0);
    h->loop.dice = 1;
    callers_init(&h->callers, &h->loop, &h->api, 2, 1);
    list_run(&h->run, flags, size);
    h->listing = (struct listing){ .runs = &h->run,
                                   .count = 1,
                                   .api = &h->api,
                                   .filter = &h->filter.kinds,
                                   .bundles = true,
                                   .callers = &h->callers };
    h->run.listing = &h->listing;
    h->names = planner.names = entry_names_new(&err);
    FUZZ_CHECK(h->names);
    FUZZ_CHECK(planner_begin(&making, &planner, &err) == 0 &&
               planner_finish(&making, &err) == 0);
    h->plan = making.plan;
    h->pool = pool_new(4, CHUNK, &err);
    h->pass = pool_new(9, CHUNK, &err);
    h->spool = (struct spool){ h->pool, "/tmp", &h->files, NULL };
    h->parts = (struct spool){ pool_new(8, CHUNK, &err), "/tmp", NULL, NULL };
    FUZZ_CHECK(h->plan && h->pool && h->pass && h->parts.pool);
    pool_on_return(h->pool, loop_wake, &h->loop);
    pool_on_return(h->pass, loop_wake, &h->loop);
}

static void run_fetch(struct house *h, uint8_t flags)
{
    struct packer_opts packer = {
        .entries = { .top = "top", .seen = entry_writer_unseen, .dedupe = true },
        .parts = &h->parts,
        .max_size = BODY_MAX,
        .news = loop_wake,
        .ctx = &h->loop,
        .stepped = true
    };
    struct fetch_opts opts = { .api = &h->api,
                               .listing = &h->listing,
                               .plan = h->plan,
                               .spool = &h->spool,
                               .callers = &h->callers,
                               .jobs = 2,
                               .retries = 2,
                               .max_size = BODY_MAX,
                               .pass = flags & FLAG_PASS ? h->pass : NULL,
                               .files = 4,
                               .pass_min = CHUNK,
                               .deadline = UINT64_MAX,
                               .strict = flags & FLAG_STRICT };
    struct err err;

    server.packer = packer_new(&packer, server.volume, h->plan, h->names, &err);
    opts.packer = server.packer;
    h->fetch = fetch_new(&opts, &h->loop, &err);
    FUZZ_CHECK(server.packer && h->fetch);
    if (fetch_run(h->fetch, &err) < 0)
        FUZZ_CHECK(err.kind == ERR_MISMATCH && fetch_stop(h->fetch, &err) == 0);
    else
        FUZZ_CHECK(packer_join(server.packer, &err) == 0);
}

/* Finish the archive, and check it. */
static void look(struct house *h, const char *path, const struct said *said)
{
    static struct buf files[8];
    struct volume_result result;
    struct hashmap *table;
    struct err err;
    size_t count = 0;
    size_t i;

    FUZZ_CHECK(volume_begin_manifest(
                   server.volume,
                   &(struct entry_file){ .path = "top/manifest.json", .size = 2, .mtime = 1 },
                   &err) == 0 &&
               volume_add(server.volume, "{}", 2, &err) == 0 &&
               volume_end(server.volume, &err) == 0 &&
               volume_finish(server.volume, &result, &err) == 0);
    table = read_tar(path, files, &count);
    for (i = 0; i < plan_count(h->plan); i++) {
        const struct item *item = plan_at(h->plan, i);
        const struct outcome *outcome = fetch_outcome(h->fetch, item);

        const struct packed *packed = fetch_packed(h->fetch, item);

        FUZZ_CHECK(packed->here ? outcome->via != NULL
                                : outcome->reason != REASON_NONE || plan_count(h->plan) > 1);
        if (packed->here && !item->unlisted)
            check_item(item, packed, outcome, table, said);
    }
    while (count)
        buf_clear(&files[--count]);
    hashmap_free(table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct house house = { 0 };
    struct said said = { UINT64_MAX, NULL };
    char path[64];
    unsigned i;

    if (size < 3)
        return 0;
    log_setup(LOG_ERROR, 0);
    memset(&server, 0, sizeof(server));
    server.at = data + 3;
    server.end = data + size;
    server.now_ms = 1000000;
    server.on = true;
    (void)snprintf(path, sizeof(path), "%s/fuzz_transfer.%ld.tar",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
    if (!(data[0] & (FLAG_TWO | FLAG_ZIP | FLAG_HAR)))
        said = read_said(data + 3, size - 3);
    set_up(&house, path, data[0], (unsigned)data[1] | (unsigned)data[2] << 8);
    run_fetch(&house, data[0]);
    look(&house, path, &said);
    packer_free(server.packer);
    volume_free(server.volume, false);
    loop_clear(&house.loop);
    fetch_free(house.fetch);
    pool_free(house.pool);
    pool_free(house.pass);
    pool_free(house.parts.pool);
    plan_free(house.plan);
    entry_names_free(house.names);
    artifact_list_clear(&house.run.list);
    api_clear(&house.api);
    server.on = false;
    for (i = 0; i < server.count; i++)
        (void)close(server.peers[i].fd);
    (void)unlink(path);
    return 0;
}
