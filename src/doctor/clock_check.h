/* SPDX-License-Identifier: MIT */
/*
 * clock_check: how far this clock and that of a server differ.
 *
 * Units    milliseconds
 * Errors   none: what is wrong is a finding
 * Owns     nothing
 * Threads  one
 */
#ifndef DOCTOR_CLOCK_CHECK_H
#define DOCTOR_CLOCK_CHECK_H

#include "doctor/finding.h"

#include <stdint.h>

#define CLOCK_CHECK_DATE_MS 1000 /* an HTTP date has no fraction of a second */

/*
 * Report the difference of the clocks.
 *
 * check      the name of the check, a constant
 * whose      "the server's"
 * offset_ms  that clock less this one
 */
void clock_check(struct findings *findings, const char *check, const char *whose,
                 int64_t offset_ms);

#endif
