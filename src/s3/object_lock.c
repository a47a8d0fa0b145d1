/* SPDX-License-Identifier: MIT */
#include "s3/object_lock.h"

#include "base/clock.h"
#include "net/url.h"
#include "net/xml.h"
#include "s3/sigv4.h"

#include <stdio.h>
#include <string.h>

#define ANSWER_MAX ((size_t)64 << 10)
#define BODY_MAX   400
#define XMLNS      "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

/* What is read of an answer. */
struct answer {
    bool known; /* it has what was asked for */
    bool on;
    const char *bad; /* what cannot be understood */
    struct object_retention retention;
};

static int on_hold(void *ctx, const char *path, const char *text, struct err *err)
{
    struct answer *answer = ctx;

    (void)err;
    if (strcmp(path + strcspn(path, "/"), "/Status") != 0)
        return 0;
    answer->on = strcmp(text, "ON") == 0;
    answer->known = answer->on || strcmp(text, "OFF") == 0;
    return 0;
}

int object_lock_read_hold(const char *text, size_t len, struct err *err)
{
    struct answer answer = { 0 };

    if (xml_parse(text, len, on_hold, &answer, err) < 0)
        return -1;
    return answer.known ? answer.on
                        : err_set(err, ERR_FORMAT, "the answer tells of no legal hold");
}

static int on_retention(void *ctx, const char *path, const char *text, struct err *err)
{
    struct answer *answer = ctx;
    const char *below = path + strcspn(path, "/");
    unsigned mode;
    int64_t us;

    (void)err;
    if (strcmp(below, "/Mode") == 0) {
        for (mode = OBJECT_LOCK_GOVERNANCE; mode <= OBJECT_LOCK_COMPLIANCE; mode++) {
            if (strcmp(text, object_lock_mode(mode)) == 0)
                answer->retention.mode = mode;
        }
    } else if (strcmp(below, "/RetainUntilDate") == 0) {
        us = clock_us(text);
        answer->known = us != CLOCK_NONE;
        answer->retention.until_ms = us == CLOCK_NONE ? 0 : us / 1000;
    }
    return 0;
}

int object_lock_read_retention(const char *text, size_t len, struct object_retention *out,
                               struct err *err)
{
    struct answer answer = { 0 };

    if (xml_parse(text, len, on_retention, &answer, err) < 0)
        return -1;
    if (!answer.known || answer.retention.mode == OBJECT_LOCK_NONE)
        return err_set(err, ERR_FORMAT, "the answer tells of no retention");
    *out = answer.retention;
    return 0;
}

/* Write the query of a lock's request: what it is about, and which version. */
static int write_query(struct buf *query, const char *what, const char *version,
                       struct err *err)
{
    buf_init(query, URL_MAX);
    return buf_adds(query, what, err) < 0 ? -1
                                          : sigv4_parameter(query, "versionId", version, err);
}

/* Send a body, with its checksum: without one, a store refuses it. */
static int send_lock(struct s3_client *client, const char *key, const char *what,
                     const char *version, char *body, struct err *err)
{
    struct s3_call call = { .method = "PUT",
                            .key = key,
                            .size = strlen(body),
                            .read = send_from_bytes,
                            .read_ctx = body,
                            .max = ANSWER_MAX };
    uint8_t digest[SHA256_SIZE];
    char hex[SHA256_TEXT];
    char base64[OBJECT_BASE64];
    char checksum[OBJECT_BASE64 + 24];
    struct buf query = { 0 };
    int rc = sha256_of(body, strlen(body), digest, err);

    if (rc == 0)
        rc = write_query(&query, what, version, err);
    if (rc == 0) {
        object_digest(digest, hex, base64);
        (void)snprintf(checksum, sizeof(checksum), "x-amz-checksum-sha256: %s", base64);
        call.headers[call.header_count++] = checksum;
        call.headers[call.header_count++] = "x-amz-sdk-checksum-algorithm: SHA256";
        call.headers[call.header_count++] = "content-type: application/xml";
        call.payload = hex;
        call.query = buf_text(&query);
        rc = s3_call_do(client, &call, err);
    }
    s3_call_clear(&call);
    buf_clear(&query);
    return rc;
}

/*
 * Ask for a lock.
 *
 * returns  1: the answer is in out, which the caller clears; 0: the version has none; -1
 */
static int ask(struct s3_client *client, const char *key, const char *what, const char *version,
               struct buf *out, struct err *err)
{
    struct s3_call call = { .method = "GET", .key = key, .max = ANSWER_MAX };
    struct buf query = { 0 };
    struct err why = { 0 };
    bool none;
    int rc = write_query(&query, what, version, &why);

    call.query = buf_text(&query);
    if (rc == 0)
        rc = s3_call_do(client, &call, &why);
    none = rc < 0 && strcmp(call.code, "NoSuchObjectLockConfiguration") == 0;
    if (rc == 0) {
        *out = call.body;
        call.body = (struct buf){ 0 };
    } else if (!none && err) {
        *err = why;
    }
    s3_call_clear(&call);
    buf_clear(&query);
    return rc == 0 ? 1 : none ? 0 : -1;
}

int object_lock_put_hold(struct s3_client *client, const char *key, const char *version,
                         bool on, struct err *err)
{
    char body[BODY_MAX];

    (void)snprintf(body, sizeof(body), "<LegalHold " XMLNS "><Status>%s</Status></LegalHold>",
                   on ? "ON" : "OFF");
    return send_lock(client, key, "legal-hold=", version, body, err);
}

int object_lock_get_hold(struct s3_client *client, const char *key, const char *version,
                         struct err *err)
{
    struct buf text = { 0 };
    int rc = ask(client, key, "legal-hold=", version, &text, err);

    if (rc > 0)
        rc = object_lock_read_hold(buf_text(&text), text.len, err);
    buf_clear(&text);
    return rc;
}

int object_lock_put_retention(struct s3_client *client, const char *key, const char *version,
                              const struct object_retention *retention, struct err *err)
{
    char until[CLOCK_TEXT_MAX];
    char body[BODY_MAX];

    (void)snprintf(body, sizeof(body),
                   "<Retention " XMLNS "><Mode>%s</Mode><RetainUntilDate>%s</RetainUntilDate>"
                   "</Retention>",
                   object_lock_mode(retention->mode),
                   clock_format(until, retention->until_ms, CLOCK_RFC3339));
    return send_lock(client, key, "retention=", version, body, err);
}

int object_lock_get_retention(struct s3_client *client, const char *key, const char *version,
                              struct object_retention *retention, struct err *err)
{
    struct buf text = { 0 };
    int rc = ask(client, key, "retention=", version, &text, err);

    *retention = (struct object_retention){ 0 };
    if (rc > 0)
        rc = object_lock_read_retention(buf_text(&text), text.len, retention, err);
    buf_clear(&text);
    return rc;
}
