/* SPDX-License-Identifier: MIT */
#include "client/lister.h"

#include "base/hashmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "client/children.h"
#include "client/identity.h"
#include "client/run_requests.h"

#include <stdio.h>
#include <string.h>

static struct listed_run *find_name(const struct hashmap *names, const char *name)
{
    return *name ? hashmap_get(names, name, strlen(name)) : NULL;
}

/*
 * Find an earlier run that is the same under another name, or NULL. Two tasks that name the
 * same workflow run stay two runs.
 */
static struct listed_run *find_same(const struct hashmap *names, const struct listed_run *run)
{
    struct listed_run *first = find_name(names, run->id);

    if (first)
        return first;
    first = find_name(names, run->other);
    return first && strcmp(first->id, run->other) == 0 ? first : NULL;
}

/* Replace the first of two equal runs by the second, which knows both names. */
static void keep_second(struct listed_run *first, struct listed_run *second)
{
    struct listed_run swap = *first;
    bool under;

    *first = *second;
    *second = swap;
    (void)snprintf(first->other, sizeof(first->other), "%s", first->id);
    first->id = swap.id;
    first->asked = swap.asked;
    under = first->under[0];
    first->under[0] = first->under[1];
    first->under[1] = under;
}

static int note_name(struct hashmap *names, const char *name, struct listed_run *run,
                     struct err *err)
{
    return !*name || find_name(names, name) ? 0
                                            : hashmap_add(names, name, strlen(name), run, err);
}

/* Add a run to names, or merge it with an equal earlier run. */
static int add_run(struct hashmap *names, struct listed_run *run, bool *same, struct err *err)
{
    struct listed_run *first = find_same(names, run);

    *same = first != NULL;
    if (!first)
        return note_name(names, run->id, run, err) < 0 ? -1
                                                       : note_name(names, run->other, run, err);
    log_line(LOG_INFO, "run '%s' is another name of run '%s'", run->id, first->id);
    if (!*first->other && !run->failed)
        keep_second(first, run);
    listing_release(run);
    return 0;
}

/* Merge runs that were requested under both of their names. */
static int join_names(struct listing *listing, struct err *err)
{
    struct hashmap *names = hashmap_new(err);
    size_t kept = 0;
    size_t i;
    int rc = names ? 0 : -1;

    for (i = 0; rc == 0 && i < listing->count; i++) {
        bool same;

        /* names points into the array: move a run down before it is added */
        if (kept < i) {
            listing->runs[kept] = listing->runs[i];
            listing->runs[i] = (struct listed_run){ 0 };
        }
        rc = add_run(names, &listing->runs[kept], &same, err);
        kept += rc == 0 && !same;
    }
    if (rc == 0) {
        listing->count = kept;
        listing->done = kept;
    }
    hashmap_free(names);
    return rc;
}

/* Whether no two IDs can be names of one run: all are different, and of one kind. */
static int look_at_ids(struct listing *listing, char *const *ids, size_t count, struct err *err)
{
    struct hashmap *names = hashmap_new(err);
    bool tasks = false;
    bool workflows = false;
    size_t i;
    int rc = names ? 0 : -1;

    listing->plain = true;
    for (i = 0; rc == 0 && i < count; i++) {
        tasks = tasks || identity_is_task(ids[i]);
        workflows = workflows || identity_is_workflow(ids[i]);
        if (hashmap_get(names, ids[i], strlen(ids[i])))
            listing->plain = false;
        else
            rc = hashmap_add(names, ids[i], strlen(ids[i]), listing, err);
    }
    listing->plain = listing->plain && !(tasks && workflows);
    hashmap_free(names);
    return rc;
}

int lister_begin(struct listing *listing, char *const *ids, size_t count, struct err *err)
{
    size_t i;

    listing->region = region_new(err);
    listing->runs = mem_array(count, sizeof(*listing->runs), err);
    if (!listing->runs || !listing->region || look_at_ids(listing, ids, count, err) < 0)
        return -1;
    listing->count = count;
    for (i = 0; i < count; i++) {
        listing->runs[i].id = ids[i];
        listing->runs[i].asked = i;
        listing->runs[i].root = i;
    }
    return 0;
}

/*
 * The requested runs are listed: merge two names of one run, and begin the search for the runs
 * that they started.
 */
static int join(struct listing *listing, struct err *err)
{
    size_t i;

    listing->joined = true;
    if (!listing->plain && join_names(listing, err) < 0)
        return -1;
    for (i = 0; i < listing->count; i++)
        listing->runs[i].root = i;
    if (!listing->children)
        return 0;
    listing->children_search = children_new(listing, err);
    return listing->children_search ? 0 : -1;
}

int lister_step(struct listing *listing, bool *over, struct err *err)
{
    bool last = false;

    *over = false;
    if (listing->done == listing->count && !listing->err.kind) {
        if (!listing->joined && join(listing, err) < 0)
            return -1;
        if (!listing->children_search)
            last = true;
        else if (children_next(listing->children_search, &last, err) < 0)
            return -1;
        listing->next = listing->done;
        if (last) {
            children_free(listing->children_search);
            listing->children_search = NULL;
            *over = true;
            return 0;
        }
    }
    return run_requests_more(listing, err);
}

bool lister_settled(const struct listing *listing, size_t i)
{
    const struct listed_run *run = &listing->runs[i];

    return listing->plain && run->listed &&
           (run->failed || !listing->children || !run->timeline.child_count);
}

int lister_turn(struct listing *listing, struct loop *loop, struct err *err)
{
    uint64_t due = callers_pump(listing->callers);

    return listing->open && !listing->err.kind ? loop_turn(loop, due, err) : 0;
}

int lister_fetch(struct listing *listing, struct loop *loop, char *const *ids, size_t count,
                 struct err *err)
{
    bool over = false;

    if (lister_begin(listing, ids, count, err) < 0)
        return -1;
    while (!over) {
        if (lister_step(listing, &over, err) < 0 ||
            (!over && lister_turn(listing, loop, err) < 0))
            return -1;
    }
    return 0;
}

void lister_clear(struct listing *listing)
{
    size_t asked;

    run_requests_clear(listing);
    children_free(listing->children_search);
    (void)listing_cut(listing, 0, &asked);
    mem_free(listing->runs);
    region_free(listing->region);
    *listing = (struct listing){ 0 };
}
