/* SPDX-License-Identifier: MIT */
#include "doctor/server_check.h"

#include "api/endpoint.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "doctor/ask.h"
#include "doctor/clock_check.h"
#include "net/proxy.h"
#include "net/url.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define ANSWER_MAX  ((size_t)1 << 20)
#define ADDRESS_MAX 64 /* longest text of an address, with its zone */
#define ADDRESSES   3  /* addresses of a host that are shown */

/* A done function that does nothing: ask_call sets its own. */
static void ignore(void *ctx, struct call *call)
{
    (void)ctx;
    (void)call;
}

/* Report the proxy of the API's origin. Returns whether there is one. */
static bool check_proxy(const struct api *api, struct findings *findings)
{
    const char *variable = "";
    const char *proxy = proxy_of(api->origin, &variable);
    char shown[URL_SHOWN_MAX];

    if (!proxy)
        finding_add(findings, "proxy", FINDING_OK, NULL, "none for %s", api->origin);
    else
        finding_add(findings, "proxy", FINDING_OK, NULL, "%s, from %s",
                    strchr(proxy, '@') ? "one with a password" : url_shown(shown, proxy),
                    variable);
    return proxy != NULL;
}

/* Resolve the API's host; behind a proxy, the proxy does that. */
static void check_name(const struct api *api, bool proxied, struct findings *findings)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    const struct addrinfo *at;
    char name[URL_ORIGIN_MAX];
    char list[ADDRESSES * ADDRESS_MAX] = "";
    unsigned count = 0;
    int rc;

    if (proxied || !url_host(name, api->origin))
        return;
    if (*name == '[') { /* an IPv6 address needs no resolver */
        finding_add(findings, "dns", FINDING_OK, NULL, "%s is an address", name);
        return;
    }
    rc = getaddrinfo(name, NULL, &hints, &found);
    if (rc) {
        finding_add(findings, "dns", FINDING_ERROR,
                    "check the host of --base-url, /etc/resolv.conf and the network",
                    "cannot resolve '%s': %s", name, gai_strerror(rc));
        return;
    }
    for (at = found; at && count < ADDRESSES; at = at->ai_next, count++) {
        char address[ADDRESS_MAX];
        size_t len = strlen(list);

        if (getnameinfo(at->ai_addr, at->ai_addrlen, address, sizeof(address), NULL, 0,
                        NI_NUMERICHOST) == 0)
            (void)snprintf(list + len, sizeof(list) - len, "%s%.60s", len ? ", " : "", address);
    }
    freeaddrinfo(found);
    finding_add(findings, "dns", FINDING_OK, NULL, "%s is %s", name, list);
}

/* Report the difference of the clocks. */
static void check_clock(int64_t date, int64_t sent, struct findings *findings,
                        int64_t *offset_ms)
{
    int64_t now = clock_wall();
    int64_t offset;

    if (date == CLOCK_NONE) {
        finding_add(findings, "clock", FINDING_WARNING, NULL,
                    "the server does not tell its time, so this clock cannot be checked");
        return;
    }
    if (date + CLOCK_CHECK_DATE_MS < sent)
        offset = date + CLOCK_CHECK_DATE_MS - sent;
    else
        offset = date > now ? date - now : 0;
    *offset_ms = offset;
    clock_check(findings, "clock", "the server's", offset);
}

/* Ask for the server's version, which older servers do not tell. */
static void check_version(struct api_client *client, struct findings *findings)
{
    struct call call;
    struct err err = { 0 };
    struct json *doc = NULL;
    struct region *region = region_new(NULL);
    const char *version = NULL;

    call_init(&call, &client->callers, ANSWER_MAX, ignore, NULL);
    if (endpoint_url(&client->api, &call.url, ENDPOINT_VERSION, "", NULL, &err) == 0 &&
        ask_call(client, &call, &err) == 0 && region) {
        doc = json_parse(buf_text(&call.body), call.body.len, NULL);
        if (doc)
            version = json_text(json_root(doc), "version", region);
    }
    if (version)
        finding_add(findings, "version", FINDING_OK, NULL, "%.100s", version);
    else
        finding_add(findings, "version", FINDING_OK, NULL, "the server does not tell it");
    json_free(doc);
    region_free(region);
    call_clear(&call);
}

/* Report a request without an answer. */
static void tell_silence(const struct api *api, const struct call *call, const struct err *err,
                         struct findings *findings)
{
    bool tls = api->secure && call->request.hopeless;

    finding_add(findings, tls ? "tls" : "server", FINDING_ERROR,
                tls ? "a private CA: --ca-file; else the certificate or this clock is wrong"
                    : "check --base-url, the network, the firewall and the proxy",
                "%s", err->text);
}

/* Report an answer that is not the API's; returns whether it is one. */
static bool check_answer(const struct call *call, const struct err *why,
                         struct findings *findings)
{
    struct err err = *why;
    const char *advice = "check --base-url";

    if (!err.kind && json_check(buf_text(&call->body), call->body.len, NULL, &err) == 0)
        return true;
    if (err.kind == ERR_DENIED) {
        finding_add(findings, "key", FINDING_ERROR,
                    "take a key of this server and organisation that is not revoked", "%s",
                    err.text);
        return false;
    }
    if (err.kind == ERR_FORMAT)
        advice = "check --base-url: another service answers there, or a sign-in page";
    else if (call->request.status == 429 || call->request.status >= 500)
        advice = "try again later; see the server's own log";
    finding_add(findings, "server", FINDING_ERROR, advice, "%s", err.text);
    return false;
}

bool server_check(struct api_client *client, struct findings *findings, int64_t *offset_ms)
{
    const struct api *api = &client->api;
    struct api_runs every = { 0 };
    struct err err = { 0 };
    struct call call;
    int64_t sent;
    bool good = false;
    int rc = -1;

    *offset_ms = 0;
    check_name(api, check_proxy(api, findings), findings);
    call_init(&call, &client->callers, ANSWER_MAX, ignore, NULL);
    sent = clock_wall();
    if (api_url_runs(api, &call.url, &every, 1, 1, &err) == 0)
        rc = ask_call(client, &call, &err);
    if (rc < 0 && err.kind == ERR_CANCELLED) {
        call_clear(&call);
        return false;
    }
    if (!call.request.status) {
        tell_silence(api, &call, &err, findings);
        call_clear(&call);
        return false;
    }
    if (api->secure)
        finding_add(findings, "tls", FINDING_OK, NULL, "the certificate of %s is valid",
                    call.request.host);
    good = check_answer(&call, &err, findings);
    if (good && api->key) {
        finding_add(findings, "server", FINDING_OK, NULL, "%s answers", api->base);
        finding_add(findings, "key", FINDING_OK, NULL, "accepted by the server");
    }
    check_clock(call.request.date, sent, findings, offset_ms);
    call_clear(&call);
    if (good)
        check_version(client, findings);
    return good;
}
