/* SPDX-License-Identifier: MIT */
#include "s3/sigv4.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/text.h"

#include <assert.h>
#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define KEY_MAX   512 /* of "AWS4" and the secret key */
#define DATE      8   /* length of the date in CLOCK_COMPACT */
#define PAIRS_MAX 64  /* parameters of a query */

int sigv4_encode(struct buf *out, const char *text, bool slash, struct err *err)
{
    int rc = 0;

    for (; rc == 0 && *text; text++) {
        unsigned char byte = (unsigned char)*text;

        if ((byte < 0x80 && isalnum(byte)) || strchr("-._~", byte) || (slash && byte == '/'))
            rc = buf_add(out, text, 1, err);
        else
            rc = buf_addf(out, err, "%%%02X", byte);
    }
    return rc;
}

int sigv4_parameter(struct buf *query, const char *name, const char *value, struct err *err)
{
    if (!*value)
        return 0;
    return buf_addf(query, err, "&%s=", name) < 0 ? -1 : sigv4_encode(query, value, false, err);
}

/* A name and a value within a text that is not changed. */
struct pair {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
};

static int compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

    return order ? order : (a_len > b_len) - (a_len < b_len);
}

/* The order of query parameters: by name, then by value, byte by byte. */
static int by_name_and_value(const void *a, const void *b)
{
    const struct pair *x = a;
    const struct pair *y = b;
    int order = compare(x->name, x->name_len, y->name, y->name_len);

    return order ? order : compare(x->value, x->value_len, y->value, y->value_len);
}

/* The order of headers: by name in lower case. */
static int by_header(const void *a, const void *b)
{
    const struct pair *x = a;
    const struct pair *y = b;
    size_t len = x->name_len < y->name_len ? x->name_len : y->name_len;
    int order = strncasecmp(x->name, y->name, len);

    return order ? order : (x->name_len > y->name_len) - (x->name_len < y->name_len);
}

static int add_query(struct buf *out, const char *query, struct err *err)
{
    struct pair pairs[PAIRS_MAX];
    size_t count = 0;
    size_t i;
    int rc = 0;

    while (*query) {
        size_t len = strcspn(query, "&");
        const char *equals = memchr(query, '=', len);
        size_t name_len = equals ? (size_t)(equals - query) : len;

        if (count == PAIRS_MAX)
            return err_set(err, ERR_LIMIT, "a query of more than %d parameters", PAIRS_MAX);
        pairs[count++] = (struct pair){ query, name_len, equals ? equals + 1 : "",
                                        equals ? len - name_len - 1 : 0 };
        query += len;
        query += *query == '&';
    }
    qsort(pairs, count, sizeof(*pairs), by_name_and_value);
    for (i = 0; rc == 0 && i < count; i++)
        rc = buf_addf(out, err, "%s%.*s=%.*s", i ? "&" : "", (int)pairs[i].name_len,
                      pairs[i].name, (int)pairs[i].value_len, pairs[i].value);
    return rc;
}

/* Split the header lines and host into sorted pairs; returns their number. */
static size_t sorted_headers(const struct sigv4_request *request,
                             struct pair pairs[SIGV4_HEADERS + 1])
{
    size_t i;

    assert(request->header_count <= SIGV4_HEADERS);
    for (i = 0; i < request->header_count; i++) {
        const char *line = request->headers[i];
        size_t name_len = strcspn(line, ":");
        const char *value = line + name_len + (line[name_len] == ':');
        size_t len;

        value += strspn(value, " \t");
        len = strlen(value);
        while (len && strchr(" \t", value[len - 1]))
            len--;
        pairs[i] = (struct pair){ line, name_len, value, len };
    }
    pairs[i++] = (struct pair){ "host", 4, request->host, strlen(request->host) };
    qsort(pairs, i, sizeof(*pairs), by_header);
    return i;
}

/* Write a name in lower case. */
static int add_name(struct buf *out, const struct pair *pair, struct err *err)
{
    size_t i;
    int rc = 0;

    for (i = 0; rc == 0 && i < pair->name_len; i++) {
        char c = (char)tolower((unsigned char)pair->name[i]);

        rc = buf_add(out, &c, 1, err);
    }
    return rc;
}

/* Write a value, with one blank for each sequence of blanks. */
static int add_value(struct buf *out, const struct pair *pair, struct err *err)
{
    size_t i;
    int rc = 0;

    for (i = 0; rc == 0 && i < pair->value_len; i++) {
        if (pair->value[i] != ' ' || !i || pair->value[i - 1] != ' ')
            rc = buf_add(out, &pair->value[i], 1, err);
    }
    return rc;
}

static int add_signed_names(struct buf *out, const struct pair *pairs, size_t count,
                            struct err *err)
{
    size_t i;
    int rc = 0;

    for (i = 0; rc == 0 && i < count; i++) {
        if (i)
            rc = buf_adds(out, ";", err);
        if (rc == 0)
            rc = add_name(out, &pairs[i], err);
    }
    return rc;
}

int sigv4_canonical(const struct sigv4_request *request, struct buf *out, struct err *err)
{
    struct pair pairs[SIGV4_HEADERS + 1];
    size_t count = sorted_headers(request, pairs);
    size_t i;
    int rc = buf_addf(out, err, "%s\n%s\n", request->method, request->path);

    if (rc == 0)
        rc = add_query(out, request->query, err);
    if (rc == 0)
        rc = buf_adds(out, "\n", err);
    for (i = 0; rc == 0 && i < count; i++) {
        rc = add_name(out, &pairs[i], err);
        if (rc == 0)
            rc = buf_adds(out, ":", err);
        if (rc == 0)
            rc = add_value(out, &pairs[i], err);
        if (rc == 0)
            rc = buf_adds(out, "\n", err);
    }
    if (rc == 0)
        rc = buf_adds(out, "\n", err);
    if (rc == 0)
        rc = add_signed_names(out, pairs, count, err);
    return rc < 0 ? -1 : buf_addf(out, err, "\n%s", request->payload);
}

/* The MAC of a text, in place of the key; false if libcrypto has no memory. */
static bool derive(uint8_t key[SHA256_SIZE], size_t key_len, const void *from, const char *text,
                   size_t len)
{
    uint8_t mac[SHA256_SIZE];
    unsigned mac_len = 0;

    if (!HMAC(EVP_sha256(), from, (int)key_len, (const unsigned char *)text, len, mac,
              &mac_len) ||
        mac_len != SHA256_SIZE)
        return false;
    memcpy(key, mac, SHA256_SIZE);
    explicit_bzero(mac, sizeof(mac));
    return true;
}

/* Sign a text by the key that is derived for date, region and service. */
static int mac_of(const struct sigv4_request *request, const char *secret, const char *time,
                  const struct buf *text, uint8_t out[SHA256_SIZE], struct err *err)
{
    char first[KEY_MAX];
    int len = snprintf(first, sizeof(first), "AWS4%s", secret);
    bool done;

    if (len < 0 || (size_t)len >= sizeof(first))
        return err_set(err, ERR_LIMIT, "the secret access key is too long");
    done = derive(out, (size_t)len, first, time, DATE) &&
           derive(out, SHA256_SIZE, out, request->region, strlen(request->region)) &&
           derive(out, SHA256_SIZE, out, request->service, strlen(request->service)) &&
           derive(out, SHA256_SIZE, out, "aws4_request", strlen("aws4_request")) &&
           derive(out, SHA256_SIZE, out, buf_text(text), text->len);
    explicit_bzero(first, sizeof(first));
    return done ? 0 : err_set(err, ERR_MEMORY, "cannot compute a signature (libcrypto)");
}

/* The SHA-256 of a text in hex. */
static int hash(const struct buf *text, char out[SHA256_TEXT], struct err *err)
{
    uint8_t digest[SHA256_SIZE];

    if (sha256_of(buf_text(text), text->len, digest, err) < 0)
        return -1;
    text_hex(out, digest, SHA256_SIZE);
    return 0;
}

int sigv4_sign(const struct sigv4_request *request, const char *key_id, const char *secret,
               struct buf *out, struct err *err)
{
    struct pair pairs[SIGV4_HEADERS + 1];
    size_t count = sorted_headers(request, pairs);
    char time[CLOCK_TEXT_MAX];
    char canonical[SHA256_TEXT];
    char signature[SHA256_TEXT];
    uint8_t mac[SHA256_SIZE];
    struct buf text;
    int rc;

    (void)clock_format(time, request->time_ms, CLOCK_COMPACT);
    buf_init_secret(&text, (size_t)64 << 10); /* a session token is a header */
    rc = sigv4_canonical(request, &text, err);
    if (rc == 0)
        rc = hash(&text, canonical, err);
    buf_reset(&text);
    if (rc == 0)
        rc = buf_addf(&text, err, ALGORITHM "\n%s\n%.8s/%s/%s/aws4_request\n%s", time, time,
                      request->region, request->service, canonical);
    if (rc == 0)
        rc = mac_of(request, secret, time, &text, mac, err);
    buf_clear(&text);
    if (rc < 0)
        return -1;
    text_hex(signature, mac, SHA256_SIZE);
    if (buf_addf(out, err, ALGORITHM " Credential=%s/%.8s/%s/%s/aws4_request,SignedHeaders=",
                 key_id, time, request->region, request->service) < 0 ||
        add_signed_names(out, pairs, count, err) < 0)
        return -1;
    return buf_addf(out, err, ",Signature=%s", signature);
}
