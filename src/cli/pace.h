/* SPDX-License-Identifier: MIT */
/*
 * pace: the rate of the last seconds, and the time left at that rate.
 *
 * Pure: the caller passes the time.
 *
 * Units    bytes; milliseconds of the monotonic clock
 * Errors   none
 * Owns     nothing; a struct pace that is {0} has no sample yet
 * Threads  one at a time
 */
#ifndef CLI_PACE_H
#define CLI_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_WINDOW  5000 /* the rate is of this time */
#define PACE_STEP    250  /* between two samples */
#define PACE_SAMPLES (PACE_WINDOW / PACE_STEP + 1)
#define PACE_FIRST   1000                          /* no rate is known before this time */
#define PACE_UNKNOWN UINT64_MAX                    /* answer: too little is known yet */
#define PACE_LONGEST ((uint64_t)100 * 3600 * 1000) /* a longer time is not told */

struct pace {
    struct {
        uint64_t at;
        uint64_t bytes;
    } samples[PACE_SAMPLES]; /* a ring, oldest at `first` */
    unsigned first;
    unsigned count;
};

/* Note how many bytes have come so far. Fewer than before: something else begins, and the
 * samples so far are dropped. */
void pace_note(struct pace *pace, uint64_t now, uint64_t bytes);

/*
 * Bytes per second: the bytes noted in the last PACE_WINDOW, over the time from the oldest of
 * these notes to now; or PACE_UNKNOWN.
 */
uint64_t pace_bps(const struct pace *pace, uint64_t now);

/* The milliseconds that so many bytes take at a rate. Returns false if that cannot be said: no
 * bytes are left, none come, or it is longer than PACE_LONGEST. */
bool pace_left(uint64_t bytes, uint64_t bps, uint64_t *ms);

#endif
