/* SPDX-License-Identifier: MIT */
/*
 * run_print: one run, for people to read.
 *
 * What came from elsewhere is escaped; it is shown as the listing keeps it, with
 * secrets taken out.
 *
 * Errors   ERR_FORMAT, ERR_MEMORY
 * Threads  one
 */
#ifndef CMDUTIL_RUN_PRINT_H
#define CMDUTIL_RUN_PRINT_H

#include "base/err.h"
#include "client/listing.h"

#include <stdbool.h>

/* Print the run at `at`, and the children behind it, on standard output; apart: with a line in
 * front, to part it from another. */
int run_print(const struct listing *listing, size_t at, bool apart, struct err *err) MUST_CHECK;

#endif
