/* SPDX-License-Identifier: MIT */
#include "writer/dedupe.h"

#include "base/hashmap.h"
#include "base/mem.h"

#include <string.h>

/* Contents with the same size and XXH3; more than one only in an attack. */
struct seen {
    struct seen *next;
    uint8_t sha256[SHA256_SIZE];
    void *who;
};

struct key {
    uint64_t size;
    uint8_t xxh3[XXH3_SIZE];
};

struct dedupe {
    struct hashmap *table;
    struct region *region;
};

struct dedupe *dedupe_new(struct err *err)
{
    return dedupe_on(NULL, err);
}

struct dedupe *dedupe_on(struct pagefile *file, struct err *err)
{
    struct dedupe *dedupe = mem_new(sizeof(*dedupe), err);

    if (!dedupe)
        return NULL;
    dedupe->table = hashmap_on(file, err);
    dedupe->region = region_on(file, err);
    if (dedupe->table && dedupe->region)
        return dedupe;
    dedupe_free(dedupe);
    return NULL;
}

void dedupe_free(struct dedupe *dedupe)
{
    if (!dedupe)
        return;
    hashmap_free(dedupe->table);
    region_free(dedupe->region);
    mem_free(dedupe);
}

static struct key key_of(uint64_t size, const struct digest *digest)
{
    struct key key = { .size = size };

    memcpy(key.xxh3, digest->xxh3, sizeof(key.xxh3));
    return key;
}

void *dedupe_find(const struct dedupe *dedupe, uint64_t size, const struct digest *digest)
{
    struct key key = key_of(size, digest);
    const struct seen *seen;

    for (seen = hashmap_get(dedupe->table, &key, sizeof(key)); seen; seen = seen->next) {
        if (memcmp(seen->sha256, digest->sha256, SHA256_SIZE) == 0)
            return seen->who;
    }
    return NULL;
}

int dedupe_add(struct dedupe *dedupe, uint64_t size, const struct digest *digest, void *who,
               struct err *err)
{
    struct key key = key_of(size, digest);
    struct seen *seen = region_take(dedupe->region, sizeof(*seen), err);
    struct seen *first;

    if (!seen)
        return -1;
    memcpy(seen->sha256, digest->sha256, SHA256_SIZE);
    seen->who = who;
    first = hashmap_get(dedupe->table, &key, sizeof(key));
    if (!first)
        return hashmap_add(dedupe->table, &key, sizeof(key), seen, err);
    seen->next = first->next;
    first->next = seen;
    return 0;
}
