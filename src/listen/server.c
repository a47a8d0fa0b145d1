/* SPDX-License-Identifier: MIT */
#include "listen/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "listen/bodies.h"
#include "listen/peers.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS   4
#define IDLE_S    30              /* inactivity within or between requests */
#define HEAD_MAX  ((size_t)16384) /* memory per connection: head and buffers */
#define DRAIN_MAX 65536           /* largest refused body that is read and discarded */
#define BACKLOG   512

/*
 * Libmicrohttpd runs four threads, each with its share of the connections. Its own limits are
 * not sufficient: its timeout is for inactivity, which a slow client avoids by sending a byte
 * now and then, and its connection limit turns away the newest client. Therefore each
 * connection is registered with peers, and a thread of the server calls peers_look; the
 * connection limit passed to libmicrohttpd is higher than the server's own.
 */
struct server {
    struct server_opts opts;
    struct MHD_Daemon *daemon;
    struct bodies *bodies;
    struct peers *peers;
    unsigned port;
    /* under lock */
    pthread_mutex_t lock;
    pthread_cond_t news;
    bool over;
    /* the thread that calls peers_look */
    pthread_t watch;
    bool watching;
};

/* A request being received. */
struct incoming {
    struct body_in body;
    unsigned refused;               /* the status of the refusal; 0: not refused */
    char answer[SERVER_ANSWER_MAX]; /* the response of the refusal */
};

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status,
                             const char *json)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(json), (void *)(uintptr_t)json, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result rc;

    if (!response)
        return MHD_NO;
    (void)MHD_add_response_header(response, "Content-Type", "application/json");
    if (status == MHD_HTTP_CONTENT_TOO_LARGE || status == MHD_HTTP_SERVICE_UNAVAILABLE)
        (void)MHD_add_response_header(response, "Connection", "close");
    rc = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return rc;
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* The Content-Length, or 0. */
static unsigned long long announced(struct MHD_Connection *connection)
{
    const char *text = header(connection, "Content-Length");

    return text ? strtoull(text, NULL, 10) : 0;
}

static struct peer *peer_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

static void refuse(struct incoming *in, unsigned status, const char *answer)
{
    in->refused = status;
    (void)snprintf(in->answer, sizeof(in->answer), "%s", answer);
}

static void refuse_body(struct incoming *in, enum bodies_verdict verdict)
{
    if (verdict == BODIES_TOO_LARGE)
        refuse(in, MHD_HTTP_CONTENT_TOO_LARGE, "{\"error\":\"the body is too large\"}\n");
    else if (verdict == BODIES_NO_ROOM)
        refuse(in, MHD_HTTP_SERVICE_UNAVAILABLE,
               "{\"error\":\"too many request bodies at a time; try again later\"}\n");
}

/* Called when the head is complete: refuse the request, or begin its body. */
static enum MHD_Result begin(struct server *server, struct MHD_Connection *connection,
                             const struct server_request *request, struct incoming *in)
{
    unsigned long long length = announced(connection);

    bodies_begin(server->bodies, &in->body, length < SIZE_MAX ? (size_t)length : 0,
                 clock_mono());
    in->refused = server->opts.admit(server->opts.ctx, request, in->answer);
    if (!in->refused && strcmp(request->method, "POST") != 0 &&
        (length || header(connection, "Transfer-Encoding")))
        refuse(in, MHD_HTTP_BAD_REQUEST, "{\"error\":\"this method takes no body\"}\n");
    if (!in->refused && length > server->opts.body_max)
        refuse_body(in, BODIES_TOO_LARGE);
    /*
     * a small refused body is read and discarded first: its sender may not read a
     * response earlier
     */
    if (in->refused && (length > DRAIN_MAX || header(connection, "Transfer-Encoding")))
        return reply(connection, in->refused, in->answer);
    return MHD_YES;
}

/*
 * libmicrohttpd's access handler, called with the head, with each piece of the body, and at
 * the end.
 */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state)
{
    struct server *server = ctx;
    struct incoming *in = *state;
    struct server_request request = { .method = method,
                                      .path = url,
                                      .header = header(connection, server->opts.header),
                                      .body = "" };
    unsigned status;

    (void)version;
    if (!in) {
        in = mem_new(sizeof(*in), NULL);
        if (!in)
            return MHD_NO;
        *state = in;
        return begin(server, connection, &request, in);
    }
    if (*size) {
        if (!in->refused)
            refuse_body(in, bodies_add(server->bodies, &in->body, data, *size, clock_mono()));
        *size = 0;
        return MHD_YES;
    }
    if (!in->refused)
        refuse_body(in, bodies_whole(server->bodies, &in->body));
    peers_whole(server->peers, peer_of(connection));
    if (in->refused)
        return reply(connection, in->refused, in->answer);
    request.body = in->body.data ? in->body.data : "";
    request.len = in->body.len;
    status = server->opts.handle(server->opts.ctx, &request, in->answer);
    bodies_drop(server->bodies, &in->body);
    return reply(connection, status, in->answer);
}

static void on_completed(void *ctx, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct server *server = ctx;
    struct incoming *in = *state;

    (void)code;
    if (!in)
        return;
    bodies_drop(server->bodies, &in->body);
    mem_free(in);
    *state = NULL;
    peers_answered(server->peers, peer_of(connection), clock_mono());
}

/* Called when a connection begins or ends; its descriptor is closed after this call. */
static void on_connection(void *ctx, struct MHD_Connection *connection, void **socket,
                          enum MHD_ConnectionNotificationCode code)
{
    struct server *server = ctx;
    const union MHD_ConnectionInfo *fd;
    const union MHD_ConnectionInfo *address;

    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        peers_drop(server->peers, *socket);
        *socket = NULL;
        return;
    }
    fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    address = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (fd)
        *socket = peers_add(server->peers, fd->connect_fd,
                            address ? address->client_addr : NULL, clock_mono());
}

/* The thread that closes late and excess connections, until the server ends. */
static void *watch(void *ctx)
{
    struct server *server = ctx;
    bool over = false;

    while (!over) {
        size_t ended = peers_look(server->peers, clock_mono());
        struct timespec until;

        if (ended)
            log_line(LOG_INFO, "closed %zu connection%s that %s too slow or over a limit",
                     ended, text_plural(ended), ended == 1 ? "was" : "were");
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += (long)PEERS_LOOK * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        (void)pthread_mutex_lock(&server->lock);
        if (!server->over)
            (void)pthread_cond_timedwait(&server->news, &server->lock, &until);
        over = server->over;
        (void)pthread_mutex_unlock(&server->lock);
    }
    return NULL;
}

/* Resolve "host:port" to a list of addresses to bind to. */
static struct addrinfo *resolve(const char *addr, struct err *err)
{
    struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                              .ai_socktype = SOCK_STREAM };
    struct addrinfo *list = NULL;
    const char *colon = strrchr(addr, ':');
    char host[256];
    size_t len = colon ? (size_t)(colon - addr) : 0;
    uint64_t port;
    int rc;

    /* getaddrinfo takes a larger number as another port, and none as any */
    if (!colon || len >= sizeof(host) || text_u64(colon + 1, 65535, &port, NULL) < 0) {
        (void)err_set(err, ERR_USAGE,
                      "'%.100s' is not an address; expected HOST:PORT, the port from 0 (any "
                      "free one) to 65535",
                      addr);
        return NULL;
    }
    if (len >= 2 && addr[0] == '[' && addr[len - 1] == ']') {
        addr++;
        len -= 2;
    }
    (void)snprintf(host, sizeof(host), "%.*s", (int)len, addr);
    rc = getaddrinfo(*host ? host : NULL, colon + 1, &hints, &list);
    if (rc) {
        (void)err_set(err, ERR_USAGE, "'%.100s' is not an address: %s", addr, gai_strerror(rc));
        return NULL;
    }
    return list;
}

static int listen_on(const char *addr, struct err *err)
{
    struct addrinfo *list = resolve(addr, err);
    const int one = 1;
    int fd = -1;

    if (!list)
        return -1;
    fd = socket(list->ai_family, list->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                list->ai_protocol);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        bind(fd, list->ai_addr, list->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
        (void)err_sys(err, "cannot listen on '%s'", addr);
        if (fd >= 0)
            (void)close(fd);
        fd = -1;
    }
    freeaddrinfo(list);
    return fd;
}

static unsigned port_of(int fd)
{
    struct sockaddr_storage name;
    socklen_t len = sizeof(name);

    if (getsockname(fd, (struct sockaddr *)&name, &len) < 0)
        return 0;
    return ntohs(name.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&name)->sin6_port
                                            : ((struct sockaddr_in *)&name)->sin_port);
}

static int start_daemon(struct server *server, struct err *err)
{
    const struct server_opts *opts = &server->opts;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | (opts->cert ? MHD_USE_TLS : 0);
    struct MHD_OptionItem tls[] = {
        { MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)opts->cert },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)opts->key },
        { MHD_OPTION_END, 0, NULL },
    };
    int fd = listen_on(opts->addr, err);

    if (fd < 0)
        return -1;
    server->port = port_of(fd);
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_THREAD_POOL_SIZE, (unsigned)THREADS, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)opts->connections * 2, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEAD_MAX, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
        MHD_OPTION_ARRAY, opts->cert ? tls : tls + 2, MHD_OPTION_END);
    if (server->daemon)
        return 0;
    (void)close(fd);
    return err_set(err, ERR_SYSTEM, "cannot start the server on '%s'%s", opts->addr,
                   opts->cert ? "; check that certificate and key are matching PEM files" : "");
}

struct server *server_new(const struct server_opts *opts, struct err *err)
{
    struct server *server = mem_new(sizeof(*server), err);
    struct peers_opts peers = { opts->connections, opts->of_address, opts->deadline };

    if (!server)
        return NULL;
    server->opts = *opts;
    (void)pthread_mutex_init(&server->lock, NULL);
    clock_cond(&server->news);
    server->bodies = bodies_new(opts->budget, opts->body_max, err);
    server->peers = server->bodies ? peers_new(&peers, err) : NULL;
    if (server->peers && start_daemon(server, err) == 0) {
        int rc = pthread_create(&server->watch, NULL, watch, server);

        server->watching = rc == 0;
        if (server->watching)
            return server;
        errno = rc;
        (void)err_sys(err, "cannot start a thread");
    }
    server_free(server);
    return NULL;
}

void server_free(struct server *server)
{
    if (!server)
        return;
    if (server->watching) {
        (void)pthread_mutex_lock(&server->lock);
        server->over = true;
        (void)pthread_cond_signal(&server->news);
        (void)pthread_mutex_unlock(&server->lock);
        (void)pthread_join(server->watch, NULL);
    }
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    peers_free(server->peers);
    bodies_free(server->bodies);
    (void)pthread_cond_destroy(&server->news);
    (void)pthread_mutex_destroy(&server->lock);
    mem_free(server);
}

unsigned server_port(const struct server *server)
{
    return server->port;
}
