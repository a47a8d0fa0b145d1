/* SPDX-License-Identifier: MIT */
#include "fetch/task_queue.h"

#include "base/mem.h"

#include <assert.h>
#include <stdbool.h>

#define HOLD_SPACE 64 /* entries of a heap of held tasks, at first */

/* A binary heap in which each entry stores its index, so that any entry can be removed. */
struct task_heap {
    struct task_entry **entries;
    size_t count;
    size_t space; /* number of entries for which there is memory */
    bool (*before)(const struct task_entry *a, const struct task_entry *b);
};

/* The tasks that wait for one origin, with costly requests or with others. */
struct task_hold {
    struct task_hold *next;
    const struct origin *origin;
    bool costly;
    struct task_heap heap;
};

struct task_queue {
    struct task_heap ready;
    struct task_heap delayed;
    struct task_hold *holds;
};

static bool expires_before(const struct task_entry *a, const struct task_entry *b)
{
    if (a->rank != b->rank)
        return a->rank > b->rank;
    return a->expiry != b->expiry ? a->expiry < b->expiry : a->index < b->index;
}

static bool due_before(const struct task_entry *a, const struct task_entry *b)
{
    return a->due < b->due;
}

/* Allocate memory for this number of entries. */
static int heap_reach(struct task_heap *heap, size_t space, struct err *err)
{
    struct task_entry **grown;

    if (space <= heap->space)
        return 0;
    grown = mem_resize(heap->entries, space, sizeof(struct task_entry *), err);
    if (!grown)
        return -1;
    heap->entries = grown;
    heap->space = space;
    return 0;
}

int task_queue_reach(struct task_queue *queue, size_t most, struct err *err)
{
    return heap_reach(&queue->ready, most, err) < 0 ||
                   heap_reach(&queue->delayed, most, err) < 0
               ? -1
               : 0;
}

struct task_queue *task_queue_new(size_t most, struct err *err)
{
    struct task_queue *queue = mem_new(sizeof(*queue), err);

    if (!queue)
        return NULL;
    queue->ready.before = expires_before;
    queue->delayed.before = due_before;
    if (task_queue_reach(queue, most, err) == 0)
        return queue;
    task_queue_free(queue);
    return NULL;
}

void task_queue_free(struct task_queue *queue)
{
    if (!queue)
        return;
    while (queue->holds) {
        struct task_hold *next = queue->holds->next;

        mem_free(queue->holds->heap.entries);
        mem_free(queue->holds);
        queue->holds = next;
    }
    mem_free(queue->ready.entries);
    mem_free(queue->delayed.entries);
    mem_free(queue);
}

static void place(struct task_heap *heap, struct task_entry *entry, size_t at)
{
    heap->entries[at] = entry;
    entry->at = at;
}

/* Put an entry at a free index, or move it up as far as its order requires. */
static void sift_up(struct task_heap *heap, struct task_entry *entry, size_t at)
{
    while (at && heap->before(entry, heap->entries[(at - 1) / 2])) {
        place(heap, heap->entries[(at - 1) / 2], at);
        at = (at - 1) / 2;
    }
    place(heap, entry, at);
}

/* Put an entry at a free index, or move it down as far as its order requires. */
static void sift_down(struct task_heap *heap, struct task_entry *entry, size_t at)
{
    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= heap->count)
            break;
        if (child + 1 < heap->count &&
            heap->before(heap->entries[child + 1], heap->entries[child]))
            child++;
        if (!heap->before(heap->entries[child], entry))
            break;
        place(heap, heap->entries[child], at);
        at = child;
    }
    place(heap, entry, at);
}

static void heap_add(struct task_heap *heap, struct task_entry *entry)
{
    assert(!entry->heap);
    entry->heap = heap;
    sift_up(heap, entry, heap->count++);
}

static void heap_remove(struct task_entry *entry)
{
    struct task_heap *heap = entry->heap;
    struct task_entry *last = heap->entries[--heap->count];
    size_t at = entry->at;

    entry->heap = NULL;
    if (last == entry)
        return;
    if (at && heap->before(last, heap->entries[(at - 1) / 2]))
        sift_up(heap, last, at);
    else
        sift_down(heap, last, at);
}

void task_queue_ready(struct task_queue *queue, struct task_entry *entry)
{
    heap_add(&queue->ready, entry);
}

void task_queue_delay(struct task_queue *queue, struct task_entry *entry)
{
    heap_add(&queue->delayed, entry);
}

static struct task_hold *find_hold(const struct task_queue *queue, const struct origin *origin,
                                   bool costly)
{
    struct task_hold *hold = queue->holds;

    while (hold && (hold->origin != origin || hold->costly != costly))
        hold = hold->next;
    return hold;
}

/* Allocate memory for one more entry. */
static int make_space(struct task_heap *heap, struct err *err)
{
    if (heap->count < heap->space)
        return 0;
    return heap_reach(heap, heap->space ? 2 * heap->space : HOLD_SPACE, err);
}

int task_queue_reserve(struct task_queue *queue, const struct origin *origin, bool costly,
                       struct err *err)
{
    struct task_hold *hold = find_hold(queue, origin, costly);

    if (hold)
        return make_space(&hold->heap, err);
    hold = mem_new(sizeof(*hold), err);
    if (!hold)
        return -1;
    hold->origin = origin;
    hold->costly = costly;
    hold->heap.before = expires_before;
    hold->next = queue->holds;
    queue->holds = hold;
    return make_space(&hold->heap, err);
}

void task_queue_hold(struct task_queue *queue, struct task_entry *entry,
                     const struct origin *origin, bool costly)
{
    struct task_hold *hold = find_hold(queue, origin, costly);

    assert(hold && hold->heap.count < hold->heap.space);
    heap_add(&hold->heap, entry);
}

void task_queue_remove(struct task_entry *entry)
{
    if (entry->heap)
        heap_remove(entry);
}

struct task *task_queue_first(const struct task_queue *queue)
{
    return queue->ready.count ? queue->ready.entries[0]->task : NULL;
}

uint64_t task_queue_release_due(struct task_queue *queue, uint64_t now, task_queue_fn *release,
                                void *ctx)
{
    while (queue->delayed.count && queue->delayed.entries[0]->due <= now)
        release(ctx, queue->delayed.entries[0]->task);
    return queue->delayed.count ? queue->delayed.entries[0]->due : UINT64_MAX;
}

uint64_t task_queue_release_held(struct task_queue *queue, uint64_t now, unsigned most,
                                 task_queue_fn *release, void *ctx)
{
    uint64_t again = UINT64_MAX;
    struct task_hold *hold;

    for (hold = queue->holds; hold; hold = hold->next) {
        unsigned room = origin_room(hold->origin, hold->costly, now);

        for (; hold->heap.count && room && most; room--, most--)
            release(ctx, hold->heap.entries[0]->task);
        if (hold->heap.count && now < hold->origin->until && hold->origin->until < again)
            again = hold->origin->until;
    }
    return again;
}
