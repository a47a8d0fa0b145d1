/* SPDX-License-Identifier: MIT */
#include "view/about.h"

#include "view/inert.h"

#include <inttypes.h>
#include <string.h>

/* Copy a JSON text, if it is a string that fits. */
static void copy(char out[ABOUT_VALUE_MAX], const char *text, size_t len)
{
    if (!len || *text != '"' || len >= ABOUT_VALUE_MAX)
        return;
    memcpy(out, text, len);
    out[len] = '\0';
}

void about_source(struct about *about, const char *text, size_t len)
{
    char value[ABOUT_VALUE_MAX] = "";

    copy(value, text, len);
    if (!about->archives++)
        memcpy(about->source, value, sizeof(value));
    else if (strcmp(about->source, value) != 0)
        about->source[0] = '\0';
}

void about_created(struct about *about, const char *text, size_t len)
{
    char value[ABOUT_VALUE_MAX] = "";

    copy(value, text, len);
    if (strcmp(value, about->created) >
        0) /* in one format, the later time is the greater text */
        memcpy(about->created, value, sizeof(value));
}

/* Append a member that has a JSON text. */
static int put_value(struct buf *out, const char *name, const char *text, struct err *err)
{
    return buf_addf(out, err, "\"%s\": ", name) < 0
               ? -1
               : inert_json(out, *text ? text : "null", *text ? strlen(text) : 4, err);
}

int about_put(const struct about *about, struct buf *out, struct err *err)
{
    if (buf_adds(out, "{", err) < 0 || put_value(out, "source", about->source, err) < 0 ||
        buf_adds(out, ", ", err) < 0 || put_value(out, "created", about->created, err) < 0)
        return -1;
    if (about->archives &&
        buf_adds(out, about->filtered ? ", \"filter\": true" : ", \"filter\": false", err) < 0)
        return -1;
    if (about->artifacts &&
        buf_addf(out, err,
                 ", \"artifacts\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"missing\": %" PRIu64,
                 about->artifacts, about->bytes, about->missing) < 0)
        return -1;
    return buf_adds(out, "}", err);
}
