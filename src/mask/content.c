/* SPDX-License-Identifier: MIT */
#include "mask/content.h"

#include "base/json.h"
#include "format/sniff.h"
#include "mask/json_mask.h"
#include "mask/layer.h"

#include <string.h>
#include <zlib.h>

#define PASSES_MAX  3                /* to mask what masking left */
#define GZIP_BITS   (MAX_WBITS + 16) /* zlib: a gzip header */
#define PIECE       ((size_t)64 << 10)
#define NO_DOCUMENT 2

enum content_kind content_kind(const void *bytes, size_t len)
{
    const struct sniff *is = sniff_find(bytes, len < SNIFF_SIZE ? len : SNIFF_SIZE);

    if (sniff_is(is, "gz"))
        return CONTENT_GZIP;
    if (is && strncmp(is->media_type, "image/", 6) == 0)
        return CONTENT_PICTURE;
    if (is && is->packed)
        return CONTENT_OPAQUE;
    if (sniff_is(is, "pdf"))
        return CONTENT_OPAQUE;
    return memchr(bytes, '\0', len) ? CONTENT_OPAQUE : CONTENT_TEXT;
}

/* Whether a text begins like a JSON object or array. */
static bool begins_json(const char *text, size_t len)
{
    size_t i = 0;

    while (i < len && (text[i] == ' ' || text[i] == '\t' || text[i] == '\r' || text[i] == '\n'))
        i++;
    return i < len && (text[i] == '{' || text[i] == '[');
}

/* The end of a line, behind its line feed. */
static size_t line_end(const char *text, size_t len, size_t at)
{
    const char *stop = memchr(text + at, '\n', len - at);

    return stop ? (size_t)(stop - text) + 1 : len;
}

/*
 * Whether a text is part of a HAR, or of the like, in which secrets have no name beside them:
 * it has the names of such lists, and is neither a document nor lines of documents.
 */
static bool is_broken(const char *text, size_t len)
{
    static const char *const names[] = { "\"cookies\"", "\"headers\"", "\"postData\"" };
    bool has = false;
    size_t end;
    size_t i;

    for (i = 0; !has && i < sizeof(names) / sizeof(*names); i++)
        has = memmem(text, len, names[i], strlen(names[i])) != NULL;
    if (!has || !begins_json(text, len) || json_check(text, len, NULL, NULL) == 0)
        return false;
    for (i = 0; i < len; i = end) {
        end = line_end(text, len, i);
        if (text[i] == '{' && json_check(text + i, end - i, NULL, NULL) < 0)
            return true;
    }
    return text[0] == '[' && begins_json(text + 1, len - 1); /* not "[INFO] ..." */
}

/* Mask a text once: 1; 0: nothing was masked; -1: error. */
static int mask_once(struct masker *m, const char *text, size_t len, struct buf *out,
                     struct err *err);

/* Mask a body of a HAR that is in base64. */
static int mask_body(struct masker *m, const char *bytes, size_t len, struct buf *out,
                     struct err *err)
{
    int leaks;

    switch (content_kind(bytes, len)) {
    case CONTENT_TEXT:
        if (!is_broken(bytes, len))
            return mask_once(m, bytes, len, out, err);
        break;
    case CONTENT_PICTURE:
        leaks = text_mask_leaks(m, bytes, len, err);
        if (leaks <= 0)
            return leaks;
        break;
    case CONTENT_GZIP:
    case CONTENT_OPAQUE:
        break;
    }
    return text_mask_put(m, RULE_UNMASKABLE, out, err) < 0 ? -1 : 1;
}

/* Mask a document: 1; 0: nothing was masked; 2: the text is none; -1: error. */
static int mask_json(struct masker *m, const char *text, size_t len, struct buf *out,
                     struct err *err)
{
    struct json *doc = NULL;
    int rc = begins_json(text, len) ? json_mask_parse(text, len, &doc, err) : 0;

    if (rc == 0)
        rc = doc ? json_mask(m, doc, text, len, mask_body, out, err) : NO_DOCUMENT;
    json_free(doc);
    return rc;
}

/* Mask a text of which lines are documents, as in logs. */
static int mask_lines(struct masker *m, const char *text, size_t len, struct buf *out,
                      struct err *err)
{
    int changed = 0;
    size_t plain = 0; /* where the lines begin that are no documents */
    size_t i = 0;

    while (i < len) {
        size_t end = line_end(text, len, i);
        bool document =
            begins_json(text + i, end - i) && json_check(text + i, end - i, NULL, NULL) == 0;
        int rc = 0;

        if (document && i > plain) {
            rc = text_mask(m, text + plain, i - plain, out, err);
            changed |= rc > 0;
        }
        if (document && rc >= 0) {
            rc = mask_json(m, text + i, end - i, out, err);
            changed |= rc > 0;
            plain = end;
        }
        if (rc < 0)
            return -1;
        i = end;
    }
    if (len > plain || !len) {
        int rc = text_mask(m, text + plain, len - plain, out, err);

        return rc < 0 ? -1 : changed | rc;
    }
    return changed;
}

static int mask_once(struct masker *m, const char *text, size_t len, struct buf *out,
                     struct err *err)
{
    size_t mark = len > 2 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    int rc;

    if (buf_add(out, text, mark, err) < 0)
        return -1;
    rc = mask_json(m, text + mark, len - mark, out, err);
    return rc == NO_DOCUMENT ? mask_lines(m, text + mark, len - mark, out, err) : rc;
}

/* Mask a text until masking changes nothing, since a mask may show that more is secret, and see
 * whether anything known is left in it. */
static int mask_text(struct masker *m, const char *text, size_t len, struct buf *out,
                     struct err *err)
{
    struct buf again;
    unsigned pass;
    int changed;
    int rc;

    buf_reset(out);
    changed = mask_once(m, text, len, out, err);
    if (changed < 0 || m->learning)
        return changed < 0 ? -1 : changed ? CONTENT_MASKED : CONTENT_SAME;
    rc = changed;
    for (pass = 0; rc > 0 && pass < PASSES_MAX; pass++) {
        buf_init(&again, out->max);
        rc = mask_once(m, buf_text(out), out->len, &again, err);
        buf_clear(out);
        *out = again;
    }
    if (rc == 0)
        rc = text_mask_leaks(m, buf_text(out), out->len, err);
    if (rc)
        return rc < 0 ? -1 : CONTENT_LEFTOVER;
    return changed ? CONTENT_MASKED : CONTENT_SAME;
}

/* Decompress up to CONTENT_MAX bytes: 1; 0: it is damaged or larger; -1: error. */
static int gunzip(const char *bytes, size_t len, struct buf *out, struct err *err)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)len };
    int code = inflateInit2(&z, GZIP_BITS);
    int rc = 0;

    if (code != Z_OK)
        return err_set(err, ERR_MEMORY, "out of memory");
    while (code != Z_STREAM_END) {
        char *room = out->len < CONTENT_MAX ? buf_room(out, PIECE, err) : NULL;

        if (!room) {
            rc = out->len < CONTENT_MAX ? -1 : 0;
            break;
        }
        z.next_out = (Bytef *)room;
        z.avail_out = (uInt)PIECE;
        code = inflate(&z, Z_NO_FLUSH);
        out->len += PIECE - z.avail_out;
        if (code != Z_OK && code != Z_STREAM_END)
            break;
    }
    if (code == Z_STREAM_END)
        rc = z.avail_in == 0; /* a second member would not be masked */
    (void)inflateEnd(&z);
    return rc;
}

static int gzip(const char *bytes, size_t len, struct buf *out, struct err *err)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)len };
    size_t room;
    char *to;
    int code;

    buf_reset(out);
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_BITS, 8, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        return err_set(err, ERR_MEMORY, "out of memory");
    room = deflateBound(&z, (uLong)len);
    to = buf_room(out, room, err);
    if (!to) {
        (void)deflateEnd(&z);
        return -1;
    }
    z.next_out = (Bytef *)to;
    z.avail_out = (uInt)room;
    code = deflate(&z, Z_FINISH);
    out->len = room - z.avail_out;
    (void)deflateEnd(&z);
    return code == Z_STREAM_END ? 0 : err_set(err, ERR_SYSTEM, "zlib cannot compress a text");
}

static int mask_gzip(struct masker *m, const char *bytes, size_t len, struct buf *out,
                     struct err *err)
{
    struct buf plain;
    struct buf masked;
    int rc;

    buf_init(&plain, CONTENT_MAX + PIECE);
    buf_init(&masked, LAYER_TEXT_MAX);
    rc = gunzip(bytes, len, &plain, err);
    if (rc > 0 && content_kind(buf_text(&plain), plain.len) == CONTENT_TEXT &&
        !is_broken(buf_text(&plain), plain.len))
        rc = mask_text(m, buf_text(&plain), plain.len, &masked, err);
    else
        rc = rc < 0 ? -1 : CONTENT_UNMASKABLE;
    if (rc == CONTENT_MASKED && gzip(buf_text(&masked), masked.len, out, err) < 0)
        rc = -1;
    buf_clear(&masked);
    buf_clear(&plain);
    return rc;
}

int content_mask(struct masker *m, const char *bytes, size_t len, struct buf *out,
                 struct err *err)
{
    int leaks;

    if (len > CONTENT_MAX)
        return err_set(err, ERR_LIMIT, "a content of more than %zu bytes", CONTENT_MAX);
    switch (content_kind(bytes, len)) {
    case CONTENT_TEXT:
        return is_broken(bytes, len) ? CONTENT_UNMASKABLE : mask_text(m, bytes, len, out, err);
    case CONTENT_GZIP:
        return mask_gzip(m, bytes, len, out, err);
    case CONTENT_PICTURE:
        leaks = text_mask_leaks(m, bytes, len, err);
        return leaks < 0 ? -1 : leaks ? CONTENT_LEFTOVER : CONTENT_SAME;
    case CONTENT_OPAQUE:
        break;
    }
    return CONTENT_UNMASKABLE;
}
