/* SPDX-License-Identifier: MIT */
#include "reader/string_pool.h"

#include <string.h>
#include <xxhash.h>

#define SLOTS_FIRST 256

int string_pool_init(struct string_pool *w, uint64_t seed, struct err *err)
{
    w->seed = seed;
    w->region = region_new(err);
    return w->region ? 0 : -1;
}

void string_pool_clear(struct string_pool *w)
{
    region_free(w->region);
    mem_free(w->texts);
    mem_free(w->slots);
    *w = (struct string_pool){ 0 };
}

/* The slot of a string, or the empty slot where it would be inserted. */
static uint32_t *slot_of(const struct string_pool *w, uint32_t *slots, size_t size,
                         const char *text, size_t len)
{
    size_t i = XXH3_64bits_withSeed(text, len, w->seed) & (size - 1);

    while (slots[i] != STRING_POOL_NONE &&
           (strncmp(w->texts[slots[i]], text, len) != 0 || w->texts[slots[i]][len] != '\0'))
        i = (i + 1) & (size - 1);
    return &slots[i];
}

/* Grow the table, so that a third of the slots stay empty. */
static int grow(struct string_pool *w, struct err *err)
{
    size_t size = w->size ? w->size * 2 : SLOTS_FIRST;
    uint32_t *slots;
    size_t i;

    if (w->count * 3 < w->size * 2)
        return 0;
    slots = mem_array(size, sizeof(*slots), err);
    if (!slots)
        return -1;
    memset(slots, 0xff, size * sizeof(*slots));
    for (i = 0; i < w->count; i++)
        *slot_of(w, slots, size, w->texts[i], strlen(w->texts[i])) = (uint32_t)i;
    mem_free(w->slots);
    w->slots = slots;
    w->size = size;
    return 0;
}

uint32_t string_pool_find(const struct string_pool *w, const char *text, size_t len)
{
    return w->size ? *slot_of(w, w->slots, w->size, text, len) : STRING_POOL_NONE;
}

uint32_t string_pool_add(struct string_pool *w, const char *text, size_t len, size_t max,
                         struct err *err)
{
    uint32_t number = string_pool_find(w, text, len);
    char *copy;

    if (number != STRING_POOL_NONE)
        return number;
    if (mem_room(&w->texts, &w->cap, w->count, sizeof(*w->texts), max, err) < 0 ||
        grow(w, err) < 0)
        return STRING_POOL_NONE;
    copy = region_copy(w->region, text, len, err);
    if (!copy)
        return STRING_POOL_NONE;
    number = (uint32_t)w->count;
    w->texts[w->count] = copy;
    *slot_of(w, w->slots, w->size, text, len) = number;
    w->count++;
    w->memory += len + STRING_POOL_COST;
    return number;
}

const char *string_pool_get(const struct string_pool *w, uint32_t number)
{
    return number < w->count ? w->texts[number] : NULL;
}
