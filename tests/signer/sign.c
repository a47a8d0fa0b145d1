/* SPDX-License-Identifier: MIT */
/*
 * Sign requests to object stores, for a comparison with other programs:
 * tests/e2e/test_sigv4.py.
 *
 * Each line of standard input is a request: its fields in hex, with a blank between them, "-"
 * for an empty one: method, endpoint, style ("path", "virtual", "auto"), bucket, key, region,
 * service, key ID, secret key, milliseconds since 1970, payload's SHA-256; then the number of
 * parameters of the query, and name and value of each; then the number of headers, and the line
 * of each. The answer is a line with the URL, the Host header and the Authorization header,
 * with tabs between.
 */
#include "base/text.h"
#include "net/url.h"
#include "s3/location.h"
#include "s3/sigv4.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 256

/* Fields are read one after the other. */
struct fields {
    char *rest; /* of the line */
    char *texts[FIELDS_MAX];
    size_t count;
};

static void fail(const char *why)
{
    (void)fprintf(stderr, "sign: %s\n", why);
    exit(1);
}

/* The next field; valid until the line is done. */
static const char *next(struct fields *fields)
{
    char *field = strsep(&fields->rest, " \n");
    size_t len;
    char *text;

    if (!field || fields->count == FIELDS_MAX)
        fail("too few fields, or too many");
    if (strcmp(field, "-") == 0)
        return "";
    len = strlen(field) / 2;
    text = malloc(len + 1);
    if (!text || text_unhex((uint8_t *)text, len, field) < 0)
        fail("a field that is no hex");
    text[len] = '\0';
    fields->texts[fields->count++] = text;
    return text;
}

static size_t next_number(struct fields *fields)
{
    return (size_t)strtoull(next(fields), NULL, 10);
}

static enum location_style style_of(const char *name)
{
    return strcmp(name, "path") == 0      ? LOCATION_PATH
           : strcmp(name, "virtual") == 0 ? LOCATION_VIRTUAL
                                          : LOCATION_AUTO;
}

static void read_query(struct fields *fields, struct buf *query, struct err *err)
{
    size_t count = next_number(fields);
    size_t i;

    for (i = 0; i < count; i++) {
        if (buf_adds(query, i ? "&" : "", err) < 0 ||
            sigv4_encode(query, next(fields), false, err) < 0 ||
            buf_adds(query, "=", err) < 0 || sigv4_encode(query, next(fields), false, err) < 0)
            fail(err->text);
    }
}

static void sign(struct fields *fields)
{
    struct location_endpoint endpoint = { 0 };
    struct sigv4_request request = { .method = next(fields) };
    const char *headers[SIGV4_HEADERS];
    struct location_url url = { 0 };
    struct err err = { 0 };
    struct buf query;
    struct buf value;
    const char *bucket;
    const char *key;
    const char *id;
    const char *secret;
    size_t i;

    buf_init(&query, URL_MAX);
    buf_init(&value, URL_MAX);
    endpoint.url = next(fields);
    if (!*endpoint.url)
        endpoint.url = NULL;
    endpoint.style = style_of(next(fields));
    bucket = next(fields);
    key = next(fields);
    request.region = next(fields);
    (void)snprintf(endpoint.region, sizeof(endpoint.region), "%s", request.region);
    request.service = next(fields);
    id = next(fields);
    secret = next(fields);
    request.time_ms = strtoll(next(fields), NULL, 10);
    request.payload = next(fields);
    read_query(fields, &query, &err);
    request.query = buf_text(&query);
    request.header_count = next_number(fields);
    if (request.header_count > SIGV4_HEADERS)
        fail("too many headers");
    for (i = 0; i < request.header_count; i++)
        headers[i] = next(fields);
    request.headers = headers;
    if (location_url(&url, &endpoint, bucket, key, request.query, &err) < 0)
        fail(err.text);
    request.path = buf_text(&url.path);
    request.host = url.host;
    if (sigv4_sign(&request, id, secret, &value, &err) < 0)
        fail(err.text);
    (void)printf("%s\t%s\t%s\n", buf_text(&url.url), url.host, buf_text(&value));
    location_url_clear(&url);
    buf_clear(&query);
    buf_clear(&value);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;

    while (getline(&line, &room, stdin) > 0) {
        struct fields fields = { .rest = line };

        sign(&fields);
        while (fields.count)
            free(fields.texts[--fields.count]);
    }
    free(line);
    return 0;
}
