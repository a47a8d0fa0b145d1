/* SPDX-License-Identifier: MIT */
#include "net/slot.h"

#include "net/proxy.h"
#include "net/send.h"
#include "net/url.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CONNECT_TIMEOUT 30000L

const char *slot_url(const struct slot *slot)
{
    return slot->moved ? slot->moved : slot->request->url;
}

/* Set the options that are the same for all requests. */
static int set_up(struct slot *slot)
{
    const struct slot_setup *setup = slot->setup;
    const struct slot_calls *calls = setup->calls;
    struct sockets *sockets = setup->sockets;
    CURL *easy = slot->easy;
    int bad = 0;

    bad |= curl_easy_setopt(easy, CURLOPT_PRIVATE, slot) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, calls->body) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, calls->header) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, slot) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, slot->why) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, calls->ready) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_PREREQDATA, slot) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, sockets_open) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, sockets) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, sockets_close) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, sockets) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L) != CURLE_OK; /* part of signatures */
    bad |= curl_easy_setopt(easy, CURLOPT_NOPROXY, "") != CURLE_OK;    /* see set_proxy */
    bad |= curl_easy_setopt(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
                            setup->secure ? "https" : "http,https") != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_USERAGENT, setup->agent) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)setup->stall_bps) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)setup->stall_s) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) != CURLE_OK;
    if (setup->ca_file)
        bad |= curl_easy_setopt(easy, CURLOPT_CAINFO, setup->ca_file) != CURLE_OK;
    return bad;
}

/*
 * Create a new handle for each response: libcurl before 8.1.1 keeps a pointer to the last
 * header of the previous response and writes a folded first line there (curl's pull request
 * 11103). The connections belong to the multi handle and stay open.
 */
static int fresh_handle(struct slot *slot, struct err *err)
{
    curl_easy_cleanup(slot->easy);
    slot->easy = curl_easy_init();
    if (slot->easy && !set_up(slot))
        return 0;
    return err_set(err, ERR_SYSTEM, "cannot set up a transfer (libcurl)");
}

/* Wipe the key before libcurl frees the headers. */
void slot_drop_headers(struct slot *slot)
{
    struct curl_slist *h;

    for (h = slot->headers; h; h = h->next)
        explicit_bzero(h->data, strlen(h->data));
    curl_slist_free_all(slot->headers);
    slot->headers = NULL;
    if (slot->easy)
        (void)curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, NULL);
}

static int add_header(struct slot *slot, const char *line, struct err *err)
{
    struct curl_slist *grown = curl_slist_append(slot->headers, line);

    if (!grown)
        return err_set(err, ERR_MEMORY, "out of memory");
    slot->headers = grown;
    return 0;
}

/* Add the lines of net/send; its requests never wait for "100 Continue". */
static int add_sent(struct slot *slot, const struct send *send, struct err *err)
{
    int rc = add_header(slot, "Expect:", err);
    size_t i;

    for (i = 0; rc == 0 && i < send->header_count; i++)
        rc = add_header(slot, send->headers[i], err);
    return rc;
}

/* Set the request's headers; the key is sent only to its own origin. */
static int set_headers(struct slot *slot, const char *origin, struct err *err)
{
    const struct request *request = slot->request;
    char line[4200];
    int rc = 0;

    slot_drop_headers(slot);
    if (request->send && add_sent(slot, request->send, err) < 0)
        return -1;
    if (request->post)
        rc = add_header(slot, "Content-Type: application/json", err);
    if (request->resume.from) {
        (void)snprintf(line, sizeof(line), "Range: bytes=%llu-",
                       (unsigned long long)request->resume.from);
        rc = add_header(slot, line, err);
        (void)snprintf(line, sizeof(line), "If-Range: %s", resume_tag(&request->resume));
        if (rc == 0 && *resume_tag(&request->resume))
            rc = add_header(slot, line, err);
    }
    if (rc == 0 && request->as_sent)
        rc = add_header(slot, "Accept-Encoding: identity", err);
    if (rc == 0 && request->key && strcmp(origin, request->key_origin) == 0) {
        (void)snprintf(line, sizeof(line), "x-api-key: %s", request->key);
        rc = add_header(slot, line, err);
        explicit_bzero(line, sizeof(line));
    }
    if (rc == 0 && slot->headers &&
        curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, slot->headers) != CURLE_OK)
        rc = err_set(err, ERR_MEMORY, "out of memory");
    return rc;
}

/* Whether libcurl must not repeat the request by itself. */
static bool is_once(const struct request *request)
{
    return request->post || (request->send && request->send->once);
}

/*
 * GET, or POST on a new connection: libcurl would resend a POST if a reused connection failed.
 */
static bool set_method(const struct slot *slot)
{
    const struct request *request = slot->request;
    CURL *easy = slot->easy;

    if (curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, request->as_sent ? NULL : "") !=
            CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT,
                         is_once(request) || slot->unfits ? 1L : 0L) != CURLE_OK)
        return false;
    if (request->send)
        return send_set_up(request->send, easy, &slot->request->err);
    if (!request->post)
        return curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) == CURLE_OK;
    return curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->post_len) ==
               CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->post) == CURLE_OK;
}

/* Choose the proxy, if any. A proxy that could read the key is refused, unless allowed. */
static int set_proxy(struct slot *slot, const char *origin, struct err *err)
{
    const struct request *request = slot->request;
    bool direct = request->send && request->send->direct;
    const char *proxy = direct ? NULL : proxy_of(origin, NULL);

    if (proxy && request->key && !request->key_insecure && !url_is_secure(origin) &&
        strcmp(origin, request->key_origin) == 0)
        return err_set(err, ERR_USAGE,
                       "refused: the proxy would read the API key over plain http");
    if (curl_easy_setopt(slot->easy, CURLOPT_PROXY, proxy ? proxy : "") != CURLE_OK)
        return err_set(err, ERR_MEMORY, "out of memory");
    return 0;
}

/* The TLS session of the slot's connection, or NULL. */
static SSL *session(const struct slot *slot)
{
    struct curl_tlssessioninfo *info = NULL;

    if (curl_easy_getinfo(slot->easy, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || !info ||
        info->backend != CURLSSLBACKEND_OPENSSL)
        return NULL;
    return info->internals;
}

static bool is_http2(const SSL *ssl)
{
    const unsigned char *name = NULL;
    unsigned len = 0;

    SSL_get0_alpn_selected(ssl, &name, &len);
    return len == 2 && memcmp(name, "h2", 2) == 0;
}

bool slot_shared(const struct slot *slot, const struct slot *running)
{
    const SSL *ssl = session(slot);

    if (!ssl || is_http2(ssl))
        return false;
    for (; running; running = running->next) {
        if (running != slot && session(running) == ssl)
            return true;
    }
    return false;
}

bool slot_dirty(const struct slot *slot, int local_port)
{
    const SSL *ssl = session(slot);

    if (slot_fresh(slot) || (ssl && is_http2(ssl)))
        return false;
    return (ssl && SSL_has_pending(ssl)) || sockets_dirty(slot->setup->sockets, local_port);
}

bool slot_fresh(const struct slot *slot)
{
    long connects = 0;

    return curl_easy_getinfo(slot->easy, CURLINFO_NUM_CONNECTS, &connects) == CURLE_OK &&
           connects;
}

bool slot_knows_http2(void)
{
    const char *tls = curl_version_info(CURLVERSION_NOW)->ssl_version;

    return tls && strncmp(tls, "OpenSSL", 7) == 0;
}

enum request_wire slot_wire(const struct slot_setup *setup, const struct origin *origin,
                            uint64_t expected)
{
    if (!url_is_secure(origin->name))
        return WIRE_PLAIN;
    return setup->http2 && !origin->serial && expected <= REQUEST_STREAM ? WIRE_STREAM
                                                                         : WIRE_TLS;
}

/*
 * HTTP/2 only if the TLS library tells whether it was negotiated: see slot_shared. libcurl
 * takes all connections to a host for what the last response was; HTTP/1.1 beside HTTP/2
 * therefore gets connections of its own, by an IPv6 scope that connecting ignores: no address
 * but a link-local one has a scope, and such a host gets HTTP/1.1 alone.
 */
static bool set_version(const struct slot *slot, const char *origin)
{
    const struct request *request = slot->request;
    enum request_wire wire = slot_wire(slot->setup, request->origin, request->expected);
    bool local = strncasecmp(strstr(origin, "://") + 3, "[fe", 3) == 0;
    bool apart = wire == WIRE_TLS && slot->setup->http2 && !request->origin->serial && !local;
    size_t buffer = request_buffer(request->expected, wire);

    return curl_easy_setopt(slot->easy, CURLOPT_HTTP_VERSION,
                            wire == WIRE_STREAM && !local
                                ? (long)CURL_HTTP_VERSION_2TLS
                                : (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(slot->easy, CURLOPT_ADDRESS_SCOPE, apart ? 1L : 0L) == CURLE_OK &&
           curl_easy_setopt(slot->easy, CURLOPT_BUFFERSIZE, (long)buffer) == CURLE_OK;
}

int slot_set_up(struct slot *slot, const char *origin, struct err *err)
{
    if (fresh_handle(slot, err) < 0 || set_proxy(slot, origin, err) < 0 ||
        set_headers(slot, origin, err) < 0)
        return -1;
    if (set_method(slot) && set_version(slot, origin) &&
        curl_easy_setopt(slot->easy, CURLOPT_URL, slot_url(slot)) == CURLE_OK)
        return 0;
    return err_set(err, ERR_SYSTEM, "cannot start a transfer (libcurl)");
}
