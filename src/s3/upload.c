/* SPDX-License-Identifier: MIT */
#include "s3/upload.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/url.h"
#include "net/xml.h"
#include "s3/s3_probe.h"
#include "s3/sigv4.h"
#include "s3/unfinished.h"

#include <stdio.h>
#include <string.h>

#define PIECE           ((size_t)128 << 10) /* bytes hashed at a time */
#define ANSWER_MAX      ((size_t)64 << 10)
#define PART_BPS        ((uint64_t)64 << 10) /* least share of a rate limit for a part */
#define NOT_IMPLEMENTED 501
#define COMPLETE_S      600 /* how long a store may need to put the parts together */

/* How long giving an upload up may delay the end, after a stop and after an error: for parts
 * that are being sent, and for each attempt to abort the upload. */
#define STOP_PARTS_MS  1000
#define STOP_ABORT_MS  5000
#define ERROR_PARTS_MS 5000
#define ERROR_ABORT_MS 30000
#define ERROR_RETRIES  2

struct upload_part {
    uint64_t at;
    uint64_t size;
    char etag[128];
    char checksum[OBJECT_BASE64]; /* "": not sent yet */
};

struct upload {
    struct s3_client *client;
    const struct upload_opts *opts;
    char id[UPLOAD_ID_MAX + 1];
    struct upload_part *parts;
    size_t count;
    uint64_t part_bps; /* of each of the parts that are sent at a time; 0: no limit */
    size_t next;       /* the first part that was not begun */
    size_t active;     /* parts being sent */
    bool absent;       /* write only if there is no object: opts->absent, if the store can */
    bool unsure;       /* an upload may have been begun whose ID is not known */
    struct err failed;
};

/* A part being sent. */
struct sending {
    struct upload *upload;
    struct upload_part *part;
    struct s3_call call;
    struct buf query;
    char hex[SHA256_TEXT];
    char line[OBJECT_BASE64 + 40];
};

int upload_begun_untold(void *ctx, const char *id, struct err *err)
{
    (void)ctx;
    (void)id;
    (void)err;
    return 0;
}

void upload_sent_untold(void *ctx, uint64_t bytes)
{
    (void)ctx;
    (void)bytes;
}

int upload_hash(int fd, uint64_t at, uint64_t size, struct stop stop,
                uint8_t digest[SHA256_SIZE], struct err *err)
{
    struct sha256 *sha = sha256_new(err);
    unsigned char *piece = mem_new(PIECE, err);
    int rc = sha && piece ? 0 : -1;

    while (rc == 0 && size) {
        size_t len = size < PIECE ? (size_t)size : PIECE;

        rc = stop_check(&stop, err);
        if (rc == 0)
            rc = file_pread(fd, piece, len, at, err);
        if (rc == 0)
            sha256_add(sha, piece, len);
        at += len;
        size -= len;
        pulse_beat(BEAT_HASHED);
    }
    if (rc == 0)
        sha256_end(sha, digest);
    mem_free(piece);
    sha256_free(sha);
    return rc;
}

static int read_part(void *ctx, void *bytes, size_t len, uint64_t at, struct err *err)
{
    const struct sending *s = ctx;

    return file_pread(s->upload->opts->fd, bytes, len, s->part->at + at, err);
}

static void on_sent(void *ctx, struct s3_call *call)
{
    struct sending *s = ctx;
    struct upload *up = s->upload;

    if (call->err.kind) {
        if (!up->failed.kind)
            up->failed = call->err;
    } else if (!*call->etag) {
        (void)err_set(&up->failed, ERR_FORMAT, "the answer to a part has no entity tag");
    } else {
        memcpy(s->part->etag, call->etag, sizeof(s->part->etag));
        up->opts->sent(up->opts->ctx, s->part->size);
    }
    up->active--;
    s3_call_clear(call);
    buf_clear(&s->query);
    s->part = NULL;
}

/* Begin to send the next part. */
static int send_part(struct sending *s, struct err *err)
{
    struct upload *up = s->upload;
    size_t number = up->next + 1;
    uint8_t digest[SHA256_SIZE];

    s->part = &up->parts[up->next++];
    if (upload_hash(up->opts->fd, s->part->at, s->part->size, stop_never(), digest, err) < 0)
        return -1;
    object_digest(digest, s->hex, s->part->checksum);
    (void)snprintf(s->line, sizeof(s->line), "x-amz-checksum-sha256: %s", s->part->checksum);
    buf_init(&s->query, URL_MAX);
    if (buf_addf(&s->query, err, "partNumber=%zu&uploadId=", number) < 0 ||
        sigv4_encode(&s->query, up->id, false, err) < 0) {
        buf_clear(&s->query);
        return -1;
    }
    s->call = (struct s3_call){ .method = "PUT",
                                .key = up->opts->key,
                                .query = buf_text(&s->query),
                                .headers = { s->line },
                                .header_count = 1,
                                .payload = s->hex,
                                .size = s->part->size,
                                .rate_bps = up->part_bps,
                                .read = read_part,
                                .read_ctx = s,
                                .done = on_sent,
                                .ctx = s };
    s3_call_add(up->client, &s->call);
    up->active++;
    return 0;
}

/* Send all parts, some at a time. */
static int send_parts(struct upload *up, struct sending *slots, size_t count, struct err *err)
{
    size_t i;

    while (!up->failed.kind && (up->next < up->count || up->active)) {
        for (i = 0; i < count && up->next < up->count && !up->failed.kind; i++) {
            slots[i].upload = up;
            if (!slots[i].part && send_part(&slots[i], &up->failed) < 0)
                slots[i].part = NULL;
        }
        if (s3_client_turn(up->client, err) < 0)
            return -1;
    }
    if (!up->failed.kind)
        return 0;
    *err = up->failed;
    return -1;
}

static int on_created(void *ctx, const char *path, const char *text, struct err *err)
{
    struct upload *up = ctx;

    if (strcmp(path, "InitiateMultipartUploadResult/UploadId") != 0)
        return 0;
    if (strlen(text) > UPLOAD_ID_MAX)
        return err_set(err, ERR_LIMIT, "the upload's ID is too long");
    memcpy(up->id, text, strlen(text) + 1);
    return 0;
}

/* Put a prefix in front of an error that concerns the object. */
static int wrap(const struct upload *up, struct err *err)
{
    return err_wrap(err, "'s3://%s/%s'", s3_client_bucket(up->client), up->opts->key);
}

/* Begin an upload in parts. */
static int create(struct upload *up, struct err *err)
{
    struct s3_call call = {
        .method = "POST", .key = up->opts->key, .query = "uploads=", .max = ANSWER_MAX
    };
    struct object_lines lines;
    char sha256[SHA256_TEXT + 24];
    uint64_t began = clock_mono();
    size_t i;
    int rc;

    if (object_options_lines(&lines, up->opts->options, err) < 0)
        return -1;
    call.headers[call.header_count++] = "x-amz-checksum-algorithm: SHA256";
    if (up->opts->sha256) {
        (void)snprintf(sha256, sizeof(sha256), "x-amz-meta-sha256: %s", up->opts->sha256);
        call.headers[call.header_count++] = sha256;
    }
    for (i = 0; i < lines.count; i++)
        call.headers[call.header_count++] = lines.text[i];
    up->unsure = true;
    rc = s3_call_do(up->client, &call, err);
    if (rc < 0 && err->http && call.attempts < 2)
        up->unsure = false; /* it was refused */
    if (rc == 0 && xml_parse(buf_text(&call.body), call.body.len, on_created, up, err) < 0)
        rc = wrap(up, err);
    if (rc == 0 && !*up->id) {
        (void)err_set(err, ERR_FORMAT, "the answer has no ID of the upload");
        rc = wrap(up, err);
    }
    if (rc == 0) {
        up->unsure = false;
        if (call.attempts > 1)
            unfinished_abort_earlier(up->client, up->opts->key, up->id, clock_mono() - began);
    }
    s3_call_clear(&call);
    return rc;
}

static int write_list(const struct upload *up, struct buf *out, struct err *err)
{
    size_t i;
    int rc = buf_adds(
        out, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">",
        err);

    for (i = 0; rc == 0 && i < up->count; i++) {
        const struct upload_part *part = &up->parts[i];

        rc = buf_addf(out, err, "<Part><PartNumber>%zu</PartNumber><ETag>", i + 1);
        if (rc == 0)
            rc = xml_escape(out, part->etag, err);
        if (rc == 0)
            rc = buf_addf(out, err, "</ETag><ChecksumSHA256>%s</ChecksumSHA256></Part>",
                          part->checksum);
    }
    return rc < 0 ? -1 : buf_adds(out, "</CompleteMultipartUpload>", err);
}

static int on_completed(void *ctx, const char *path, const char *text, struct err *err)
{
    bool *done = ctx;

    (void)err;
    if (strcmp(path, "CompleteMultipartUploadResult/ETag") == 0 ||
        strcmp(path, "CompleteMultipartUploadResponse/ETag") == 0) /* as moto names it */
        *done = *text != '\0';
    return 0;
}

/* Whether the store has the object with this digest: then an answer to the request that wrote
 * it was lost. */
static bool is_written(struct upload *up, const char *sha256, struct object_info *info)
{
    return object_head(up->client, up->opts->key, info, NULL) > 0 &&
           info->size == up->opts->size && strcmp(info->sha256, sha256) == 0;
}

/* Check that the store has the object with the size and digest that were sent. */
static int confirm(struct upload *up, struct object_info *info, struct err *err)
{
    int there = object_head(up->client, up->opts->key, info, err);

    if (there < 0 && err->kind == ERR_DENIED &&
        err->http) { /* it may be written, and not be read */
        log_line(LOG_WARNING, "the object was written, but cannot be checked: %s", err->text);
        return 0;
    }
    if (there < 0)
        return -1;
    if (!there || info->size != up->opts->size ||
        (up->opts->sha256 && *info->sha256 && strcmp(info->sha256, up->opts->sha256) != 0)) {
        (void)err_set(err, ERR_MISMATCH, "the store has another object than was sent");
        return wrap(up, err);
    }
    return 0;
}

/*
 * Whether to write without the condition, since the store has none: it answered 501, and there
 * is no such object.
 */
static bool lacks_conditions(struct upload *up, const struct err *err)
{
    struct object_info info;

    if (!up->absent || err->http != NOT_IMPLEMENTED ||
        object_head(up->client, up->opts->key, &info, NULL) != 0)
        return false;
    log_line(LOG_WARNING,
             "the store has no conditional writes: an object written to 's3://%s/%s' meanwhile "
             "would be replaced",
             s3_client_bucket(up->client), up->opts->key);
    up->absent = false;
    return true;
}

/* Send the request that makes the object of the parts. */
static int ask_completion(struct upload *up, struct buf *list, struct err *err)
{
    struct s3_call call = { .method = "POST",
                            .key = up->opts->key,
                            .size = list->len,
                            .read = send_from_buf,
                            .read_ctx = list,
                            .max = ANSWER_MAX,
                            .stall_s = COMPLETE_S,
                            .may_fail = true };
    bool done = false;
    struct buf query;
    uint8_t digest[SHA256_SIZE];
    char hex[SHA256_TEXT];
    int rc = sha256_of(buf_text(list), list->len, digest, err);

    buf_init(&query, URL_MAX);
    if (rc == 0)
        rc = buf_adds(&query, "uploadId=", err);
    if (rc == 0)
        rc = sigv4_encode(&query, up->id, false, err);
    if (rc == 0) {
        text_hex(hex, digest, SHA256_SIZE);
        call.payload = hex;
        call.query = buf_text(&query);
        if (up->absent)
            call.headers[call.header_count++] = "if-none-match: *";
        rc = s3_call_do(up->client, &call, err);
    }
    if (rc == 0 && xml_parse(buf_text(&call.body), call.body.len, on_completed, &done, err) < 0)
        rc = wrap(up, err);
    if (rc == 0 && !done) {
        (void)err_set(err, ERR_HTTP, "the answer to the completed upload has no entity tag");
        rc = wrap(up, err);
    }
    s3_call_clear(&call);
    buf_clear(&query);
    return rc;
}

/*
 * Make the object of the parts. After an error the object may exist nevertheless, if an answer
 * was lost: then it has the digest that was stored with it, and the error is forgotten. The
 * upload is aborted, since the object may also be an equal one that was there before.
 */
static int complete(struct upload *up, struct object_info *info, struct err *err)
{
    struct err why = { 0 };
    struct buf list;
    int rc;

    buf_init(&list, (size_t)8 << 20);
    rc = write_list(up, &list, err);
    if (rc == 0)
        rc = ask_completion(up, &list, err);
    if (rc < 0 && lacks_conditions(up, err))
        rc = ask_completion(up, &list, err);
    if (rc < 0 && err->kind != ERR_CANCELLED && up->opts->sha256 &&
        is_written(up, up->opts->sha256, info)) {
        rc = 0;
        if (unfinished_abort(up->client, up->opts->key, up->id, &why) < 0)
            log_line(LOG_WARNING, "an unfinished upload may remain: %s", why.text);
    }
    buf_clear(&list);
    return rc < 0 ? -1 : confirm(up, info, err);
}

/* Divide the file into parts of one size, as small as their number allows. */
static int divide(struct upload *up, struct err *err)
{
    uint64_t size = up->opts->part_size ? up->opts->part_size : UPLOAD_PART_MIN;
    size_t i;

    while ((up->opts->size + size - 1) / size > UPLOAD_PARTS_MAX)
        size *= 2;
    up->count = (size_t)((up->opts->size + size - 1) / size);
    up->parts = mem_array(up->count, sizeof(*up->parts), err);
    if (!up->parts)
        return -1;
    for (i = 0; i < up->count; i++) {
        uint64_t left = up->opts->size - i * size;

        up->parts[i].at = i * size;
        up->parts[i].size = left < size ? left : size;
    }
    return 0;
}

/*
 * Wait a little for the parts that are being sent: one that a store has received whole may be
 * stored after the upload was aborted, and would remain.
 */
static void await_parts(struct upload *up, uint64_t limit_ms)
{
    uint64_t began = clock_mono();

    while (clock_mono() - began < limit_ms && s3_client_turn(up->client, NULL) > 0)
        continue;
    s3_client_drop(up->client);
}

/* End an upload that failed, and remember it for the next start if that is not possible. */
static void give_up(struct upload *up, int64_t began, struct err *err)
{
    const struct upload_opts *opts = up->opts;
    struct err why = { 0 };
    bool stopped = err->kind == ERR_CANCELLED;
    int rc = 0;

    if (stopped)
        s3_client_hurry(up->client, false, 0, STOP_ABORT_MS);
    else
        s3_client_hurry(up->client, true, ERROR_RETRIES, ERROR_ABORT_MS);
    await_parts(up, stopped ? STOP_PARTS_MS : ERROR_PARTS_MS);
    if (*up->id)
        rc = unfinished_abort(up->client, opts->key, up->id, &why);
    else if (up->unsure)
        rc = unfinished_abort_unknown(up->client, opts->key, began, &why);
    if (rc == 0) {
        (void)opts->begun(opts->ctx, "", NULL);
        return;
    }
    log_line(LOG_INFO, "cannot abort the upload: %s", why.text);
    if (*up->id)
        (void)err_hint(err, "an unfinished upload remains until the next start: '%.200s'",
                       up->id);
    else
        (void)err_hint(err, "an unfinished upload may remain until the next start");
}

/* How many parts are sent at a time: each needs some of a rate limit, else it would stall. */
static size_t parts_at_a_time(const struct upload_opts *opts)
{
    size_t jobs = opts->jobs ? opts->jobs : S3_JOBS;
    uint64_t most = opts->rate_bps / PART_BPS;

    if (opts->rate_bps && most < jobs)
        jobs = most ? (size_t)most : 1;
    return jobs;
}

static int upload_in_parts(struct upload *up, struct object_info *info, struct err *err)
{
    size_t jobs = parts_at_a_time(up->opts);
    struct sending *slots = mem_array(jobs, sizeof(*slots), err);
    int64_t began = clock_wall();
    int rc = slots ? divide(up, err) : -1;
    size_t most = jobs < up->count ? jobs : up->count;

    if (rc == 0 && up->opts->rate_bps)
        up->part_bps = up->opts->rate_bps / most + 1;
    if (rc == 0)
        rc = up->opts->begun(up->opts->ctx, UPLOAD_UNKNOWN, err);
    if (rc == 0) {
        rc = create(up, err);
        if (rc == 0)
            rc = up->opts->begun(up->opts->ctx, up->id, err);
        if (rc == 0)
            rc = send_parts(up, slots, jobs, err);
        if (rc == 0)
            rc = complete(up, info, err);
        if (rc < 0)
            give_up(up, began, err);
        else
            rc = up->opts->begun(up->opts->ctx, "", err);
    }
    if (slots) {
        size_t i;

        for (i = 0; i < jobs; i++) {
            s3_call_clear(&slots[i].call);
            buf_clear(&slots[i].query);
        }
    }
    mem_free(slots);
    mem_free(up->parts);
    return rc;
}

/* Write a file by one request. */
static int put_file(struct upload *up, struct object_info *info, struct err *err)
{
    const struct upload_opts *opts = up->opts;
    struct upload_part whole = { .size = opts->size };
    struct sending s = { .upload = up, .part = &whole };
    struct object_lines lines;
    uint8_t digest[SHA256_SIZE];
    char meta[SHA256_TEXT + 24];
    size_t i;
    int rc;

    if (upload_hash(opts->fd, 0, opts->size, stop_never(), digest, err) < 0 ||
        object_options_lines(&lines, opts->options, err) < 0)
        return -1;
    object_digest(digest, s.hex, whole.checksum);
    (void)snprintf(s.line, sizeof(s.line), "x-amz-checksum-sha256: %s", whole.checksum);
    (void)snprintf(meta, sizeof(meta), "x-amz-meta-sha256: %s", s.hex);
    s.call = (struct s3_call){ .method = "PUT",
                               .key = opts->key,
                               .query = "",
                               .headers = { s.line, meta },
                               .header_count = 2,
                               .payload = s.hex,
                               .size = opts->size,
                               .rate_bps = opts->rate_bps,
                               .read = read_part,
                               .read_ctx = &s };
    if (up->absent)
        s.call.headers[s.call.header_count++] = "if-none-match: *";
    for (i = 0; i < lines.count; i++)
        s.call.headers[s.call.header_count++] = lines.text[i];
    rc = s3_call_do(up->client, &s.call, err);
    if (rc < 0 && err->kind != ERR_CANCELLED && err->kind != ERR_DENIED &&
        (err->kind != ERR_EXISTS || s.call.attempts > 1) && is_written(up, s.hex, info))
        rc = 0;
    s3_call_clear(&s.call);
    if (rc == 0)
        opts->sent(opts->ctx, opts->size);
    return rc < 0 ? -1 : confirm(up, info, err);
}

/* Write a file that is small enough by one request. */
static int upload_at_once(struct upload *up, struct object_info *info, struct err *err)
{
    int rc = put_file(up, info, err);

    return rc < 0 && lacks_conditions(up, err) ? put_file(up, info, err) : rc;
}

int upload_file(struct s3_client *client, const struct upload_opts *opts,
                struct object_info *info, struct err *err)
{
    struct upload up = { .client = client, .opts = opts, .absent = opts->absent };
    struct err why = { 0 };
    uint64_t most = opts->part_size ? opts->part_size : UPLOAD_PART_MIN;
    struct s3_probe probe = { .client = client };
    int rc;

    s3_client_persist(client, s3_probe_start, &probe);
    rc =
        opts->size <= most ? upload_at_once(&up, info, &why) : upload_in_parts(&up, info, &why);
    s3_client_persist(client, s3_lost_untold, NULL);
    s3_probe_end(&probe);
    if (rc < 0 && err)
        *err = why;
    return rc;
}
