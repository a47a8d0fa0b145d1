/* SPDX-License-Identifier: MIT */
/*
 * packer: the thread that writes received bodies as entries of the volume.
 *
 * It processes each body: unpacks the ZIP of a bundle, decodes a HAR that was received
 * zstd-compressed, compares the service's checksum, and has entry_writer write it. Then it
 * answers, so that the transfer loop can fetch wrong content again.
 *
 * Requests go in and results come out by value, through two queues: the packer's thread writes
 * to no memory that other threads read, and the plan is only read. Results are queued in the
 * order of events; the last result of a body is its answer.
 *
 * A body larger than the memory for bodies can pass straight through: packer_head starts it
 * while it is being received, and its pieces follow. Other bodies wait until it has ended. If
 * it is a duplicate, or is interrupted, the volume goes back to where it started. Only for
 * volumes that can go back.
 *
 * Errors   the first failure ends the archive: packer_failed detects it, packer_join returns it
 * Owns     all bodies and texts given to it, even if the call fails; its state of items and
 *          bundles
 * Threads  packer_*: the transfer loop; the work runs in the packer's own thread
 */
#ifndef WRITER_PACKER_H
#define WRITER_PACKER_H

#include "base/err.h"
#include "writer/body.h"
#include "writer/entry_writer.h"
#include "writer/plan.h"
#include "writer/volume.h"

#include <stdbool.h>
#include <stdint.h>

struct packer_opts {
    /* stored, stored_ctx and stopping are set by the packer */
    struct entry_writer_opts entries;
    const struct spool *parts; /* for content extracted from ZIPs; must outlive the volume */
    /* maximum bytes of one artifact, also of one extracted from a ZIP */
    uint64_t max_size;
    void (*news)(void *ctx); /* called if there is an answer or a failure; any thread */
    void *ctx;
    bool stepped; /* for simulations: no thread, packer_step does its work */
};

/* A payload file that is not an artifact, such as run.json. */
struct document {
    struct document *next;
    char *path; /* below the top directory */
    uint64_t size;
    struct digest digest;
    struct spot place; /* known after volume_flush */
};

struct packer;

/* A result of the packer. */
enum pack_event {
    /* an item is in the archive: see packed; it may be another item than the given one */
    PACK_STORED,
    PACK_NOTED, /* an anomaly of an item that was stored before: see note */
    /*
     * the answers to the body of an item; after PACK_MISMATCH, PACK_LENGTH and PACK_SUSPECT it
     * is not stored, and is fetched again:
     */
    PACK_DONE,     /* it is stored, from this body or an earlier one */
    PACK_MISMATCH, /* its checksum differs from the service's: retry once */
    PACK_SPLIT,    /* it was the ZIP of its bundle; its usable members are stored */
    PACK_LACKS,    /* it was that ZIP, without the item */
    PACK_BROKEN,   /* a parent that is not a usable ZIP */
    PACK_LENGTH,   /* its length was not as announced, or its coding was broken */
    PACK_SUSPECT,  /* its content does not match its type: try another route */
};

struct pack_result {
    enum pack_event event;
    const struct item *item;
    struct packed packed; /* PACK_STORED */
    const char *note;     /* PACK_NOTED: a static word */
};

/*
 * Start the thread. plan, volume and names must outlive it; only the packer may use volume
 * until packer_join. The plan may grow: see writer/plan.
 */
struct packer *packer_new(const struct packer_opts *opts, struct volume *volume,
                          const struct plan *plan, struct entry_names *names,
                          struct err *err) MUST_CHECK;

/* Stepped: process the next parcel; false if there is none. */
bool packer_step(struct packer *packer);

/* Stop without processing the queue; may be NULL. */
void packer_free(struct packer *packer);

/* Reasons for which an item can be fetched again; then it is answered, and not packed. */
enum packer_again {
    PACKER_AGAIN_SUM = 1,     /* its checksum is wrong */
    PACKER_AGAIN_SUSPECT = 2, /* its content does not match its type */
};

/*
 * Give the whole body of an item to the packer.
 *
 * again    flags of enum packer_again; 0: the body is packed in any case
 */
int packer_item(struct packer *packer, const struct item *item, struct body *body,
                unsigned again, struct err *err) MUST_CHECK;

/* Give a document with its path to the packer (mem_*; taken over). */
int packer_document(struct packer *packer, char *path, int64_t mtime, struct body *body,
                    struct err *err) MUST_CHECK;

/*
 * End the open frames that hold chunks of the pool, so that these are returned to it; does
 * nothing while an item passes through. Used when the pool is empty and the packer is idle.
 */
int packer_release(struct packer *packer, struct err *err) MUST_CHECK;

/*
 * Called at regular intervals: end the frames that were open at the last call. Does nothing
 * while an item passes through.
 */
int packer_age(struct packer *packer, struct err *err) MUST_CHECK;

/* Start an item's body of size bytes, as announced, with its first bytes; more follows. */
int packer_head(struct packer *packer, const struct item *item, struct body *body,
                uint64_t size, struct err *err) MUST_CHECK;

/* Add more bytes of that body. */
int packer_more(struct packer *packer, struct chunk *chunk, struct err *err) MUST_CHECK;

/*
 * End that body: it is complete (whole; then it is answered, again as above), or it was
 * interrupted. Suspect content must be detected before packer_head.
 */
int packer_tail(struct packer *packer, bool whole, unsigned again, struct err *err) MUST_CHECK;

/* Take the oldest result; false: there is none. */
bool packer_result(struct packer *packer, struct pack_result *result);

/* Whether the archive can no longer succeed. */
bool packer_failed(const struct packer *packer);

/* Microseconds that the thread has been idle, up to the start of the current parcel. */
uint64_t packer_waited(const struct packer *packer);

/* Whether the thread is idle now. */
bool packer_starved(struct packer *packer);

/* Pack the rest of the queue and end the thread; returns the first failure. */
int packer_join(struct packer *packer, struct err *err) MUST_CHECK;

/* See entry_writer_place: after packer_join, once the volume was flushed. */
struct spot packer_place(const struct packer *packer, const struct item *item);

/* The documents that were packed, valid until packer_free. */
const struct document *packer_documents(const struct packer *packer);

#endif
