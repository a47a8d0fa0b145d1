/* SPDX-License-Identifier: MIT */
/*
 * transfer: one body on its way from the socket to the packer.
 *
 * Whole bodies wait in the spool and are handed over at their end. When the
 * memory for bodies runs out, the body that is nearest to its end passes
 * straight through into the archive instead, the others pause, and only when
 * the packer has nothing left to do do they go on into files: so a large body
 * is seldom written twice.
 *
 * A body that breaks off can be held: it waits with its want, in a file, or half
 * in the archive when it was passing through, until a request for the rest of it
 * goes on; or it is forgotten.
 *
 * Units    bytes
 * Errors   in the transfer's err: the spool's and the packer's, fatal
 * Owns     its body until the packer has it; a want's part until transfer_forget
 * Threads  the transfer loop
 */
#ifndef FLOW_TRANSFER_H
#define FLOW_TRANSFER_H

#include "base/buf.h"
#include "base/err.h"
#include "flow/want.h"
#include "net/request.h"
#include "pack/packer.h"
#include "pack/spool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct transfers;

#define PARTS_MAX 64                  /* held at a time: each has a file */
#define PASS_MIN  ((uint64_t)1 << 20) /* a shorter body is not worth a mark */

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
    struct want *want; /* NULL: free */
    struct request request;
    struct buf url;
    struct part part;
};

struct transfers {
    struct transfer *slots;
    unsigned count;
    unsigned running;
    struct packer *packer;
    const struct spool *spool;
    size_t reserve;          /* see fetch_opts */
    uint64_t pass_min;       /* the smallest body that passes through */
    const struct want *head; /* whose body passes through */
    unsigned parts;          /* held */
    bool starving;           /* the packer waits while transfers do */
    bool refused;            /* somebody waits for a chunk */
    uint64_t bytes;
    struct err err;  /* fatal */
    uint64_t looked; /* transfers_look's last time, and what it saw */
    uint64_t waited;
};

int transfers_init(struct transfers *all, unsigned count, struct err *err) MUST_CHECK;
void transfers_clear(struct transfers *all);

/* A free slot for a want, with the part that it has; NULL: none. */
struct transfer *transfer_open(struct transfers *all, struct want *want);

/* A request's sink; ctx is the transfer. */
enum sink transfer_sink(void *ctx, const char *bytes, size_t len);

/* The body is whole: the packer gets it; again as in packer_item. Frees the slot. */
int transfer_commit(struct transfer *transfer, bool again, struct err *err) MUST_CHECK;

/* The body is of no use. Frees the slot. */
int transfer_abort(struct transfer *transfer, struct err *err) MUST_CHECK;

/* Keep what is here for the want's next try when that can be, else as transfer_abort. Frees the
 * slot. */
int transfer_hold(struct transfer *transfer, struct err *err) MUST_CHECK;

/* Release a part when the packer is no more; NULL is fine. */
void part_free(struct part *part);

/* Bytes of the body that are here. */
uint64_t transfer_have(const struct transfer *transfer);

/* A want needs its part no more; nothing when it has none. */
int transfer_forget(struct transfers *all, struct want *want, struct err *err) MUST_CHECK;

/* See whether the packer starves; to be called now and then. True: offer bytes again. */
bool transfers_look(struct transfers *all, uint64_t now);

#endif
