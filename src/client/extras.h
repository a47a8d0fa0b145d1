/* SPDX-License-Identifier: MIT */
/*
 * extras: adds artifacts that only a run's records name, and notes artifacts that are expected
 * but missing.
 *
 * The record fields downloaded_files, recording_url, recording_urls and screenshot_urls, and
 * the recordings and downloads of the run's browser session, become rows of the list, unless a
 * row is the same object: by artifact_id, by the ID in a content URL, by the object's key in a
 * storage URL, by the URL's path, or by type, checksum, size and file name.
 *
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Owns     nothing: rows and notes belong to the run
 * Threads  the transfer loop
 * Source   docs/api.md, "A run"
 */
#ifndef CLIENT_EXTRAS_H
#define CLIENT_EXTRAS_H

#include "api/kind.h"
#include "base/err.h"
#include "base/hashmap.h"
#include "client/listing.h"

/* Add rows for unlisted artifacts that the filter accepts, and note anomalies of the run. */
int extras_add(struct listed_run *run, const struct kind_filter *filter,
               struct err *err) MUST_CHECK;

/*
 * Do so for all runs of a listing, to know the names of downloaded files, which only the
 * records have. Sets listing->calm: only a pull says what a run should have.
 */
int extras_add_all(struct listing *listing, const struct kind_filter *filter,
                   struct err *err) MUST_CHECK;

/*
 * Collect the URLs that a newer record of the run has for the added rows: artifact_id -> URL,
 * which points into the record. Only rows from the run's own record are covered.
 */
int extras_urls(const struct listed_run *run, const struct run *fresh, struct hashmap *by_id,
                struct err *err) MUST_CHECK;

#endif
