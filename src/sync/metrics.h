/* SPDX-License-Identifier: MIT */
/*
 * metrics: a text file for Prometheus' node exporter.
 *
 * Written whole and renamed. A sync that failed leaves the last success as it
 * was, so that "how long ago" is true.
 *
 * Units    as Prometheus wants them: seconds, bytes
 * Errors   ERR_SYSTEM
 * Threads  one
 * Source   Prometheus' text format 0.0.4; node_exporter's textfile collector
 */
#ifndef SYNC_METRICS_H
#define SYNC_METRICS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct metrics {
    int64_t ended_ms;
    uint64_t elapsed; /* milliseconds */
    bool ok;
    uint64_t runs;
    uint64_t artifacts;
    uint64_t bytes;
    uint64_t missing;
    uint64_t damaged;    /* volumes that were gone, differed, were damaged or unreadable */
    uint64_t read_bytes; /* of volumes read back */
    uint64_t lost;       /* runs that are lost, or lack what a lost volume had */
    int64_t oldest_ms;   /* the volume read back longest ago was read then; INT64_MIN: never */
    uint64_t waiting;    /* runs that have ended and are not archived */
    int64_t oldest_us;   /* the oldest of them was made; INT64_MIN: there is none */
};

/*
 * Write the metrics as a file for Prometheus' textfile collector; path gets its final name
 * only when all is written.
 */
int metrics_write(const char *path, const struct metrics *metrics, struct err *err) MUST_CHECK;

#endif
