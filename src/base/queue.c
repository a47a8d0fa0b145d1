/* SPDX-License-Identifier: MIT */
#include "base/queue.h"

#include "base/clock.h"
#include "base/mem.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    /* under lock */
    void **ring;
    size_t cap; /* a power of two */
    size_t head;
    size_t len;
    bool closed;
    bool starved;
};

struct queue *queue_new(struct err *err)
{
    struct queue *queue = mem_new(sizeof(*queue), err);

    if (!queue)
        return NULL;
    queue->cap = 64;
    queue->ring = mem_array(queue->cap, sizeof(*queue->ring), err);
    if (!queue->ring) {
        mem_free(queue);
        return NULL;
    }
    (void)pthread_mutex_init(&queue->lock, NULL);
    (void)pthread_cond_init(&queue->filled, NULL);
    return queue;
}

void queue_free(struct queue *queue)
{
    if (!queue)
        return;
    (void)pthread_cond_destroy(&queue->filled);
    (void)pthread_mutex_destroy(&queue->lock);
    mem_free(queue->ring);
    mem_free(queue);
}

/* Double the ring and move the oldest item to its start; called with the lock held. */
static int grow(struct queue *queue, struct err *err)
{
    void **ring = mem_array(queue->cap * 2, sizeof(*ring), err);
    size_t i;

    if (!ring)
        return -1;
    for (i = 0; i < queue->len; i++)
        ring[i] = queue->ring[(queue->head + i) & (queue->cap - 1)];
    mem_free(queue->ring);
    queue->ring = ring;
    queue->cap *= 2;
    queue->head = 0;
    return 0;
}

int queue_push(struct queue *queue, void *thing, struct err *err)
{
    int rc = 0;

    (void)pthread_mutex_lock(&queue->lock);
    if (queue->len == queue->cap)
        rc = grow(queue, err);
    if (!rc) {
        queue->ring[(queue->head + queue->len++) & (queue->cap - 1)] = thing;
        (void)pthread_cond_signal(&queue->filled);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return rc;
}

void queue_close(struct queue *queue)
{
    (void)pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    (void)pthread_cond_broadcast(&queue->filled);
    (void)pthread_mutex_unlock(&queue->lock);
}

/* Take the oldest item, or NULL; called with the lock held. */
static void *take(struct queue *queue)
{
    void *thing = NULL;

    if (queue->len) {
        thing = queue->ring[queue->head];
        queue->head = (queue->head + 1) & (queue->cap - 1);
        queue->len--;
    }
    return thing;
}

void *queue_pop(struct queue *queue, uint64_t *waited_us)
{
    void *thing;

    (void)pthread_mutex_lock(&queue->lock);
    if (!queue->len && !queue->closed) {
        uint64_t since = clock_mono_us();

        queue->starved = true;
        while (!queue->len && !queue->closed)
            (void)pthread_cond_wait(&queue->filled, &queue->lock);
        queue->starved = false;
        if (waited_us)
            *waited_us += clock_mono_us() - since;
    }
    thing = take(queue);
    (void)pthread_mutex_unlock(&queue->lock);
    return thing;
}

void *queue_try(struct queue *queue)
{
    void *thing;

    (void)pthread_mutex_lock(&queue->lock);
    thing = take(queue);
    (void)pthread_mutex_unlock(&queue->lock);
    return thing;
}

bool queue_starved(struct queue *queue)
{
    bool starved;

    (void)pthread_mutex_lock(&queue->lock);
    starved = queue->starved;
    (void)pthread_mutex_unlock(&queue->lock);
    return starved;
}

unsigned queue_threads(unsigned most)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    return cores < 1 ? 1 : cores > (long)most ? most : (unsigned)cores;
}
