/* SPDX-License-Identifier: MIT */
/*
 * run_print: print a run for people.
 *
 * Texts of the service are redacted by the listing, and escaped here.
 *
 * Errors   ERR_FORMAT, ERR_MEMORY
 * Threads  one
 */
#ifndef CMDUTIL_RUN_PRINT_H
#define CMDUTIL_RUN_PRINT_H

#include "base/err.h"
#include "client/listing.h"

#include <stdbool.h>

/* Print the run at index `at`, and the child runs that follow it, on standard output. apart:
 * print an empty line first. */
int run_print(const struct listing *listing, size_t at, bool apart, struct err *err) MUST_CHECK;

#endif
