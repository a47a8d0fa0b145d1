/* SPDX-License-Identifier: MIT */
/*
 * level: the number of requests that one host gets at a time, and its bounds.
 *
 * Pure.
 *
 * Errors   none
 * Owns     nothing
 * Threads  the transfer loop only
 */
#ifndef LIMIT_LEVEL_H
#define LIMIT_LEVEL_H

#define LEVEL_START 16 /* the first number, unless the upper bound is lower */

struct level {
    unsigned now;  /* requests that may run */
    unsigned base; /* that number at the start of the round, or before the current trial */
    unsigned most; /* upper bound, at least 1 */
    unsigned cap;  /* an upper bound below `most`, since more requests were rejected; 0: none */
};

/* The first level below an upper bound; 0 counts as 1. */
void level_init(struct level *level, unsigned most);

/* The upper bound at present: the cap if there is one below `most`, else `most`. */
unsigned level_bound(const struct level *level);

/* A number rounded down, at least 1 and at most the upper bound. */
unsigned level_clamp(const struct level *level, double value);

/* Continue with another number from now on, which is the base of the next trial. */
void level_set(struct level *level, unsigned to);

#endif
