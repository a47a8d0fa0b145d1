/* SPDX-License-Identifier: MIT */
/*
 * packer: the thread that turns what arrives into entries of the volume.
 *
 * It looks at each body: takes the ZIP of a bundle apart, unpacks a HAR that
 * came zstd-compressed, compares the checksum that the service gave, and has
 * entry_writer write it. Then it answers, so that the transfer loop can fetch again
 * what was not right.
 *
 * Requests go in and results come out by value, through two queues: the packer's thread writes
 * into nothing that others read, and the plan is only read. Results come in the order in which
 * things happened; those of one body end with its answer.
 *
 * A body larger than the memory for bodies can pass straight through: begun
 * with packer_head while it is still arriving, then piece by piece. What else
 * arrives meanwhile waits. When it turns out to be a duplicate, or breaks off,
 * the volume goes back to where it began. Only for volumes that can go back.
 *
 * Errors   the first failure ends the archive: packer_failed tells, packer_join
 *          gives it
 * Owns     what is handed to it, also when that fails; what it knows of items and bundles
 * Threads  packer_*: the transfer loop; the rest happens in the packer's own
 */
#ifndef WRITER_PACKER_H
#define WRITER_PACKER_H

#include "base/err.h"
#include "writer/body.h"
#include "writer/entry_writer.h"
#include "writer/plan.h"
#include "writer/volume.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct packer_opts {
    struct entry_writer_opts
        entries;               /* stored, stored_ctx and stopping are set by the packer */
    const struct spool *parts; /* for what comes out of ZIPs; must outlive the volume */
    uint64_t max_size;         /* of one artifact, also when it comes out of a ZIP */
    void (*news)(void *ctx);   /* called when there is an answer, or a failure; any thread */
    void *ctx;
    bool stepped; /* for simulations: no thread, packer_step does its work */
};

/* A payload file that is no artifact: run.json and its like. */
struct document {
    struct document *next;
    char *path; /* below the top directory */
    uint64_t size;
    struct digest digest;
};

struct packer;

/* What the packer tells. */
enum pack_event {
    PACK_STORED, /* an item is in the archive: see packed; it may be another than was given */
    PACK_NOTED,  /* something is odd about an item that was stored before: see note */
    /* the answers to the body of an item; what is not stored is to be fetched again: */
    PACK_DONE,     /* it is stored, by this body or by another one before */
    PACK_MISMATCH, /* it has another checksum than the service gave: try once more */
    PACK_SPLIT,    /* it was the ZIP of its bundle; what it held of the members is stored */
    PACK_LACKS,    /* it was that ZIP, which does not hold the item */
    PACK_BROKEN,   /* a parent that is no good ZIP */
    PACK_LENGTH,   /* it was not as long as announced, or its coding was broken */
    PACK_SUSPECT,  /* it cannot be what its type says: try another route */
};

struct pack_result {
    enum pack_event event;
    const struct item *item;
    struct packed packed; /* PACK_STORED */
    const char *note;     /* PACK_NOTED: a word that is not freed */
};

/*
 * Start the thread. plan, volume and names must outlive it; volume and names are its own until
 * packer_join.
 */
struct packer *packer_new(const struct packer_opts *opts, struct volume *volume,
                          const struct plan *plan, struct entry_names *names,
                          struct err *err) MUST_CHECK;

/* Stepped: take the next thing that was handed over; false when there is none. */
bool packer_step(struct packer *packer);

/* Stop without finishing what was handed over; NULL is fine. */
void packer_free(struct packer *packer);

/* Why an item can be fetched once more; then it is answered, and not packed. */
enum packer_again {
    PACKER_AGAIN_SUM = 1,     /* when it has another checksum */
    PACKER_AGAIN_SUSPECT = 2, /* when it cannot be what its type says */
};

/*
 * Hand over a whole body of an item.
 *
 * again    packer_again's, together; 0: it is packed as it is
 */
int packer_item(struct packer *packer, const struct item *item, struct body *body,
                unsigned again, struct err *err) MUST_CHECK;

/* Hand over a document with its path (mem_*; moves in). */
int packer_document(struct packer *packer, char *path, int64_t mtime, struct body *body,
                    struct err *err) MUST_CHECK;

/*
 * End the frames that are open, so that the chunks in them come home; nothing while an item
 * passes through. For when the pool is empty and the packer has nothing to do.
 */
int packer_flush(struct packer *packer, struct err *err) MUST_CHECK;

/* Hand over the beginning of an item's body of size bytes, as announced; more follows. */
int packer_head(struct packer *packer, const struct item *item, struct body *body,
                uint64_t size, struct err *err) MUST_CHECK;

/* More of it. */
int packer_more(struct packer *packer, struct chunk *chunk, struct err *err) MUST_CHECK;

/*
 * All of it has come (whole; then it is answered, again as above), or it broke off. That it is
 * suspect must have been seen before packer_head.
 */
int packer_tail(struct packer *packer, bool whole, unsigned again, struct err *err) MUST_CHECK;

/* Take the oldest result; false: there is none. */
bool packer_result(struct packer *packer, struct pack_result *result);

/* Whether the archive cannot succeed any more. */
bool packer_failed(const struct packer *packer);

/* Microseconds that the thread has waited for something to do, up to its last parcel. */
uint64_t packer_waited(const struct packer *packer);

/* Whether it waits right now. */
bool packer_starved(struct packer *packer);

/* Pack what was handed over and end the thread; gives the first failure. */
int packer_join(struct packer *packer, struct err *err) MUST_CHECK;

/* See entry_writer_place: after packer_join, when the volume was flushed. */
struct spot packer_place(const struct packer *packer, const struct item *item);

/* What was packed beside the items, until packer_free. */
const struct document *packer_documents(const struct packer *packer);

#endif
