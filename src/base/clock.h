/* SPDX-License-Identifier: MIT */
/*
 * clock: monotonic and wall time, and times in text.
 *
 * Units    milliseconds; wall time counts from 1970-01-01T00:00:00Z;
 *          clock_us parses to microseconds
 * Errors   a time that cannot be read gives CLOCK_NONE
 * Threads  any
 * Source   ISO 8601 / RFC 3339 (Skyvern's times mostly lack the zone: UTC)
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_NONE     INT64_MIN /* no such time */
#define CLOCK_TEXT_MAX 32        /* room for what clock_format writes */

/* Milliseconds that only grow; no relation to the date. */
uint64_t clock_mono(void);

/* The same in microseconds. */
uint64_t clock_mono_us(void);

/* Milliseconds since 1970. */
int64_t clock_wall(void);

/* Sleep. */
void clock_sleep(uint64_t ms);

enum clock_style {
    CLOCK_RFC3339, /* 2026-01-20T11:52:29Z */
    CLOCK_COMPACT, /* 20260120T115229Z: for file names */
    CLOCK_DATE,    /* 2026-01-20 */
    CLOCK_MICROS,  /* 20260120T115229.276851Z: for file names; wants microseconds */
};

/* Write a time; ms since 1970, or microseconds for CLOCK_MICROS. */
const char *clock_format(char out[CLOCK_TEXT_MAX], int64_t t, enum clock_style style);

/*
 * Read "2026-01-20T11:52:29.276851" with or without fraction and zone
 * ("Z", "+02:00"), also the compact form of X-Amz-Date, and the reduced ones
 * of ISO 8601: no seconds, or the date alone (its midnight).
 *
 * returns  microseconds since 1970, or CLOCK_NONE
 */
int64_t clock_us(const char *s);

/* Read an HTTP date (RFC 9110, 5.6.7); milliseconds since 1970, or CLOCK_NONE. */
int64_t clock_http(const char *s);

#endif
