/* SPDX-License-Identifier: MIT */
#include "viewer/http_server.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "viewer/access.h"
#include "viewer/byte_range.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS 40                 /* each with a thread: none waits for another one */
#define IDLE_S      60                 /* inactivity of a connection */
#define HEAD_MAX    ((size_t)32768)    /* memory per connection: head and buffers */
#define BLOCK       ((size_t)64 << 10) /* bytes of a file read at once */
#define BACKLOG     64

/* The first response: goes on to the page by itself, so that the browser sends the cookie,
 * which it does not with a redirect of a link from elsewhere (SameSite=Strict). */
#define LANDING                                                                                \
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>skyarc</title>"   \
    "<meta http-equiv=\"refresh\" content=\"0;url=%s\"></head><body><p><a href=\"%s\">Go on "  \
    "to the view</a></p></body></html>\n"

struct http_server {
    int fd; /* -1: libmicrohttpd has it */
    struct MHD_Daemon *daemon;
    struct access access;
    char url[64 + ACCESS_FOLDER + ACCESS_TOKEN];
    char landing[1024];
    http_get_fn *get;
    void *ctx;
    _Atomic uint64_t used;
};

/* A file being sent. */
struct sending {
    struct served_file *file;
    uint64_t from;
    struct http_server *server;
};

static void note_use(struct http_server *server)
{
    atomic_store(&server->used, clock_mono());
}

/* Give libmicrohttpd the next bytes of a file. */
static ssize_t on_block(void *ctx, uint64_t at, char *bytes, size_t len)
{
    struct sending *sending = ctx;
    struct err err;
    ssize_t n = served_file_read(sending->file, sending->from + at, bytes, len, &err);

    note_use(sending->server);
    if (n < 0)
        log_line(LOG_WARNING, "a response was broken off: %s", err.text);
    return n > 0    ? n
           : n == 0 ? MHD_CONTENT_READER_END_OF_STREAM
                    : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void on_sent(void *ctx)
{
    struct sending *sending = ctx;

    served_file_close(sending->file);
    mem_free(sending);
}

static void add(struct MHD_Response *response, const char *name, const char *value)
{
    (void)MHD_add_response_header(response, name, value);
}

/* Headers of every response. */
static void add_common(struct MHD_Response *response, const char *policy)
{
    add(response, "Content-Security-Policy", policy);
    add(response, "X-Content-Type-Options", "nosniff");
    add(response, "Referrer-Policy", "no-referrer");
    add(response, "Cross-Origin-Resource-Policy", "same-origin");
    add(response, "Cross-Origin-Opener-Policy", "same-origin");
    add(response, "Cache-Control", "no-store");
}

static enum MHD_Result queue(struct MHD_Connection *connection, unsigned status,
                             struct MHD_Response *response)
{
    enum MHD_Result rc = response ? MHD_queue_response(connection, status, response) : MHD_NO;

    if (response)
        MHD_destroy_response(response);
    return rc;
}

/* Send a text that is not of an archive. */
static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned status,
                                 const char *media_type, const char *text, const char *cookie)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);

    if (response) {
        add_common(response, "default-src 'none'; base-uri 'none'; form-action 'none'; "
                             "frame-ancestors 'none'");
        add(response, "Content-Type", media_type);
        if (cookie)
            add(response, "Set-Cookie", cookie);
        if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
            add(response, "Allow", "GET, HEAD");
    }
    return queue(connection, status, response);
}

static enum MHD_Result send_landing(struct http_server *server,
                                    struct MHD_Connection *connection)
{
    char text[sizeof(LANDING) + 2 * sizeof(server->landing)];
    char cookie[128 + ACCESS_FOLDER + ACCESS_TOKEN];

    (void)snprintf(text, sizeof(text), LANDING, server->landing, server->landing);
    (void)snprintf(cookie, sizeof(cookie), "%s=%s; Path=%s; HttpOnly; SameSite=Strict",
                   server->access.cookie, server->access.token, server->access.folder);
    return send_text(connection, MHD_HTTP_OK, "text/html; charset=utf-8", text, cookie);
}

/* The response with the wanted part of a file. */
static struct MHD_Response *make_part(struct http_server *server, struct http_answer *answer,
                                      const struct byte_range *part)
{
    struct sending *sending = mem_new(sizeof(*sending), NULL);
    struct MHD_Response *response = NULL;

    if (sending) {
        *sending = (struct sending){ answer->file, part->from, server };
        response =
            MHD_create_response_from_callback(part->len, BLOCK, on_block, sending, on_sent);
    }
    if (!response) {
        served_file_close(answer->file);
        mem_free(sending);
    }
    return response;
}

/* Send a file, or the range of it that is asked for. No validators are sent, so that If-Range
 * never holds: then the whole file is sent. */
static enum MHD_Result send_file(struct http_server *server, struct MHD_Connection *connection,
                                 struct http_answer *answer)
{
    uint64_t size = served_file_size(answer->file);
    const char *header = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Range");
    const char *guard = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-Range");
    struct byte_range part;
    enum byte_range_verdict verdict = byte_range_parse(&part, guard ? NULL : header, size);
    struct MHD_Response *response = make_part(server, answer, &part);
    char range[96];

    if (!response)
        return MHD_NO;
    add_common(response, answer->policy);
    add(response, "Content-Type", answer->media_type);
    add(response, "Accept-Ranges", "bytes");
    if (answer->download)
        add(response, "Content-Disposition", "attachment");
    if (verdict == BYTE_RANGE_PART)
        (void)snprintf(
            range, sizeof(range), "bytes %llu-%llu/%llu", (unsigned long long)part.from,
            (unsigned long long)(part.from + part.len - 1), (unsigned long long)size);
    else
        (void)snprintf(range, sizeof(range), "bytes */%llu", (unsigned long long)size);
    if (verdict != BYTE_RANGE_WHOLE)
        add(response, "Content-Range", range);
    return queue(connection,
                 verdict == BYTE_RANGE_WHOLE  ? MHD_HTTP_OK
                 : verdict == BYTE_RANGE_PART ? MHD_HTTP_PARTIAL_CONTENT
                                              : MHD_HTTP_RANGE_NOT_SATISFIABLE,
                 response);
}

/* Refuse a request that access_check did not grant. */
static enum MHD_Result refuse(struct MHD_Connection *connection, enum access_verdict verdict)
{
    const char *type = "text/plain; charset=utf-8";

    if (verdict == ACCESS_METHOD)
        return send_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, type,
                         "only GET and HEAD are supported\n", NULL);
    if (verdict == ACCESS_FOREIGN)
        return send_text(connection, MHD_HTTP_MISDIRECTED_REQUEST, type,
                         "this is not the host that was asked for\n", NULL);
    return send_text(connection, MHD_HTTP_FORBIDDEN, type,
                     "open the address that 'skyarc view' printed: it contains a token, "
                     "without which nothing is shown\n",
                     NULL);
}

static enum MHD_Result answer_get(struct http_server *server, struct MHD_Connection *connection,
                                  const char *url)
{
    struct http_answer answer = { .status = MHD_HTTP_OK };

    server->get(server->ctx, url,
                MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, HTTP_QUERY),
                &answer);
    note_use(server);
    return answer.file ? send_file(server, connection, &answer)
                       : send_text(connection, answer.status, "text/plain; charset=utf-8",
                                   answer.text, NULL);
}

/* libmicrohttpd's access handler: called with the head, and once more to answer. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state)
{
    static char begun;
    struct http_server *server = ctx;
    struct access_request request = {
        .method = method,
        .host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host"),
        .path = url,
        .token =
            MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, ACCESS_PARAMETER),
        .cookie = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Cookie")
    };
    enum access_verdict verdict = access_check(&server->access, &request);

    (void)version;
    (void)data;
    (void)size;
    if (!*state && verdict != ACCESS_METHOD) {
        *state = &begun;
        return MHD_YES;
    }
    if (*size) { /* a body, which a GET has not */
        *size = 0;
        return MHD_YES;
    }
    if (verdict == ACCESS_FIRST) {
        note_use(server);
        return send_landing(server, connection);
    }
    if (verdict == ACCESS_ICON)
        return send_text(connection, MHD_HTTP_NO_CONTENT, "text/plain", "", NULL);
    return verdict == ACCESS_GRANTED ? answer_get(server, connection, access_below(url))
                                     : refuse(connection, verdict);
}

struct http_server *http_server_bind(unsigned port, struct err *err)
{
    struct http_server *server = mem_new(sizeof(*server), err);
    struct sockaddr_in name = { .sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(name);

    if (!server)
        return NULL;
    note_use(server);
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (server->fd < 0 || bind(server->fd, (struct sockaddr *)&name, sizeof(name)) < 0 ||
        listen(server->fd, BACKLOG) < 0 ||
        getsockname(server->fd, (struct sockaddr *)&name, &len) < 0)
        (void)err_sys(err, "cannot listen on port %u of 127.0.0.1", port);
    else if (access_init(&server->access, ntohs(name.sin_port), err) == 0) {
        (void)snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%u%s?%s=%s",
                       ntohs(name.sin_port), server->access.folder, ACCESS_PARAMETER,
                       server->access.token);
        return server;
    }
    http_server_free(server);
    return NULL;
}

int http_server_start(struct http_server *server, const char *landing, http_get_fn *get,
                      void *ctx, struct err *err)
{
    (void)snprintf(server->landing, sizeof(server->landing), "%s", landing);
    server->get = get;
    server->ctx = ctx;
    server->daemon = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL,
        NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, server->fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEAD_MAX, MHD_OPTION_END);
    if (!server->daemon)
        return err_set(err, ERR_SYSTEM, "cannot start the server");
    server->fd = -1;
    return 0;
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    if (server->fd >= 0)
        (void)close(server->fd);
    explicit_bzero(&server->access, sizeof(server->access));
    mem_free(server);
}

const char *http_server_url(const struct http_server *server)
{
    return server->url;
}

uint64_t http_server_used(const struct http_server *server)
{
    return atomic_load(&server->used);
}
