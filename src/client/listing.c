/* SPDX-License-Identifier: MIT */
#include "client/listing.h"

#include "base/hashmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "client/children.h"
#include "client/identity.h"
#include "client/inquiry.h"

#include <stdio.h>
#include <string.h>

#define WINDOW 64 /* runs that are asked about at a time */

const char *listing_name(const struct listed_run *run, unsigned nth)
{
    const char *names[3];
    unsigned count = 0;

    if (run->under[0] || !run->under[1])
        names[count++] = run->id;
    if (run->under[1])
        names[count++] = run->other;
    return nth < count ? names[nth] : NULL;
}

void listing_note(struct listed_run *run, const char *word, const char *warning)
{
    unsigned i;

    for (i = 0; i < run->note_count; i++) {
        if (strcmp(run->notes[i], word) == 0)
            return;
    }
    if (run->note_count < LISTED_NOTES)
        run->notes[run->note_count++] = word;
    if (warning)
        log_line(run->listing->calm ? LOG_INFO : LOG_WARNING, "run '%s' %s", run->id, warning);
}

int listing_canonical(struct listing *listing, struct listed_run *run, struct err *err)
{
    const char *before = run->id;
    bool under = run->under[0];
    char *name;
    size_t i;

    if (!identity_is_task(run->id) || !identity_is_workflow(run->other))
        return 0;
    name = region_copy(listing->region, run->other, strlen(run->other), err);
    if (!name)
        return -1;
    (void)snprintf(run->other, sizeof(run->other), "%s", before);
    run->id = name;
    run->under[0] = run->under[1];
    run->under[1] = under;
    for (i = 0; i < listing->count; i++) {
        struct listed_run *child = &listing->runs[i];

        if (child->parent && strcmp(child->parent, before) == 0)
            child->parent = name;
    }
    return 0;
}

int listing_level(struct listing *listing, struct loop *loop, size_t from, struct err *err)
{
    listing->next = from;
    while (listing->done < listing->count && !listing->err.kind) {
        uint64_t due;

        while (listing->next < listing->count && listing->open < WINDOW) {
            if (inquiry_begin(listing, &listing->runs[listing->next++], err) < 0)
                return -1;
        }
        due = callers_pump(listing->callers);
        if (listing->done < listing->count && listing->open && !listing->err.kind &&
            loop_turn(loop, due, err) < 0)
            return -1;
    }
    if (!listing->err.kind)
        return 0;
    *err = listing->err;
    return -1;
}

static struct listed_run *find_name(const struct hashmap *names, const char *name)
{
    return *name ? hashmap_get(names, name, strlen(name)) : NULL;
}

/* The run before this one that is the same under another name, or NULL. Two tasks that claim
 * one workflow run stay two. */
static struct listed_run *find_same(const struct hashmap *names, const struct listed_run *run)
{
    struct listed_run *first = find_name(names, run->id);

    if (first)
        return first;
    first = find_name(names, run->other);
    return first && strcmp(first->id, run->other) == 0 ? first : NULL;
}

/* The first of two runs that are one did not know its other name: what the second knows is
 * more. */
static void take_over(struct listed_run *first, struct listed_run *second)
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

/* Take a run in, or join it with one before. */
static int take_in(struct hashmap *names, struct listed_run *run, bool *same, struct err *err)
{
    struct listed_run *first = find_same(names, run);

    *same = first != NULL;
    if (!first)
        return note_name(names, run->id, run, err) < 0 ? -1
                                                       : note_name(names, run->other, run, err);
    log_line(LOG_INFO, "run '%s' is run '%s' under its other name", run->id, first->id);
    if (!*first->other && !run->failed)
        take_over(first, run);
    listing_release(run);
    return 0;
}

/* Two names of one run that were both asked for are one run. */
static int join_names(struct listing *listing, struct err *err)
{
    struct hashmap *names = hashmap_new(err);
    size_t kept = 0;
    size_t i;
    int rc = names ? 0 : -1;

    for (i = 0; rc == 0 && i < listing->count; i++) {
        bool same;

        /* the table holds places in the array: a run moves down before it is put there */
        if (kept < i) {
            listing->runs[kept] = listing->runs[i];
            listing->runs[i] = (struct listed_run){ 0 };
        }
        rc = take_in(names, &listing->runs[kept], &same, err);
        kept += rc == 0 && !same;
    }
    if (rc == 0) {
        listing->count = kept;
        listing->done = kept;
    }
    hashmap_free(names);
    return rc;
}

int listing_fetch(struct listing *listing, struct loop *loop, struct callers *callers,
                  const struct api *api, char *const *ids, size_t count,
                  const struct kind_filter *filter, struct err *err)
{
    size_t i;

    listing->api = api;
    listing->filter = filter;
    listing->callers = callers;
    listing->region = region_new(err);
    listing->runs = mem_array(count, sizeof(*listing->runs), err);
    if (!listing->runs || !listing->region)
        return -1;
    listing->count = count;
    for (i = 0; i < count; i++) {
        listing->runs[i].id = ids[i];
        listing->runs[i].asked = i;
    }
    if (listing_level(listing, loop, 0, err) < 0 || join_names(listing, err) < 0)
        return -1;
    for (i = 0; i < listing->count; i++)
        listing->runs[i].root = i;
    return listing->children ? children_fetch(listing, loop, err) : 0;
}

void listing_release(struct listed_run *run)
{
    run_clear(&run->run);
    run_clear(&run->workflow);
    run_clear(&run->session);
    timeline_clear(&run->timeline);
    artifact_list_clear(&run->list);
    record_set_clear(&run->records);
    buf_clear(&run->run_json);
    buf_clear(&run->list_json);
}

size_t listing_cut(struct listing *listing, size_t count, size_t *asked)
{
    size_t cut = 0;

    while (listing->count > count) {
        struct listed_run *run = &listing->runs[--listing->count];

        if (!run->depth) {
            *asked = run->asked;
            cut++;
        }
        listing_release(run);
    }
    return cut;
}

void listing_clear(struct listing *listing)
{
    size_t asked;

    inquiry_clear(listing);
    (void)listing_cut(listing, 0, &asked);
    mem_free(listing->runs);
    region_free(listing->region);
    *listing = (struct listing){ 0 };
}
