/* SPDX-License-Identifier: MIT */
#include "open/roll.h"

#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATHS_MAX ((size_t)1 << 27)

static const char *const tag_names[ROLL_TAGS] = {
    "manifest.json", "manifest-sha256.txt",    "bag-info.txt",
    "bagit.txt",     "tagmanifest-sha256.txt",
};

/* All that is known of one path. */
struct known {
    const char *path;
    const uint8_t *sum;
    const uint8_t *document;
    struct roll_seen *seen;
    const struct rows_artifact *artifact;
};

struct roll {
    struct region *region;
    struct table *payload; /* path -> struct known */
    struct table *tags;    /* name -> struct known */
    struct known **paths;  /* the payload's, in the order in which they came up */
    size_t count;
    size_t cap;
    struct known **extras; /* other tag files */
    size_t extra_count;
    size_t extra_cap;
    size_t *rows;   /* indexes of artifacts in paths; after roll_join */
    size_t *others; /* and of the rest */
    size_t row_count;
    size_t other_count;
    uint64_t sums;
    uint64_t bytes;
    uint64_t *offsets;
    size_t offset_count;
    size_t offset_cap;
    bool sorted;
};

struct roll *roll_new(struct err *err)
{
    struct roll *r = mem_new(sizeof(*r), err);

    if (!r)
        return NULL;
    r->region = region_new(err);
    r->payload = table_new(err);
    r->tags = table_new(err);
    if (r->region && r->payload && r->tags)
        return r;
    roll_free(r);
    return NULL;
}

void roll_free(struct roll *r)
{
    if (!r)
        return;
    region_free(r->region);
    table_free(r->payload);
    table_free(r->tags);
    mem_free(r->paths);
    mem_free(r->extras);
    mem_free(r->rows);
    mem_free(r->others);
    mem_free(r->offsets);
    mem_free(r);
}

int roll_tag(const char *name)
{
    int i;

    for (i = 0; i < ROLL_TAGS; i++) {
        if (strcmp(tag_names[i], name) == 0)
            return i;
    }
    return -1;
}

const char *roll_tag_name(int tag)
{
    return tag_names[tag];
}

/* What is known of a path, from now on something. */
static struct known *know(struct roll *r, struct table *table, const char *path,
                          struct err *err)
{
    struct known *known = table_get(table, path, strlen(path));

    if (known)
        return known;
    if (table == r->tags && roll_tag(path) < 0 &&
        mem_room(&r->extras, &r->extra_cap, r->extra_count, sizeof(struct known *), PATHS_MAX,
                 err) < 0)
        return NULL;
    if (table == r->payload &&
        mem_room(&r->paths, &r->cap, r->count, sizeof(struct known *), PATHS_MAX, err) < 0)
        return NULL;
    known = region_take(r->region, sizeof(*known), err);
    if (!known)
        return NULL;
    known->path = region_copy(r->region, path, strlen(path), err);
    if (!known->path || table_add(table, path, strlen(path), known, err) < 0)
        return NULL;
    if (table == r->payload)
        r->paths[r->count++] = known;
    else if (roll_tag(path) < 0)
        r->extras[r->extra_count++] = known;
    return known;
}

int roll_add(struct roll *r, const char *text, size_t len, struct err *err)
{
    struct rows_artifact *artifact = region_take(r->region, sizeof(*artifact), err);
    struct known *known;

    if (!artifact || rows_artifact(artifact, text, len, r->region, err) < 0)
        return -1;
    known = know(r, r->payload, artifact->path, err);
    if (!known)
        return -1;
    if (known->artifact || known->document)
        return err_set(err, ERR_FORMAT, "two rows of the manifest have the path '%.200s'",
                       artifact->path);
    known->artifact = artifact;
    if (artifact->offset == ROWS_NONE)
        return 0;
    if (mem_room(&r->offsets, &r->offset_cap, r->offset_count, sizeof(*r->offsets), PATHS_MAX,
                 err) < 0)
        return -1;
    r->offsets[r->offset_count++] = artifact->offset;
    return 0;
}

int roll_add_document(struct roll *r, const char *text, size_t len, struct err *err)
{
    struct rows_name *row = region_take(r->region, sizeof(*row), err);
    struct known *known;

    if (!row || rows_name(row, ROWS_DOCUMENTS, text, len, r->region, err) < 0)
        return -1;
    known = know(r, strncmp(row->name, "data/", 5) == 0 ? r->payload : r->tags, row->name, err);
    if (!known)
        return -1;
    if (known->document || known->artifact)
        return err_set(err, ERR_FORMAT, "two rows of the manifest have the path '%.200s'",
                       row->name);
    known->document = row->sha256;
    return 0;
}

int roll_see(struct roll *r, const char *path, const struct roll_seen *seen, struct err *err)
{
    struct known *known = know(r, r->payload, path, err);

    if (!known)
        return -1;
    if (known->seen)
        return err_set(err, ERR_EXISTS, "'%.200s' was seen before", path);
    known->seen = region_take(r->region, sizeof(*seen), err);
    if (!known->seen)
        return -1;
    *known->seen = *seen;
    if (seen->target)
        known->seen->target = region_copy(r->region, seen->target, strlen(seen->target), err);
    return seen->target && !known->seen->target ? -1 : 0;
}

int roll_see_other(struct roll *r, const char *name, uint64_t offset,
                   const uint8_t sha256[SHA256_SIZE], struct err *err)
{
    struct known *known = know(r, r->tags, name, err);

    if (!known)
        return -1;
    if (known->seen)
        return err_set(err, ERR_EXISTS, "stands twice in the archive");
    known->seen = region_take(r->region, sizeof(*known->seen), err);
    if (!known->seen)
        return -1;
    *known->seen = (struct roll_seen){ .hashed = true, .offset = offset };
    memcpy(known->seen->sha256, sha256, SHA256_SIZE);
    return 0;
}

/* One line, "hex  path", in place; false when it is none. */
static bool split_line(char *line, uint8_t sha256[SHA256_SIZE], const char **path)
{
    if (strlen(line) < SHA256_TEXT + 2 || line[SHA256_TEXT - 1] != ' ' ||
        (line[SHA256_TEXT] != ' ' && line[SHA256_TEXT] != '*'))
        return false;
    line[SHA256_TEXT - 1] = '\0';
    *path = line + SHA256_TEXT + 1;
    return text_unhex(sha256, SHA256_SIZE, line) == 0;
}

static int take_line(struct roll *r, struct table *table, char *line, char bad[200],
                     struct err *err)
{
    uint8_t sha256[SHA256_SIZE];
    const char *path;
    struct known *known;

    if (!split_line(line, sha256, &path)) {
        if (!*bad)
            (void)snprintf(bad, 200, "has a line that is none: %.100s", line);
        return 0;
    }
    known = know(r, table, path, err);
    if (!known)
        return -1;
    if (known->sum && !*bad)
        (void)snprintf(bad, 200, "names '%.100s' twice", path);
    known->sum =
        (const uint8_t *)region_copy(r->region, (const char *)sha256, SHA256_SIZE, err);
    if (table == r->payload)
        r->sums++;
    return known->sum ? 0 : -1;
}

int roll_sum_lines(struct roll *r, enum roll_tag list, const char *text, char bad[200],
                   struct err *err)
{
    struct table *table = list == ROLL_PAYLOAD ? r->payload : r->tags;
    int rc = 0;

    *bad = '\0';
    while (rc == 0 && *text) {
        size_t len = strcspn(text, "\n");
        char *line = mem_format(err, "%.*s", (int)len, text);

        rc = line ? take_line(r, table, line, bad, err) : -1;
        mem_free(line);
        text += len + (text[len] == '\n');
    }
    return rc;
}

/* What a path's content is: its own, or that of what it is a link to. */
static const struct roll_seen *content_of(const struct roll *r, const struct known *known)
{
    const struct known *target;

    if (!known->seen || !known->seen->target)
        return known->seen;
    target = table_get(r->payload, known->seen->target, strlen(known->seen->target));
    return target && target->seen && !target->seen->target ? target->seen : NULL;
}

int roll_join(struct roll *r, struct err *err)
{
    size_t i;

    r->rows = mem_array(r->count, sizeof(*r->rows), err);
    r->others = mem_array(r->count, sizeof(*r->others), err);
    if (!r->rows || !r->others)
        return -1;
    for (i = 0; i < r->count; i++) {
        const struct roll_seen *content = content_of(r, r->paths[i]);

        if (r->paths[i]->artifact)
            r->rows[r->row_count++] = i;
        else
            r->others[r->other_count++] = i;
        if (r->paths[i]->sum && content)
            r->bytes += content->size;
    }
    return 0;
}

bool roll_row(const struct roll *r, size_t i, struct roll_row *out)
{
    const struct known *known;

    if (i >= r->row_count)
        return false;
    known = r->paths[r->rows[i]];
    *out = (struct roll_row){ *known->artifact, known->sum, known->seen, content_of(r, known) };
    return true;
}

bool roll_other(const struct roll *r, size_t i, struct roll_other *out)
{
    const struct known *known;

    if (i >= r->other_count)
        return false;
    known = r->paths[r->others[i]];
    *out = (struct roll_other){ known->path, known->sum, known->document, known->seen };
    return true;
}

bool roll_extra(const struct roll *r, size_t i, struct roll_other *out)
{
    const struct known *known;

    if (i >= r->extra_count)
        return false;
    known = r->extras[i];
    *out = (struct roll_other){ known->path, known->sum, known->document, known->seen };
    return true;
}

const uint8_t *roll_tag_sum(const struct roll *r, int tag)
{
    const struct known *known = table_get(r->tags, tag_names[tag], strlen(tag_names[tag]));

    return known ? known->sum : NULL;
}

uint64_t roll_sums(const struct roll *r)
{
    return r->sums;
}

uint64_t roll_bytes(const struct roll *r)
{
    return r->bytes;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

const uint64_t *roll_offsets(struct roll *r, size_t *count)
{
    if (!r->sorted && r->offset_count)
        qsort(r->offsets, r->offset_count, sizeof(*r->offsets), by_value);
    r->sorted = true;
    *count = r->offset_count;
    return r->offsets;
}

const struct rows_artifact *roll_find(const struct roll *r, const char *path)
{
    const struct known *known = table_get(r->payload, path, strlen(path));

    return known ? known->artifact : NULL;
}
