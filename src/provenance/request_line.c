/* SPDX-License-Identifier: MIT */
#include "provenance/request_line.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define TIME_MAX   (CLOCK_TEXT_MAX + 8)
#define NUMBER_MAX 20 /* digits */

static const char *const kinds[REQUEST_LINE_KINDS] = {
    [REQUEST_LINE_HEADER] = "header",   [REQUEST_LINE_SESSION] = "session",
    [REQUEST_LINE_REQUEST] = "request", [REQUEST_LINE_RUN] = "run",
    [REQUEST_LINE_RECORD] = "record",
};

/*
 * The lines are many, and are written twice: printf, which scans its format and measures first,
 * takes several times as long as all else.
 */

/* Append ", "key": ". */
static int put_key(struct buf *out, const char *key, struct err *err)
{
    return buf_adds(out, ", \"", err) < 0 || buf_adds(out, key, err) < 0
               ? -1
               : buf_adds(out, "\": ", err);
}

/* Append ", "key": "text""; null for NULL. */
static int put_text(struct buf *out, const char *key, const char *text, struct err *err)
{
    if (put_key(out, key, err) < 0)
        return -1;
    return text ? jsonw_quote(out, text, strlen(text), err) : buf_adds(out, "null", err);
}

static int put_number(struct buf *out, const char *key, uint64_t value, struct err *err)
{
    char digits[NUMBER_MAX];
    char *at = digits + sizeof(digits);
    bool none = value == REQUEST_LINE_NONE;

    if (put_key(out, key, err) < 0)
        return -1;
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return none ? buf_adds(out, "null", err)
                : buf_add(out, at, (size_t)(digits + sizeof(digits) - at), err);
}

static int put_digest(struct buf *out, const uint8_t *sha256, struct err *err)
{
    char hex[SHA256_TEXT];

    if (sha256)
        text_hex(hex, sha256, SHA256_SIZE);
    return put_text(out, "sha256", sha256 ? hex : NULL, err);
}

/* A time with milliseconds: "2026-01-20T11:52:29.276Z". */
static int put_time(struct buf *out, const char *key, int64_t at, struct err *err)
{
    char text[CLOCK_TEXT_MAX];
    char whole[TIME_MAX];
    int64_t ms = at % 1000;

    (void)clock_format(text, at, CLOCK_RFC3339);
    (void)snprintf(whole, sizeof(whole), "%.*s.%03dZ", (int)(strlen(text) - 1), text,
                   (int)(ms < 0 ? 0 : ms));
    return put_text(out, key, whole, err);
}

static int begin(struct buf *out, enum request_line_kind kind, struct err *err)
{
    return buf_adds(out, "{\"line\": \"", err) < 0 || buf_adds(out, kinds[kind], err) < 0
               ? -1
               : buf_adds(out, "\"", err);
}

int request_line_end(struct buf *out, struct err *err)
{
    return buf_adds(out, "]}\n", err);
}

int request_line_header(struct buf *out, const struct request_header *h, struct err *err)
{
    if (begin(out, REQUEST_LINE_HEADER, err) < 0 ||
        put_text(out, "schema", REQUEST_LINE_SCHEMA, err) < 0 ||
        put_text(out, "service", h->service, err) < 0 ||
        put_text(out, "service_version", h->version, err) < 0)
        return -1;
    if (h->clock == CLOCK_NONE
            ? buf_adds(out, ", \"clock_offset_ms\": null", err) < 0
            : buf_addf(out, err, ", \"clock_offset_ms\": %lld", (long long)h->clock) < 0)
        return -1;
    return put_number(out, "sessions", h->sessions, err) < 0 ||
                   put_number(out, "lost", h->lost, err) < 0 ||
                   put_number(out, "removed", h->removed, err) < 0
               ? -1
               : buf_adds(out, "}\n", err);
}

int request_line_session(struct buf *out, const struct request_session *s, struct err *err)
{
    return begin(out, REQUEST_LINE_SESSION, err) < 0 ||
                   put_number(out, "session", s->number, err) < 0 ||
                   put_text(out, "tool", s->tool, err) < 0 ||
                   put_text(out, "build", s->build, err) < 0 ||
                   put_text(out, "host", s->host, err) < 0 ||
                   put_time(out, "began_at", s->began, err) < 0
               ? -1
               : buf_adds(out, "}\n", err);
}

int request_line_members(struct buf *out, const struct request_asked *a, struct err *err)
{
    return put_text(out, "run_id", a->run, err) < 0 ||
                   put_text(out, "method", a->method, err) < 0 ||
                   put_text(out, "path", a->path, err) < 0 ||
                   put_number(out, "attempt", a->attempt, err) < 0 ||
                   put_time(out, "asked_at", a->at, err) < 0 ||
                   put_number(out, "took_ms", a->took, err) < 0 ||
                   put_number(out, "http_status",
                              a->status > 0 ? (uint64_t)a->status : REQUEST_LINE_NONE,
                              err) < 0 ||
                   put_text(out, "failure", a->error, err) < 0
               ? -1
               : put_number(out, "bytes", a->bytes, err);
}

int request_line_request(struct buf *out, uint64_t number, uint64_t session,
                         const char *members, const struct request_answer *answer,
                         struct err *err)
{
    return begin(out, REQUEST_LINE_REQUEST, err) < 0 ||
                   put_number(out, "number", number, err) < 0 ||
                   put_number(out, "session", session, err) < 0 ||
                   buf_adds(out, members, err) < 0 ||
                   put_digest(out, answer->summed ? answer->sha256 : NULL, err) < 0 ||
                   put_number(out, "rows", answer->rows, err) < 0 ||
                   put_number(out, "rows_expected", answer->expected, err) < 0
               ? -1
               : buf_adds(out, "}\n", err);
}

int request_line_run(struct buf *out, const char *run, const struct request_counts *counts,
                     struct err *err)
{
    return begin(out, REQUEST_LINE_RUN, err) < 0 || put_text(out, "run_id", run, err) < 0 ||
                   put_number(out, "listed", counts->listed, err) < 0 ||
                   put_number(out, "expected", counts->expected, err) < 0 ||
                   put_number(out, "received", counts->received, err) < 0
               ? -1
               : buf_adds(out, "}\n", err);
}

int request_line_record(struct buf *out, const char *path, const char *run,
                        const uint8_t sha256[SHA256_SIZE], bool joined, struct err *err)
{
    return begin(out, REQUEST_LINE_RECORD, err) < 0 || put_text(out, "run_id", run, err) < 0 ||
                   put_text(out, "path", path, err) < 0 || put_digest(out, sha256, err) < 0
               ? -1
               : buf_addf(out, err, ", \"joined\": %s, \"pages\": [",
                          joined ? "true" : "false");
}

int request_line_page(struct buf *out, bool first, uint64_t number,
                      const struct request_answer *answer, struct err *err)
{
    struct buf members; /* begins with a comma */
    int rc;

    buf_init(&members, REQUEST_LINE_MAX);
    rc = put_number(&members, "number", number, err) < 0 ||
                 put_digest(&members, answer->summed ? answer->sha256 : NULL, err) < 0 ||
                 put_number(&members, "rows", answer->rows, err) < 0
             ? -1
             : buf_adds(out, first ? "{" : ", {", err);
    if (rc == 0)
        rc = buf_adds(out, buf_text(&members) + 2, err) < 0 ? -1 : buf_adds(out, "}", err);
    buf_clear(&members);
    return rc;
}

int request_line_flush(struct buf *lines, put_fn *put, void *to, struct err *err)
{
    int rc = put(to, buf_text(lines), lines->len, err);

    buf_reset(lines);
    return rc;
}

/* Get a digest; false: it is malformed. null is none, which *summed says. */
static bool digest_of(struct json_value object, bool *summed, uint8_t out[SHA256_SIZE])
{
    struct json_value v = json_get(object, "sha256");
    char hex[SHA256_TEXT] = "";
    size_t len = 0;
    const char *raw = json_type(v) == JSON_STRING ? json_raw(v, &len) : NULL;

    *summed = false;
    if (!raw || len != SHA256_TEXT - 1)
        return json_type(v) == JSON_NULL;
    memcpy(hex, raw, len);
    *summed = text_unhex(out, SHA256_SIZE, hex) == 0;
    return *summed;
}

bool request_line_page_of(struct json_value page, uint64_t *number, bool *summed,
                          uint8_t sha256[SHA256_SIZE])
{
    return json_u64(json_get(page, "number"), number) && digest_of(page, summed, sha256);
}

/* Copy the texts of a line; what is no text is NULL. */
static int read_texts(struct request_line *line, struct json_value root, struct err *err)
{
    char *run;
    char *path;

    if (json_string(json_get(root, "run_id"), line->region, &run, err) < 0 ||
        json_string(json_get(root, "path"), line->region, &path, err) < 0)
        return -1;
    line->run = run;
    line->record = line->kind == REQUEST_LINE_RECORD ? path : NULL;
    return 0;
}

/* Read the other members of a line, whose kind is known; false: they are malformed. */
static bool read_members(struct request_line *line, struct json_value root)
{
    struct json_value status = json_get(root, "http_status");
    struct json_value run = json_get(root, "run_id");

    switch (line->kind) {
    case REQUEST_LINE_HEADER:
        return json_is(json_get(root, "schema"), REQUEST_LINE_SCHEMA) &&
               json_u64(json_get(root, "lost"), &line->lost);
    case REQUEST_LINE_REQUEST:
        return json_u64(json_get(root, "number"), &line->number) && line->number &&
               (json_type(run) == JSON_NULL || line->run) &&
               (json_type(status) == JSON_NULL || json_u64(status, &line->status)) &&
               digest_of(root, &line->summed, line->sha256);
    case REQUEST_LINE_RUN:
        return line->run != NULL;
    case REQUEST_LINE_RECORD:
        line->pages = json_get(root, "pages");
        return line->record && line->run &&
               json_bool(json_get(root, "joined"), &line->joined) &&
               json_type(line->pages) == JSON_ARRAY &&
               digest_of(root, &line->summed, line->sha256) && line->summed;
    case REQUEST_LINE_SESSION:
    case REQUEST_LINE_KINDS:
        break;
    }
    return true;
}

int request_line_read(struct request_line *line, const char *text, size_t len, struct err *err)
{
    int kind = 0;

    *line = (struct request_line){ .doc = json_parse(text, len, err) };
    if (!line->doc)
        return -1;
    line->region = region_new(err);
    if (!line->region)
        return -1;
    while (kind < REQUEST_LINE_KINDS &&
           !json_is(json_get(json_root(line->doc), "line"), kinds[kind]))
        kind++;
    if (kind == REQUEST_LINE_KINDS)
        return err_set(err, ERR_FORMAT, "a line of no known kind");
    line->kind = (enum request_line_kind)kind;
    if (read_texts(line, json_root(line->doc), err) < 0)
        return -1;
    return read_members(line, json_root(line->doc))
               ? 0
               : err_set(err, ERR_FORMAT, "a malformed line of the kind '%s'", kinds[kind]);
}

void request_line_clear(struct request_line *line)
{
    json_free(line->doc);
    region_free(line->region);
    *line = (struct request_line){ 0 };
}

void request_lines_init(struct request_lines *lines,
                        int (*fn)(void *ctx, const char *text, size_t len, struct err *err),
                        void *ctx)
{
    lines->fn = fn;
    lines->ctx = ctx;
    buf_init(&lines->line, REQUEST_LINE_MAX);
}

int request_lines_put(void *ctx, const void *bytes, size_t len, struct err *err)
{
    struct request_lines *lines = ctx;
    const char *at = bytes;

    while (len) {
        const char *stop = memchr(at, '\n', len);
        size_t n = stop ? (size_t)(stop - at) : len;

        if (n > lines->line.max - lines->line.len)
            return err_set(err, ERR_FORMAT, "a line is too long");
        if (buf_add(&lines->line, at, n, err) < 0)
            return -1;
        if (!stop)
            return 0;
        if (lines->fn(lines->ctx, buf_text(&lines->line), lines->line.len, err) < 0)
            return -1;
        buf_reset(&lines->line);
        at += n + 1;
        len -= n + 1;
    }
    return 0;
}

int request_lines_end(const struct request_lines *lines, struct err *err)
{
    return lines->line.len ? err_set(err, ERR_FORMAT, "the last line is incomplete") : 0;
}

void request_lines_clear(struct request_lines *lines)
{
    buf_clear(&lines->line);
}
