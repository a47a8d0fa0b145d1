/* SPDX-License-Identifier: MIT */
/*
 * bucket_check: a bucket that answers: its region and clock, versions, Object Lock, unfinished
 * uploads, and whether its conditional writes decide races.
 *
 * Units    bytes; milliseconds
 * Errors   none: all that is wrong is a finding
 * Owns     nothing
 * Threads  one
 * Source   docs/object-stores.md
 */
#ifndef DOCTOR_BUCKET_CHECK_H
#define DOCTOR_BUCKET_CHECK_H

#include "doctor/finding.h"
#include "s3/s3_client.h"

/* Check the region that requests are signed for, against the one that was set. */
void bucket_check_region(struct s3_client *client, const char *set, struct findings *findings);

/* Check the clock, by what the client's last answer said. */
void bucket_check_clock(struct s3_client *client, struct findings *findings);

/* Check what the bucket is set up to do. */
void bucket_check_settings(struct s3_client *client, struct findings *findings);

/* Count the unfinished uploads under a prefix. */
void bucket_check_uploads(struct s3_client *client, const char *prefix,
                          struct findings *findings);

/* Let conditional writes race under a prefix. */
void bucket_check_conditions(struct s3_client *client, const char *prefix,
                             struct findings *findings);

/* Say how many shards of a sync fill the prefix, by their leases, if there are any. */
void bucket_check_shards(struct s3_client *client, const char *prefix,
                         struct findings *findings);

#endif
