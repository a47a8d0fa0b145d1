/* SPDX-License-Identifier: MIT */
#include "client/lister.h"

#include "base/hashmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "client/children.h"
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

int lister_fetch(struct listing *listing, struct loop *loop, char *const *ids, size_t count,
                 struct err *err)
{
    size_t i;

    listing->region = region_new(err);
    listing->runs = mem_array(count, sizeof(*listing->runs), err);
    if (!listing->runs || !listing->region)
        return -1;
    listing->count = count;
    for (i = 0; i < count; i++) {
        listing->runs[i].id = ids[i];
        listing->runs[i].asked = i;
    }
    if (run_requests_all(listing, loop, 0, err) < 0 || join_names(listing, err) < 0)
        return -1;
    for (i = 0; i < listing->count; i++)
        listing->runs[i].root = i;
    return listing->children ? children_fetch(listing, loop, err) : 0;
}

void lister_clear(struct listing *listing)
{
    size_t asked;

    run_requests_clear(listing);
    (void)listing_cut(listing, 0, &asked);
    mem_free(listing->runs);
    region_free(listing->region);
    *listing = (struct listing){ 0 };
}
