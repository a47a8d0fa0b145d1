/* SPDX-License-Identifier: MIT */
#include "s3/location.h"

#include "credentials/aws_region.h"
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
        return err_set(err, ERR_USAGE, "'%s' is not of the form s3://bucket/key", text);
    len = strcspn(bucket, "/");
    key = bucket + len + (bucket[len] == '/');
    if (!is_bucket(bucket, len))
        return err_set(err, ERR_USAGE, "'%s': invalid name of a bucket", text);
    if (strlen(key) > LOCATION_KEY_MAX)
        return err_set(err, ERR_USAGE, "'%.80s...': the key is longer than %d bytes", text,
                       LOCATION_KEY_MAX);
    if (!is_key(key))
        return err_set(err, ERR_USAGE,
                       "'%s': the key has an empty part, '.', '..' or a control character",
                       text);
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
    char origin[URL_ORIGIN_MAX]; /* "https://host:port" */
    const char *host;            /* within origin */
    bool secure;
    char path[256];
};

/*
 * Remove the scheme's default port, as libcurl does in the Host header, which is signed. A port
 * is always there.
 */
static void drop_default_port(struct base *base)
{
    char *port = strrchr(base->origin, ':');

    if (strcmp(port, base->secure ? ":443" : ":80") == 0)
        *port = '\0';
}

/* Whether the path of an endpoint can be signed as it is. */
static bool is_path(const char *path, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        if (path[i] <= ' ' || path[i] >= 0x7f || strchr("?#@\\", path[i]))
            return false;
    }
    return true;
}

/*
 * Split an endpoint. Its host is what libcurl's parser says, in lower case, since the Host
 * header that libcurl sends must be the signed one.
 */
static int split(struct base *base, const struct location_endpoint *endpoint, struct err *err)
{
    static const char name_chars[] = "abcdefghijklmnopqrstuvwxyz0123456789-._[]:";
    char aws[URL_ORIGIN_MAX];
    const char *url = endpoint->url;
    const char *path;
    size_t len;
    size_t host;

    if (!url) {
        (void)snprintf(aws, sizeof(aws), "https://s3.%s.%s", endpoint->region,
                       aws_region_domain(endpoint->region));
        url = aws;
    }
    base->secure = strncmp(url, "https://", 8) == 0;
    host = base->secure ? 8 : strncmp(url, "http://", 7) == 0 ? 7 : 0;
    path = url + host + strcspn(url + host, "/?#@");
    len = strlen(path);
    while (len && path[len - 1] == '/')
        len--;
    if (!host || path == url + host || !is_path(path, len) || len >= sizeof(base->path) ||
        url_origin(base->origin, url, NULL) < 0 ||
        strspn(base->origin + host, name_chars) != strlen(base->origin + host))
        return err_set(
            err, ERR_SYSTEM,
            "the endpoint must be a URL like https://storage.example.com (it is set "
            "by AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, or endpoint_url in the profile)");
    base->host = base->origin + host;
    memcpy(base->path, path, len);
    base->path[len] = '\0';
    drop_default_port(base);
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
    return 0;
}

void location_url_clear(struct location_url *url)
{
    buf_clear(&url->url);
    buf_clear(&url->path);
}
