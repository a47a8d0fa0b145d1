/* SPDX-License-Identifier: MIT */
#include "net/server.h"

#include "base/buf.h"
#include "base/mem.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS     4
#define CONNECTIONS 1000
#define IDLE_S      30
#define BACKLOG     512

struct server {
    struct server_opts opts;
    struct MHD_Daemon *daemon;
    unsigned port;
};

/* One request on its way in. */
struct incoming {
    struct buf body;
    bool too_large;
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
    if (status == MHD_HTTP_CONTENT_TOO_LARGE)
        (void)MHD_add_response_header(response, "Connection", "close");
    rc = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return rc;
}

/* The announced length, or 0. */
static unsigned long long announced(struct MHD_Connection *connection)
{
    const char *text =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");

    return text ? strtoull(text, NULL, 10) : 0;
}

/* Called first with the headers, then with pieces of the body, then once more. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state)
{
    static const char too_large[] = "{\"error\":\"the body is too large\"}\n";
    struct server *server = ctx;
    struct incoming *in = *state;
    struct server_request request = { .method = method, .path = url };
    char answer[SERVER_ANSWER_MAX] = "{}\n";
    unsigned status;

    (void)version;
    if (!in) {
        in = mem_new(sizeof(*in), NULL);
        if (!in)
            return MHD_NO;
        buf_init(&in->body, server->opts.body_max);
        *state = in;
        if (announced(connection) > server->opts.body_max)
            return reply(connection, MHD_HTTP_CONTENT_TOO_LARGE, too_large);
        return MHD_YES;
    }
    if (*size) {
        if (!in->too_large && buf_add(&in->body, data, *size, NULL) < 0)
            in->too_large = true; /* without a length: the rest passes unread, until it idles */
        *size = 0;
        return MHD_YES;
    }
    if (in->too_large)
        return reply(connection, MHD_HTTP_CONTENT_TOO_LARGE, too_large);
    request.header =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, server->opts.header);
    request.body = buf_text(&in->body);
    request.len = in->body.len;
    status = server->opts.handle(server->opts.ctx, &request, answer);
    return reply(connection, status, answer);
}

static void on_completed(void *ctx, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct incoming *in = *state;

    (void)ctx;
    (void)connection;
    (void)code;
    if (!in)
        return;
    buf_clear(&in->body);
    mem_free(in);
    *state = NULL;
}

/* "host:port" as a list of addresses to bind to. */
static struct addrinfo *resolve(const char *addr, struct err *err)
{
    struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                              .ai_socktype = SOCK_STREAM };
    struct addrinfo *list = NULL;
    const char *colon = strrchr(addr, ':');
    char host[256];
    size_t len = colon ? (size_t)(colon - addr) : 0;
    int rc;

    if (!colon || len >= sizeof(host)) {
        (void)err_set(err, ERR_USAGE, "'%.100s' is no address; HOST:PORT is wanted", addr);
        return NULL;
    }
    if (len >= 2 && addr[0] == '[' && addr[len - 1] == ']') {
        addr++;
        len -= 2;
    }
    (void)snprintf(host, sizeof(host), "%.*s", (int)len, addr);
    rc = getaddrinfo(*host ? host : NULL, colon + 1, &hints, &list);
    if (rc) {
        (void)err_set(err, ERR_USAGE, "'%.100s' is no address: %s", addr, gai_strerror(rc));
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

struct server *server_new(const struct server_opts *opts, struct err *err)
{
    struct server *server = mem_new(sizeof(*server), err);
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | (opts->cert ? MHD_USE_TLS : 0);
    struct MHD_OptionItem tls[] = {
        { MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)opts->cert },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)opts->key },
        { MHD_OPTION_END, 0, NULL },
    };
    int fd;

    if (!server)
        return NULL;
    server->opts = *opts;
    fd = listen_on(opts->addr, err);
    if (fd < 0)
        goto fail;
    server->port = port_of(fd);
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_THREAD_POOL_SIZE, (unsigned)THREADS, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_ARRAY,
        opts->cert ? tls : tls + 2, MHD_OPTION_END);
    if (server->daemon)
        return server;
    (void)close(fd);
    (void)err_set(err, ERR_SYSTEM, "cannot start the server on '%s'%s", opts->addr,
                  opts->cert ? "; are certificate and key PEM files that belong together?"
                             : "");
fail:
    server_free(server);
    return NULL;
}

void server_free(struct server *server)
{
    if (!server)
        return;
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    mem_free(server);
}

unsigned server_port(const struct server *server)
{
    return server->port;
}
