/* SPDX-License-Identifier: MIT */
#include "view/sidecar.h"

#include "base/hashmap.h"
#include "base/mem.h"
#include "format/safe_name.h"
#include "format/tagfile.h"
#include "view/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS_MAX  ((size_t)1 << 24)
#define PARTS_MAX ((size_t)1 << 28)

/* A value of a run, or several rows of one run that were added one after the other. */
struct sidecar_piece {
    const struct sidecar_run *run;
    uint64_t at;
    uint64_t len;
    uint8_t kind;
};

struct sidecars {
    struct store store;
    struct region *region; /* the runs */
    struct hashmap *by_id;
    struct sidecar_run **listed;
    size_t count;
    size_t cap;
    struct sidecar_piece *parts;
    size_t part_count;
    size_t part_cap;
    /* index of each listed run's first part, and of the end; see sidecars_sort */
    size_t *first;
};

/* The text before each kind of part, and at the end: members that every sidecar has. */
static const char *const heads[SIDECAR_PARTS + 1] = { "{\"run\":", ",\n\"rows\":[",
                                                      "],\n\"missing\":[", "],\n\"texts\":[",
                                                      "]}" };

struct sidecars *sidecars_new(const char *dir, struct err *err)
{
    struct sidecars *set = mem_new(sizeof(*set), err);

    if (!set)
        return NULL;
    set->store.fd = -1;
    set->region = region_new(err);
    set->by_id = hashmap_new(err);
    if (set->region && set->by_id && store_open(&set->store, dir, err) == 0)
        return set;
    sidecars_free(set);
    return NULL;
}

void sidecars_free(struct sidecars *set)
{
    if (!set)
        return;
    store_close(&set->store);
    region_free(set->region);
    hashmap_free(set->by_id);
    mem_free(set->listed);
    mem_free(set->parts);
    mem_free(set->first);
    mem_free(set);
}

struct sidecar_run *sidecars_run(struct sidecars *set, const char *id, size_t len,
                                 struct err *err)
{
    struct sidecar_run *run = hashmap_get(set->by_id, id, len);

    if (run)
        return run;
    run = region_take(set->region, sizeof(*run), err);
    if (!run)
        return NULL;
    *run = (struct sidecar_run){ .id = region_copy(set->region, id, len, err) };
    if (!run->id || hashmap_add(set->by_id, id, len, run, err) < 0)
        return NULL;
    return run;
}

int sidecars_list(struct sidecars *set, struct sidecar_run *run, struct err *err)
{
    if (run->listed)
        return 0;
    if (mem_room(&set->listed, &set->cap, set->count, sizeof(struct sidecar_run *), RUNS_MAX,
                 err) < 0)
        return -1;
    run->listed = true;
    run->number = (uint32_t)set->count;
    set->listed[set->count++] = run;
    return 0;
}

int sidecars_add(struct sidecars *set, const struct sidecar_run *run, enum sidecar_part kind,
                 const struct buf *json, struct err *err)
{
    struct sidecar_piece *last = set->part_count ? &set->parts[set->part_count - 1] : NULL;
    uint64_t at = set->store.size;

    if (last && last->run == run && last->kind == kind && last->at + last->len == at) {
        if (store_add(&set->store, ",\n", 2, err) < 0 ||
            store_add(&set->store, json->data, json->len, err) < 0)
            return -1;
        last->len += 2 + json->len;
        return 0;
    }
    if (mem_room(&set->parts, &set->part_cap, set->part_count, sizeof(*set->parts), PARTS_MAX,
                 err) < 0 ||
        store_add(&set->store, json->data, json->len, err) < 0)
        return -1;
    set->parts[set->part_count++] = (struct sidecar_piece){ run, at, json->len, (uint8_t)kind };
    return 0;
}

size_t sidecars_count(const struct sidecars *set)
{
    return set->count;
}

const struct sidecar_run *sidecars_at(const struct sidecars *set, size_t n)
{
    return set->listed[n];
}

/* The parts of unlisted runs come last, and are in no sidecar. */
static size_t number_of(const struct sidecar_piece *part)
{
    return part->run->listed ? part->run->number : SIZE_MAX;
}

static int by_run(const void *a, const void *b)
{
    const struct sidecar_piece *x = a;
    const struct sidecar_piece *y = b;

    if (number_of(x) != number_of(y))
        return number_of(x) < number_of(y) ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

int sidecars_sort(struct sidecars *set, struct err *err)
{
    size_t part = 0;
    size_t i;

    if (set->part_count)
        qsort(set->parts, set->part_count, sizeof(*set->parts), by_run);
    mem_free(set->first);
    set->first = mem_array(set->count + 1, sizeof(*set->first), err);
    if (!set->first)
        return -1;
    for (i = 0; i <= set->count; i++) {
        set->first[i] = part;
        while (i < set->count && part < set->part_count && number_of(&set->parts[part]) == i)
            part++;
    }
    return store_flush(&set->store, err);
}

bool sidecars_path(const struct sidecars *set, size_t n, char path[SIDECAR_PATH_MAX])
{
    const char *id = set->listed[n]->id;
    int len = snprintf(path, SIDECAR_PATH_MAX, TAGFILE_VIEW_DIR "/%s.js", id);

    return len > 0 && len < SIDECAR_PATH_MAX && tagfile_is_view(path) &&
           safe_name_refused(path) == NULL;
}

/* The sink of a sidecar. */
struct sink {
    put_fn *put;
    void *ctx;
    bool measured; /* it is only measured, without reading its parts */
    uint64_t size;
};

static int emit(struct sink *sink, const char *text, struct err *err)
{
    size_t len = strlen(text);

    sink->size += len;
    return sink->put(sink->ctx, text, len, err);
}

static int emit_part(struct sidecars *set, const struct sidecar_piece *part, struct sink *sink,
                     struct err *err)
{
    sink->size += part->len;
    return sink->measured
               ? 0
               : store_copy(&set->store, part->at, part->len, sink->put, sink->ctx, err);
}

/* The nth sidecar's JSON; the parts of one kind are the members of one array. */
static int emit_json(struct sidecars *set, size_t n, struct sink *sink, struct err *err)
{
    size_t part = set->first[n];
    int kind;

    for (kind = 0; kind < SIDECAR_PARTS; kind++) {
        bool first = true;

        if (emit(sink, heads[kind], err) < 0)
            return -1;
        for (; part < set->first[n + 1] && set->parts[part].kind == kind; part++) {
            if ((!first && emit(sink, ",\n", err) < 0) ||
                emit_part(set, &set->parts[part], sink, err) < 0)
                return -1;
            first = false;
        }
        if (kind == SIDECAR_RUN && first && emit(sink, "null", err) < 0)
            return -1;
    }
    return emit(sink, heads[SIDECAR_PARTS], err);
}

static int emit_script(struct sidecars *set, size_t n, struct sink *sink, struct err *err)
{
    if (emit(sink, "skyarc.take(\"", err) < 0 || emit(sink, set->listed[n]->id, err) < 0 ||
        emit(sink, "\",String.raw`", err) < 0 || emit_json(set, n, sink, err) < 0)
        return -1;
    return emit(sink, "`);\n", err);
}

uint64_t sidecars_size(struct sidecars *set, size_t n)
{
    struct sink sink = { .put = put_nowhere, .measured = true };
    struct err ignored;

    return emit_script(set, n, &sink, &ignored) < 0 ? 0 : sink.size; /* measuring cannot fail */
}

int sidecars_put(struct sidecars *set, size_t n, put_fn *put, void *ctx, struct err *err)
{
    return emit_script(set, n, &(struct sink){ .put = put, .ctx = ctx }, err);
}

int sidecars_put_json(struct sidecars *set, size_t n, put_fn *put, void *ctx, struct err *err)
{
    return emit_json(set, n, &(struct sink){ .put = put, .ctx = ctx }, err);
}
