/* SPDX-License-Identifier: MIT */
#include "s3/object.h"

#include "base/clock.h"
#include "base/text.h"
#include "net/resume.h"
#include "net/url.h"
#include "s3/sigv4.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define RANGE_REFUSED 416

static int add_line(struct object_lines *lines, struct err *err, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

static int add_line(struct object_lines *lines, struct err *err, const char *fmt, ...)
{
    char *line = lines->text[lines->count];
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(line, OBJECT_LINE, fmt, args);
    va_end(args);
    if (len < 0 || len >= OBJECT_LINE)
        return err_set(err, ERR_USAGE, "an option of the object store is too long");
    if (strpbrk(line, "\r\n"))
        return err_set(err, ERR_USAGE, "an option of the object store has a line end");
    lines->count++;
    return 0;
}

const char *object_lock_mode(unsigned lock)
{
    static const char *const modes[] = { "", "GOVERNANCE", "COMPLIANCE" };

    return modes[lock];
}

bool object_options_any(const struct object_options *o)
{
    return o->storage_class || o->encryption || o->kms_key || o->lock || o->retain ||
           o->legal_hold;
}

int object_options_check(const struct object_options *o, struct err *err)
{
    if (!o->lock != !o->retain)
        return err_set(err, ERR_USAGE, "--s3-lock and --s3-retain belong together");
    if (o->kms_key && (!o->encryption || strncmp(o->encryption, "aws:kms", 7) != 0))
        return err_set(err, ERR_USAGE, "--s3-kms-key belongs to --s3-encryption aws:kms");
    return 0;
}

int object_options_lines(struct object_lines *lines, const struct object_options *options,
                         struct err *err)
{
    static const struct object_options none;
    char until[CLOCK_TEXT_MAX];
    const struct object_options *o = options ? options : &none;
    int rc = 0;

    lines->count = 0;
    if (o->storage_class)
        rc = add_line(lines, err, "x-amz-storage-class: %s", o->storage_class);
    if (rc == 0 && o->encryption)
        rc = add_line(lines, err, "x-amz-server-side-encryption: %s", o->encryption);
    if (rc == 0 && o->kms_key)
        rc =
            add_line(lines, err, "x-amz-server-side-encryption-aws-kms-key-id: %s", o->kms_key);
    if (rc == 0 && o->lock)
        rc = add_line(lines, err, "x-amz-object-lock-mode: %s", object_lock_mode(o->lock));
    if (rc == 0 && o->lock)
        rc = add_line(lines, err, "x-amz-object-lock-retain-until-date: %s",
                      clock_format(until, clock_wall() + (int64_t)o->retain, CLOCK_RFC3339));
    if (rc == 0 && o->legal_hold)
        rc = add_line(lines, err, "x-amz-object-lock-legal-hold: ON");
    return rc;
}

static void copy_info(struct object_info *info, const struct s3_call *call)
{
    info->size = call->length;
    memcpy(info->etag, call->etag, sizeof(info->etag));
    memcpy(info->version, call->version, sizeof(info->version));
    memcpy(info->sha256, call->sha256, sizeof(info->sha256));
}

/*
 * Ask again by a GET for the reason of a refusal: the response to a HEAD has no body.
 *
 * returns  1: there is no reason any more, since the response to the GET has corrected the
 *          region, the time or the keys; 0: there is no such object, in a bucket that exists;
 *          -1: the error has the reason
 */
static int explain(struct s3_client *client, const char *key, struct err *err)
{
    struct s3_call call = {
        .method = "GET", .key = key, .query = "", .headers = { "range: bytes=0-0" }, .max = 1
    };
    struct err why = { 0 };
    int rc;

    call.header_count = 1;
    rc = s3_call_do(client, &call, &why);
    if (rc == 0 || why.http == RANGE_REFUSED) { /* that of an empty object */
        rc = 1;
    } else if (why.http) {
        *err = why;
        if (why.kind == ERR_NOT_FOUND && strcmp(call.code, "NoSuchBucket") != 0)
            rc = 0;
    }
    s3_call_clear(&call);
    return rc;
}

static int head(struct s3_client *client, const char *key, struct object_info *info,
                struct err *err)
{
    struct s3_call call = { .method = "HEAD", .key = key, .query = "" };
    int rc = s3_call_do(client, &call, err);

    if (rc == 0)
        copy_info(info, &call);
    s3_call_clear(&call);
    return rc;
}

int object_head(struct s3_client *client, const char *key, struct object_info *info,
                struct err *err)
{
    struct err why = { 0 };
    int rc = head(client, key, info, &why);

    if (rc < 0 && why.http && why.http < 500) {
        rc = explain(client, key, &why);
        if (rc == 0)
            return 0;
        if (rc > 0)
            rc = head(client, key, info, &why);
    }
    if (rc == 0 && info->size == REQUEST_UNSAID)
        rc = err_set(&why, ERR_FORMAT, "'s3://%s/%s': the answer lacks the size",
                     s3_client_bucket(client), key);
    if (rc < 0 && err)
        *err = why;
    return rc < 0 ? -1 : 1;
}

/* The response to a range request is another one. */
static int no_range(const struct s3_call *call, struct err *err)
{
    return err_set(err, ERR_MISMATCH, "'s3://%s/%s': the answer is not the requested range",
                   s3_client_bucket(call->client), call->key);
}

/* Check that a range request's response has exactly the requested range. */
static int check_range(const struct s3_call *call, uint64_t at, size_t len, uint64_t *size,
                       struct err *err)
{
    uint64_t first;
    uint64_t last;

    if (call->status != 206 || !resume_parse(call->range, &first, &last, size) || first != at ||
        last + 1 != at + len || call->body.len != len)
        return no_range(call, err);
    return 0;
}

/* The object was changed or deleted since it was opened. */
static int changed(const struct s3_call *call, struct err *err)
{
    return err_set(err, ERR_MISMATCH, "'s3://%s/%s' was replaced while it was read",
                   s3_client_bucket(call->client), call->key);
}

int object_get(struct s3_client *client, const char *key, const struct object_info *info,
               uint64_t at, size_t len, struct buf *out, struct err *err)
{
    struct s3_call call = { .method = "GET", .key = key, .query = "", .max = len };
    struct err why = { 0 };
    char range[80];
    char match[160];
    uint64_t size;
    int rc;

    (void)snprintf(range, sizeof(range), "range: bytes=%" PRIu64 "-%" PRIu64, at, at + len - 1);
    (void)snprintf(match, sizeof(match), "if-match: %s", info->etag);
    call.headers[call.header_count++] = range;
    if (*info->etag)
        call.headers[call.header_count++] = match;
    rc = s3_call_do(client, &call, &why);
    if (rc == 0 && *info->etag && *call.etag && strcmp(info->etag, call.etag) != 0)
        rc = changed(&call, &why); /* by a store that ignores the condition */
    else if (rc == 0 && (rc = check_range(&call, at, len, &size, &why)) == 0 &&
             size != info->size)
        rc = changed(&call, &why);
    else if (why.kind == ERR_EXISTS)
        rc = changed(&call, &why);
    else if (call.status && why.kind == ERR_LIMIT) /* more than the range */
        rc = no_range(&call, &why);
    if (rc == 0) {
        *out = call.body;
        call.body = (struct buf){ 0 };
    } else if (err) {
        *err = why;
    }
    s3_call_clear(&call);
    return rc;
}

/* What is known of an object without bytes, which has no range. */
static int empty(struct s3_call *call, struct buf *out, struct object_info *info)
{
    copy_info(info, call);
    info->size = 0;
    *out = (struct buf){ 0 };
    s3_call_clear(call);
    return 0;
}

int object_tail(struct s3_client *client, const char *key, size_t len, struct buf *out,
                struct object_info *info, struct err *err)
{
    struct s3_call call = { .method = "GET", .key = key, .query = "", .max = len };
    char range[64];
    uint64_t size = 0;
    struct err why = { 0 };
    int rc;

    (void)snprintf(range, sizeof(range), "range: bytes=-%zu", len);
    call.headers[call.header_count++] = range;
    rc = s3_call_do(client, &call, &why);
    if (call.status && why.kind == ERR_LIMIT)
        rc = no_range(&call, &why);
    if (rc < 0 && why.http == RANGE_REFUSED) /* an empty object */
        return empty(&call, out, info);
    if (rc == 0 && call.status == 200) /* the whole object, which is not longer */
        size = call.body.len;
    else if (rc == 0 && resume_parse(call.range, &(uint64_t){ 0 }, &(uint64_t){ 0 }, &size))
        rc = check_range(&call, size > len ? size - len : 0, size > len ? len : (size_t)size,
                         &size, &why);
    else if (rc == 0)
        rc = no_range(&call, &why);
    if (rc == 0) {
        copy_info(info, &call);
        info->size = size;
        *out = call.body;
        call.body = (struct buf){ 0 };
    } else if (err) {
        *err = why;
    }
    s3_call_clear(&call);
    return rc;
}

void object_digest(const uint8_t digest[SHA256_SIZE], char hex[SHA256_TEXT],
                   char base64[OBJECT_BASE64])
{
    text_hex(hex, digest, SHA256_SIZE);
    (void)EVP_EncodeBlock((unsigned char *)base64, digest, SHA256_SIZE);
}

int object_load(struct s3_client *client, const char *key, size_t max, struct buf *out,
                struct object_info *info, struct err *err)
{
    struct s3_call call = { .method = "GET", .key = key, .query = "", .max = max ? max : 1 };
    struct err why = { 0 };
    int rc = s3_call_do(client, &call, &why);
    int there = rc == 0;

    if (rc == 0 && call.body.len > max)
        rc = err_set(&why, ERR_LIMIT, "'s3://%s/%s' is longer than %zu bytes",
                     s3_client_bucket(client), key, max);
    else if (rc < 0 && why.kind == ERR_NOT_FOUND && strcmp(call.code, "NoSuchBucket") != 0)
        rc = 0;
    if (rc == 0 && there) {
        copy_info(info, &call);
        info->size = call.body.len;
        *out = call.body;
        call.body = (struct buf){ 0 };
    } else if (rc < 0 && err) {
        *err = why;
    }
    s3_call_clear(&call);
    return rc < 0 ? -1 : there;
}

/* Delete an object, or what the query names. */
static int delete_by(struct s3_client *client, const char *key, const char *query,
                     struct err *err)
{
    struct s3_call call = { .method = "DELETE", .key = key, .query = query };
    struct err why = { 0 };
    int rc = s3_call_do(client, &call, &why);
    bool gone = why.kind == ERR_NOT_FOUND && strcmp(call.code, "NoSuchBucket") != 0;

    s3_call_clear(&call);
    if (rc == 0 || gone)
        return 0;
    if (err)
        *err = why;
    return -1;
}

int object_delete(struct s3_client *client, const char *key, struct err *err)
{
    return delete_by(client, key, "", err);
}

int object_delete_version(struct s3_client *client, const char *key, const char *version,
                          struct err *err)
{
    struct buf query;
    int rc;

    buf_init(&query, URL_MAX);
    rc = buf_adds(&query, "versionId=", err);
    if (rc == 0)
        rc = sigv4_encode(&query, version, false, err);
    if (rc == 0)
        rc = delete_by(client, key, buf_text(&query), err);
    buf_clear(&query);
    return rc;
}
