/* SPDX-License-Identifier: MIT */
#include "view/har.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/jsonw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 32
#define TYPE_MAX   100

/* The value of a number; fallback if v is not a number, or not finite. */
static double number(struct json_value v, double fallback)
{
    char text[NUMBER_MAX];
    const char *raw;
    double value;
    size_t len;

    if (json_type(v) != JSON_NUMBER)
        return fallback;
    raw = json_raw(v, &len);
    if (len >= sizeof(text))
        return fallback;
    memcpy(text, raw, len);
    text[len] = '\0';
    value = strtod(text, NULL);
    return isfinite(value) && fabs(value) < 1e15 ? value : fallback;
}

/* Append a string, truncated to max bytes, as JSON. */
static int put_text(struct buf *out, struct json_value v, size_t max, struct err *err)
{
    struct buf text;
    int rc;

    buf_init(&text, HAR_SIZE_MAX);
    rc = json_append(v, &text, err);
    if (rc == 0)
        rc = jsonw_quote(out, buf_text(&text), text.len < max ? text.len : max, err);
    buf_clear(&text);
    return rc;
}

static double start_of(struct json_value entry)
{
    struct buf text;
    int64_t us = CLOCK_NONE;
    double start = 0;

    buf_init(&text, TYPE_MAX);
    if (json_append(json_get(entry, "startedDateTime"), &text, NULL) == 0)
        us = clock_us(buf_text(&text));
    if (us != CLOCK_NONE)
        start = (double)us / 1000;
    buf_clear(&text);
    return start;
}

static int put_row(struct buf *out, struct json_value entry, struct err *err)
{
    struct json_value request = json_get(entry, "request");
    struct json_value response = json_get(entry, "response");
    struct json_value content = json_get(response, "content");
    double status = number(json_get(response, "status"), 0);
    double took = number(json_get(entry, "time"), 0);

    if (buf_addf(out, err, "[%.3f, %.3f, ", start_of(entry), took > 0 ? took : 0) < 0 ||
        put_text(out, json_get(request, "method"), TYPE_MAX, err) < 0 ||
        buf_adds(out, ", ", err) < 0 ||
        put_text(out, json_get(request, "url"), HAR_URL_MAX, err) < 0 ||
        buf_addf(out, err, ", %.0f, ", status > 0 ? status : 0) < 0 ||
        put_text(out, json_get(content, "mimeType"), TYPE_MAX, err) < 0 ||
        buf_addf(out, err, ", %.0f, ", number(json_get(content, "size"), -1)) < 0 ||
        put_text(out, json_get(response, "_error"), HAR_URL_MAX, err) < 0)
        return -1;
    return buf_adds(out, "]", err);
}

int har_rows(const char *text, size_t len, size_t values, struct buf *out, struct err *err)
{
    size_t count;
    struct json *doc = NULL;
    struct json_value entries;
    struct json_value entry = { 0 };
    size_t rows = 0;
    int rc = -1;

    if (json_check(text, len, &count, err) < 0)
        return -1;
    if (count > values)
        return err_set(err, ERR_LIMIT, "a HAR with %zu values and keys is too large", count);
    doc = json_parse(text, len, err);
    if (!doc)
        return -1;
    entries = json_get(json_get(json_root(doc), "log"), "entries");
    if (json_type(entries) != JSON_ARRAY)
        rc = err_set(err, ERR_FORMAT, "not a HAR: log.entries is missing");
    else
        rc = buf_addf(out, err, "{\"total\": %zu, \"entries\": [", json_count(entries));
    while (rc == 0 && rows < HAR_ROWS_MAX && out->len < HAR_TEXT_MAX &&
           json_type(entry = json_next(entries, entry)) != JSON_ABSENT) {
        if (rows++ && buf_adds(out, ",\n", err) < 0)
            rc = -1;
        if (rc == 0)
            rc = put_row(out, entry, err);
    }
    if (rc == 0)
        rc = buf_adds(out, "]}", err);
    json_free(doc);
    return rc;
}
