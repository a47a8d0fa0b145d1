/* SPDX-License-Identifier: MIT */
#include "credentials/sts.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "credentials/aws_region.h"
#include "credentials/key_file.h"
#include "net/url.h"
#include "net/xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_MAX ((size_t)64 << 10) /* of a web identity */
#define LIMIT_MS  20000

/* What STS's answer has. */
struct assumed {
    char id[KEYS_ID_MAX];
    char secret[KEYS_SECRET_MAX];
    char token[KEYS_TOKEN_MAX];
    int64_t expires_ms;
};

static int on_assumed(void *ctx, const char *path, const char *text, struct err *err)
{
    struct assumed *a = ctx;
    const char *name = strrchr(path, '/');
    int64_t us;

    (void)err;
    if (!strstr(path, "/Credentials/") || !name)
        return 0;
    if (strcmp(name, "/AccessKeyId") == 0)
        (void)snprintf(a->id, sizeof(a->id), "%s", text);
    else if (strcmp(name, "/SecretAccessKey") == 0)
        (void)snprintf(a->secret, sizeof(a->secret), "%s", text);
    else if (strcmp(name, "/SessionToken") == 0)
        (void)snprintf(a->token, sizeof(a->token), "%s", text);
    else if (strcmp(name, "/Expiration") == 0 && (us = clock_us(text)) != CLOCK_NONE)
        a->expires_ms = us / 1000;
    return 0;
}

/* Write the form that STS is sent. */
static int write_form(struct buf *form, const char *role, const char *session,
                      const struct buf *token, struct err *err)
{
    int rc =
        buf_adds(form, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=", err);

    if (rc == 0)
        rc = url_encode(form, role, err);
    if (rc == 0)
        rc = buf_adds(form, "&RoleSessionName=", err);
    if (rc == 0)
        rc = url_encode(form, session ? session : "skyarc", err);
    if (rc == 0)
        rc = buf_adds(form, "&WebIdentityToken=", err);
    return rc < 0 ? -1 : url_encode(form, buf_text(token), err);
}

/* Take keys from STS's answer. */
static int take_xml(const struct buf *answer, struct keys *keys, struct err *err)
{
    struct assumed a = { .expires_ms = INT64_MAX };
    int rc = xml_parse(buf_text(answer), answer->len, on_assumed, &a, err);

    if (rc == 0 && (!*a.id || !*a.secret || !*a.token))
        rc = err_set(err, ERR_FORMAT, "the answer has no keys");
    if (rc == 0)
        rc = keys_set(keys, a.id, a.secret, a.token, a.expires_ms, err);
    explicit_bzero(&a, sizeof(a));
    return rc < 0 ? err_wrap(err, "STS") : 0;
}

/* What STS says about a refusal: it is put behind the error. */
struct refusal {
    char code[64];
    char message[200];
};

static int on_refusal(void *ctx, const char *path, const char *text, struct err *err)
{
    struct refusal *refusal = ctx;

    (void)err;
    if (strcmp(path, "ErrorResponse/Error/Code") == 0)
        (void)snprintf(refusal->code, sizeof(refusal->code), "%s", text);
    else if (strcmp(path, "ErrorResponse/Error/Message") == 0)
        (void)snprintf(refusal->message, sizeof(refusal->message), "%s", text);
    return 0;
}

/* Explain why STS gave no keys; the end of its document may be missing. */
static void explain_refusal(const struct request *request, struct err *err)
{
    struct refusal refusal = { "", "" };
    char code[4 * sizeof(refusal.code)];
    char message[4 * sizeof(refusal.message)];

    if (!request->error_len ||
        (xml_parse(request->error, request->error_len, on_refusal, &refusal, NULL) < 0 &&
         !*refusal.code))
        return;
    (void)err_hint(err, "%s%s%s", text_shown(code, sizeof(code), refusal.code),
                   *refusal.message ? ": " : "",
                   text_shown(message, sizeof(message), refusal.message));
    if (err->kind == ERR_HTTP && request->status < 500)
        err->kind = ERR_DENIED;
}

/* The endpoint of STS, which is freed by mem_free. */
static char *sts_url(const char *region, struct err *err)
{
    const char *endpoint = getenv("AWS_ENDPOINT_URL_STS");

    if (!endpoint || !*endpoint)
        endpoint = getenv("AWS_ENDPOINT_URL");
    if (endpoint && *endpoint)
        return mem_format(err, "%s%s", endpoint,
                          endpoint[strlen(endpoint) - 1] == '/' ? "" : "/");
    region = region ? region : "us-east-1";
    return mem_format(err, "https://sts.%s.%s/", region, aws_region_domain(region));
}

/* Exchange a token at a URL. */
static int exchange(const struct question_opts *opts, const char *url, struct buf *form,
                    struct keys *keys, struct err *err)
{
    struct question q = { .method = "POST",
                          .url = url,
                          .headers = { "Content-Type: application/x-www-form-urlencoded" },
                          .header_count = 1,
                          .body = form,
                          .limit_ms = LIMIT_MS };
    int rc = question_ask(opts, &q, err);

    if (rc == 0)
        rc = take_xml(&q.answer, keys, err);
    else if (q.request.status)
        explain_refusal(&q.request, err);
    buf_clear(&q.answer);
    return rc;
}

int sts_web_identity(const struct question_opts *opts, const char *role, const char *token_file,
                     const char *session, const char *region, struct keys *keys,
                     struct err *err)
{
    struct buf token;
    struct buf form;
    char *url = sts_url(region, err);
    int rc = url ? 0 : -1;

    buf_init_secret(&token, TOKEN_MAX);
    buf_init_secret(&form, 4 * TOKEN_MAX);
    if (rc == 0)
        rc = key_file_load(token_file, opts->stop, &token, err);
    key_file_trim(&token);
    if (rc == 0 && !token.len)
        rc = err_set(err, ERR_FORMAT, "it is empty");
    if (rc == 0)
        rc = write_form(&form, role, session, &token, err);
    if (rc == 0)
        rc = exchange(opts, url, &form, keys, err);
    if (rc < 0)
        (void)err_wrap(err, "cannot exchange the web identity in '%s'", token_file);
    buf_clear(&form);
    buf_clear(&token);
    mem_free(url);
    return rc;
}
