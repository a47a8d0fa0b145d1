/* SPDX-License-Identifier: MIT */
#include "reader/chain.h"

#include "base/hashmap.h"
#include "base/mem.h"
#include "base/path.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LINKS_MAX ((size_t)1 << 24)

struct chain_link {
    const char *path;
    const char *sha256;
    const char *previous;
    const char *previous_sha256;
    struct chain_link *next; /* the successor, which names this one */
};

struct chain {
    struct region *region;
    struct hashmap *by_sum;
    struct hashmap *by_name;
    struct chain_link **links;
    size_t count;
    size_t cap;
};

struct chain *chain_new(struct err *err)
{
    struct chain *c = mem_new(sizeof(*c), err);

    if (!c)
        return NULL;
    c->region = region_new(err);
    c->by_sum = hashmap_new(err);
    c->by_name = hashmap_new(err);
    if (c->region && c->by_sum && c->by_name)
        return c;
    chain_free(c);
    return NULL;
}

void chain_free(struct chain *c)
{
    if (!c)
        return;
    region_free(c->region);
    hashmap_free(c->by_sum);
    hashmap_free(c->by_name);
    mem_free(c->links);
    mem_free(c);
}

int chain_add(struct chain *c, const char *path, const char *sha256, const char *previous,
              const char *previous_sha256, struct err *err)
{
    struct chain_link *link = region_take(c->region, sizeof(*link), err);
    const char *name;

    if (!link ||
        mem_room(&c->links, &c->cap, c->count, sizeof(struct chain_link *), LINKS_MAX, err) < 0)
        return -1;
    link->path = region_text(c->region, path, err);
    link->sha256 = region_text(c->region, sha256, err);
    link->previous = region_text(c->region, previous, err);
    link->previous_sha256 = region_text(c->region, previous_sha256, err);
    if (!link->path || !link->sha256 || !link->previous || !link->previous_sha256)
        return -1;
    name = path_base(link->path);
    c->links[c->count++] = link;
    if (!hashmap_get(c->by_sum, sha256, strlen(sha256)) &&
        hashmap_add(c->by_sum, sha256, strlen(sha256), link, err) < 0)
        return -1;
    return hashmap_get(c->by_name, name, strlen(name))
               ? 0
               : hashmap_add(c->by_name, name, strlen(name), link, err);
}

size_t chain_judge(const struct chain *c, const char *anchor,
                   void (*damage)(void *ctx, const char *path, const char *what), void *ctx,
                   const char **head)
{
    size_t breaks = 0;
    size_t roots = 0;
    size_t heads = 0;
    bool anchored = false;
    char what[400];
    size_t i;

    *head = NULL;
    for (i = 0; i < c->count; i++) {
        struct chain_link *link = c->links[i];
        struct chain_link *before =
            *link->previous_sha256
                ? hashmap_get(c->by_sum, link->previous_sha256, strlen(link->previous_sha256))
                : NULL;
        const char *name = link->previous;

        anchored = anchored || (anchor && strcasecmp(anchor, link->sha256) == 0);
        roots += !*link->previous;
        what[0] = '\0';
        if (before && before->next)
            (void)snprintf(what, sizeof(what),
                           "two archives name '%.150s' as their predecessor", before->path);
        else if (before)
            before->next = link;
        else if (*link->previous && hashmap_get(c->by_name, name, strlen(name)))
            (void)snprintf(
                what, sizeof(what),
                "the previous archive '%.150s' was replaced: its manifest has changed", name);
        else if (*link->previous)
            (void)snprintf(what, sizeof(what), "the previous archive '%.150s' is missing",
                           name);
        if (what[0]) {
            damage(ctx, link->path, what);
            breaks++;
        }
    }
    for (i = 0; i < c->count; i++) {
        if (c->links[i]->next)
            continue;
        heads++;
        *head = c->links[i]->path;
    }
    if (heads != 1)
        *head = NULL;
    if (c->count && roots > 1 && roots < c->count) {
        damage(ctx, NULL, "several archives have no predecessor");
        breaks++;
    }
    if (anchor && !anchored) {
        damage(ctx, NULL,
               "no archive matches the anchor: the anchored archive was removed or rewritten");
        breaks++;
    }
    return breaks;
}
