/* SPDX-License-Identifier: MIT */
/*
 * queue: pointers handed from one thread to another, in order.
 *
 * Bounded by whoever feeds it (what travels holds chunks of a pool), so that a
 * push never waits; closable, so that the reader finds the end.
 *
 * Errors   ERR_MEMORY
 * Owns     only its ring; pushing hands the thing over
 * Threads  any
 */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue;

/* A new, empty queue; NULL with ERR_MEMORY. */
struct queue *queue_new(struct err *err) MUST_CHECK;

/* Release; what is still inside is the caller's to drain first. NULL is fine. */
void queue_free(struct queue *queue);

/* Append; on failure the thing stays the caller's. */
int queue_push(struct queue *queue, void *thing, struct err *err) MUST_CHECK;

/* No more pushes will come. */
void queue_close(struct queue *queue);

/*
 * Take the oldest, waiting for it.
 *
 * waited_us   may be NULL; grows by the time spent waiting
 * returns     NULL when the queue is closed and empty
 */
void *queue_pop(struct queue *queue, uint64_t *waited_us);

/* Take the oldest without waiting; NULL: none is there. */
void *queue_try(struct queue *queue);

/* Whether the reader is waiting now: a hint, already old. */
bool queue_starved(struct queue *queue);

#endif
