/* SPDX-License-Identifier: MIT */
/*
 * task_queue: the tasks that wait to be started, and which of them is next.
 *
 * Ready tasks lie in a heap: by rank, then by the expiry of their URL, then by their place in
 * the plan. Tasks that wait for a retry lie in a second heap, by the time at which they are
 * due. Tasks of a host at its concurrency limit wait in a FIFO of that host. A task is in one
 * of the three, or in none.
 *
 * Units    milliseconds of the monotonic clock; expiry: of the server's clock since 1970
 * Errors   ERR_MEMORY for the first task of a host; room for all others is taken at birth
 * Owns     its heaps and FIFOs; an entry lies inside its task
 * Threads  the transfer loop
 */
#ifndef PULL_TASK_QUEUE_H
#define PULL_TASK_QUEUE_H

#include "base/err.h"
#include "net/origin.h"

#include <stddef.h>
#include <stdint.h>

struct task;
struct task_heap;
struct task_hold;
struct task_queue;

/* Which ready task is first: one that others may wait for. */
enum task_rank {
    TASK_RANK_NONE, /* nothing of its body is here */
    TASK_RANK_PART, /* a part of it is in a file */
    TASK_RANK_HEAD, /* a part of it is in the archive: the packer waits for the rest */
};

/* A task's place in the queue. The order is fixed while the task is in a heap. */
struct task_entry {
    struct task *task;
    size_t index; /* in the plan */
    enum task_rank rank;
    int64_t expiry; /* of its URL */
    uint64_t due;

    /* the queue's own */
    struct task_heap *heap; /* NULL: in none */
    size_t at;              /* then: where */
    struct task_hold *hold; /* NULL: in none */
    struct task_entry *next;
    struct task_entry **from; /* what points to this entry */
};

/* Make room for so many tasks; NULL with ERR_MEMORY. */
struct task_queue *task_queue_new(size_t most, struct err *err) MUST_CHECK;

/* Free the queue; the tasks in it stay as they are. NULL is fine. */
void task_queue_free(struct task_queue *queue);

/* Put an entry that is in none among the ready, by its rank, expiry and index. */
void task_queue_ready(struct task_queue *queue, struct task_entry *entry);

/* Put an entry that is in none among the delayed, by its due time. */
void task_queue_delay(struct task_queue *queue, struct task_entry *entry);

/* Make room for the FIFO of an origin. */
int task_queue_reserve(struct task_queue *queue, const struct origin *origin,
                       struct err *err) MUST_CHECK;

/* Put an entry that is in none behind the others of its origin, for which there is room. */
void task_queue_hold(struct task_queue *queue, struct task_entry *entry,
                     const struct origin *origin);

/* Take an entry out, wherever it is; nothing when it is in none. */
void task_queue_remove(struct task_entry *entry);

/* The first of the ready tasks, which stays in; NULL: none is ready. */
struct task *task_queue_first(const struct task_queue *queue);

/* Takes a task out, to put it elsewhere. */
typedef void task_queue_fn(void *ctx, struct task *task);

/*
 * Give release each delayed task that is due.
 *
 * returns  when the next one is due; UINT64_MAX: none is delayed
 */
uint64_t task_queue_release_due(struct task_queue *queue, uint64_t now, task_queue_fn *release,
                                void *ctx);

/*
 * Give release the held tasks that their origins have room for, at most `most` of them.
 *
 * returns  when an origin that has told us to wait may be asked again; UINT64_MAX: there is
 * none, and the others have room when one of their transfers has ended
 */
uint64_t task_queue_release_held(struct task_queue *queue, uint64_t now, unsigned most,
                                 task_queue_fn *release, void *ctx);

#endif
