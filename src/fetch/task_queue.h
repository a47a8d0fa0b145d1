/* SPDX-License-Identifier: MIT */
/*
 * task_queue: the tasks that wait to be started, and which of them is next.
 *
 * Ready tasks are in a heap: by rank, then by the expiry of their URL, then by their place in
 * the plan. Tasks that wait for a retry are in a second heap, by the time at which they are
 * due. Tasks of a host at its concurrency limit are held in a heap of that host, in the order
 * of the ready ones; costly requests (see net/origin) in another one. A task is in one of these
 * heaps, or in none.
 *
 * Units    milliseconds of the monotonic clock; expiry: of the server's clock since 1970
 * Errors   ERR_MEMORY; memory for ready and delayed tasks is allocated in advance
 * Owns     its heaps; an entry is a member of its task
 * Threads  the transfer loop
 */
#ifndef FETCH_TASK_QUEUE_H
#define FETCH_TASK_QUEUE_H

#include "base/err.h"
#include "net/origin.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct task;
struct task_heap;
struct task_hold;
struct task_queue;

/* Rank of a ready task: the lowest is first. */
enum task_rank {
    TASK_RANK_NONE, /* no part of its body was received */
    TASK_RANK_PART, /* a part of its body is in a file */
    TASK_RANK_HEAD, /* a part of its body is in the archive: the packer waits for the rest */
};

/* A task's place in the queue. The order is fixed while the task is in a heap. */
struct task_entry {
    struct task *task;
    size_t index; /* in the plan */
    enum task_rank rank;
    int64_t expiry; /* of its URL */
    uint64_t due;

    /* used by the queue only */
    struct task_heap *heap; /* NULL: in no heap */
    size_t at;              /* index in the heap */
};

/* Make a queue for this number of tasks; NULL with ERR_MEMORY. */
struct task_queue *task_queue_new(size_t most, struct err *err) MUST_CHECK;

/* Make room for this number of tasks. */
int task_queue_reach(struct task_queue *queue, size_t most, struct err *err) MUST_CHECK;

/* Free the queue; the tasks in it are not changed. May be NULL. */
void task_queue_free(struct task_queue *queue);

/* Add an entry, which must not be queued, to the ready tasks, by its rank, expiry and index. */
void task_queue_ready(struct task_queue *queue, struct task_entry *entry);

/* Add an entry, which must not be queued, to the delayed tasks, by its due time. */
void task_queue_delay(struct task_queue *queue, struct task_entry *entry);

/* Allocate memory to hold one more task of an origin. */
int task_queue_reserve(struct task_queue *queue, const struct origin *origin, bool costly,
                       struct err *err) MUST_CHECK;

/* Hold an entry, which must not be queued, and for which memory was reserved. */
void task_queue_hold(struct task_queue *queue, struct task_entry *entry,
                     const struct origin *origin, bool costly);

/* Remove an entry from wherever it is queued; does nothing if it is not queued. */
void task_queue_remove(struct task_entry *entry);

/* The first of the ready tasks, which stays queued; NULL: none is ready. */
struct task *task_queue_first(const struct task_queue *queue);

/* Called with a task that was removed, to queue it elsewhere. */
typedef void task_queue_fn(void *ctx, struct task *task);

/*
 * Call release with each delayed task that is due.
 *
 * returns  when the next task is due; UINT64_MAX: none is delayed
 */
uint64_t task_queue_release_due(struct task_queue *queue, uint64_t now, task_queue_fn *release,
                                void *ctx);

/*
 * Call release with at most `most` held tasks whose origins allow more transfers; the first of
 * each origin first.
 *
 * returns  when the retry delay of an origin is over; UINT64_MAX: none has a delay; other
 *          origins allow a transfer when one of theirs has ended
 */
uint64_t task_queue_release_held(struct task_queue *queue, uint64_t now, unsigned most,
                                 task_queue_fn *release, void *ctx);

#endif
