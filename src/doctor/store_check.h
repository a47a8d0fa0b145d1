/* SPDX-License-Identifier: MIT */
/*
 * store_check: an object store: credentials, endpoint, bucket, and what may be done there:
 * listing, writing, reading, parts, deleting; the rest is bucket_check.
 *
 * Writes a few objects of at most 16 MiB together under keys of its own, and deletes them.
 *
 * Units    bytes
 * Errors   none: all that is wrong is a finding
 * Owns     nothing
 * Threads  one
 * Source   docs/object-stores.md
 */
#ifndef DOCTOR_STORE_CHECK_H
#define DOCTOR_STORE_CHECK_H

#include "doctor/finding.h"

/* Check the store of an address, "s3://bucket/prefix". */
void store_check(const char *address, struct findings *findings);

#endif
