/* SPDX-License-Identifier: MIT */
#include "volumes/tail_cache.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/hashmap.h"
#include "base/pulse.h"
#include "base/text.h"
#include "catalog/volume_name.h"
#include "volumes/work_dir.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)256 << 20)
#define ETAG_MAX 128

struct tail {
    uint64_t size;
    char etag[ETAG_MAX];
    uint8_t sha256[SHA256_SIZE];
};

/* Enter a digest; the last one of a name counts. */
static int enter(struct tail_cache *c, const char *name, const struct tail *value,
                 struct err *err)
{
    struct tail *tail = hashmap_get(c->entries, name, strlen(name));
    char *key;

    if (tail) {
        *tail = *value;
        return 0;
    }
    tail = region_take(c->region, sizeof(*tail), err);
    key = tail ? region_text(c->region, name, err) : NULL;
    if (!key)
        return -1;
    *tail = *value;
    return hashmap_add(c->entries, key, strlen(key), tail, err);
}

/* Take a line "NAME ETAG SIZE DIGEST", separated by tabs; any other is ignored. */
static int take_line(void *ctx, char *line, struct err *err)
{
    struct tail_cache *c = ctx;
    char *fields[4];
    struct tail tail = { 0 };
    struct volume_name parts;
    size_t i;

    for (i = 0; i < 4; i++) {
        fields[i] = line;
        line += strcspn(line, "\t");
        if (i < 3 && !*line)
            return 0;
        if (*line)
            *line++ = '\0';
    }
    if (*line || strlen(fields[1]) >= ETAG_MAX || !volume_name_parse(&parts, fields[0]) ||
        text_u64(fields[2], UINT64_MAX, &tail.size, err) < 0 ||
        text_unhex(tail.sha256, SHA256_SIZE, fields[3]) < 0)
        return 0;
    (void)snprintf(tail.etag, sizeof(tail.etag), "%s", fields[1]);
    return enter(c, fields[0], &tail, err);
}

static void load(struct tail_cache *c)
{
    char *path = mem_format(NULL, "%s/" TAIL_CACHE_NAME, c->dir);
    struct buf text;
    struct err ignored;

    buf_init(&text, FILE_MAX);
    c->region = region_new(&ignored);
    c->entries = hashmap_new(&ignored);
    if (path && c->region && c->entries &&
        file_load(path, stop_never(), &text, &ignored) == 0 &&
        buf_each_line(&text, take_line, c, &ignored) < 0) {
        /* what is not known is read again */
    }
    buf_clear(&text);
    mem_free(path);
}

bool tail_cache_get(struct tail_cache *c, const char *name, const char *etag, uint64_t size,
                    uint8_t tail[SHA256_SIZE])
{
    const struct tail *known;

    if (!c->entries)
        load(c);
    known = c->entries && *etag ? hashmap_get(c->entries, name, strlen(name)) : NULL;
    if (!known || known->size != size || strcmp(known->etag, etag) != 0)
        return false;
    memcpy(tail, known->sha256, SHA256_SIZE);
    return true;
}

void tail_cache_put(struct tail_cache *c, const char *name, const char *etag, uint64_t size,
                    const uint8_t sha256[SHA256_SIZE])
{
    struct tail tail = { .size = size };
    char hex[SHA256_TEXT];
    struct err ignored; /* the tail is read again */
    char *line;

    if (!*etag || strlen(etag) >= ETAG_MAX || strpbrk(etag, "\t\n\r"))
        return;
    if (!c->entries)
        load(c);
    (void)snprintf(tail.etag, sizeof(tail.etag), "%s", etag);
    memcpy(tail.sha256, sha256, SHA256_SIZE);
    if (c->entries && c->region && enter(c, name, &tail, &ignored) < 0)
        return;
    text_hex(hex, sha256, SHA256_SIZE);
    line = mem_format(NULL, "%s\t%s\t%" PRIu64 "\t%s\n", name, etag, size, hex);
    if (line)
        work_dir_add_line(c->dir, TAIL_CACHE_NAME, line);
    mem_free(line);
}

void tail_cache_clear(struct tail_cache *c)
{
    hashmap_free(c->entries);
    region_free(c->region);
    c->entries = NULL;
    c->region = NULL;
}
