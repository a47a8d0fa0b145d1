/* SPDX-License-Identifier: MIT */
/*
 * clock: monotonic and wall time; parsing and formatting of timestamps.
 *
 * Units    milliseconds; wall time counts from 1970-01-01T00:00:00Z; clock_us parses to
 *          microseconds
 * Errors   a timestamp that cannot be parsed gives CLOCK_NONE
 * Threads  any
 * Source   ISO 8601 / RFC 3339 (most of Skyvern's timestamps have no zone and are UTC)
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <pthread.h>
#include <stdint.h>

#define CLOCK_NONE     INT64_MIN /* no such time */
#define CLOCK_TEXT_MAX 32        /* size of clock_format's buffer */

/* The monotonic clock in milliseconds, unrelated to the date. */
uint64_t clock_mono(void);

/* The monotonic clock in microseconds. */
uint64_t clock_mono_us(void);

/* The wall clock in milliseconds since 1970. */
int64_t clock_wall(void);

/* Sleep for ms milliseconds. */
void clock_sleep(uint64_t ms);

/* Initialise a condition whose timed waits end by the monotonic clock. */
void clock_cond(pthread_cond_t *cond);

enum clock_style {
    CLOCK_RFC3339, /* 2026-01-20T11:52:29Z */
    CLOCK_COMPACT, /* 20260120T115229Z: for file names */
    CLOCK_DATE,    /* 2026-01-20 */
    CLOCK_MICROS,  /* 20260120T115229.276851Z: for file names; the time is in microseconds */
};

/* Format t: milliseconds since 1970, or microseconds for CLOCK_MICROS. Returns out. */
const char *clock_format(char out[CLOCK_TEXT_MAX], int64_t t, enum clock_style style);

/*
 * Parse "2026-01-20T11:52:29.276851", with or without a fraction and a zone ("Z", "+02:00").
 * Also accepted are the compact form of X-Amz-Date and ISO 8601's reduced forms: without
 * seconds, or a date alone (which means midnight). s may be NULL: no time.
 *
 * returns  microseconds since 1970, or CLOCK_NONE
 */
int64_t clock_us(const char *s);

/* Parse an HTTP date (RFC 9110, 5.6.7); milliseconds since 1970, or CLOCK_NONE. */
int64_t clock_http(const char *s);

#endif
