/* SPDX-License-Identifier: MIT */
#include "net/send.h"

#include "base/buf.h"
#include "base/pulse.h"

#include <stdio.h>
#include <string.h>

int send_from_bytes(void *ctx, void *bytes, size_t len, uint64_t at, struct err *err)
{
    (void)err;
    memcpy(bytes, (const char *)ctx + at, len);
    return 0;
}

int send_from_buf(void *ctx, void *bytes, size_t len, uint64_t at, struct err *err)
{
    const struct buf *buf = ctx;

    return send_from_bytes(buf->data, bytes, len, at, err);
}

/* libcurl's read callback: the next bytes of the body. */
static size_t on_read(char *bytes, size_t size, size_t count, void *ctx)
{
    struct send *send = ctx;
    uint64_t left = send->size - send->at;
    size_t len = size * count;

    if (len > left)
        len = (size_t)left;
    if (!len)
        return 0;
    if (send->read(send->read_ctx, bytes, len, send->at, send->err) < 0)
        return CURL_READFUNC_ABORT;
    send->at += len;
    pulse_beat(BEAT_SENT);
    return len;
}

/* libcurl's seek callback: it begins the body again on a new connection. */
static int on_seek(void *ctx, curl_off_t offset, int origin)
{
    struct send *send = ctx;

    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > send->size)
        return CURL_SEEKFUNC_FAIL;
    send->at = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static bool send_bodyless(const struct send *send)
{
    return strcmp(send->method, "HEAD") == 0;
}

/* A request whose body libcurl reads: PUT and POST. An empty body is sent as one, too. */
static bool set_body(struct send *send, CURL *easy)
{
    return curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)send->size) ==
               CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_MAX_SEND_SPEED_LARGE, (curl_off_t)send->rate_bps) ==
               CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_READDATA, send) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SEEKDATA, send) == CURLE_OK;
}

bool send_set_up(struct send *send, CURL *easy, struct err *read_err)
{
    bool body = strcmp(send->method, "PUT") == 0 || strcmp(send->method, "POST") == 0;

    send->at = 0;
    send->err = read_err;
    if (send->stall_s &&
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)send->stall_s) != CURLE_OK)
        return false;
    if (send_bodyless(send))
        return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
    return (body ? set_body(send, easy)
                 : curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) == CURLE_OK) &&
           curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, send->method) == CURLE_OK;
}
