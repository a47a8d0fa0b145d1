/* SPDX-License-Identifier: MIT */
/*
 * pulse: the watchdog's view of the process: counters of progress, legitimate waits and the
 * state of each transfer; and how long operations are asked to stop.
 *
 * The state is process-wide, like the log's, because a hang concerns the whole process. It
 * consists of atomics without a lock, so that the watchdog never waits for a thread that hangs.
 *
 * Units    milliseconds of the monotonic clock; bytes
 * Errors   none
 * Owns     nothing
 * Threads  any
 */
#ifndef BASE_PULSE_H
#define BASE_PULSE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define PULSE_SLOTS 256 /* maximum number of transfers shown */

/*
 * How an operation is asked to stop. It is handed down by value, unchanged, to whatever waits
 * or works for long, and polled there.
 */
struct stop {
    bool (*asked)(void *ctx); /* whether to stop now; called often, by any thread */
    int fd;                   /* becomes readable when asked may have changed; -1: none */
    void *ctx;
};

/* What never asks to stop. */
struct stop stop_never(void);

/* Whether to stop now. */
bool stop_asked(const struct stop *stop);

/* ERR_CANCELLED if the operation is to stop now. */
int stop_check(const struct stop *stop, struct err *err) MUST_CHECK;

/* Kinds of progress. */
enum pulse_beat {
    BEAT_RECEIVED, /* bytes of a response, or its end */
    BEAT_PACKED,   /* an item handed to the packer */
    BEAT_CODED,    /* a frame compressed */
    BEAT_WRITTEN,  /* bytes written to an archive */
    BEAT_HASHED,   /* bytes of an archive hashed */
    BEAT_READ,     /* bytes read from an archive or a source file */
    BEAT_SENT,     /* bytes of a request's body */
    BEATS
};

/* Waits that are not a hang. */
enum pulse_wait {
    WAIT_DUE,    /* for a time: a retry, the next poll of a run, the rate limit */
    WAIT_SYNC,   /* for the disk, in fsync */
    WAIT_READER, /* for the reader of standard output or of a pipe */
    WAIT_CHILD,  /* for a child process */
    WAIT_LOCK,   /* for another skyarc's lock */
    WAIT_IDLE,   /* nothing to do: listen */
    WAITS
};

/* Count progress of this kind. */
void pulse_beat(enum pulse_beat kind);

/* Begin a wait of this kind; several may overlap. Not for WAIT_DUE, which pulse_due sets. */
void pulse_begin(enum pulse_wait kind);

/* End a wait of this kind; one call for each pulse_begin. */
void pulse_end(enum pulse_wait kind);

/*
 * No progress is expected before this time; UINT64_MAX: no such time. The latest call counts.
 */
void pulse_due(uint64_t at);

/* The state of a transfer. */
enum pulse_slot {
    SLOT_IDLE,
    SLOT_ASKING,    /* no byte received yet */
    SLOT_RECEIVING, /* into memory */
    SLOT_SPILLING,  /* into a file */
    SLOT_PASSING,   /* directly into the archive */
    SLOT_PAUSED,    /* no buffer is free */
};

/* Set the state of the transfer in a slot, and the number of body bytes received. */
void pulse_slot(unsigned slot, enum pulse_slot state, uint64_t bytes);

/* The number of beats of a kind so far. */
uint64_t pulse_beats(enum pulse_beat kind);

/* The number of waits of a kind under way. */
unsigned pulse_waits(enum pulse_wait kind);

/* The time set by pulse_due (monotonic milliseconds); 0: none. */
uint64_t pulse_is_due(void);

/* The name of a kind of progress, for messages. */
const char *pulse_beat_name(enum pulse_beat kind);

/* The name of a kind of wait, for messages. */
const char *pulse_wait_name(enum pulse_wait kind);

/*
 * Describe a transfer: "receiving, 1234 bytes".
 *
 * returns  false if the transfer is idle
 */
bool pulse_slot_text(unsigned slot, char *out, unsigned size);

#endif
