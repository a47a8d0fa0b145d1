/* SPDX-License-Identifier: MIT */
#include "net/request.h"

#include "base/clock.h"
#include "limit/backoff.h"
#include "net/send.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define STATUS_START 5 /* length of "HTTP/" */

#define BUFFER_LEAST  ((size_t)8 << 10)
#define BUFFER_MOST   ((size_t)32 << 10)
#define BUFFER_STREAM ((size_t)64 << 10) /* when it is full, its connection is not read */
#define BUFFER_HEAD   1024               /* for the headers, which come first */
#define BUFFER_STEP   ((size_t)4 << 10)

/* bytes of a handle and its share of a connection: estimates, that of TLS a generous one */
static const size_t wire_costs[] = {
    [WIRE_PLAIN] = (size_t)18 << 10,
    [WIRE_TLS] = (size_t)64 << 10,
    [WIRE_STREAM] = (size_t)20 << 10,
};

size_t request_buffer(uint64_t expected, enum request_wire wire)
{
    size_t most = wire == WIRE_STREAM ? BUFFER_STREAM : BUFFER_MOST;
    size_t size;

    if (!expected) /* most are short, and of these many run at a time */
        return most / 2;
    if (expected > most - BUFFER_HEAD)
        return most;
    size = ((size_t)expected + BUFFER_HEAD + BUFFER_STEP - 1) / BUFFER_STEP * BUFFER_STEP;
    return size < BUFFER_LEAST ? BUFFER_LEAST : size;
}

size_t request_memory(uint64_t expected, enum request_wire wire)
{
    size_t buffer = request_buffer(expected, wire);
    bool small = expected && expected <= REQUEST_SMALL;

    return wire_costs[wire] + (small || wire == WIRE_STREAM ? 1 : 2) * buffer;
}

/* Why the headers are invalid, or NULL. */
static const char *flaw_of(const struct request *request)
{
    if (!request->bad && request->status == 200 && *request->range)
        return "Content-Range in a response with status 200";
    return request->bad;
}

const char *request_method(const struct request *request)
{
    if (request->send)
        return request->send->method;
    return request->post ? "POST" : "GET";
}

bool request_partial(const struct request *request)
{
    return request->status == 206 && request->coding == CODING_NONE &&
           resume_right(&request->resume, request->range, &request->seen);
}

bool request_good(const struct request *request)
{
    if (flaw_of(request))
        return false;
    if (request->post || request->send)
        return request->status >= 200 && request->status < 300;
    if (request->status == 200) /* an encoded body cannot continue a partial download */
        return !request->resume.from || request->coding == CODING_NONE;
    return request_partial(request);
}

bool request_unfit(const struct request *request)
{
    return request->resume.from && !request_good(request) &&
           (request->status == 200 || request->status == 206 || request->status == 416);
}

uint64_t request_total(const struct request *request)
{
    if (request->length == REQUEST_UNSAID || request->coding != CODING_NONE || request->chunked)
        return REQUEST_UNSAID;
    return request->length + (request_partial(request) ? request->resume.from : 0);
}

bool request_retryable(const struct request *request)
{
    if (request->hopeless || request->err.kind == ERR_LIMIT ||
        request->err.kind == ERR_CANCELLED)
        return false;
    if (request->err.kind || flaw_of(request) || request_unfit(request))
        return true;
    return request->status == 408 || request->status == 429 || request->status >= 500;
}

int request_check(const struct request *request, struct err *err)
{
    enum err_kind kind = ERR_HTTP;
    const char *flaw = flaw_of(request);
    const char *what = "";

    if (request->err.kind) {
        if (err)
            *err = request->err;
        return -1;
    }
    if (flaw)
        return err_set(err, ERR_FORMAT, "%s: %s", request->host, flaw);
    if (request_good(request))
        return 0;
    if (request->status == 401 || request->status == 403)
        kind = ERR_DENIED;
    else if (request->status == 404 || request->status == 410)
        kind = ERR_NOT_FOUND;
    else if (request->status == 429)
        what = " (too many requests)";
    else if (request_unfit(request))
        what = ", not with the requested range";
    (void)err_set(err, kind, "%s answered %ld%s", request->host, request->status, what);
    if (err)
        err->http = request->status;
    return -1;
}

bool request_field(const char *line, size_t len, const char *name, char *out, size_t size)
{
    size_t name_len = strlen(name);

    if (len <= name_len || line[name_len] != ':' || strncasecmp(line, name, name_len) != 0)
        return false;
    line += name_len + 1;
    len -= name_len + 1;
    while (len && isspace((unsigned char)*line)) {
        line++;
        len--;
    }
    while (len && isspace((unsigned char)line[len - 1]))
        len--;
    if (len >= size)
        len = size - 1;
    memcpy(out, line, len);
    out[len] = '\0';
    return true;
}

/* Content-Length: digits, and the same value if repeated (RFC 9110, 8.6). */
static void take_length(struct request *request, const char *value)
{
    char *end;
    unsigned long long length = strtoull(value, &end, 10);

    if (!isdigit((unsigned char)*value) || *end || length == ULLONG_MAX ||
        (request->length != REQUEST_UNSAID && request->length != length))
        request->bad = "invalid Content-Length in the response";
    else
        request->length = length;
}

static void take_coding(struct request *request, const char *value)
{
    static const struct {
        const char *name;
        enum coding coding;
    } known[] = {
        { "gzip", CODING_GZIP }, { "x-gzip", CODING_GZIP },   { "deflate", CODING_DEFLATE },
        { "zstd", CODING_ZSTD }, { "identity", CODING_NONE }, { "", CODING_NONE },
    };
    enum coding coding = CODING_OTHER;
    size_t i;

    for (i = 0; i < sizeof(known) / sizeof(*known); i++) {
        if (strcasecmp(value, known[i].name) == 0)
            coding = known[i].coding;
    }
    if (coding != CODING_NONE)
        request->coding = request->coding == CODING_NONE ? coding : CODING_OTHER;
    if (request->as_sent && request->coding == CODING_OTHER)
        request->bad = "unrequested Content-Encoding in the response";
}

/* libcurl decodes chunked; any other transfer coding was not requested and is an error. */
static void take_transfer(struct request *request, const char *value)
{
    if (strcasecmp(value, "chunked") == 0)
        request->chunked = true;
    else if (*value && strcasecmp(value, "identity") != 0)
        request->bad = "unrequested Transfer-Encoding in the response";
}

/* Content-Range: at most one value, which can be kept whole; an empty one says nothing. */
static void take_range(struct request *request, const char *value)
{
    size_t len = strlen(value);

    if (len >= sizeof(request->range) ||
        (len && *request->range && strcmp(request->range, value) != 0))
        request->bad = "invalid Content-Range in the response";
    else if (len)
        memcpy(request->range, value, len + 1);
}

static void reset_response(struct request *request)
{
    request->coding = CODING_NONE;
    request->chunked = request->headed = request->heading = false;
    request->bad = NULL;
    request->length = REQUEST_UNSAID;
    request->retry_after = BACKOFF_UNSAID;
    request->date = CLOCK_NONE;
    request->type[0] = request->range[0] = '\0';
    request->seen = (struct validators){ 0 };
}

/*
 * Why a line is no valid header, or NULL: programs disagree about what such a line means, so
 * that the framing or the coding of the body is not known (RFC 9112, 5.1 and 5.2).
 */
static const char *flaw_of_line(const char *line, size_t len)
{
    size_t i = 0;

    if (*line == ' ' || *line == '\t')
        return "a folded header in the response";
    if (len >= STATUS_START && memcmp(line, "HTTP/", STATUS_START) == 0)
        return "a status line within the headers of the response";
    while (i < len && line[i] != ':' && !isspace((unsigned char)line[i]))
        i++;
    while (i < len && isspace((unsigned char)line[i]))
        i++;
    if (i < len && line[i] == ':' && i && isspace((unsigned char)line[i - 1]))
        return "a header name that ends in a blank in the response";
    return NULL;
}

/* Whether a line is a status line, and not one within the headers of a response. */
static bool begins_response(struct request *request, const char *line, size_t len)
{
    if (len < STATUS_START || memcmp(line, "HTTP/", STATUS_START) != 0)
        return false;
    return len == STATUS_START || !request->heading || request->headed;
}

/* Store the fields that the engine and its callers need. */
static void take_field(struct request *request, const char *line, size_t len, int64_t wall)
{
    char value[256];

    if (request_field(line, len, "content-encoding", value, sizeof(value))) {
        take_coding(request, value);
    } else if (request_field(line, len, "transfer-encoding", value, sizeof(value))) {
        take_transfer(request, value);
    } else if (request_field(line, len, "content-length", value, sizeof(value))) {
        take_length(request, value);
    } else if (request_field(line, len, "retry-after-ms", value, sizeof(value))) {
        request->retry_after = backoff_asked(value, 1, wall);
    } else if (request_field(line, len, "retry-after", value, sizeof(value))) {
        if (request->retry_after == BACKOFF_UNSAID)
            request->retry_after = backoff_asked(value, 1000, wall);
    } else if (request_field(line, len, "date", value, sizeof(value))) {
        request->date = clock_http(value);
    } else if (request_field(line, len, "content-type", value, sizeof(request->type))) {
        memcpy(request->type, value, strlen(value) + 1);
    } else if (request_field(line, len, "content-range", value, sizeof(value))) {
        take_range(request, value);
    } else if (request_field(line, len, "etag", value, sizeof(value))) {
        validators_tag(&request->seen, value);
    } else if (request_field(line, len, "last-modified", value, sizeof(value))) {
        validators_date(&request->seen, value);
    }
}

void request_header(struct request *request, const char *line, size_t len, int64_t wall)
{
    const char *flaw;

    if (begins_response(request, line, len)) {
        reset_response(request);
        request->heading = len > STATUS_START;
    } else if (request->headed) {
        return; /* a trailer */
    } else if (len && (*line == '\r' || *line == '\n')) {
        request->headed = true;
    } else if (len && (flaw = flaw_of_line(line, len))) {
        request->bad = flaw;
    } else {
        if (request->send)
            request->send->header(request->send->header_ctx, line, len);
        take_field(request, line, len, wall);
    }
}
