/* SPDX-License-Identifier: MIT */
#include "base/hashmap.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#define SLOTS_MAX ((size_t)1 << 28)

struct slot {
    uint64_t hash;
    const char *key;
    size_t len;
    void *value; /* NULL: empty */
};

struct hashmap {
    struct slot *slots;
    size_t size; /* a power of two */
    size_t used;
    uint64_t seed;
    struct region *keys;
};

struct hashmap *hashmap_new(struct err *err)
{
    struct hashmap *table = mem_new(sizeof(*table), err);

    if (!table)
        return NULL;
    table->size = 256;
    table->slots = mem_array(table->size, sizeof(*table->slots), err);
    table->keys = region_new(err);
    if (getrandom(&table->seed, sizeof(table->seed), GRND_NONBLOCK) < 0)
        table->seed = clock_mono();
    if (table->slots && table->keys)
        return table;
    hashmap_free(table);
    return NULL;
}

void hashmap_free(struct hashmap *table)
{
    if (!table)
        return;
    mem_free(table->slots);
    region_free(table->keys);
    mem_free(table);
}

/* The slot of the key, or the empty slot where the key would be inserted. */
static struct slot *find(struct slot *slots, size_t size, uint64_t hash, const void *key,
                         size_t len)
{
    size_t i = hash & (size - 1);

    while (slots[i].value && (slots[i].hash != hash || slots[i].len != len ||
                              memcmp(slots[i].key, key, len) != 0))
        i = (i + 1) & (size - 1);
    return &slots[i];
}

void *hashmap_get(const struct hashmap *table, const void *key, size_t len)
{
    uint64_t hash = XXH3_64bits_withSeed(key, len, table->seed);

    return find(table->slots, table->size, hash, key, len)->value;
}

static int grow(struct hashmap *table, struct err *err)
{
    struct slot *slots;
    size_t i;

    if (table->size >= SLOTS_MAX)
        return err_set(err, ERR_LIMIT, "more than %zu entries", table->used);
    slots = mem_array(table->size * 2, sizeof(*slots), err);
    if (!slots)
        return -1;
    for (i = 0; i < table->size; i++) {
        struct slot *old = &table->slots[i];

        if (old->value)
            *find(slots, table->size * 2, old->hash, old->key, old->len) = *old;
    }
    mem_free(table->slots);
    table->slots = slots;
    table->size *= 2;
    return 0;
}

int hashmap_add(struct hashmap *table, const void *key, size_t len, void *value,
                struct err *err)
{
    uint64_t hash = XXH3_64bits_withSeed(key, len, table->seed);
    struct slot *slot;
    char *copy;

    if (table->used * 4 >= table->size * 3 && grow(table, err) < 0)
        return -1;
    copy = region_copy(table->keys, key, len, err);
    if (!copy)
        return -1;
    slot = find(table->slots, table->size, hash, key, len);
    *slot = (struct slot){ hash, copy, len, value };
    table->used++;
    return 0;
}
