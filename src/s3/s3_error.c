/* SPDX-License-Identifier: MIT */
#include "s3/s3_error.h"

#include "base/clock.h"
#include "base/text.h"
#include "net/xml.h"

#include <stdio.h>
#include <string.h>

#define SAID_MAX 1100 /* buffer size for an escaped code and message */

/* Cut the period at the end of a message, which becomes part of a longer one. */
static void cut_period(char *message)
{
    size_t len = strlen(message);

    if (len && message[len - 1] == '.')
        message[len - 1] = '\0';
}

static int on_element(void *ctx, const char *path, const char *text, struct err *err)
{
    struct s3_error *error = ctx;
    int64_t us;

    (void)err;
    if (strcmp(path, "Error/Code") == 0) {
        (void)snprintf(error->code, sizeof(error->code), "%s", text);
    } else if (strcmp(path, "Error/Message") == 0) {
        (void)snprintf(error->message, sizeof(error->message), "%s", text);
        cut_period(error->message);
    } else if (strcmp(path, "Error/Region") == 0) {
        (void)snprintf(error->region, sizeof(error->region), "%s", text);
    } else if (strcmp(path, "Error/ServerTime") == 0 && (us = clock_us(text)) != CLOCK_NONE) {
        error->time_ms = us / 1000;
    }
    return 0;
}

void s3_error_parse(struct s3_error *error, const char *body, size_t len)
{
    *error = (struct s3_error){ .time_ms = CLOCK_NONE };
    if (len && xml_parse(body, len, on_element, error, NULL) < 0)
        return; /* cut, or no XML: what was read counts */
}

bool s3_error_is_transient(const struct s3_error *error)
{
    static const char *const codes[] = { "RequestTimeout", "SlowDown", "InternalError",
                                         "ServiceUnavailable", "RequestTimeoutException",
                                         "Throttling", "ThrottlingException",
                                         "OperationAborted",
                                         /* the body was changed on its way */
                                         "BadDigest", "XAmzContentSHA256Mismatch" };
    size_t i;

    for (i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
        if (strcmp(error->code, codes[i]) == 0)
            return true;
    }
    return false;
}

/* What to do about an error; NULL: nothing that is known. The answer to a HEAD never has a
 * code. */
static const char *advice(const char *code, long status, const char *method)
{
    static const struct {
        const char *code;
        const char *advice;
    } known[] = {
        { "NoSuchBucket", "create the bucket, or correct its name, region or endpoint" },
        { "InvalidAccessKeyId", "check AWS_ACCESS_KEY_ID, or the profile" },
        { "SignatureDoesNotMatch", "check AWS_SECRET_ACCESS_KEY, or the profile" },
        { "ExpiredToken", "get new credentials" },
        { "InvalidToken", "check AWS_SESSION_TOKEN" },
        { "AuthorizationHeaderMalformed", "set AWS_REGION to the bucket's region" },
        { "PermanentRedirect", "set AWS_REGION to the bucket's region" },
        { "RequestTimeTooSkewed", "set the clock of this machine" },
        { "QuotaExceeded", "free space in the bucket" },
    };
    size_t i;

    for (i = 0; i < sizeof(known) / sizeof(*known); i++) {
        if (strcmp(code, known[i].code) == 0)
            return known[i].advice;
    }
    if (!*code && (status == 405 || status == 501))
        return "this may be no object store; check AWS_ENDPOINT_URL";
    if (status != 403)
        return NULL;
    return *code || strcmp(method, "HEAD") == 0 ? "check the permissions of the credentials"
                                                : "check the permissions of the credentials, "
                                                  "and AWS_ENDPOINT_URL: object stores "
                                                  "give a reason";
}

/* The permission that a request needs; NULL: not known. */
static const char *permission_of(const char *method, const char *key, const char *query)
{
    static const struct {
        const char *method;
        const char *query; /* its beginning */
        bool bucket;
        const char *permission;
    } known[] = {
        { "GET", "list-type=", true, "s3:ListBucket" },
        { "GET", "uploads", true, "s3:ListBucketMultipartUploads" },
        { "GET", "versions", true, "s3:ListBucketVersions" },
        { "GET", "versioning", true, "s3:GetBucketVersioning" },
        { "GET", "object-lock", true, "s3:GetBucketObjectLockConfiguration" },
        { "GET", "legal-hold", false, "s3:GetObjectLegalHold" },
        { "GET", "retention", false, "s3:GetObjectRetention" },
        { "PUT", "legal-hold", false, "s3:PutObjectLegalHold" },
        { "PUT", "retention", false, "s3:PutObjectRetention" },
        { "DELETE", "uploadId=", false, "s3:AbortMultipartUpload" },
        { "DELETE", "versionId=", false, "s3:DeleteObjectVersion" },
        { "DELETE", "", false, "s3:DeleteObject" },
        { "HEAD", "", false, "s3:GetObject" },
        { "GET", "", false, "s3:GetObject" },
        { "PUT", "", false, "s3:PutObject" },
        { "POST", "", false, "s3:PutObject" },
    };
    size_t i;

    for (i = 0; i < sizeof(known) / sizeof(*known); i++) {
        if (strcmp(method, known[i].method) == 0 && known[i].bucket == !*key &&
            strncmp(query, known[i].query, strlen(known[i].query)) == 0)
            return known[i].permission;
    }
    return NULL;
}

void s3_error_hint(const char *method, const char *key, const char *query, struct err *err)
{
    const char *needed = permission_of(method, key, query);

    if (needed && err->kind == ERR_DENIED && err->http == 403)
        (void)err_hint(err, "%s is needed", needed);
}

/* ERR_DENIED: these credentials are known, and lack a permission. */
static enum err_kind kind_of(long status, const char *code)
{
    switch (status) {
    case 401:
    case 403:
        return !*code || strcmp(code, "AccessDenied") == 0 ? ERR_DENIED : ERR_HTTP;
    case 404:
        return ERR_NOT_FOUND;
    case 409: /* others are final, such as ObjectParentIsFile */
        return !*code || strcmp(code, "ConditionalRequestConflict") == 0 ||
                       strcmp(code, "OperationAborted") == 0
                   ? ERR_BUSY
                   : ERR_HTTP;
    case 412:
        return ERR_EXISTS;
    default:
        return ERR_HTTP;
    }
}

/* Write "CODE (MESSAGE)", of which each may be missing. No colon is written behind the code:
 * what follows "Token:" would be redacted as a secret. */
static void describe(const struct s3_error *error, char *out, size_t size)
{
    char message[sizeof(error->message) * 4];
    char code[sizeof(error->code) * 4];

    (void)text_shown(code, sizeof(code), error->code);
    (void)text_shown(message, sizeof(message), error->message);
    (void)snprintf(out, size, "%s%s%s%s%s", *code ? " " : "", code, *message ? " (" : "",
                   message, *message ? ")" : "");
}

void s3_error_explain(const struct s3_error *error, const struct request *request,
                      const char *bucket, const char *key, struct err *err)
{
    char said[SAID_MAX];
    char shown[300];
    const char *what;

    describe(error, said, sizeof(said));
    if (request->err.kind) {
        *err = request->err;
    } else if (request_good(request) && *error->code) {
        (void)err_set(err, ERR_HTTP, "%s answered %ld with the error%s", request->host,
                      request->status, said);
    } else if (request->status >= 200 && request->status < 300) {
        (void)(request_check(request, err) == 0);
    } else {
        (void)err_set(err, kind_of(request->status, error->code), "%s answered %ld%s",
                      request->host, request->status, said);
        err->http = request->status;
        what = advice(error->code, request->status, request_method(request));
        if (what)
            (void)err_hint(err, "%s", what);
    }
    (void)err_wrap(err, "'s3://%s%s%s'", bucket, *key ? "/" : "",
                   text_shown(shown, sizeof(shown), key));
}
