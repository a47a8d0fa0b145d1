/* SPDX-License-Identifier: MIT */
#include "format/sniff.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#define UNKNOWN "application/octet-stream"

struct magic {
    size_t at;
    const char *bytes;
    size_t len;
    const char *also; /* must also occur in the head; or NULL */
    struct sniff is;
};

/* clang-format off */
static const struct magic magics[] = {
    { 0, "\x89PNG\r\n\x1a\n",    8, NULL,   { "png",  "image/png",        true  } },
    { 0, "\xff\xd8\xff",         3, NULL,   { "jpg",  "image/jpeg",       true  } },
    { 0, "GIF8",                 4, NULL,   { "gif",  "image/gif",        true  } },
    { 8, "WEBP",                 4, "RIFF", { "webp", "image/webp",       true  } },
    { 0, "\x1a\x45\xdf\xa3",     4, "webm", { "webm", "video/webm",       true  } },
    { 0, "\x1a\x45\xdf\xa3",     4, NULL,   { "mkv",  "video/x-matroska", true  } },
    { 4, "ftyp",                 4, NULL,   { "mp4",  "video/mp4",        true  } },
    { 0, "OggS",                 4, NULL,   { "ogg",  "application/ogg",  true  } },
    { 0, "ID3",                  3, NULL,   { "mp3",  "audio/mpeg",       true  } },
    { 0, "PK\x03\x04",           4, NULL,   { "zip",  "application/zip",  true  } },
    { 0, "PK\x05\x06",           4, NULL,   { "zip",  "application/zip",  true  } },
    { 0, "\x1f\x8b\x08",         3, NULL,   { "gz",   "application/gzip", true  } },
    { 0, "\x28\xb5\x2f\xfd",     4, NULL,   { "zst",  "application/zstd", true  } },
    { 0, "BZh",                  3, NULL,   { "bz2",  "application/x-bzip2", true } },
    { 0, "\xfd" "7zXZ\0",        6, NULL,   { "xz",   "application/x-xz", true  } },
    { 0, "7z\xbc\xaf\x27\x1c",   6, NULL,   { "7z",   "application/x-7z-compressed", true } },
    { 0, "wOF2",                 4, NULL,   { "woff2", "font/woff2",      true  } },
    { 0, "%PDF-",                5, NULL,   { "pdf",  "application/pdf",  false } },
};

static const struct {
    const char *ext;
    const char *media_type;
} by_ext[] = {
    { "html", "text/html" },        { "json", "application/json" }, { "har", "application/json" },
    { "txt", "text/plain" },        { "log", "text/plain" },        { "csv", "text/csv" },
    { "xml", "application/xml" },   { "js", "text/javascript" },    { "css", "text/css" },
    { "svg", "image/svg+xml" },     { "md", "text/markdown" },      { "py", "text/x-python" },
};
/* clang-format on */

const struct sniff *sniff_find(const void *head, size_t len)
{
    size_t i;

    for (i = 0; i < sizeof(magics) / sizeof(*magics); i++) {
        const struct magic *m = &magics[i];

        if (len < m->at + m->len || memcmp((const char *)head + m->at, m->bytes, m->len) != 0)
            continue;
        if (!m->also ||
            memmem(head, len < SNIFF_SIZE ? len : SNIFF_SIZE, m->also, strlen(m->also)))
            return &m->is;
    }
    return NULL;
}

/* Parse an EBML length at *at; UINT64_MAX means unknown. False if it is incomplete. */
static bool ebml_length(const unsigned char *bytes, size_t len, size_t *at, uint64_t *value)
{
    size_t width = 1;
    uint64_t all;
    size_t i;

    if (*at >= len || !bytes[*at])
        return false;
    while (!(bytes[*at] & (0x80 >> (width - 1))))
        width++;
    if (len - *at < width)
        return false;
    *value = bytes[*at] & (0xffU >> width);
    for (i = 1; i < width; i++)
        *value = *value << 8 | bytes[*at + i];
    all = (UINT64_C(1) << (7 * width)) - 1;
    if (*value == all)
        *value = UINT64_MAX;
    *at += width;
    return true;
}

bool sniff_unfinished(const void *head, size_t len)
{
    const unsigned char *bytes = head;
    uint64_t size;
    size_t at = 4;

    if (len < 8 || memcmp(bytes, "\x1a\x45\xdf\xa3", 4) != 0 ||
        !ebml_length(bytes, len, &at, &size) || size > len - at)
        return false;
    at += (size_t)size;
    if (len - at < 5 || memcmp(bytes + at, "\x18\x53\x80\x67", 4) != 0)
        return false;
    at += 4;
    return ebml_length(bytes, len, &at, &size) && size == UINT64_MAX;
}

bool sniff_is(const struct sniff *is, const char *ext)
{
    return is && strcmp(is->ext, ext) == 0;
}

bool sniff_type_is_har(const char *type)
{
    return type && strcmp(type, "har") == 0;
}

bool sniff_type_is_answer(const char *type)
{
    static const char answer[] = "llm_response"; /* and llm_response_parsed and so on */

    return type && strncmp(type, answer, sizeof(answer) - 1) == 0;
}

const char *sniff_guess(const void *head, size_t len)
{
    const char *text = head;
    size_t i = 0;

    while (i < len && strchr(" \t\r\n", text[i]) && text[i])
        i++;
    if (i < len && (text[i] == '{' || text[i] == '['))
        return "json";
    if (i < len && text[i] == '<')
        return "html";
    for (; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x20 && !strchr("\t\r\n\f\033", (int)c))
            return "bin";
        if (!c)
            return "bin";
    }
    return "txt";
}

const char *sniff_known_type(const char *media_type)
{
    size_t i;

    for (i = 0; media_type && i < sizeof(by_ext) / sizeof(*by_ext); i++) {
        if (strcmp(by_ext[i].media_type, media_type) == 0)
            return by_ext[i].media_type;
    }
    for (i = 0; media_type && i < sizeof(magics) / sizeof(*magics); i++) {
        if (strcmp(magics[i].is.media_type, media_type) == 0)
            return magics[i].is.media_type;
    }
    return media_type && strcmp(media_type, UNKNOWN) == 0 ? UNKNOWN : NULL;
}

const char *sniff_media_type(const char *ext)
{
    size_t i;

    for (i = 0; i < sizeof(by_ext) / sizeof(*by_ext); i++) {
        if (strcasecmp(by_ext[i].ext, ext) == 0)
            return by_ext[i].media_type;
    }
    for (i = 0; i < sizeof(magics) / sizeof(*magics); i++) {
        if (strcasecmp(magics[i].is.ext, ext) == 0)
            return magics[i].is.media_type;
    }
    return UNKNOWN;
}
