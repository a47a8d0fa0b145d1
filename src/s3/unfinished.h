/* SPDX-License-Identifier: MIT */
/*
 * unfinished: uploads in parts that were begun and not completed: their parts cost money.
 *
 * An upload whose ID was not received is found by its key and time. So two machines that write
 * one key at the same time may abort each other's uploads; the one that fails says so.
 *
 * Units    milliseconds, of the wall clock where since 1970
 * Errors   those of s3_client and s3/upload_list
 * Owns     nothing
 * Threads  one, the client's
 * Source   Amazon S3 API reference: AbortMultipartUpload, ListMultipartUploads
 */
#ifndef S3_UNFINISHED_H
#define S3_UNFINISHED_H

#include "base/err.h"
#include "s3/s3_client.h"

#include <stdint.h>

/* By how much clocks may differ: S3 refuses requests beyond that. */
#define UNFINISHED_SKEW_MS ((int64_t)15 * 60 * 1000)

/* Abort an upload that was broken off; one that does not exist is no error. */
int unfinished_abort(struct s3_client *client, const char *key, const char *id,
                     struct err *err) MUST_CHECK;

/*
 * Abort the uploads to a key that were begun at most UNFINISHED_SKEW_MS before or after a time
 * of this machine's clock: of an upload of which the ID is not known.
 */
int unfinished_abort_unknown(struct s3_client *client, const char *key, int64_t when_ms,
                             struct err *err) MUST_CHECK;

/*
 * Abort the uploads that earlier attempts to begin an upload have begun: those of the same key
 * that were begun earlier than it, but not before the first attempt, by the store's clock. What
 * fails is logged.
 *
 * ours     the ID of the upload that was begun at last, and stays
 * elapsed  milliseconds since the first attempt
 */
void unfinished_abort_earlier(struct s3_client *client, const char *key, const char *ours,
                              uint64_t elapsed);

#endif
