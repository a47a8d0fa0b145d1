/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGION_BLOCK ((size_t)64 * 1024)
#define REGION_FIRST 4096 /* the first block: many regions are small */
#define REGION_ALIGN _Alignof(max_align_t)

static atomic_ulong fail_countdown; /* 0: never */
static atomic_int fail_stays;

void mem_fail_at(unsigned long nth, int stay)
{
    atomic_store(&fail_stays, stay);
    atomic_store(&fail_countdown, nth);
}

#ifdef SKYARC_TORTURE
/*
 * A build for scripts/torture: SKYARC_FAIL_ALLOCATION=N makes the Nth allocation fail, and
 * SKYARC_COUNT_ALLOCATIONS=FILE writes the number of allocations at exit.
 */
static atomic_ulong counted;

__attribute__((constructor)) static void torture_begin(void)
{
    const char *nth = getenv("SKYARC_FAIL_ALLOCATION");

    if (nth)
        mem_fail_at(strtoul(nth, NULL, 10), 0);
}

__attribute__((destructor)) static void torture_end(void)
{
    const char *path = getenv("SKYARC_COUNT_ALLOCATIONS");
    FILE *file = path ? fopen(path, "w") : NULL;

    if (!file)
        return;
    (void)fprintf(file, "%lu\n", atomic_load(&counted));
    (void)fclose(file);
}
#endif

/* Whether mem_fail_at wants this allocation to fail. */
static int must_fail(void)
{
    unsigned long left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);

#ifdef SKYARC_TORTURE
    (void)atomic_fetch_add(&counted, 1);
#endif
    while (left > 0) {
        unsigned long next = left == 1 && atomic_load(&fail_stays) ? 1 : left - 1;

        if (atomic_compare_exchange_weak(&fail_countdown, &left, next))
            return left == 1;
    }
    return 0;
}

static void *out_of_memory(struct err *err)
{
    (void)err_set(err, ERR_MEMORY, "out of memory");
    return NULL;
}

void *mem_new(size_t size, struct err *err)
{
    return mem_array(1, size, err);
}

void *mem_array(size_t count, size_t size, struct err *err)
{
    void *p = NULL;

    if (!must_fail())
        p = calloc(count ? count : 1, size ? size : 1);
    return p ? p : out_of_memory(err);
}

void *mem_resize(void *old, size_t count, size_t size, struct err *err)
{
    size_t bytes;
    void *p = NULL;

    if (__builtin_mul_overflow(count, size, &bytes))
        return out_of_memory(err);
    if (!must_fail())
        p = realloc(old, bytes ? bytes : 1);
    return p ? p : out_of_memory(err);
}

int mem_room(void *array, size_t *cap, size_t used, size_t size, size_t limit, struct err *err)
{
    void *old;
    void *grown;
    size_t want;

    if (used < *cap)
        return 0;
    if (used >= limit)
        return err_set(err, ERR_LIMIT, "more than %zu entries", limit);
    want = *cap ? *cap * 2 : 16;
    if (want > limit)
        want = limit;
    memcpy(&old, array, sizeof(old));
    grown = mem_resize(old, want, size, err);
    if (!grown)
        return -1;
    memcpy(array, &grown, sizeof(grown));
    *cap = want;
    return 0;
}

char *mem_copy(const char *s, struct err *err)
{
    size_t size = strlen(s) + 1;
    char *copy = mem_new(size, err);

    if (copy)
        memcpy(copy, s, size);
    return copy;
}

char *mem_format(struct err *err, const char *fmt, ...)
{
    va_list args;
    va_list again;
    char *text = NULL;
    int len;

    va_start(args, fmt);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, args);
    if (len >= 0)
        text = mem_new((size_t)len + 1, err);
    if (text)
        (void)vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    va_end(args);
    return text;
}

void mem_free(void *p)
{
    free(p);
}

struct block {
    struct block *next;
    size_t used;
    size_t size;
    max_align_t data[];
};

void mem_steady(void)
{
#ifdef M_MMAP_THRESHOLD /* glibc raises the threshold dynamically unless it is set */
    (void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
#endif
}

struct region {
    struct block *head;
};

struct region *region_new(struct err *err)
{
    return mem_new(sizeof(struct region), err);
}

void region_free(struct region *region)
{
    if (!region)
        return;
    while (region->head) {
        struct block *next = region->head->next;

        mem_free(region->head);
        region->head = next;
    }
    mem_free(region);
}

void *region_take(struct region *region, size_t size, struct err *err)
{
    struct block *block = region->head;
    size_t need = (size + REGION_ALIGN - 1) & ~(REGION_ALIGN - 1);
    void *p;

    if (need < size)
        return out_of_memory(err);
    if (!block || block->size - block->used < need) {
        size_t usual = block ? REGION_BLOCK : REGION_FIRST;
        size_t room = need > usual / 4 ? need : usual;

        if (room > SIZE_MAX - sizeof(*block))
            return out_of_memory(err);
        block = mem_new(sizeof(*block) + room, err);
        if (!block)
            return NULL;
        block->size = room;
        if (room == need && region->head) { /* a large object: keep filling the old block */
            block->next = region->head->next;
            region->head->next = block;
        } else {
            block->next = region->head;
            region->head = block;
        }
    }
    p = (char *)block->data + block->used;
    block->used += need;
    return p;
}

char *region_copy(struct region *region, const char *s, size_t len, struct err *err)
{
    char *copy = region_take(region, len + 1, err);

    if (copy && len)
        memcpy(copy, s, len);
    return copy;
}

char *region_text(struct region *region, const char *text, struct err *err)
{
    return region_copy(region, text, strlen(text), err);
}

int text_list_add(struct text_list *list, const char *text, size_t most, struct err *err)
{
    if (!list->region)
        list->region = region_new(err);
    if (!list->region ||
        mem_room(&list->at, &list->cap, list->count, sizeof(char *), most, err) < 0)
        return -1;
    list->at[list->count] = region_text(list->region, text, err);
    return list->at[list->count] ? (list->count++, 0) : -1;
}

void text_list_clear(struct text_list *list)
{
    region_free(list->region);
    mem_free(list->at);
    *list = (struct text_list){ 0 };
}
