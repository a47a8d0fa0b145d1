/* SPDX-License-Identifier: MIT */
#include "copy/original_check.h"

#include "base/buf.h"
#include "base/digest.h"
#include "base/hashmap.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "copy/copy_manifest.h"
#include "format/manifest_rewrite.h"
#include "format/tagfile.h"
#include "reader/fetchone.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ROWS_MAX ((size_t)1 << 26)
#define WHAT_MAX 900

/* A row of the original. */
struct original_row {
    struct json_value row;
    bool found;   /* in the copy */
    bool removed; /* named as removed */
    bool view;    /* of the original's view, which the copy has not */
};

/* A file that the copy names as changed. */
struct named_change {
    struct json_value entry;
    bool used;
};

/* A list of rows: documents or artifacts. */
struct row_list {
    const char *name;
    struct original_row *rows;
    size_t count;
    size_t cap;
    struct hashmap *by_path; /* the original's rows, by their paths */
    struct hashmap *changed; /* struct named_change, by the paths in the copy */
};

struct checking {
    void (*fault)(void *ctx, const char *what);
    void *ctx;
    size_t faults;
    struct region *region;
    struct buf texts[2]; /* the manifests of the copy and of the original */
    struct json *copy;
    struct json *original;
    struct json_value redaction;
    struct hashmap *masked; /* lists of masked members, by "LIST ROW" */
};

static void report(struct checking *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void report(struct checking *c, const char *fmt, ...)
{
    char what[WHAT_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    c->faults++;
    c->fault(c->ctx, what);
}

static const char *text_of(struct checking *c, struct json_value object, const char *key)
{
    const char *text = json_text(object, key, c->region);

    return text ? text : "";
}

/* The names of the masked members of a row, or absent. */
static struct json_value masked_members(const struct checking *c, const char *list,
                                        uint64_t row)
{
    struct json_value none = { NULL, 0 };
    char key[64];
    int len = snprintf(key, sizeof(key), "%s %llu", list, (unsigned long long)row);
    const struct json_value *found = hashmap_get(c->masked, key, (size_t)len);

    return found ? *found : none;
}

static bool is_among(struct json_value key, const char *const *names)
{
    while (*names && !json_is(key, *names))
        names++;
    return *names != NULL;
}

static bool has_key(struct json_value names, struct json_value key)
{
    struct json_value v = { 0 };

    while ((v = json_next(names, v)).doc) {
        if (copy_manifest_same(v, key))
            return true;
    }
    return false;
}

/* Whether a masked member has a mask, so that it is not only another text. */
static bool has_mask(struct json_value v)
{
    size_t len;
    const char *raw = json_raw(v, &len);

    return memmem(raw, len, "[redacted:", 10) != NULL;
}

/* Members that say where a content lies in an archive: one that something else has made may
 * lack them, and its copy has them. */
static const char *const positions[] = { "frame", "frame_level",  "offset",
                                         "link",  "duplicate_of", NULL };

/* The next member of a row that is not about where its content lies, if that may be anew. */
static struct json_value next_member(struct json_value row, struct json_value at,
                                     const char *const *anew)
{
    do
        at = json_next(row, at);
    while (at.doc && is_among(json_key(at), positions) && is_among(json_key(at), anew));
    return at;
}

/* Compare the members of two rows, but for those that a copy may have anew. */
static void compare_rows(struct checking *c, const char *list, uint64_t number,
                         struct json_value old, struct json_value now, const char *const *anew)
{
    struct json_value masked = masked_members(c, list, number);
    struct json_value a = { 0 };
    struct json_value b = { 0 };

    for (;;) {
        size_t len;
        const char *name;

        a = next_member(old, a, anew);
        b = next_member(now, b, anew);
        if (!a.doc || !b.doc)
            break;
        name = json_raw(json_key(a), &len);
        if (!copy_manifest_same(json_key(a), json_key(b))) {
            report(c, "row %llu of '%s' has other members than the original's",
                   (unsigned long long)number, list);
            return;
        }
        if (copy_manifest_same(a, b) || is_among(json_key(a), anew) ||
            (has_key(masked, json_key(a)) && has_mask(b)))
            continue;
        report(c, "'%.*s' of row %llu of '%s' differs from the original's, and is not masked",
               (int)(len < 60 ? len : 60), name, (unsigned long long)number, list);
    }
    if (a.doc || b.doc)
        report(c, "row %llu of '%s' has other members than the original's",
               (unsigned long long)number, list);
}

/* Read a list's rows, and what the copy names as changed. */
static int load_list(struct checking *c, struct row_list *l, struct err *err)
{
    struct json_value rows = json_get(json_root(c->original), l->name);
    struct json_value changed = json_get(c->redaction, "changed");
    struct json_value v = { 0 };
    size_t i;

    l->by_path = hashmap_new(err);
    l->changed = hashmap_new(err);
    if (!l->by_path || !l->changed)
        return -1;
    while ((v = json_next(rows, v)).doc) {
        if (mem_room(&l->rows, &l->cap, l->count, sizeof(*l->rows), ROWS_MAX, err) < 0)
            return -1;
        l->rows[l->count] = (struct original_row){ .row = v };
        l->rows[l->count++].view = tagfile_is_view(text_of(c, v, "path"));
    }
    v = (struct json_value){ 0 };
    for (i = 0; i < l->count; i++) {
        const char *path = text_of(c, l->rows[i].row, "path");

        if (!hashmap_get(l->by_path, path, strlen(path)) &&
            hashmap_add(l->by_path, path, strlen(path), &l->rows[i], err) < 0)
            return -1;
    }
    while ((v = json_next(changed, v)).doc) {
        const char *path = text_of(c, v, "path");
        struct named_change *change = region_take(c->region, sizeof(*change), err);

        if (!change)
            return -1;
        *change = (struct named_change){ .entry = v };
        if (!json_is(json_get(v, "list"), l->name))
            continue;
        if (hashmap_get(l->changed, path, strlen(path)))
            report(c, "'%.300s' is named as changed twice", path);
        else if (hashmap_add(l->changed, path, strlen(path), change, err) < 0)
            return -1;
    }
    return 0;
}

/* The original's row that an entry names by its number; NULL: there is none. */
static struct original_row *numbered(const struct row_list *l, struct json_value entry)
{
    uint64_t number;

    return json_u64(json_get(entry, "row"), &number) && number < l->count ? &l->rows[number]
                                                                          : NULL;
}

static const char *const contents[] = { "frame",    "frame_level",  "offset",   "link",
                                        "path",     "duplicate_of", "size",     "sha256",
                                        "checksum", "encoded",      "xxh3_128", "listed_size",
                                        NULL };

static void check_changed(struct checking *c, struct row_list *l, struct named_change *change,
                          struct json_value row)
{
    const char *path = text_of(c, row, "path");
    struct original_row *old = numbered(l, change->entry);
    bool renamed = false;

    change->used = true;
    if (!old || old->found) {
        report(c, "'%.300s' is named as changed from a row that the original does not have",
               path);
        return;
    }
    old->found = true;
    (void)json_bool(json_get(change->entry, "renamed"), &renamed);
    if (renamed == copy_manifest_same(json_get(old->row, "path"), json_get(row, "path")))
        report(c, "'%.300s' is named as changed from another path", path);
    if (!copy_manifest_same(json_get(change->entry, "sha256"), json_get(row, "sha256")))
        report(c, "'%.300s' has not the digest that is named for it", path);
    else if (!renamed &&
             copy_manifest_same(json_get(old->row, "sha256"), json_get(row, "sha256")))
        report(c, "'%.300s' is named as changed, and is not", path);
    compare_rows(c, l->name, (uint64_t)(old - l->rows), old->row, row, contents);
}

static void check_same(struct checking *c, struct row_list *l, struct json_value row)
{
    const char *path = text_of(c, row, "path");
    struct original_row *old = hashmap_get(l->by_path, path, strlen(path));

    if (!old || old->found) {
        report(c, "'%.300s' is not in the original, and is not named as changed", path);
        return;
    }
    old->found = true;
    if (!copy_manifest_same(json_get(old->row, "sha256"), json_get(row, "sha256")))
        report(c, "'%.300s' differs from the original, and is not named as changed", path);
    else
        compare_rows(c, l->name, (uint64_t)(old - l->rows), old->row, row, positions);
}

static void check_removed(struct checking *c, struct row_list *l)
{
    struct json_value removed = json_get(c->redaction, "removed");
    struct json_value v = { 0 };
    size_t i;

    while ((v = json_next(removed, v)).doc) {
        struct original_row *old = numbered(l, v);

        if (!json_is(json_get(v, "list"), l->name))
            continue;
        if (!old || old->view || old->removed)
            report(c, "'%.300s' is named as removed, and is no file of the original",
                   text_of(c, v, "path"));
        else if (old->found)
            report(c, "'%.300s' is named as removed, and is in the copy",
                   text_of(c, v, "path"));
        else if (!has_mask(json_get(v, "path")) &&
                 !copy_manifest_same(json_get(v, "path"), json_get(old->row, "path")))
            report(c, "'%.300s' is named as removed in the place of another file",
                   text_of(c, v, "path"));
        if (old)
            old->removed = true;
    }
    for (i = 0; i < l->count; i++) {
        if (!l->rows[i].found && !l->rows[i].removed && !l->rows[i].view)
            report(c, "'%.300s' of the original is neither in the copy nor named as removed",
                   text_of(c, l->rows[i].row, "path"));
    }
}

static int check_files(struct checking *c, const char *name, struct err *err)
{
    struct row_list l = { .name = name };
    struct json_value rows = json_get(json_root(c->copy), name);
    struct json_value changed = json_get(c->redaction, "changed");
    struct json_value v = { 0 };
    int rc = load_list(c, &l, err);

    while (rc == 0 && (v = json_next(rows, v)).doc) {
        const char *path = text_of(c, v, "path");
        struct named_change *change = hashmap_get(l.changed, path, strlen(path));

        if (tagfile_is_view(path))
            continue;
        if (change)
            check_changed(c, &l, change, v);
        else
            check_same(c, &l, v);
    }
    v = (struct json_value){ 0 };
    while (rc == 0 && (v = json_next(changed, v)).doc) {
        const char *path = text_of(c, v, "path");
        const struct named_change *change = hashmap_get(l.changed, path, strlen(path));

        if (json_is(json_get(v, "list"), name) && change && !change->used)
            report(c, "'%.300s' is named as changed, and is not in the copy", path);
    }
    if (rc == 0)
        check_removed(c, &l);
    hashmap_free(l.changed);
    hashmap_free(l.by_path);
    mem_free(l.rows);
    return rc;
}

/* Compare lists that have the same rows in both. */
static void check_rows(struct checking *c, const char *name)
{
    static const char *const none[] = { NULL };
    struct json_value old = json_get(json_root(c->original), name);
    struct json_value now = json_get(json_root(c->copy), name);
    struct json_value a = { 0 };
    struct json_value b = { 0 };
    uint64_t number = 0;

    if (json_count(old) != json_count(now)) {
        report(c, "rows of '%s': %zu, in the original %zu", name, json_count(now),
               json_count(old));
        return;
    }
    for (; (a = json_next(old, a)).doc && (b = json_next(now, b)).doc; number++)
        compare_rows(c, name, number, a, b, none);
}

static void check_request(struct checking *c)
{
    static const char *const none[] = { NULL };
    struct json_value old = json_get(json_root(c->original), "source");
    struct json_value now = json_get(json_root(c->copy), "source");

    compare_rows(c, "request", 0, json_get(json_root(c->original), "request"),
                 json_get(json_root(c->copy), "request"), none);
    if (!copy_manifest_same(old, now) && !has_mask(now))
        report(c, "'source' differs from the original's, and is not masked");
}

/* Note which members of which rows are masked. */
static int load_masked(struct checking *c, struct err *err)
{
    struct json_value rows = json_get(c->redaction, "masked_rows");
    struct json_value v = { 0 };

    while ((v = json_next(rows, v)).doc) {
        struct json_value *members = region_take(c->region, sizeof(*members), err);
        uint64_t row;
        char key[64];
        int len;

        if (!members)
            return -1;
        *members = json_get(v, "members");
        if (!json_u64(json_get(v, "row"), &row))
            continue;
        len = snprintf(key, sizeof(key), "%.20s %llu", text_of(c, v, "list"),
                       (unsigned long long)row);
        if (!hashmap_get(c->masked, key, (size_t)len) &&
            hashmap_add(c->masked, key, (size_t)len, members, err) < 0)
            return -1;
    }
    return 0;
}

/* Whether the copy names the original's manifest. */
static int check_digest(struct checking *c, struct err *err)
{
    uint8_t sha256[SHA256_SIZE];
    char hex[SHA256_TEXT];

    if (sha256_of(buf_text(&c->texts[1]), c->texts[1].len, sha256, err) < 0)
        return -1;
    text_hex(hex, sha256, SHA256_SIZE);
    if (json_is(json_get(c->redaction, "original_manifest_sha256"), hex))
        return 1;
    report(c,
           "it is a copy of another archive: it names the manifest %.64s, the original has "
           "%s",
           text_of(c, c->redaction, "original_manifest_sha256"), hex);
    return 0;
}

static int check_all(struct checking *c, struct err *err)
{
    int rc;

    c->redaction = json_get(json_root(c->copy), "redaction");
    if (json_type(c->redaction) != JSON_OBJECT) {
        report(c, "it is no redacted copy: its manifest has no member 'redaction'");
        return 0;
    }
    rc = check_digest(c, err);
    if (rc <= 0)
        return rc;
    if (load_masked(c, err) < 0 || check_files(c, "documents", err) < 0 ||
        check_files(c, "artifacts", err) < 0)
        return -1;
    check_rows(c, "runs");
    check_rows(c, "missing");
    check_request(c);
    return 0;
}

int original_check(const char *copy, const char *original,
                   void (*fault)(void *ctx, const char *what), void *ctx, struct err *err)
{
    struct checking c = { .fault = fault, .ctx = ctx };
    int rc = -1;

    buf_init(&c.texts[0], MANIFEST_REWRITE_MAX);
    buf_init(&c.texts[1], MANIFEST_REWRITE_MAX);
    c.region = region_new(err);
    c.masked = hashmap_new(err);
    if (c.region && c.masked && fetchone_manifest(copy, &c.texts[0], &c.copy, err) == 0) {
        if (fetchone_manifest(original, &c.texts[1], &c.original, err) < 0)
            (void)err_wrap(err, "cannot read the original");
        else
            rc = check_all(&c, err);
    }
    json_free(c.original);
    json_free(c.copy);
    hashmap_free(c.masked);
    region_free(c.region);
    buf_clear(&c.texts[1]);
    buf_clear(&c.texts[0]);
    return rc < 0 ? -1 : c.faults > 0;
}
