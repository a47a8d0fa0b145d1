/* SPDX-License-Identifier: MIT */
/*
 * transfer: moves one body from the socket to the packer.
 *
 * Whole bodies wait in the spool and are given to the packer once they are complete. When the
 * memory for bodies runs out, the body with the fewest missing bytes (the head) passes
 * straight through into the archive instead, by chunks of a pool of its own; the
 * others pause, and continue in files when the packer is idle, or
 * when they have paused for TRANSFER_PAUSE. A file needs no chunk.
 *
 * What waits for what (docs/architecture.md, "Why a pull ends"): the head waits for
 * the network and for frames that have ended, a paused body for a timer, a start for a chunk.
 * There is no cycle: only the head takes chunks of the head's pool, and a running transfer
 * never waits for a start.
 *
 * When a temporary file could not be made or written (spool_barred), see fetch/fallback.
 *
 * A body that is interrupted can be kept with its task, in a file, or partly in the archive
 * when it was passing through, until a request for the rest resumes it; or it is discarded.
 *
 * Units    bytes
 * Errors   in the transfer's err: the spool's and the packer's, fatal
 * Owns     its body until the packer has it; a task's part until transfer_forget
 * Threads  the transfer loop
 */
#ifndef FETCH_TRANSFER_H
#define FETCH_TRANSFER_H

#include "base/buf.h"
#include "base/err.h"
#include "fetch/task.h"
#include "net/request.h"
#include "writer/body.h"
#include "writer/packer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* When a transfer is too slow; see backoff_allowance. */
struct stall {
    uint64_t bps;  /* the lowest accepted rate */
    uint64_t time; /* milliseconds after which a slower transfer has stalled; 0: never */
    uint64_t rate; /* limit of all transfers together, bytes a second; 0: none */
};

struct transfers;

#define TRANSFER_PARTS 64                  /* bodies held at a time: each has a file */
#define PASS_MIN       ((uint64_t)1 << 20) /* a shorter body is not kept */

/*
 * Milliseconds for which a body is not read before it continues in a file. Object stores close
 * a connection that nobody reads after 20 to 30 s, nginx after 60 s.
 */
#define TRANSFER_PAUSE 5000

/* The received part of a body. */
struct part {
    struct body *body;
    struct chunk *chunk; /* chunk being filled when the body passes through */
    bool passing;
    struct resume resume;
    const struct origin *origin; /* origin that gave the entity tag */
};

struct transfer {
    struct transfers *all;
    struct task *task; /* NULL: free */
    struct request request;
    struct buf url;
    struct part part;
    uint64_t begun; /* when this attempt started */
    bool paused;    /* its bytes were not accepted: see transfers_offer */
    bool waitable;  /* asked for by HTTP/1.1: it can be paused, whatever the answer claims */
    bool yields;    /* a stream that found no chunk, and was refused: see fetch/fallback */
    uint64_t paused_at; /* if paused: since when */
    uint64_t longest;   /* total pause of this attempt, without the current one */
    unsigned round;     /* the last round of transfers_offer that it was part of */
};

struct transfers {
    struct transfer *slots;
    void *owner; /* owner of the requests */
    unsigned count;
    unsigned running;
    unsigned width; /* without files: how many may run */
    unsigned ended; /* bodies received since it was changed */
    struct packer *packer;
    const struct spool *spool;
    /* chunks of the body that passes through; NULL: no body passes through */
    struct pool *pass;
    uint64_t pass_min;       /* the smallest body that passes through */
    unsigned files_max;      /* maximum number of bodies in files: see transfers_room */
    struct chunk *spare;     /* reserved first chunk of the next start */
    const struct task *head; /* the head */
    unsigned parts;          /* held */
    bool starving;           /* the packer is idle while transfers wait */
    bool refused;            /* a transfer waits for a chunk */
    bool offers;             /* a paused transfer has become the head, or a chunk is free */
    uint64_t relieved_at;    /* see fallback.c */
    unsigned round;
    uint64_t bytes;
    struct err err;  /* fatal */
    uint64_t looked; /* time and result of the last transfers_look */
    uint64_t aged;   /* time of the last packer_age */
    uint64_t waited;
};

/* Allocate count transfers. Clear them also after a failure. */
int transfers_init(struct transfers *all, unsigned count, struct err *err) MUST_CHECK;

/*
 * Free the transfers; their bodies must have been given to the packer or discarded. May be
 * called twice.
 */
void transfers_clear(struct transfers *all);

/*
 * Whether a task may start: a slot and its first chunk are free, and there is a descriptor for
 * each body that has to continue in a file. So every running transfer can continue.
 *
 * task   the task whose body passes through needs only a slot
 */
bool transfers_room(struct transfers *all, const struct task *task);

/* A slot for a task that transfers_room allows, with the task's part; NULL: no memory. */
struct transfer *transfer_open(struct transfers *all, struct task *task,
                               struct err *err) MUST_CHECK;

/*
 * Let the paused transfers retry their bytes: the head, then the longest paused first, until
 * one is refused. resume is called with a request that has pending bytes.
 */
void transfers_offer(struct transfers *all, void (*resume)(struct request *request));

/*
 * Whether the service's size must be that of the answer. It is not for a ZIP sent for a member,
 * nor for an artifact that seems to be stored compressed and was sent decoded.
 */
bool transfer_sized(const struct transfer *transfer);

/* Whether the packer would refuse its body, by its first bytes, and there is another route. */
bool transfer_doubtful(const struct transfer *transfer);

/*
 * Let the body with the fewest missing bytes pass through from now on, if there is no head and
 * one can.
 *
 * packed   also a HAR that should be unpacked first
 */
int transfers_choose_head(struct transfers *all, bool packed) MUST_CHECK;

/* Whether its artifact has taken longer than any finite transfer should. */
bool transfer_overdue(const struct transfer *transfer, const struct stall *stall, uint64_t now);

/* The longest pause of this attempt, in milliseconds. */
uint64_t transfer_pause(const struct transfer *transfer);

/* A request's sink; ctx is the transfer. */
enum sink transfer_sink(void *ctx, const char *bytes, size_t len);

/* The body is complete: give it to the packer; again as in packer_item. Frees the slot. */
int transfer_commit(struct transfer *transfer, unsigned again, struct err *err) MUST_CHECK;

/* Discard the body. Frees the slot. */
int transfer_abort(struct transfer *transfer, struct err *err) MUST_CHECK;

/*
 * Keep the received part for the task's next attempt if possible, else as transfer_abort. Frees
 * the slot.
 */
int transfer_hold(struct transfer *transfer, struct err *err) MUST_CHECK;

/* Release a part after the packer was freed; may be NULL. */
void part_free(struct part *part);

/* Bytes of the body received so far. */
uint64_t transfer_have(const struct transfer *transfer);

/*
 * Whether the kept part of a task's body, if any, may be completed by an answer from this
 * origin.
 */
bool transfer_resumable(const struct task *task, const struct origin *origin);

/* Discard a task's part; does nothing if it has none. */
int transfer_forget(struct transfers *all, struct task *task, struct err *err) MUST_CHECK;

/*
 * Check whether the packer is idle; call this regularly. If all chunks are in use and the
 * packer is idle, open frames are ended to free their chunks.
 *
 * again    set if paused transfers should retry their bytes
 */
int transfers_look(struct transfers *all, uint64_t now, bool *again,
                   struct err *err) MUST_CHECK;

#endif
