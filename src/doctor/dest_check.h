/* SPDX-License-Identifier: MIT */
/*
 * dest_check: a sync directory: its disk, lock, catalog, volumes, and last sync.
 *
 * Changes nothing in the directory, apart from the files of disk_check, and takes no lock that
 * a sync could meet, unless the lock file names a holder, which may have been killed.
 *
 * Units    milliseconds since 1970; bytes
 * Errors   none: all that is wrong is a finding
 * Owns     nothing
 * Threads  one
 */
#ifndef DOCTOR_DEST_CHECK_H
#define DOCTOR_DEST_CHECK_H

#include "doctor/finding.h"

#include <stdint.h>

/* Check a sync directory; now_ms: the time. */
void dest_check(const char *dir, int64_t now_ms, struct findings *findings);

#endif
