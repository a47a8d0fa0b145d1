/* SPDX-License-Identifier: MIT */
#include "s3/metadata.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "net/engine.h"
#include "net/proxy.h"
#include "net/send.h"
#include "net/url.h"
#include "s3/xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX ((size_t)256 << 10)
#define TOKEN_MAX  ((size_t)64 << 10) /* of a web identity or an authorisation */
#define LOCAL_MS   2000               /* time limit of the metadata services */
#define STS_MS     20000
#define CONTAINER  "http://169.254.170.2"
#define INSTANCE   "http://169.254.169.254"
#define ROLES      "/latest/meta-data/iam/security-credentials/"
#define SERVICE    "the metadata service"
#define TOKEN_TTL  "X-aws-ec2-metadata-token-ttl-seconds: 21600"

/* One request and its response. */
struct question {
    const char *method;
    const char *url;
    const char *headers[4];
    size_t header_count;
    const struct buf *body; /* NULL: none */
    uint64_t limit_ms;
    bool direct; /* no proxy */
    struct buf answer;
    bool done;
    struct request request;
};

static enum sink on_bytes(void *ctx, const char *bytes, size_t len)
{
    struct question *q = ctx;

    return buf_add(&q->answer, bytes, len, &q->request.err) < 0 ? SINK_REFUSED : SINK_TAKEN;
}

static void on_done(void *ctx, struct request *request)
{
    (void)request;
    ((struct question *)ctx)->done = true;
}

static void on_header(void *ctx, const char *line, size_t len)
{
    (void)ctx;
    (void)line;
    (void)len;
}

static int read_body(void *ctx, void *bytes, size_t len, uint64_t at, struct err *err)
{
    const struct question *q = ctx;

    (void)err;
    memcpy(bytes, q->body->data + at, len);
    return 0;
}

/* Run the engine until the request is done, or its time is over. */
static int run(const struct metadata_opts *opts, struct engine *engine, struct question *q,
               struct err *err)
{
    uint64_t began = clock_mono();

    while (!q->done) {
        if (stop_check(&opts->stop, err) < 0)
            return -1;
        if (clock_mono() - began >= q->limit_ms)
            return err_set(err, ERR_NET, "no answer from %s", q->request.host);
        if (engine_poll(engine, 100, opts->stop.fd, err) < 0)
            return -1;
    }
    return request_check(&q->request, err);
}

/* Wipe and free an answer. */
static void forget(struct buf *buf)
{
    if (buf->data)
        explicit_bzero(buf->data, buf->cap);
    buf_clear(buf);
}

/* Ask, and keep the answer, which the caller forgets. */
static int ask(const struct metadata_opts *opts, struct question *q, struct err *err)
{
    struct engine_opts how = { .agent = opts->agent, .ca_file = opts->ca_file, .jobs = 1 };
    struct engine *engine = engine_new(&how, err);
    struct send send = { .method = q->method,
                         .headers = q->headers,
                         .header_count = q->header_count,
                         .size = q->body ? q->body->len : 0,
                         .read = read_body,
                         .read_ctx = q,
                         .header = on_header,
                         .direct = q->direct };
    int rc;

    buf_init(&q->answer, ANSWER_MAX);
    q->done = false;
    q->request = (struct request){ .url = q->url,
                                   .send = &send,
                                   .max = ANSWER_MAX,
                                   .as_sent = true,
                                   .sink = on_bytes,
                                   .done = on_done,
                                   .ctx = q };
    rc = engine ? engine_start(engine, &q->request, err) : -1;
    if (rc == 0)
        rc = run(opts, engine, q, err);
    engine_free(engine);
    return rc;
}

/* A member of an answer in JSON; "" if there is none. */
static const char *member(struct json_value object, const char *name, struct region *region)
{
    const char *text = json_text(object, name, region);

    return text ? text : "";
}

/* Take keys from a metadata service's answer. */
static int take_json(const struct buf *answer, struct keys *keys, struct err *err)
{
    struct json *doc = json_parse(buf_text(answer), answer->len, err);
    struct region *region = region_new(err);
    int rc = -1;

    if (doc && region) {
        struct json_value root = json_root(doc);
        const char *id = member(root, "AccessKeyId", region);
        const char *secret = member(root, "SecretAccessKey", region);
        int64_t us = clock_us(member(root, "Expiration", region));

        if (!*id || !*secret)
            (void)err_set(err, ERR_FORMAT, "no keys in the answer");
        else
            rc = keys_set(keys, id, secret, member(root, "Token", region),
                          us == CLOCK_NONE ? INT64_MAX : us / 1000, err);
    }
    json_free(doc);
    region_free(region);
    return rc < 0 ? err_wrap(err, SERVICE) : 0;
}

/* Whether credentials may be asked for at a URL: by https, or on this machine's own links. */
static bool is_trusted(const char *url)
{
    static const char *const hosts[] = { "http://169.254.170.2:80", "http://169.254.170.23:80",
                                         "http://[fd00:ec2::23]:80" };
    char origin[URL_ORIGIN_MAX];
    char *host;
    size_t i;

    if (url_origin(origin, url, NULL) < 0)
        return false;
    for (i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
        if (strcmp(origin, hosts[i]) == 0)
            return true;
    }
    *strrchr(origin, ':') = '\0'; /* the port, which is always there */
    host = strstr(origin, "://") + 3;
    return url_is_secure(url) || proxy_is_local(host);
}

/* Read the container's authorisation as a header line; false: there is none. */
static int authorisation(const struct metadata_opts *opts, struct buf *line, struct err *err)
{
    const char *file = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *token = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    char *text;

    if (buf_adds(line, "Authorization: ", err) < 0)
        return -1;
    if (file && *file) {
        if (file_load(file, opts->stop, line, err) < 0)
            return -1;
    } else if (token && *token) {
        if (buf_adds(line, token, err) < 0)
            return -1;
    } else {
        return 0;
    }
    while (line->len && strchr("\r\n \t", line->data[line->len - 1]))
        line->data[--line->len] = '\0';
    text = line->data;
    if (strpbrk(text, "\r\n"))
        return err_set(err, ERR_FORMAT, "the container's authorisation has several lines");
    return 1;
}

int metadata_container(const struct metadata_opts *opts, struct keys *keys, struct err *err)
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
        return err_set(err, ERR_NOT_FOUND, "no container");
    if (!url)
        return -1;
    if (!is_trusted(url)) {
        mem_free(url);
        return err_set(err, ERR_USAGE,
                       "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https or this machine");
    }
    q.url = url;
    buf_init(&line, TOKEN_MAX);
    rc = authorisation(opts, &line, err);
    if (rc > 0)
        q.headers[q.header_count++] = buf_text(&line);
    if (rc >= 0)
        rc = ask(opts, &q, err);
    if (rc == 0)
        rc = take_json(&q.answer, keys, err);
    if (rc < 0 &&
        err->kind == ERR_NOT_FOUND) /* it was named: that it is not there is an error */
        err->kind = ERR_HTTP;
    forget(&q.answer);
    forget(&line);
    mem_free(url);
    return rc;
}

/* Ask the instance's service for a path with a token; the caller forgets the answer. */
static int ask_instance(const struct metadata_opts *opts, const char *base, const char *path,
                        const char *token, struct question *q, struct err *err)
{
    char *url = mem_format(err, "%s%s", base, path);
    int rc;

    *q = (struct question){ .method = "GET", .url = url, .limit_ms = LOCAL_MS, .direct = true };
    q->headers[q->header_count++] = token;
    rc = url ? ask(opts, q, err) : -1;
    mem_free(url);
    return rc;
}

/* Get a session token of IMDSv2, as the header line for further requests. */
static int session_token(const struct metadata_opts *opts, const char *base, struct buf *line,
                         struct err *err)
{
    char *url = mem_format(err, "%s/latest/api/token", base);
    struct question q = { .method = "PUT",
                          .url = url,
                          .headers = { TOKEN_TTL },
                          .header_count = 1,
                          .limit_ms = LOCAL_MS,
                          .direct = true };
    int rc = url ? ask(opts, &q, err) : -1;

    if (rc < 0 && url && err->kind != ERR_CANCELLED && err->kind != ERR_MEMORY)
        err->kind = ERR_NOT_FOUND; /* no such service: this is no instance */
    if (rc == 0 && strpbrk(buf_text(&q.answer), "\r\n"))
        rc = err_set(err, ERR_FORMAT, SERVICE " gave a token of several lines");
    if (rc == 0)
        rc = buf_addf(line, err, "X-aws-ec2-metadata-token: %s", buf_text(&q.answer));
    forget(&q.answer);
    mem_free(url);
    return rc;
}

int metadata_instance(const struct metadata_opts *opts, struct keys *keys, struct err *err)
{
    const char *disabled = getenv("AWS_EC2_METADATA_DISABLED");
    const char *endpoint = getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    const char *base = endpoint && *endpoint ? endpoint : INSTANCE;
    struct question q = { 0 };
    struct buf token;
    char *path = NULL;
    int rc;

    if (disabled && strcmp(disabled, "true") == 0)
        return err_set(err, ERR_NOT_FOUND, "disabled");
    buf_init(&token, TOKEN_MAX);
    rc = session_token(opts, base, &token, err);
    if (rc == 0)
        rc = ask_instance(opts, base, ROLES, buf_text(&token), &q, err);
    if (rc == 0) {
        path = mem_format(err, ROLES "%.*s", (int)strcspn(buf_text(&q.answer), "\r\n"),
                          buf_text(&q.answer));
        forget(&q.answer);
        rc = path ? ask_instance(opts, base, path, buf_text(&token), &q, err) : -1;
    }
    if (rc == 0)
        rc = take_json(&q.answer, keys, err);
    forget(&q.answer);
    forget(&token);
    mem_free(path);
    return rc;
}

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

int metadata_web_identity(const struct metadata_opts *opts, const char *role,
                          const char *token_file, const char *session, const char *region,
                          struct keys *keys, struct err *err)
{
    const char *endpoint = getenv("AWS_ENDPOINT_URL_STS");
    struct question q = { .method = "POST", .limit_ms = STS_MS };
    struct buf token;
    struct buf form;
    char *url = endpoint && *endpoint ? mem_copy(endpoint, err)
                                      : mem_format(err, "https://sts.%s.amazonaws.com/",
                                                   region ? region : "us-east-1");
    int rc = url ? 0 : -1;

    buf_init(&token, TOKEN_MAX);
    buf_init(&form, 4 * TOKEN_MAX);
    if (rc == 0)
        rc = file_load(token_file, opts->stop, &token, err);
    while (token.len && strchr("\r\n \t", token.data[token.len - 1]))
        token.data[--token.len] = '\0';
    if (rc == 0)
        rc = write_form(&form, role, session, &token, err);
    if (rc == 0) {
        q.url = url;
        q.body = &form;
        q.headers[q.header_count++] = "Content-Type: application/x-www-form-urlencoded";
        rc = ask(opts, &q, err);
        if (rc == 0)
            rc = take_xml(&q.answer, keys, err);
        else
            (void)err_wrap(err, "cannot exchange the web identity in '%s'", token_file);
    }
    forget(&q.answer);
    forget(&form);
    forget(&token);
    mem_free(url);
    return rc;
}
