/* SPDX-License-Identifier: MIT */
#include "credentials/metadata.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "credentials/key_file.h"
#include "net/proxy.h"
#include "net/url.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TOKEN_MAX ((size_t)64 << 10) /* of an authorisation or a session token */
#define LOCAL_MS  2000               /* time limit of the metadata services */
#define CONTAINER "http://169.254.170.2"
#define INSTANCE  "http://169.254.169.254"
#define INSTANCE6 "http://[fd00:ec2::254]"
#define ROLES     "/latest/meta-data/iam/security-credentials/"
#define SERVICE   "the metadata service"
#define TOKEN_TTL "X-aws-ec2-metadata-token-ttl-seconds: 21600"

/* The parts of an answer in JSON. */
struct parts {
    struct buf id;
    struct buf secret;
    struct buf token;
    struct buf expires;
    struct buf code; /* "Success", or of an error */
    struct buf message;
};

/* Copy the parts of an answer, as far as they are there. */
static int copy_parts(struct parts *parts, const struct buf *answer, struct err *err)
{
    struct json *doc = json_parse(buf_text(answer), answer->len, err);
    struct json_value root;
    int rc;

    if (!doc)
        return -1;
    root = json_root(doc);
    rc = json_append(json_get(root, "AccessKeyId"), &parts->id, err);
    if (rc == 0)
        rc = json_append(json_get(root, "SecretAccessKey"), &parts->secret, err);
    if (rc == 0)
        rc = json_append(json_get(root, "Token"), &parts->token, err);
    if (rc == 0)
        rc = json_append(json_get(root, "Expiration"), &parts->expires, err);
    if (rc == 0)
        rc = json_append(json_get(root, "Code"), &parts->code, err);
    if (rc == 0)
        rc = json_append(json_get(root, "Message"), &parts->message, err);
    json_free(doc);
    return rc;
}

/* Take the keys from the parts of an answer. */
static int take_parts(const struct parts *parts, struct keys *keys, struct err *err)
{
    int64_t us = clock_us(buf_text(&parts->expires));
    char code[100];
    char message[300];

    if (parts->code.len && strcmp(buf_text(&parts->code), "Success") != 0)
        return err_set(err, ERR_DENIED, "%s%s%s",
                       text_shown(code, sizeof(code), buf_text(&parts->code)),
                       parts->message.len ? ": " : "",
                       text_shown(message, sizeof(message), buf_text(&parts->message)));
    if (!parts->id.len || !parts->secret.len)
        return err_set(err, ERR_FORMAT, "no keys in the answer");
    return keys_set(keys, buf_text(&parts->id), buf_text(&parts->secret),
                    buf_text(&parts->token), us == CLOCK_NONE ? INT64_MAX : us / 1000, err);
}

/* Take keys from a metadata service's answer. */
static int take_json(const struct buf *answer, struct keys *keys, struct err *err)
{
    struct parts parts;
    struct buf *all[] = { &parts.id,      &parts.secret, &parts.token,
                          &parts.expires, &parts.code,   &parts.message };
    size_t i;
    int rc;

    for (i = 0; i < sizeof(all) / sizeof(*all); i++)
        buf_init_secret(all[i], answer->len + 1);
    rc = copy_parts(&parts, answer, err);
    if (rc == 0)
        rc = take_parts(&parts, keys, err);
    for (i = 0; i < sizeof(all) / sizeof(*all); i++)
        buf_clear(all[i]);
    return rc < 0 ? err_wrap(err, SERVICE) : 0;
}

/* Whether credentials may be asked for at a URL: by https, or on this machine's own links. */
static bool is_trusted(const char *url)
{
    static const char *const hosts[] = { "http://169.254.170.2:80", "http://169.254.170.23:80",
                                         "http://[fd00:ec2::23]:80" };
    char origin[URL_ORIGIN_MAX];
    char host[URL_ORIGIN_MAX];
    size_t i;

    if (url_origin(origin, url, NULL) < 0)
        return false;
    for (i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
        if (strcmp(origin, hosts[i]) == 0)
            return true;
    }
    return url_is_secure(url) || (url_host(host, origin) && proxy_is_local(host));
}

/* Read the container's authorisation as a header line: 1; 0: there is none; -1: error. */
static int authorisation(const struct question_opts *opts, struct buf *line, struct err *err)
{
    const char *file = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *token = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");

    if (buf_adds(line, "Authorization: ", err) < 0)
        return -1;
    if (file && *file) {
        if (key_file_load(file, opts->stop, line, err) < 0)
            return -1;
    } else if (token && *token) {
        if (buf_adds(line, token, err) < 0)
            return -1;
    } else {
        return 0;
    }
    key_file_trim(line);
    if (strpbrk(buf_text(line), "\r\n"))
        return err_set(err, ERR_FORMAT, "the container's authorisation has several lines");
    return 1;
}

int metadata_container(const struct question_opts *opts, struct keys *keys, struct err *err)
{
    const char *full = getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    const char *relative = getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    struct question q = { .method = "GET", .limit_ms = LOCAL_MS, .direct = true };
    struct buf line;
    char *url;
    int rc;

    if (relative && *relative)
        url = mem_format(err, CONTAINER "%s%s", *relative == '/' ? "" : "/", relative);
    else if (full && *full)
        url = mem_copy(full, err);
    else
        return err_set(err, ERR_NOT_FOUND, "no AWS_CONTAINER_CREDENTIALS_* variable is set");
    if (!url)
        return -1;
    if (!is_trusted(url)) {
        mem_free(url);
        return err_set(err, ERR_FORMAT,
                       "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither an https URL nor on this "
                       "machine");
    }
    q.url = url;
    buf_init_secret(&line, TOKEN_MAX);
    rc = authorisation(opts, &line, err);
    if (rc > 0)
        q.headers[q.header_count++] = buf_text(&line);
    if (rc >= 0)
        rc = question_ask(opts, &q, err);
    if (rc == 0)
        rc = take_json(&q.answer, keys, err);
    if (rc < 0 && err->kind == ERR_NOT_FOUND) /* it was named: then it must be there */
        err->kind = ERR_HTTP;
    if (rc < 0)
        (void)err_wrap(err, "the container's credentials");
    buf_clear(&q.answer);
    buf_clear(&line);
    mem_free(url);
    return rc;
}

/* Ask the instance's service for a path with a token; the caller clears the answer. */
static int ask_instance(const struct question_opts *opts, const char *base, const char *path,
                        const char *token, struct question *q, struct err *err)
{
    char *url = mem_format(err, "%s%s", base, path);
    int rc;

    *q = (struct question){ .method = "GET", .url = url, .limit_ms = LOCAL_MS, .direct = true };
    q->headers[q->header_count++] = token;
    rc = url ? question_ask(opts, q, err) : -1;
    mem_free(url);
    return rc;
}

/* Get a session token of IMDSv2, as the header line for further requests. */
static int session_token(const struct question_opts *opts, const char *base, struct buf *line,
                         struct err *err)
{
    char *url = mem_format(err, "%s/latest/api/token", base);
    struct question q = { .method = "PUT",
                          .url = url,
                          .headers = { TOKEN_TTL },
                          .header_count = 1,
                          .limit_ms = LOCAL_MS,
                          .direct = true };
    int rc = url ? question_ask(opts, &q, err) : -1;

    if (rc < 0 && url && err->kind != ERR_CANCELLED && err->kind != ERR_MEMORY)
        err->kind = ERR_NOT_FOUND; /* no such service: this is no instance */
    if (rc == 0 && strpbrk(buf_text(&q.answer), "\r\n"))
        rc = err_set(err, ERR_FORMAT, SERVICE " gave a token of several lines");
    if (rc == 0)
        rc = buf_addf(line, err, "X-aws-ec2-metadata-token: %s", buf_text(&q.answer));
    buf_clear(&q.answer);
    mem_free(url);
    return rc;
}

/* The service's URL, without a final slash; free by mem_free. */
static char *instance_base(struct err *err)
{
    const char *endpoint = getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    const char *mode = getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    size_t len;

    if (!endpoint || !*endpoint)
        endpoint = mode && strcasecmp(mode, "ipv6") == 0 ? INSTANCE6 : INSTANCE;
    len = strlen(endpoint);
    while (len && endpoint[len - 1] == '/')
        len--;
    return mem_format(err, "%.*s", (int)len, endpoint);
}

int metadata_instance(const struct question_opts *opts, struct keys *keys, struct err *err)
{
    const char *disabled = getenv("AWS_EC2_METADATA_DISABLED");
    char *base;
    struct question q = { 0 };
    struct buf token;
    char *path = NULL;
    int rc;

    if (disabled && strcasecmp(disabled, "true") == 0)
        return err_set(err, ERR_NOT_FOUND, "disabled by AWS_EC2_METADATA_DISABLED");
    base = instance_base(err);
    if (!base)
        return -1;
    buf_init_secret(&token, TOKEN_MAX);
    rc = session_token(opts, base, &token, err);
    if (rc == 0)
        rc = ask_instance(opts, base, ROLES, buf_text(&token), &q, err);
    if (rc == 0) {
        path = mem_format(err, ROLES "%.*s", (int)strcspn(buf_text(&q.answer), "\r\n"),
                          buf_text(&q.answer));
        buf_clear(&q.answer);
        rc = path ? ask_instance(opts, base, path, buf_text(&token), &q, err) : -1;
    }
    if (rc == 0)
        rc = take_json(&q.answer, keys, err);
    buf_clear(&q.answer);
    buf_clear(&token);
    mem_free(path);
    mem_free(base);
    return rc;
}
