/* SPDX-License-Identifier: MIT */
/*
 * pulse: what a watchdog sees of the process: that something moves, what it waits for by right,
 * and where each transfer stands.
 *
 * Process-wide, like the log: a hang is the process's. All of it is atomics without a lock, so
 * that a thread which looks never waits for one that hangs.
 *
 * Units    milliseconds of the monotonic clock; bytes
 * Errors   none
 * Owns     nothing
 * Threads  any
 */
#ifndef BASE_PULSE_H
#define BASE_PULSE_H

#include <stdbool.h>
#include <stdint.h>

#define PULSE_SLOTS 256 /* transfers that are shown */

/* Kinds of progress. */
enum pulse_beat {
    BEAT_RECEIVED, /* bytes of an answer, or the end of one */
    BEAT_PACKED,   /* a thing that was handed to the packer */
    BEAT_CODED,    /* a frame compressed */
    BEAT_WRITTEN,  /* bytes of an archive */
    BEAT_READ,     /* bytes of an archive, or of a file to archive */
    BEATS
};

/* What may be waited for without being a hang. */
enum pulse_wait {
    WAIT_DUE,    /* a time: a retry, the next poll of a run, the rate limit */
    WAIT_SYNC,   /* the disk, by fsync */
    WAIT_READER, /* whoever reads standard output, or a pipe */
    WAIT_CHILD,  /* a program that was started */
    WAIT_LOCK,   /* another skyarc */
    WAIT_IDLE,   /* there is nothing to do: listen */
    WAITS
};

/* Something has moved. */
void pulse_beat(enum pulse_beat kind);

/* A wait of this kind begins, and ends; several may be under way. Not for WAIT_DUE. */
void pulse_begin(enum pulse_wait kind);

/* A wait of this kind has ended; one call for each pulse_begin. */
void pulse_end(enum pulse_wait kind);

/* Nothing need move before this time; UINT64_MAX says nothing, and the latest call counts. */
void pulse_due(uint64_t at);

/* Where a transfer stands. */
enum pulse_slot {
    SLOT_IDLE,
    SLOT_ASKING,    /* no byte has come yet */
    SLOT_RECEIVING, /* into memory */
    SLOT_SPILLING,  /* into a file */
    SLOT_PASSING,   /* straight into the archive */
    SLOT_PAUSED,    /* by us: all buffers are out */
};

/* Say where the transfer in a slot stands, and how many bytes of its body have come. */
void pulse_slot(unsigned slot, enum pulse_slot state, uint64_t bytes);

/* How many beats there have been of a kind; how many waits are under way; when something is due
 * (0: nothing is). */
uint64_t pulse_beats(enum pulse_beat kind);

/* How many waits of a kind are under way. */
unsigned pulse_waits(enum pulse_wait kind);

/* When something is due (monotonic milliseconds); 0: nothing is. */
uint64_t pulse_is_due(void);

/* Words for people. */
const char *pulse_beat_name(enum pulse_beat kind);

/* The name of a kind of wait, for people. */
const char *pulse_wait_name(enum pulse_wait kind);

/*
 * Describe a transfer: "receiving, 1234 bytes".
 *
 * returns  false for one that is idle
 */
bool pulse_slot_text(unsigned slot, char *out, unsigned size);

#endif
