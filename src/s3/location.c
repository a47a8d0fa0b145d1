/* SPDX-License-Identifier: MIT */
#include "s3/location.h"

#include "net/url.h"
#include "s3/sigv4.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

bool location_is(const char *text)
{
    return strncmp(text, LOCATION_SCHEME, strlen(LOCATION_SCHEME)) == 0;
}

/* Whether a bucket's name can stand in a URL: old buckets may have upper case and '_'. */
static bool is_bucket(const char *name, size_t len)
{
    size_t i;

    if (len < 3 || len > LOCATION_BUCKET || !isalnum((unsigned char)*name))
        return false;
    for (i = 0; i < len; i++) {
        if (!isascii(name[i]) || (!isalnum((unsigned char)name[i]) && !strchr("-._", name[i])))
            return false;
    }
    return true;
}

/* Whether a key can be sent: HTTP libraries and proxies change dot segments and controls. */
static bool is_key(const char *key)
{
    const char *at = key;

    while (*at) {
        size_t len = strcspn(at, "/");

        if ((len == 1 && *at == '.') || (len == 2 && at[0] == '.' && at[1] == '.') ||
            (!len && at[1]))
            return false;
        at += len;
        at += *at == '/';
    }
    for (at = key; *at; at++) {
        if (iscntrl((unsigned char)*at))
            return false;
    }
    return *key != '/';
}

int location_parse(struct location *location, const char *text, struct err *err)
{
    const char *bucket = text + strlen(LOCATION_SCHEME);
    size_t len;
    const char *key;

    if (!location_is(text))
        return err_set(err, ERR_USAGE, "'%s' is no s3://bucket/key", text);
    len = strcspn(bucket, "/");
    key = bucket + len + (bucket[len] == '/');
    if (!is_bucket(bucket, len))
        return err_set(err, ERR_USAGE, "'%s': invalid name of a bucket", text);
    if (strlen(key) > LOCATION_KEY_MAX)
        return err_set(err, ERR_USAGE, "the key is longer than %d bytes", LOCATION_KEY_MAX);
    if (!is_key(key))
        return err_set(err, ERR_USAGE,
                       "'%s': a key with an empty part, '.', '..' or control characters", text);
    memcpy(location->bucket, bucket, len);
    location->bucket[len] = '\0';
    memcpy(location->key, key, strlen(key) + 1);
    return 0;
}

int location_parse_object(struct location *location, const char *text, struct err *err)
{
    if (location_parse(location, text, err) < 0)
        return -1;
    if (!*location->key || text[strlen(text) - 1] == '/')
        return err_set(err, ERR_USAGE, "'%s' names no object: the key is missing", text);
    return 0;
}

/* The endpoint's URL in two parts: scheme and host, path without a final slash. */
struct base {
    char origin[LOCATION_HOST]; /* "https://host" or "https://host:port" */
    const char *host;           /* within origin */
    char path[256];
};

static int split(struct base *base, const struct location_endpoint *endpoint, struct err *err)
{
    const char *url = endpoint->url;
    size_t scheme;
    size_t host;
    size_t path;

    if (!url) {
        (void)snprintf(base->origin, sizeof(base->origin), "https://s3.%s.amazonaws.com%s",
                       endpoint->region, strncmp(endpoint->region, "cn-", 3) == 0 ? ".cn" : "");
        base->host = base->origin + strlen("https://");
        base->path[0] = '\0';
        return 0;
    }
    scheme = strncmp(url, "https://", 8) == 0 ? 8 : strncmp(url, "http://", 7) == 0 ? 7 : 0;
    host = strcspn(url + scheme, "/?#@");
    path = strlen(url + scheme + host);
    while (path && url[scheme + host + path - 1] == '/')
        path--;
    if (!scheme || !host || strpbrk(url + scheme + host, "?#@") ||
        scheme + host >= sizeof(base->origin) || path >= sizeof(base->path))
        return err_set(err, ERR_FORMAT,
                       "the endpoint must be a URL like https://storage.example.com");
    (void)snprintf(base->origin, sizeof(base->origin), "%.*s", (int)(scheme + host), url);
    (void)snprintf(base->path, sizeof(base->path), "%.*s", (int)path, url + scheme + host);
    base->host = base->origin + scheme;
    return 0;
}

/* Whether the bucket is part of the host name: at AWS if its TLS certificate covers that. */
static bool is_virtual(const struct location_endpoint *endpoint, const char *bucket)
{
    const char *c;

    if (endpoint->style != LOCATION_AUTO)
        return endpoint->style == LOCATION_VIRTUAL;
    for (c = bucket; *c; c++) {
        if (isupper((unsigned char)*c) || *c == '.' || *c == '_')
            return false;
    }
    return !endpoint->url;
}

/* Remove the scheme's default port from a Host header, as libcurl does. */
static void drop_default_port(char *host, bool secure)
{
    size_t len = strlen(host);
    const char *port = secure ? ":443" : ":80";

    if (len > strlen(port) && strcmp(host + len - strlen(port), port) == 0)
        host[len - strlen(port)] = '\0';
}

int location_url(struct location_url *out, const struct location_endpoint *endpoint,
                 const char *bucket, const char *key, const char *query, struct err *err)
{
    struct base base;
    bool virtual = is_virtual(endpoint, bucket);
    int scheme;
    int len;

    location_url_clear(out);
    buf_init(&out->url, URL_MAX);
    buf_init(&out->path, URL_MAX);
    if (split(&base, endpoint, err) < 0)
        return -1;
    scheme = (int)(base.host - base.origin);
    len = snprintf(out->host, sizeof(out->host), "%s%s%s", virtual ? bucket : "",
                   virtual ? "." : "", base.host);
    if (len < 0 || (size_t)len >= sizeof(out->host))
        return err_set(err, ERR_FORMAT, "the endpoint's host name is too long");
    if (buf_addf(&out->path, err, "%s%s%s/", base.path, virtual ? "" : "/",
                 virtual ? "" : bucket) < 0 ||
        sigv4_encode(&out->path, key, true, err) < 0)
        return -1;
    if (!virtual && !*key) /* the bucket itself */
        out->path.data[--out->path.len] = '\0';
    if (buf_addf(&out->url, err, "%.*s%s%s%s%s", scheme, base.origin, out->host,
                 buf_text(&out->path), *query ? "?" : "", query) < 0)
        return -1;
    drop_default_port(out->host, scheme == (int)strlen("https://"));
    return 0;
}

void location_url_clear(struct location_url *url)
{
    buf_clear(&url->url);
    buf_clear(&url->path);
}
