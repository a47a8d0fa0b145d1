/* SPDX-License-Identifier: MIT */
#include "view/texts.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/path.h"
#include "view/store.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_MAX   ((size_t)1 << 26)
#define ONE_MAX     ((size_t)64 << 20)
#define KEPT        2  /* times as much as is chosen at the most: its order is not final yet */
#define ROOM        4  /* times as much as is kept, so that most texts are copied once */
#define WHEN_DIGITS 18 /* of the time in a file's name: up to a ten-thousandth of a second */

/* A text in the file: its path with a NUL, then its bytes. */
struct row {
    const struct sidecar_run *run;
    uint64_t at;
    uint64_t when; /* the digits of the time with which the file's name begins */
    uint64_t tie;  /* decides between texts of one time: a hash of the path */
    uint32_t path_size;
    uint32_t len;
    uint32_t rank; /* how many texts of this kind of the run are later */
    uint8_t kind;
    bool cut;
};

struct texts {
    struct store store;
    /* for compact; open from the start, since files cannot be opened later */
    struct store spare;
    struct texts_budget most; /* what is kept */
    uint64_t room;            /* bytes buffered, after which only that is kept */
    struct row *rows;
    size_t count;
    size_t cap;
    struct buf one; /* the text being passed on */
};

struct texts *texts_new(const char *dir, struct err *err)
{
    struct texts *set = mem_new(sizeof(*set), err);

    if (!set)
        return NULL;
    buf_init(&set->one, ONE_MAX);
    set->spare.fd = -1;
    set->most.all = TEXTS_MAX;
    set->room = TEXTS_ROOM;
    if (store_open(&set->store, dir, err) == 0 && store_open(&set->spare, dir, err) == 0)
        return set;
    texts_free(set);
    return NULL;
}

void texts_free(struct texts *set)
{
    if (!set)
        return;
    store_close(&set->store);
    store_close(&set->spare);
    buf_clear(&set->one);
    mem_free(set->rows);
    mem_free(set);
}

void texts_expect(struct texts *set, const struct texts_budget *most)
{
    set->most = *most;
    set->most.all = most->all < TEXTS_MAX / KEPT ? KEPT * most->all : TEXTS_MAX;
    set->room = ROOM * (set->most.all + set->most.lead_max);
    set->room = set->room < TEXTS_LEAST ? TEXTS_LEAST : set->room;
    set->room = set->room > TEXTS_ROOM ? TEXTS_ROOM : set->room;
}

/* FNV-1a. */
static uint64_t hash_of(const char *path)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (; *path; path++)
        hash = (hash ^ (unsigned char)*path) * 0x100000001b3u;
    return hash;
}

/* A file's name begins with the time of its artifact: "20260120T115229.123456Z_...". */
static uint64_t when_of(const char *path)
{
    const char *at = path_base(path);
    uint64_t when = 0;
    int digits = 0;

    for (; *at && *at != '_' && digits < WHEN_DIGITS; at++) {
        if (isdigit((unsigned char)*at)) {
            when = when * 10 + (uint64_t)(*at - '0');
            digits++;
        }
    }
    for (; digits < WHEN_DIGITS; digits++)
        when *= 10;
    return when;
}

static int by_run(const void *a, const void *b)
{
    const struct row *x = a;
    const struct row *y = b;

    if (x->run != y->run)
        return x->run < y->run ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->when != y->when)
        return x->when > y->when ? -1 : 1;
    return x->tie > y->tie ? -1 : x->tie < y->tie;
}

static int by_rank(const void *a, const void *b)
{
    const struct row *x = a;
    const struct row *y = b;

    if (x->run->failed != y->run->failed)
        return x->run->failed ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->run->listed && y->run->listed && x->run->number != y->run->number)
        return x->run->number < y->run->number ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Sort the texts by the order in which they are chosen. */
static void rank(struct texts *set)
{
    size_t i;

    if (!set->count)
        return;
    qsort(set->rows, set->count, sizeof(*set->rows), by_run);
    for (i = 0; i < set->count; i++) {
        struct row *row = &set->rows[i];
        const struct row *last = i ? row - 1 : NULL;

        row->rank =
            last && last->run == row->run && last->kind == row->kind ? last->rank + 1 : 0;
    }
    qsort(set->rows, set->count, sizeof(*set->rows), by_rank);
}

static uint64_t cost_of(const struct row *row)
{
    return (uint64_t)row->path_size + row->len;
}

/* Take a text from what is left; false: it does not fit. */
static bool take(struct texts_budget *left, const struct row *row)
{
    uint64_t cost = cost_of(row);
    bool lead = row->run == left->lead && cost <= left->lead_max;
    uint64_t *of = lead ? &left->lead_max : &left->all;

    if (cost > *of)
        return false;
    *of -= cost;
    return true;
}

static int load(struct texts *set, const struct row *row, struct err *err)
{
    size_t size = (size_t)cost_of(row);
    char *room;

    buf_reset(&set->one);
    room = buf_room(&set->one, size, err);
    if (!room || store_read(&set->store, room, size, row->at, err) < 0)
        return -1;
    set->one.len = size;
    return 0;
}

/* Keep only what would be chosen, in the other file. */
static int compact(struct texts *set, struct err *err)
{
    struct texts_budget left = set->most;
    struct store old;
    size_t kept = 0;
    size_t i;

    rank(set);
    store_reset(&set->spare);
    for (i = 0; i < set->count; i++) {
        struct row row = set->rows[i];

        if (!take(&left, &row))
            continue;
        if (load(set, &row, err) < 0)
            return -1;
        row.at = set->spare.size;
        if (store_add(&set->spare, set->one.data, set->one.len, err) < 0)
            return -1;
        set->rows[kept++] = row;
    }
    old = set->store; /* load may have changed it */
    set->count = kept;
    set->store = set->spare;
    set->spare = old;
    return 0;
}

int texts_add(struct texts *set, const struct text *text, struct err *err)
{
    size_t path_size = strlen(text->path) + 1;
    uint64_t at;

    if (text->len > ONE_MAX - path_size ||
        (path_size + text->len > set->most.all && path_size + text->len > set->most.lead_max))
        return 0;
    if (set->store.size + path_size + text->len > set->room && compact(set, err) < 0)
        return -1;
    at = set->store.size;
    if (mem_room(&set->rows, &set->cap, set->count, sizeof(*set->rows), COUNT_MAX, err) < 0 ||
        store_add(&set->store, text->path, path_size, err) < 0 ||
        store_add(&set->store, text->bytes, text->len, err) < 0)
        return -1;
    set->rows[set->count++] = (struct row){ .run = text->run,
                                            .at = at,
                                            .when = when_of(text->path),
                                            .tie = hash_of(text->path),
                                            .path_size = (uint32_t)path_size,
                                            .len = (uint32_t)text->len,
                                            .kind = (uint8_t)text->kind,
                                            .cut = text->cut };
    return 0;
}

int texts_choose(struct texts *set, const struct texts_budget *budget, texts_fn *fn, void *ctx,
                 struct err *err)
{
    struct texts_budget left = *budget;
    size_t i;

    left.all = left.all < TEXTS_MAX ? left.all : TEXTS_MAX;
    rank(set);
    for (i = 0; i < set->count; i++) {
        const struct row *row = &set->rows[i];
        struct text text = { .run = row->run, .kind = row->kind, .cut = row->cut };

        if (!take(&left, row))
            continue;
        if (load(set, row, err) < 0)
            return -1;
        text.path = set->one.data;
        text.bytes = set->one.data + row->path_size;
        text.len = row->len;
        if (fn(ctx, &text, err) < 0)
            return -1;
    }
    return 0;
}
