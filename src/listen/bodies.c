/* SPDX-License-Identifier: MIT */
#include "listen/bodies.h"

#include "base/mem.h"

#include <pthread.h>
#include <string.h>

#define ROOM_MIN 4096

struct bodies {
    size_t budget;
    size_t most;
    /* under lock */
    pthread_mutex_t lock;
    struct body_in *first;
    size_t held;
};

struct bodies *bodies_new(size_t budget, size_t most, struct err *err)
{
    struct bodies *bodies = mem_new(sizeof(*bodies), err);

    if (!bodies)
        return NULL;
    bodies->budget = budget;
    bodies->most = most;
    (void)pthread_mutex_init(&bodies->lock, NULL);
    return bodies;
}

void bodies_free(struct bodies *bodies)
{
    if (!bodies)
        return;
    (void)pthread_mutex_destroy(&bodies->lock);
    mem_free(bodies);
}

void bodies_begin(struct bodies *bodies, struct body_in *in, size_t announced, uint64_t now)
{
    *in = (struct body_in){ .announced = announced, .moved = now };
    (void)pthread_mutex_lock(&bodies->lock);
    in->next = bodies->first;
    if (in->next)
        in->next->prev = in;
    bodies->first = in;
    (void)pthread_mutex_unlock(&bodies->lock);
}

/* Free a body's memory and remove it from the list; called with the lock held. */
static void release(struct bodies *bodies, struct body_in *in)
{
    bodies->held -= in->cap;
    mem_free(in->data);
    in->data = NULL;
    in->len = 0;
    in->cap = 0;
    if (in->prev)
        in->prev->next = in->next;
    else if (bodies->first == in)
        bodies->first = in->next;
    if (in->next)
        in->next->prev = in->prev;
    in->next = NULL;
    in->prev = NULL;
}

void bodies_drop(struct bodies *bodies, struct body_in *in)
{
    (void)pthread_mutex_lock(&bodies->lock);
    release(bodies, in);
    (void)pthread_mutex_unlock(&bodies->lock);
}

/* The capacity for a body that grows to len bytes: doubled, up to the announced length. */
static size_t room_for(const struct bodies *bodies, const struct body_in *in, size_t len)
{
    size_t most =
        in->announced >= len && in->announced < bodies->most ? in->announced : bodies->most;
    size_t cap = in->cap ? in->cap : ROOM_MIN;

    while (cap < len)
        cap *= 2;
    return cap < most ? cap : most;
}

/* The body to evict for one that grows to cap bytes; NULL: none. */
static struct body_in *find_victim(const struct bodies *bodies, const struct body_in *in,
                                   size_t cap, uint64_t now)
{
    struct body_in *stalled = NULL;
    struct body_in *largest = NULL;
    struct body_in *other;

    for (other = bodies->first; other; other = other->next) {
        if (other->whole || other == in || !other->cap)
            continue;
        if (now - other->moved >= BODIES_STALL && (!stalled || other->cap > stalled->cap))
            stalled = other;
        if (other->cap > cap && (!largest || other->cap > largest->cap))
            largest = other;
    }
    return stalled ? stalled : largest;
}

/* bodies_add with the lock held. */
static enum bodies_verdict add(struct bodies *bodies, struct body_in *in, const void *bytes,
                               size_t len, uint64_t now)
{
    struct body_in *victim;
    size_t cap;
    char *data;

    if (in->evicted)
        return BODIES_NO_ROOM;
    if (len > bodies->most || in->len > bodies->most - len)
        return BODIES_TOO_LARGE;
    cap = in->len + len > in->cap ? room_for(bodies, in, in->len + len) : in->cap;
    while (bodies->held - in->cap + cap > bodies->budget &&
           (victim = find_victim(bodies, in, cap, now))) {
        victim->evicted = true;
        release(bodies, victim);
    }
    data = in->data;
    if (bodies->held - in->cap + cap > bodies->budget)
        data = NULL;
    else if (cap != in->cap)
        data = mem_resize(in->data, cap, 1, NULL);
    if (!data) {
        in->evicted = true;
        release(bodies, in);
        return BODIES_NO_ROOM;
    }
    bodies->held += cap - in->cap;
    in->data = data;
    in->cap = cap;
    in->moved = now;
    memcpy(in->data + in->len, bytes, len);
    in->len += len;
    return BODIES_TAKEN;
}

enum bodies_verdict bodies_add(struct bodies *bodies, struct body_in *in, const void *bytes,
                               size_t len, uint64_t now)
{
    enum bodies_verdict verdict;

    if (!len)
        return BODIES_TAKEN;
    (void)pthread_mutex_lock(&bodies->lock);
    verdict = add(bodies, in, bytes, len, now);
    (void)pthread_mutex_unlock(&bodies->lock);
    return verdict;
}

enum bodies_verdict bodies_whole(struct bodies *bodies, struct body_in *in)
{
    bool evicted;

    (void)pthread_mutex_lock(&bodies->lock);
    evicted = in->evicted;
    in->whole = true;
    (void)pthread_mutex_unlock(&bodies->lock);
    return evicted ? BODIES_NO_ROOM : BODIES_TAKEN;
}

size_t bodies_held(struct bodies *bodies)
{
    size_t held;

    (void)pthread_mutex_lock(&bodies->lock);
    held = bodies->held;
    (void)pthread_mutex_unlock(&bodies->lock);
    return held;
}
