/* SPDX-License-Identifier: MIT */
#include "format/suspect.h"

#include "format/sniff.h"

#include <string.h>
#include <strings.h>

/* Classes of content. */
enum class {
    PICTURE,
    FILM, /* or sound */
    PDF,
    ZIP,
    OFFICE, /* a ZIP, or OLE, which encrypted documents use */
    JSON,
    HTML,
    TEXT, /* may have HTML elements, but no document type */
    DATA, /* no HTML */
};

/* clang-format off */
static const struct {
    const char *ext;
    enum class class;
    bool by_name; /* also checked for file names */
} classes[] = {
    { "png",  PICTURE, true },  { "jpg",  PICTURE, true },  { "jpeg", PICTURE, true },
    { "gif",  PICTURE, true },  { "webp", PICTURE, true },
    { "webm", FILM,    true },  { "mp4",  FILM,    true },
    { "pdf",  PDF,     true },  { "zip",  ZIP,     true },
    { "docx", OFFICE,  true },  { "xlsx", OFFICE,  true },  { "pptx", OFFICE,  true },
    { "csv",  DATA,    true },  { "tsv",  DATA,    true },
    { "json", JSON,    false }, { "har",  JSON,    false }, { "html", HTML,    false },
    { "txt",  TEXT,    false }, { "log",  DATA,    false },
};

static const struct {
    enum class class;
    size_t at;
    const char *bytes;
    size_t len;
} magics[] = { /* in addition to sniff's */
    { PICTURE, 0, "BM",                 2 }, { PICTURE, 0, "II*\0",        4 },
    { PICTURE, 0, "MM\0*",              4 }, { PICTURE, 4, "ftypavif",     8 },
    { PICTURE, 4, "ftyphei",            7 }, { PICTURE, 0, "\0\0\1\0",     4 },
    { FILM,    4, "moov",               4 }, { FILM,    4, "mdat",         4 },
    { FILM,    4, "moof",               4 }, { FILM,    4, "styp",         4 },
    { FILM,    4, "free",               4 }, { FILM,    4, "skip",         4 },
    { FILM,    4, "wide",               4 }, { FILM,    0, "RIFF",         4 },
    { FILM,    0, "\xff\xfb",           2 }, { FILM,    0, "\xff\xf1",     2 },
    { FILM,    0, "fLaC",               4 }, { FILM,    0, "FLV",          3 },
    { OFFICE,  0, "\xd0\xcf\x11\xe0",   4 },
};
/* clang-format on */

/* Skip white space and a byte order mark. */
static size_t skip_blank(const char *head, size_t len, size_t at)
{
    if (!at && len >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0)
        at = 3;
    while (at < len && head[at] && strchr(" \t\r\n\f", head[at]))
        at++;
    return at;
}

/* Whether a word, in any case, is at this offset. */
static bool word_at(const char *head, size_t len, size_t at, const char *word)
{
    size_t n = strlen(word);

    return len >= at && len - at >= n && strncasecmp(head + at, word, n) == 0;
}

/* Whether the content is an object store's XML error document. */
static bool is_store_error(const char *head, size_t len)
{
    size_t at = skip_blank(head, len, 0);
    const char *end;

    if (word_at(head, len, at, "<?xml")) {
        end = memmem(head + at, len - at, "?>", 2);
        if (!end)
            return false;
        at = skip_blank(head, len, (size_t)(end - head) + 2);
    }
    return len - at > 6 && memcmp(head + at, "<Error", 6) == 0 &&
           (head[at + 6] == '>' || head[at + 6] == ' ');
}

/* Whether the content is an HTML document; typed: only one with a document type. */
static bool is_html_document(const char *head, size_t len, bool typed)
{
    size_t at = skip_blank(head, len, 0);

    return word_at(head, len, at, "<!doctype html") ||
           (!typed && (word_at(head, len, at, "<html>") || word_at(head, len, at, "<html ")));
}

/* Whether the content starts like a JSON value, including NaN and Infinity. */
static bool begins_json(const char *head, size_t len)
{
    size_t at = skip_blank(head, len, 0);

    return at == len || (head[at] && strchr("{[\"-0123456789tfnNI", head[at]));
}

static bool has_magic(enum class class, const char *head, size_t len)
{
    size_t i;

    for (i = 0; i < sizeof(magics) / sizeof(*magics); i++) {
        if (magics[i].class == class && len >= magics[i].at + magics[i].len &&
            memcmp(head + magics[i].at, magics[i].bytes, magics[i].len) == 0)
            return true;
    }
    return false;
}

/* Whether the content is of a class, by sniff's result or the magics above. */
static bool is_of(enum class class, const struct sniff *is, const char *head, size_t len)
{
    const char *type = is ? is->media_type : "";

    switch (class) {
    case PICTURE:
        return strncmp(type, "image/", 6) == 0 || has_magic(class, head, len);
    case FILM:
        return strncmp(type, "video/", 6) == 0 || strncmp(type, "audio/", 6) == 0 ||
               strcmp(type, "application/ogg") == 0 || has_magic(class, head, len);
    case PDF: /* readers accept it anywhere near the start */
        return memmem(head, len, "%PDF-", 5) != NULL;
    case ZIP:
        return strcmp(type, "application/zip") == 0;
    case OFFICE:
        return strcmp(type, "application/zip") == 0 || has_magic(class, head, len);
    case JSON:
        return begins_json(head, len);
    case HTML:
        return !is_store_error(head, len);
    case TEXT:
    case DATA:
        return !is_store_error(head, len) && !is_html_document(head, len, class == TEXT);
    }
    return true;
}

/* Whether the content is a ZIP in the place of a text, such as the bundle that lacks it. */
static bool is_zipped_text(enum class class, const struct sniff *is)
{
    return class >= HTML && sniff_is(is, "zip");
}

/* Whether the content is compressed at rest, so that its format is unknown. */
static bool is_coded(const struct sniff *is)
{
    return is && (strcmp(is->ext, "gz") == 0 || strcmp(is->ext, "zst") == 0);
}

bool suspect_content(const char *ext, enum suspect_by by, const void *head, size_t len)
{
    const struct sniff *is = sniff_find(head, len);
    size_t i;

    for (i = 0; ext && len && i < sizeof(classes) / sizeof(*classes); i++) {
        if (strcasecmp(classes[i].ext, ext) != 0)
            continue;
        if (by == SUSPECT_BY_NAME && !classes[i].by_name)
            return false;
        if (classes[i].class >= JSON && is_coded(is))
            return false;
        if (by == SUSPECT_BY_TYPE && is_zipped_text(classes[i].class, is))
            return true;
        return !is_of(classes[i].class, is, head, len);
    }
    return false;
}

bool suspect_zip(const char *ext, const void *head, size_t len)
{
    size_t i;

    if (!sniff_is(sniff_find(head, len), "zip"))
        return false;
    for (i = 0; ext && i < sizeof(classes) / sizeof(*classes); i++) {
        if (strcasecmp(classes[i].ext, ext) == 0)
            return classes[i].class != ZIP && classes[i].class != OFFICE;
    }
    return true;
}

#define HAR_NAME  "log"
#define HAR_OTHER sizeof(HAR_NAME) /* a name that is another one */

/* Read a character of a string. */
static void add_to_string(struct suspect_har *har, char c)
{
    if (har->escape || c != '"') {
        har->match = !har->escape && har->match < HAR_OTHER && HAR_NAME[har->match] == c
                         ? har->match + 1
                         : HAR_OTHER;
        har->escape = !har->escape && c == '\\';
        return;
    }
    har->string = false;
    if (!har->key || har->match != sizeof(HAR_NAME) - 1)
        har->match = HAR_OTHER; /* no name, or another one */
    har->key = false;
}

/* Read a character of the object, outside of strings. */
static void add_to_object(struct suspect_har *har, char c)
{
    switch (c) {
    case '"':
        har->string = true;
        har->match = 0;
        return;
    case '{':
    case '[':
        har->depth++;
        break;
    case '}':
    case ']':
        if (--har->depth == 0)
            har->place = c == '}' ? SUSPECT_HAR_AFTER : SUSPECT_HAR_NOT;
        break;
    case ',':
        har->key = har->depth == 1;
        break;
    case ':':
        har->log = har->log || (har->depth == 1 && har->match == sizeof(HAR_NAME) - 1);
        break;
    default:
        break;
    }
    if (!c || !strchr(" \t\r\n", c))
        har->match = HAR_OTHER;
}

static void add_outside(struct suspect_har *har, char c)
{
    static const char mark[] = "\xef\xbb\xbf";

    if (har->place == SUSPECT_HAR_BEFORE && c == '{') {
        har->place = SUSPECT_HAR_WITHIN;
        har->depth = 1;
        har->key = true;
        har->match = HAR_OTHER;
    } else if (har->place == SUSPECT_HAR_BEFORE && har->mark < 3 && c == mark[har->mark]) {
        har->mark++;
    } else if (!c || !strchr(" \t\r\n", c)) {
        har->place = SUSPECT_HAR_NOT;
    }
}

void suspect_har_add(struct suspect_har *har, const void *bytes, size_t len)
{
    const char *at = bytes;
    const char *end = at + len;

    for (; at < end && har->place != SUSPECT_HAR_NOT; at++) {
        if (har->string)
            add_to_string(har, *at);
        else if (har->place == SUSPECT_HAR_WITHIN)
            add_to_object(har, *at);
        else
            add_outside(har, *at);
    }
}

bool suspect_har_whole(const struct suspect_har *har)
{
    return har->place == SUSPECT_HAR_AFTER && har->log;
}
