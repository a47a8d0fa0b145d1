/* SPDX-License-Identifier: MIT */
/*
 * disk_check: whether a file system can hold archives: writing, space, direct I/O, rename,
 * flock, reflink.
 *
 * The tests are made with files in a directory of its own, which is removed again.
 *
 * Units    bytes
 * Errors   none: all that is wrong is a finding
 * Owns     nothing
 * Threads  one
 * Source   open(2) (O_DIRECT), rename(2), flock(2), ioctl_ficlone(2)
 */
#ifndef DOCTOR_DISK_CHECK_H
#define DOCTOR_DISK_CHECK_H

#include "doctor/finding.h"

#include <stdint.h>

/* Check the file system of a directory that archives are written to. */
void disk_check(const char *dir, struct findings *findings);

/*
 * Check the free space of a directory's file system.
 *
 * night    size of the largest of the last nights' volumes; 0: not known
 */
void disk_check_space(const char *dir, uint64_t night, struct findings *findings);

/* Check the directory for temporary files. */
void disk_check_temp(struct findings *findings);

#endif
