/* SPDX-License-Identifier: MIT */
#include "net/url.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Parse a URL by libcurl's parser; NULL if it is not an http or https URL. */
static CURLU *parse(const char *url, struct err *err)
{
    CURLU *parts = curl_url();
    char *scheme = NULL;
    CURLUcode rc;

    if (!parts) {
        (void)err_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    rc = strnlen(url, URL_MAX + 1) > URL_MAX ? CURLUE_MALFORMED_INPUT
                                             : curl_url_set(parts, CURLUPART_URL, url, 0);
    if (rc == CURLUE_OK)
        rc = curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0);
    if (rc == CURLUE_OK && strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        rc = CURLUE_UNSUPPORTED_SCHEME;
    curl_free(scheme);
    if (rc == CURLUE_OK)
        return parts;
    (void)err_set(err, ERR_FORMAT, "not an http or https URL: %s", curl_url_strerror(rc));
    curl_url_cleanup(parts);
    return NULL;
}

int url_origin(char out[URL_ORIGIN_MAX], const char *url, struct err *err)
{
    CURLU *parts = parse(url, err);
    char *scheme = NULL;
    char *host = NULL;
    char *port = NULL;
    int rc = -1;
    char *c;

    if (!parts)
        return -1;
    if (curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
        (void)err_set(err, ERR_FORMAT, "the URL has no host");
    else if (snprintf(out, URL_ORIGIN_MAX, "%s://%s:%s", scheme, host, port) >= URL_ORIGIN_MAX)
        (void)err_set(err, ERR_FORMAT, "the URL's host is too long");
    else
        rc = 0;
    for (c = out; rc == 0 && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
    return rc;
}

bool url_host(char out[URL_ORIGIN_MAX], const char *origin)
{
    const char *host = strstr(origin, "://");
    const char *colon = strrchr(origin, ':'); /* before the port, which is always there */

    if (!host || colon <= host + 3)
        return false;
    (void)snprintf(out, URL_ORIGIN_MAX, "%.*s", (int)(colon - host - 3), host + 3);
    return true;
}

bool url_is_secure(const char *url)
{
    return strncasecmp(url, "https:", 6) == 0;
}

const char *url_shown(char out[URL_SHOWN_MAX], const char *url)
{
    char plain[URL_SHOWN_MAX];
    size_t len = strcspn(url, "?#");
    const char *scheme = strstr(url, "://");
    size_t from = 0;
    size_t host = scheme && scheme < url + len ? (size_t)(scheme - url) + 3 : 0;
    size_t host_end = host + strcspn(url + host, "/?#");
    size_t i;

    for (i = host; i < host_end; i++) { /* user:password@ */
        if (url[i] == '@')
            from = i + 1;
    }
    if (from)
        (void)snprintf(plain, sizeof(plain), "%.*s%.*s", (int)host, url, (int)(len - from),
                       url + from);
    else
        (void)snprintf(plain, sizeof(plain), "%.*s", (int)(len < 4096 ? len : 4096), url);
    return text_shown(out, URL_SHOWN_MAX, plain);
}

/* Percent-decode len bytes; false if the result does not fit. form: '+' means a blank. */
static bool decode(char *out, size_t size, const char *s, size_t len, bool form)
{
    size_t used = 0;
    size_t i;

    for (i = 0; i < len; i++) {
        char c = s[i];

        if (c == '%' && i + 2 < len && text_hex_digit(s[i + 1]) >= 0 &&
            text_hex_digit(s[i + 2]) >= 0) {
            c = (char)(text_hex_digit(s[i + 1]) << 4 | text_hex_digit(s[i + 2]));
            i += 2;
        } else if (form && c == '+') {
            c = ' ';
        }
        if (used + 1 >= size || c == '\0')
            return false;
        out[used++] = c;
    }
    out[used] = '\0';
    return true;
}

bool url_query(const char *url, const char *name, char *out, size_t size)
{
    const char *at = strchr(url, '?');
    size_t len = strlen(name);

    while (at && *at != '#' && *at) {
        size_t span;

        at++;
        span = strcspn(at, "&#");
        if (span > len && at[len] == '=' && strncmp(at, name, len) == 0)
            return decode(out, size, at + len + 1, span - len - 1, true);
        at += span;
        if (*at != '&')
            break;
    }
    return false;
}

int url_encode(struct buf *out, const char *text, struct err *err)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if ((isalnum(c) || strchr("-._~", c) ? buf_add(out, text, 1, err)
                                             : buf_addf(out, err, "%%%02X", c)) < 0)
            return -1;
    }
    return 0;
}

bool url_path(const char *url, char *out, size_t size)
{
    const char *host = strstr(url, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;

    return path && decode(out, size, path, strcspn(path, "?#"), false);
}

/* Remove suffix from the end of text, if it is there. */
static void cut(char *text, const char *suffix)
{
    size_t len = strlen(text);
    size_t cut_len = strlen(suffix);

    if (len >= cut_len && strcmp(text + len - cut_len, suffix) == 0)
        text[len - cut_len] = '\0';
}

char *url_base(const char *pasted, struct err *err)
{
    char origin[URL_ORIGIN_MAX];
    char *base;
    size_t len = strcspn(pasted, "?#");

    if (url_origin(origin, pasted, err) < 0)
        return NULL;
    if (memchr(pasted, '@', len)) {
        (void)err_set(err, ERR_FORMAT, "a base URL must not contain a user or password");
        return NULL;
    }
    base = mem_format(err, "%.*s", (int)len, pasted);
    if (!base)
        return NULL;
    while (*base && base[strlen(base) - 1] == '/')
        base[strlen(base) - 1] = '\0';
    cut(base, "/v1");
    cut(base, "/api");
    while (*base && base[strlen(base) - 1] == '/')
        base[strlen(base) - 1] = '\0';
    return base;
}
