/* SPDX-License-Identifier: MIT */
/*
 * transfer: one body on its way from the socket to the packer.
 *
 * Whole bodies wait in the spool and are handed over at their end. When the
 * memory for bodies runs out, the body that is nearest to its end (the head) passes
 * straight through into the archive instead, by chunks of a pool of its own; the
 * others pause, and go on into files when the packer has nothing left to do, or
 * when they have paused for TRANSFER_PAUSE. A file needs no chunk.
 *
 * Who waits for whom (docs/architecture.md, "Why a pull ends"): the head waits for
 * the network and for frames that have ended, a paused body for a length of time,
 * a start for a chunk. None of those waits for what waits for it: nothing but the
 * head takes a chunk of the head's pool, nothing that runs waits for a start.
 *
 * A body that breaks off can be held: it waits with its task, in a file, or half
 * in the archive when it was passing through, until a request for the rest of it
 * goes on; or it is forgotten.
 *
 * Units    bytes
 * Errors   in the transfer's err: the spool's and the packer's, fatal
 * Owns     its body until the packer has it; a task's part until transfer_forget
 * Threads  the transfer loop
 */
#ifndef PULL_TRANSFER_H
#define PULL_TRANSFER_H

#include "base/buf.h"
#include "base/err.h"
#include "net/request.h"
#include "pull/task.h"
#include "writer/body.h"
#include "writer/packer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is too slow; see backoff_allowance. */
struct stall {
    uint64_t bps;  /* the slowest rate that is borne */
    uint64_t time; /* milliseconds after which a slower transfer has stalled; 0: never */
    uint64_t rate; /* limit of all transfers together, bytes a second; 0: none */
};

struct transfers;

#define TRANSFER_PARTS 64                  /* held at a time: each has a file */
#define PASS_MIN       ((uint64_t)1 << 20) /* a shorter body is not worth a mark */

/* Milliseconds for which a body is not read; then it goes on into a file. Object stores close a
 * connection that nobody reads after 20 to 30 s, nginx after 60 s. */
#define TRANSFER_PAUSE 5000

/* What is here of a body. */
struct part {
    struct body *body;
    struct chunk *chunk; /* being filled, when the body passes through */
    bool passing;
    struct resume resume;
    const struct origin *origin; /* that gave the entity tag */
};

struct transfer {
    struct transfers *all;
    struct task *task; /* NULL: free */
    struct request request;
    struct buf url;
    struct part part;
    uint64_t begun;     /* when this attempt began */
    uint64_t had;       /* bytes that were here when it began */
    bool paused;        /* its bytes were not taken: see transfers_offer */
    uint64_t paused_at; /* then: since when */
    uint64_t longest;   /* pause of this attempt so far, but for one under way */
    unsigned round;     /* transfers_offer's last that it was part of */
};

struct transfers {
    struct transfer *slots;
    void *owner; /* of the requests: who starts them */
    unsigned count;
    unsigned running;
    struct packer *packer;
    const struct spool *spool;
    struct pool *pass;       /* chunks of the body that passes through; NULL: none may */
    uint64_t pass_min;       /* the smallest body that passes through */
    unsigned files_max;      /* bodies in files, at most: see transfers_room */
    struct chunk *spare;     /* the next start's first chunk */
    const struct task *head; /* whose body passes through */
    unsigned parts;          /* held */
    bool starving;           /* the packer waits while transfers do */
    bool refused;            /* somebody waits for a chunk */
    unsigned round;
    uint64_t bytes;
    struct err err;  /* fatal */
    uint64_t looked; /* transfers_look's last time, and what it saw */
    uint64_t waited;
};

/* Make room for count transfers. Clear it also after a failure. */
int transfers_init(struct transfers *all, unsigned count, struct err *err) MUST_CHECK;

/* Free the transfers; their bodies must have been given on. May be called twice. */
void transfers_clear(struct transfers *all);

/*
 * Whether a task may start: a slot is free, its first chunk is there, and so is a descriptor
 * for each body that has to go on into a file. So whatever runs can go on.
 *
 * task   the one whose body passes through wants a slot alone
 */
bool transfers_room(struct transfers *all, const struct task *task);

/* A slot for a task for which there is room, with the part that it has; NULL: no memory. */
struct transfer *transfer_open(struct transfers *all, struct task *task,
                               struct err *err) MUST_CHECK;

/*
 * Offer the paused transfers their bytes again: the head, then whoever has waited longest,
 * until one is refused. resume is given a request whose bytes wait.
 */
void transfers_offer(struct transfers *all, void (*resume)(struct request *request));

/*
 * Whether the service's size is that of the answer: not that of the ZIP that comes for a
 * member, nor of what is compressed at rest and came plain, if it looks so.
 */
bool transfer_sized(const struct transfer *transfer);

/* Whether its artifact has taken longer than anything does that has an end. */
bool transfer_overdue(const struct transfer *transfer, const struct stall *stall, uint64_t now);

/* The longest time that this attempt has been paused, in milliseconds. */
uint64_t transfer_pause(const struct transfer *transfer);

/* A request's sink; ctx is the transfer. */
enum sink transfer_sink(void *ctx, const char *bytes, size_t len);

/* The body is whole: the packer gets it; again as in packer_item. Frees the slot. */
int transfer_commit(struct transfer *transfer, unsigned again, struct err *err) MUST_CHECK;

/* The body is of no use. Frees the slot. */
int transfer_abort(struct transfer *transfer, struct err *err) MUST_CHECK;

/* Keep what is here for the task's next attempt when that can be, else as transfer_abort. Frees
 * the slot. */
int transfer_hold(struct transfer *transfer, struct err *err) MUST_CHECK;

/* Release a part when the packer is no more; NULL is fine. */
void part_free(struct part *part);

/* Bytes of the body that are here. */
uint64_t transfer_have(const struct transfer *transfer);

/* Whether what is here of a task's body, if anything, may fit an answer from this origin. */
bool transfer_resumable(const struct task *task, const struct origin *origin);

/* A task needs its part no more; nothing when it has none. */
int transfer_forget(struct transfers *all, struct task *task, struct err *err) MUST_CHECK;

/*
 * See whether the packer starves; to be called now and then. When all chunks are out and it has
 * nothing to do, open frames are ended, since they hold some.
 *
 * again    set when bytes should be offered again
 */
int transfers_look(struct transfers *all, uint64_t now, bool *again,
                   struct err *err) MUST_CHECK;

#endif
