/* SPDX-License-Identifier: MIT */
#include "pull/want.h"

#include "base/mem.h"
#include "writer/packer.h"

struct heap {
    struct want **at;
    size_t count;
    bool (*before)(const struct want *a, const struct want *b);
};

/* Those that wait for one origin, oldest first. */
struct hold {
    struct hold *next;
    const struct origin *origin;
    struct want *first;
    struct want **last;
};

struct wants {
    struct heap ready;
    struct heap delayed;
    struct hold *holds;
};

static bool dies_before(const struct want *a, const struct want *b)
{
    if (a->rank != b->rank)
        return a->rank > b->rank;
    return a->dies != b->dies ? a->dies < b->dies : a->item->index < b->item->index;
}

static bool due_before(const struct want *a, const struct want *b)
{
    return a->due < b->due;
}

unsigned want_again(const struct want *want)
{
    return (want->item->what.checksum && !want->rechecked ? PACKER_AGAIN_SUM : 0) |
           (want->picky ? PACKER_AGAIN_SUSPECT : 0);
}

struct wants *wants_new(size_t most, struct err *err)
{
    struct wants *wants = mem_new(sizeof(*wants), err);

    if (!wants)
        return NULL;
    wants->ready.before = dies_before;
    wants->delayed.before = due_before;
    wants->ready.at = mem_array(most, sizeof(struct want *), err);
    wants->delayed.at = mem_array(most, sizeof(struct want *), err);
    if (wants->ready.at && wants->delayed.at)
        return wants;
    wants_free(wants);
    return NULL;
}

void wants_free(struct wants *wants)
{
    if (!wants)
        return;
    while (wants->holds) {
        struct hold *next = wants->holds->next;

        mem_free(wants->holds);
        wants->holds = next;
    }
    mem_free(wants->ready.at);
    mem_free(wants->delayed.at);
    mem_free(wants);
}

static void push(struct heap *heap, struct want *want)
{
    size_t i = heap->count++;

    while (i && heap->before(want, heap->at[(i - 1) / 2])) {
        heap->at[i] = heap->at[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    heap->at[i] = want;
}

static struct want *pop(struct heap *heap)
{
    struct want *top = heap->at[0];
    struct want *last = heap->at[--heap->count];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && heap->before(heap->at[child + 1], heap->at[child]))
            child++;
        if (!heap->before(heap->at[child], last))
            break;
        heap->at[i] = heap->at[child];
        i = child;
    }
    heap->at[i] = last;
    return top;
}

void wants_ready(struct wants *wants, struct want *want)
{
    want->state = WANT_READY;
    push(&wants->ready, want);
}

void wants_delay(struct wants *wants, struct want *want, uint64_t due)
{
    want->state = WANT_DELAYED;
    want->due = due;
    push(&wants->delayed, want);
}

int wants_hold(struct wants *wants, struct want *want, const struct origin *origin,
               struct err *err)
{
    struct hold *hold = wants->holds;

    while (hold && hold->origin != origin)
        hold = hold->next;
    if (!hold) {
        hold = mem_new(sizeof(*hold), err);
        if (!hold)
            return -1;
        hold->origin = origin;
        hold->last = &hold->first;
        hold->next = wants->holds;
        wants->holds = hold;
    }
    want->state = WANT_HELD;
    want->next = NULL;
    *hold->last = want;
    hold->last = &want->next;
    return 0;
}

uint64_t wants_unhold(struct wants *wants, uint64_t now, unsigned most)
{
    uint64_t again = UINT64_MAX;
    struct hold *hold;

    for (hold = wants->holds; hold; hold = hold->next) {
        unsigned room = origin_room(hold->origin, now);

        while (hold->first && room && most) {
            struct want *want = hold->first;

            hold->first = want->next;
            if (!hold->first)
                hold->last = &hold->first;
            if (want->state != WANT_HELD) /* it has come by another way meanwhile */
                continue;
            wants_ready(wants, want);
            room--;
            most--;
        }
        if (hold->first && now < hold->origin->until && hold->origin->until < again)
            again = hold->origin->until;
    }
    return again;
}

struct want *wants_peek(struct wants *wants)
{
    while (wants->ready.count && wants->ready.at[0]->state != WANT_READY)
        (void)pop(&wants->ready);
    return wants->ready.count ? wants->ready.at[0] : NULL;
}

struct want *wants_take(struct wants *wants)
{
    return wants_peek(wants) ? pop(&wants->ready) : NULL;
}

uint64_t wants_due(struct wants *wants, uint64_t now)
{
    while (wants->delayed.count && wants->delayed.at[0]->due <= now) {
        struct want *want = pop(&wants->delayed);

        if (want->state == WANT_DELAYED) /* it may have come by another way meanwhile */
            wants_ready(wants, want);
    }
    return wants->delayed.count ? wants->delayed.at[0]->due : UINT64_MAX;
}
