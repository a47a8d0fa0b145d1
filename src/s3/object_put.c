/* SPDX-License-Identifier: MIT */
#include "s3/object_put.h"

#include "base/digest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* One object being written. */
struct put {
    const struct object_put_opts *opts;
    char hex[SHA256_TEXT];
    char checksum[OBJECT_BASE64 + 24];
    char meta[SHA256_TEXT + 24];
    char match[160];
    struct object_lines lines;
};

/* Write the header of the condition: "" if there is none. */
static int write_condition(struct put *put, struct err *err)
{
    const char *etag = put->opts->etag;
    const char *c;

    switch (put->opts->condition) {
    case OBJECT_ALWAYS:
        break;
    case OBJECT_ABSENT:
        (void)snprintf(put->match, sizeof(put->match), "if-none-match: *");
        break;
    case OBJECT_MATCHES:
        for (c = etag; *c; c++) {
            if (iscntrl((unsigned char)*c))
                return err_set(err, ERR_FORMAT, "the entity tag has a control character");
        }
        if (!*etag || strlen(etag) + 16 > sizeof(put->match))
            return err_set(err, ERR_FORMAT, "the entity tag is %s",
                           *etag ? "too long" : "empty");
        (void)snprintf(put->match, sizeof(put->match), "if-match: %s", etag);
        break;
    }
    return 0;
}

/* Write all headers. */
static int prepare(struct put *put, struct err *err)
{
    uint8_t digest[SHA256_SIZE];
    char base64[OBJECT_BASE64];

    if (put->opts->len > OBJECT_PUT_MAX)
        return err_set(err, ERR_LIMIT, "an object of %zu bytes is not written by one request",
                       put->opts->len);
    if (sha256_of(put->opts->bytes, put->opts->len, digest, err) < 0 ||
        object_options_lines(&put->lines, put->opts->options, err) < 0)
        return -1;
    object_digest(digest, put->hex, base64);
    (void)snprintf(put->checksum, sizeof(put->checksum), "x-amz-checksum-sha256: %s", base64);
    (void)snprintf(put->meta, sizeof(put->meta), "x-amz-meta-sha256: %s", put->hex);
    return write_condition(put, err);
}

enum read_back { SAME, ANOTHER, UNKNOWN };

/* Compare the object with what was to be written; *info is set if it is the same. */
static enum read_back read_back(struct s3_client *client, const struct put *put,
                                struct object_info *info)
{
    const struct object_put_opts *opts = put->opts;
    struct buf found = { 0 };
    struct err why = { 0 };
    int there = object_load(client, opts->key, opts->len, &found, info, &why);
    enum read_back result = UNKNOWN;

    if (there > 0)
        result = found.len == opts->len && memcmp(buf_text(&found), opts->bytes, found.len) == 0
                     ? SAME
                     : ANOTHER;
    else if (there < 0 && why.kind == ERR_LIMIT)
        result = ANOTHER;
    buf_clear(&found);
    return result;
}

/* Whether it is open, after an error, whether an attempt has written the object. */
static bool is_open(const struct s3_call *call, const struct err *err)
{
    if (err->kind == ERR_CANCELLED || err->kind == ERR_MEMORY)
        return false;
    if (err->kind == ERR_NET || (call->status >= 200 && call->status < 300) ||
        call->status >= 500)
        return true;
    return call->status && call->attempts > 1; /* an earlier answer may have been lost */
}

/*
 * Find out after an error whether the object was written nevertheless. A store that tells by
 * 409 that a condition is not met is understood, too.
 */
static int settle(struct s3_client *client, const struct put *put, const struct s3_call *call,
                  struct object_info *info, struct err *err)
{
    bool busy = err->kind == ERR_BUSY && put->opts->condition == OBJECT_ABSENT;

    if (!is_open(call, err) && !busy)
        return -1;
    switch (read_back(client, put, info)) {
    case SAME:
        return is_open(call, err) ? 0 : -1;
    case ANOTHER:
        if (busy)
            err->kind = ERR_EXISTS;
        return -1;
    case UNKNOWN:
        break;
    }
    return -1;
}

static int send_put(struct s3_client *client, struct put *put, struct object_info *info,
                    struct err *err)
{
    struct s3_call call = { .method = "PUT",
                            .key = put->opts->key,
                            .query = "",
                            .headers = { put->checksum, put->meta },
                            .header_count = 2,
                            .payload = put->hex,
                            .size = put->opts->len,
                            .read = send_from_bytes,
                            .read_ctx = (void *)(uintptr_t)put->opts->bytes,
                            .conflict_passes = true };
    size_t i;
    int rc;

    if (*put->match)
        call.headers[call.header_count++] = put->match;
    for (i = 0; i < put->lines.count; i++)
        call.headers[call.header_count++] = put->lines.text[i];
    rc = s3_call_do(client, &call, err);
    if (rc == 0 && !*call.etag)
        rc = err_set(err, ERR_FORMAT, "'s3://%s/%s': the answer has no entity tag",
                     s3_client_bucket(client), put->opts->key);
    if (rc == 0) {
        info->size = put->opts->len;
        memcpy(info->etag, call.etag, sizeof(info->etag));
        memcpy(info->version, call.version, sizeof(info->version));
        memcpy(info->sha256, put->hex, sizeof(info->sha256));
    } else {
        rc = settle(client, put, &call, info, err);
    }
    s3_call_clear(&call);
    return rc;
}

int object_put(struct s3_client *client, const struct object_put_opts *opts,
               struct object_info *info, struct err *err)
{
    struct put put = { .opts = opts };
    struct err why = { 0 };
    int rc = prepare(&put, &why);

    *info = (struct object_info){ 0 };
    if (rc == 0)
        rc = send_put(client, &put, info, &why);
    if (rc < 0 && err)
        *err = why;
    return rc;
}
