/* SPDX-License-Identifier: MIT */
/*
 * extras: what a run's records name beside its artifact list, and what one
 * would expect and it lacks.
 *
 * downloaded_files, recording_url, recording_urls and screenshot_urls, and the
 * recordings and downloads of the run's browser session, become rows of the list
 * unless a row is the same object: by artifact_id, by the ID in a content URL, by
 * the object's key in a storage URL, by the URL's path, or by checksum and size.
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

/* Add the rows of what is not listed, as far as the filter wants it, and note what is odd. */
int extras_add(struct listed_run *run, const struct kind_filter *filter,
               struct err *err) MUST_CHECK;

/* Note the URLs that a newer record of the run has for those rows: artifact_id -> URL, lent by
 * the record. What other records name is not renewed so. */
int extras_urls(const struct listed_run *run, const struct run *fresh, struct hashmap *by_id,
                struct err *err) MUST_CHECK;

#endif
