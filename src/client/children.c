/* SPDX-License-Identifier: MIT */
#include "client/children.h"

#include "base/hashmap.h"
#include "base/mem.h"

#include <string.h>

#define RUNS_MAX ((size_t)1 << 24)

struct children {
    struct listing *listing;
    struct hashmap *names; /* of all runs -> the run's index + 1 */
    size_t cap;            /* capacity of listing->runs */
    size_t *sizes;         /* number of runs below each root */
    size_t roots;
    size_t from; /* index of the first run whose names and children are not known here */
};

static int note_name(struct children *s, const char *name, size_t at, struct err *err)
{
    if (!*name || hashmap_get(s->names, name, strlen(name)))
        return 0;
    return hashmap_add(s->names, name, strlen(name), (void *)(uintptr_t)(at + 1), err);
}

static int note_names(struct children *s, size_t from, struct err *err)
{
    size_t i;

    for (i = from; i < s->listing->count; i++) {
        const struct listed_run *run = &s->listing->runs[i];

        if (note_name(s, run->id, i, err) < 0 || note_name(s, run->other, i, err) < 0)
            return -1;
    }
    return 0;
}

static void note_cut(struct children *s, size_t root)
{
    s->listing->runs[root].cut = true;
    listing_note(&s->listing->runs[root], RUN_NOTE_CHILDREN_CUT,
                 "started more runs than the limit; not all of them are archived");
}

/* Whether run is other, or a known descendant of other (both are indexes). */
static bool is_below(const struct children *s, size_t run, size_t other)
{
    const struct listed_run *runs = s->listing->runs;
    size_t i;

    for (i = 0; i < s->listing->count; i++) {
        const char *parent = runs[run].parent;

        if (run == other)
            return true;
        if (!parent)
            return false;
        run = (size_t)(uintptr_t)hashmap_get(s->names, parent, strlen(parent)) - 1;
    }
    return true;
}

/* Add a child of the run at index parent, unless it is already listed. */
static int add_child(struct children *s, size_t parent, const char *id, struct err *err)
{
    struct listing *l = s->listing;
    size_t there = (size_t)(uintptr_t)hashmap_get(s->names, id, strlen(id));
    size_t root = l->runs[parent].root;
    struct listed_run *child;

    if (there) {
        child = &l->runs[there - 1];
        if (!child->parent && !is_below(s, parent, there - 1))
            child->parent = l->runs[parent].id;
        return 0;
    }
    if (s->sizes[root] >= CHILDREN_MAX || l->runs[parent].depth >= CHILDREN_DEPTH) {
        note_cut(s, root);
        return 0;
    }
    if (mem_room(&l->runs, &s->cap, l->count, sizeof(*l->runs), RUNS_MAX, err) < 0)
        return -1;
    child = &l->runs[l->count];
    *child = (struct listed_run){ .parent = l->runs[parent].id,
                                  .root = root,
                                  .depth = l->runs[parent].depth + 1 };
    child->id = region_text(l->region, id, err);
    if (!child->id)
        return -1;
    s->sizes[root]++;
    l->count++;
    return note_name(s, id, l->count - 1, err);
}

/* Add the children of the runs from index from on. */
static int add_level(struct children *s, size_t from, struct err *err)
{
    size_t count = s->listing->count;
    size_t i;
    size_t k;

    for (i = from; i < count; i++) {
        const struct timeline *t = &s->listing->runs[i].timeline;

        if (t->cut)
            note_cut(s, s->listing->runs[i].root);
        for (k = 0; k < s->listing->runs[i].timeline.child_count; k++) {
            if (add_child(s, i, s->listing->runs[i].timeline.children[k], err) < 0)
                return -1;
        }
    }
    return 0;
}

/* Sort the runs: each root followed by its descendants, in the order found. */
static int put_in_order(struct children *s, struct err *err)
{
    struct listing *l = s->listing;
    struct listed_run *runs = mem_array(l->count, sizeof(*runs), err);
    size_t *at = mem_array(s->roots + 1, sizeof(*at), err);
    size_t i;

    if (!runs || !at) {
        mem_free(runs);
        mem_free(at);
        return -1;
    }
    for (i = 0; i < s->roots; i++) /* start index of each root's tree */
        at[i + 1] = at[i] + 1 + s->sizes[i];
    for (i = 0; i < l->count; i++)
        runs[at[l->runs[i].root]++] = l->runs[i];
    for (i = 0; i < l->count; i++)
        runs[i].root = runs[i].depth ? runs[i - 1].root : i;
    mem_free(l->runs);
    l->runs = runs;
    mem_free(at);
    return 0;
}

struct children *children_new(struct listing *listing, struct err *err)
{
    struct children *s = mem_new(sizeof(*s), err);

    if (!s)
        return NULL;
    *s = (struct children){ .listing = listing,
                            .names = hashmap_new(err),
                            .cap = listing->count,
                            .roots = listing->count };
    s->sizes = mem_array(listing->count, sizeof(*s->sizes), err);
    if (s->names && s->sizes)
        return s;
    children_free(s);
    return NULL;
}

int children_next(struct children *s, bool *over, struct err *err)
{
    size_t from = s->from;

    *over = false;
    s->from = s->listing->count;
    if (note_names(s, from, err) < 0 || add_level(s, from, err) < 0)
        return -1;
    if (s->listing->count > s->from)
        return 0;
    *over = true;
    return s->listing->count > s->roots ? put_in_order(s, err) : 0;
}

void children_free(struct children *s)
{
    if (!s)
        return;
    hashmap_free(s->names);
    mem_free(s->sizes);
    mem_free(s);
}
