/* SPDX-License-Identifier: MIT */
#include "pull/groups.h"

#include "base/mem.h"

struct groups {
    /* by the plan's index */
    bool *found;
    bool *listed;  /* the journal lists the item */
    bool *beside;  /* it was stored beside its ZIP */
    bool *awaited; /* by the index of a bundle: a member was found, and the ZIP is owed */
    size_t owed;
};

struct groups *groups_new(struct plan *plan, const struct journal *journal, struct err *err)
{
    struct groups *g = mem_new(sizeof(*g), err);
    const struct journal_row *row;

    if (!g)
        return NULL;
    g->found = mem_array(plan_count(plan), sizeof(*g->found), err);
    g->listed = mem_array(plan_count(plan), sizeof(*g->listed), err);
    g->beside = mem_array(plan_count(plan), sizeof(*g->beside), err);
    g->awaited = mem_array(plan_bundle_count(plan), sizeof(*g->awaited), err);
    if (!g->found || !g->listed || !g->beside || !g->awaited) {
        groups_free(g);
        return NULL;
    }
    for (row = journal_first(journal); row; row = row->next) {
        const struct item *item = plan_find(plan, row->run_id, row->artifact_id, err);

        if (item)
            g->listed[item->index] = true;
    }
    return g;
}

void groups_free(struct groups *g)
{
    if (!g)
        return;
    mem_free(g->found);
    mem_free(g->listed);
    mem_free(g->beside);
    mem_free(g->awaited);
    mem_free(g);
}

/* The ZIP without which a member is not kept; NULL: there is none. */
static const struct item *needed_zip(const struct groups *g, const struct item *item)
{
    const struct item *zip = item->bundle ? item->bundle->parent : NULL;

    return zip && zip != item && zip->unlisted && g->beside[item->index] ? zip : NULL;
}

/* Number of a leader's followers that are not found. */
static size_t lacking(const struct groups *g, const struct item *leader)
{
    const struct item *item;
    size_t count = 0;

    for (item = leader->followers; item; item = item->next)
        count += !item->unlisted && g->listed[item->index] && !g->found[item->index];
    return count;
}

void groups_add(struct groups *g, const struct item *item, const struct journal_row *row)
{
    const struct item *zip;

    g->beside[item->index] = row->beside_zip;
    zip = needed_zip(g, item);
    if (!item->leader)
        g->owed += lacking(g, item);
    else if (g->found[item->leader->index] && !item->unlisted)
        g->owed--;
    if (zip && !g->found[zip->index] && !g->awaited[item->bundle->index]) {
        g->awaited[item->bundle->index] = true;
        g->owed++;
    } else if (item->bundle && item->bundle->parent == item &&
               g->awaited[item->bundle->index]) {
        g->awaited[item->bundle->index] = false;
        g->owed--;
    }
    g->found[item->index] = true;
}

void groups_drop(struct groups *g, const struct item *item)
{
    g->found[item->index] = false;
}

bool groups_found(const struct groups *g, size_t index)
{
    return g->found[index];
}

size_t groups_owed(const struct groups *g)
{
    return g->owed;
}

bool groups_complete(const struct groups *g, const struct item *item)
{
    const struct item *zip = needed_zip(g, item);

    return lacking(g, item) == 0 && (!zip || g->found[zip->index]);
}
