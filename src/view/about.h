/* SPDX-License-Identifier: MIT */
/*
 * about: what the header of the offline view says of the archive: the service it came from,
 * when it was made, and totals.
 *
 * The totals are counted from the rows of the manifest. They are left out if no artifact was
 * counted, as in a page that gets only the runs' rows. The digest of the manifest cannot be
 * stated here, since the manifest has the digest of index.html.
 *
 * Pure.
 *
 * Units    bytes
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Threads  one at a time
 * Source   docs/manifest.schema.json
 */
#ifndef VIEW_ABOUT_H
#define VIEW_ABOUT_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define ABOUT_VALUE_MAX 512 /* limit of a value's JSON text; longer ones are left out */

struct about {
    char source[ABOUT_VALUE_MAX];  /* JSON text of the manifest's "source"; "": not known */
    char created[ABOUT_VALUE_MAX]; /* likewise "created_at", the latest */
    uint64_t archives;             /* number of values of "source" */
    bool filtered;                 /* a filter chose the artifacts: the manifest names it */
    uint64_t artifacts;
    uint64_t bytes; /* of all artifacts, including duplicates */
    uint64_t missing;
};

/* Take the JSON text of a manifest's "source"; several archives may be of different ones. */
void about_source(struct about *about, const char *text, size_t len);

/* Take the JSON text of a manifest's "created_at". */
void about_created(struct about *about, const char *text, size_t len);

/* Append the object {"source": ..., "created": ..., "filter": ..., "artifacts": ...} as inert
 * JSON. */
int about_put(const struct about *about, struct buf *out, struct err *err) MUST_CHECK;

#endif
