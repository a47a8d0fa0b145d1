/* SPDX-License-Identifier: MIT */
/*
 * queue: a FIFO queue of pointers between threads.
 *
 * A push never waits: the queue has no limit of its own, and is bounded by its producers, whose
 * items hold chunks of a pool. Closing the queue tells the consumer that no more items follow.
 *
 * Errors   ERR_MEMORY
 * Owns     only its ring; pushing transfers ownership of the item
 * Threads  any
 */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue;

/* Create an empty queue; NULL with ERR_MEMORY. */
struct queue *queue_new(struct err *err) MUST_CHECK;

/* Free the queue; the caller must have drained it. NULL is fine. */
void queue_free(struct queue *queue);

/* Append an item; on failure the caller still owns it. */
int queue_push(struct queue *queue, void *thing, struct err *err) MUST_CHECK;

/* Close the queue: no more pushes will come. */
void queue_close(struct queue *queue);

/*
 * Take the oldest item, waiting until there is one.
 *
 * waited_us   may be NULL; incremented by the time spent waiting
 * returns     NULL if the queue is closed and empty
 */
void *queue_pop(struct queue *queue, uint64_t *waited_us);

/* Take the oldest item without waiting; NULL if there is none. */
void *queue_try(struct queue *queue);

/* Whether a consumer is waiting in queue_pop: a hint, possibly outdated. */
bool queue_starved(struct queue *queue);

/*
 * The number of processors, from 1 to most: how many threads to start for work that computes.
 */
unsigned queue_threads(unsigned most);

#endif
