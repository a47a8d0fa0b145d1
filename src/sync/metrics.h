/* SPDX-License-Identifier: MIT */
/*
 * metrics: a text file for Prometheus' node exporter.
 *
 * The file is written completely and renamed. A failed sync keeps the time of the last success,
 * so that its age is correct.
 *
 * Units    those of Prometheus: seconds, bytes
 * Errors   ERR_SYSTEM
 * Threads  one
 * Source   Prometheus' text format 0.0.4; node_exporter's textfile collector
 */
#ifndef SYNC_METRICS_H
#define SYNC_METRICS_H

#include "base/err.h"
#include "catalog/shard.h"

#include <stdbool.h>
#include <stdint.h>

struct metrics {
    const char *dir; /* whose catalog knows the last success, if the file does not */
    int64_t ended_ms;
    uint64_t elapsed; /* milliseconds */
    bool ok;
    uint64_t runs;
    uint64_t failed; /* runs deferred because of a failure */
    uint64_t artifacts;
    uint64_t bytes;
    uint64_t missing;
    uint64_t damaged;        /* volumes that were gone, differed, were damaged or unreadable */
    uint64_t read_bytes;     /* bytes of volumes verified */
    uint64_t lost;           /* runs that are lost, or lack artifacts of a lost volume */
    int64_t oldest_ms;       /* least recent verification of a volume; INT64_MIN: never */
    uint64_t stamps_waiting; /* time stamps that volumes wait for */
    uint64_t waiting;        /* runs that have ended and are not archived */
    int64_t oldest_us;       /* creation time of the oldest of these runs; INT64_MIN: none */
    struct shard shard;      /* a label of all metrics, if it leaves runs out */
    uint64_t others;         /* listed runs of other shards */
    uint64_t undecided;      /* listed runs whose shard is not known */
};

/*
 * Write the metrics to path, by a temporary file and rename.
 */
int metrics_write(const char *path, const struct metrics *metrics, struct err *err) MUST_CHECK;

#endif
