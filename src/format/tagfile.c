/* SPDX-License-Identifier: MIT */
#include "format/tagfile.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VIEW_NAME_MAX 128                                /* a run's ID */
#define VIEW_LINE_MAX (SHA256_TEXT + VIEW_NAME_MAX + 16) /* "hex  view/RUN_ID.js" */

static const char *const names[TAG_COUNT] = {
    "manifest.json", "manifest-sha256.txt",    "bag-info.txt",
    "bagit.txt",     "tagmanifest-sha256.txt",
};

int tagfile_find(const char *name)
{
    int i;

    for (i = 0; i < TAG_COUNT; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    return -1;
}

const char *tagfile_name(int tag)
{
    return names[tag];
}

bool tagfile_is_view(const char *path)
{
    static const char dir[] = TAGFILE_VIEW_DIR "/";
    size_t len;

    if (strcmp(path, TAGFILE_VIEW) == 0)
        return true;
    if (strncmp(path, dir, sizeof(dir) - 1) != 0)
        return false;
    path += sizeof(dir) - 1;
    len = strspn(path, "0123456789_-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    return len && len <= VIEW_NAME_MAX && strcmp(path + len, ".js") == 0;
}

bool tagfile_is_beside(const char *path)
{
    return strcmp(path, TAGFILE_REQUESTS) == 0 || tagfile_is_view(path);
}

uint64_t tagfile_max(int tag, uint64_t manifest, uint64_t rows)
{
    return tag == TAG_MANIFEST  ? manifest
           : tag == TAG_PAYLOAD ? rows * (TAGFILE_LINE_MAX + 1)
           : tag == TAG_TAGS    ? TAGFILE_SIZE_MAX + rows * VIEW_LINE_MAX
                                : TAGFILE_SIZE_MAX;
}

void tagfile_lines_init(struct tagfile_lines *l, tagfile_fn *fn, void *ctx)
{
    l->fn = fn;
    l->ctx = ctx;
    l->len = 0;
}

/* Process the current line: "hex path". */
static void take_line(struct tagfile_lines *l)
{
    uint8_t sha256[SHA256_SIZE];
    char *gap = l->line + SHA256_TEXT - 1;
    bool whole = l->len <= TAGFILE_LINE_MAX;

    l->line[whole ? l->len : TAGFILE_LINE_MAX] = '\0';
    whole = whole && strlen(l->line) == l->len && l->len > SHA256_TEXT + 1 && gap[0] == ' ' &&
            (gap[1] == ' ' || gap[1] == '*');
    if (whole) {
        gap[0] = '\0';
        whole = text_unhex(sha256, SHA256_SIZE, l->line) == 0;
        if (!whole)
            gap[0] = ' ';
    }
    if (whole)
        l->fn(l->ctx, gap + 2, sha256);
    else
        l->fn(l->ctx, l->line, NULL);
    l->len = 0;
}

int tagfile_lines_put(void *ctx, const void *bytes, size_t len, struct err *err)
{
    struct tagfile_lines *l = ctx;
    const char *at = bytes;
    const char *end;

    (void)err;
    if (len == 0) /* bytes may be NULL */
        return 0;
    end = at + len;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((stop ? stop : end) - at);
        size_t used = l->len < TAGFILE_LINE_MAX ? l->len : TAGFILE_LINE_MAX;

        memcpy(l->line + used, at, n < TAGFILE_LINE_MAX - used ? n : TAGFILE_LINE_MAX - used);
        l->len += n;
        at += n;
        if (stop) {
            take_line(l);
            at++;
        }
    }
    return 0;
}

void tagfile_lines_end(struct tagfile_lines *l)
{
    if (l->len)
        take_line(l);
}

void tagfile_value(const char *info, const char *name, char *out, size_t size)
{
    size_t len = strlen(name);

    for (; *info; info += strcspn(info, "\n"), info += *info == '\n') {
        if (strncmp(info, name, len) == 0 && info[len] == ':' && info[len + 1] == ' ') {
            info += len + 2;
            (void)snprintf(out, size, "%.*s", (int)strcspn(info, "\r\n"), info);
            return;
        }
    }
}

bool tagfile_oxum(const char *info, uint64_t *bytes, uint64_t *files)
{
    char value[64] = "";
    char *end;

    tagfile_value(info, "Payload-Oxum", value, sizeof(value));
    *bytes = strtoull(value, &end, 10);
    if (end == value || *end != '.')
        return false;
    *files = strtoull(end + 1, &end, 10);
    return !*end;
}
