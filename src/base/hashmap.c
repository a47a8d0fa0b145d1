/* SPDX-License-Identifier: MIT */
#include "base/hashmap.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#define SLOTS_MAX ((size_t)1 << 28)

/* A key and its value. */
struct node {
    void *value;
    size_t len;
    char key[];
};

/* Small, since slots stay in memory while the nodes may be in a page file. */
struct hashmap_slot {
    uint64_t hash;
    struct node *node; /* NULL: empty */
};

struct hashmap {
    struct hashmap_slot *slots;
    size_t size; /* a power of two */
    size_t used;
    uint64_t seed;
    struct region *nodes;
};

struct hashmap *hashmap_on(struct pagefile *file, struct err *err)
{
    struct hashmap *table = mem_new(sizeof(*table), err);

    if (!table)
        return NULL;
    table->size = 256;
    table->slots = mem_array(table->size, sizeof(*table->slots), err);
    table->nodes = region_on(file, err);
    if (getrandom(&table->seed, sizeof(table->seed), GRND_NONBLOCK) < 0)
        table->seed = clock_mono();
    if (table->slots && table->nodes)
        return table;
    hashmap_free(table);
    return NULL;
}

struct hashmap *hashmap_new(struct err *err)
{
    return hashmap_on(NULL, err);
}

void hashmap_free(struct hashmap *table)
{
    if (!table)
        return;
    mem_free(table->slots);
    region_free(table->nodes);
    mem_free(table);
}

static bool is_key(const struct node *node, const void *key, size_t len)
{
    return node->len == len && memcmp(node->key, key, len) == 0;
}

/* The node of a key, or NULL. */
static struct node *find(const struct hashmap *table, const void *key, size_t len)
{
    uint64_t hash = XXH3_64bits_withSeed(key, len, table->seed);
    size_t i = hash & (table->size - 1);

    while (table->slots[i].node &&
           (table->slots[i].hash != hash || !is_key(table->slots[i].node, key, len)))
        i = (i + 1) & (table->size - 1);
    return table->slots[i].node;
}

void *hashmap_get(const struct hashmap *table, const void *key, size_t len)
{
    const struct node *node = find(table, key, len);

    return node ? node->value : NULL;
}

void hashmap_replace(struct hashmap *table, const void *key, size_t len, void *value)
{
    find(table, key, len)->value = value;
}

/* Enter a key that is not there. */
static void enter(struct hashmap_slot *slots, size_t size, struct hashmap_slot slot)
{
    size_t i = slot.hash & (size - 1);

    while (slots[i].node)
        i = (i + 1) & (size - 1);
    slots[i] = slot;
}

static int grow(struct hashmap *table, struct err *err)
{
    struct hashmap_slot *slots;
    size_t i;

    if (table->size >= SLOTS_MAX)
        return err_set(err, ERR_LIMIT, "more than %zu entries", table->used);
    slots = mem_array(table->size * 2, sizeof(*slots), err);
    if (!slots)
        return -1;
    for (i = 0; i < table->size; i++) {
        if (table->slots[i].node)
            enter(slots, table->size * 2, table->slots[i]);
    }
    mem_free(table->slots);
    table->slots = slots;
    table->size *= 2;
    return 0;
}

int hashmap_add(struct hashmap *table, const void *key, size_t len, void *value,
                struct err *err)
{
    struct node *node;

    if (table->used * 4 >= table->size * 3 && grow(table, err) < 0)
        return -1;
    if (len > SIZE_MAX / 2)
        return err_set(err, ERR_LIMIT, "a key of %zu bytes", len);
    node = region_take(table->nodes, sizeof(*node) + len, err);
    if (!node)
        return -1;
    node->value = value;
    node->len = len;
    memcpy(node->key, key, len);
    enter(table->slots, table->size,
          (struct hashmap_slot){ XXH3_64bits_withSeed(key, len, table->seed), node });
    table->used++;
    return 0;
}
