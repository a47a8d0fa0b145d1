/* SPDX-License-Identifier: MIT */
/*
 * held: the artifacts that the archives of a run have, as the service listed them.
 *
 * Errors   ERR_MEMORY
 * Owns     copies of what it was given, until held_clear
 * Threads  one at a time
 */
#ifndef LISTEN_HELD_H
#define LISTEN_HELD_H

#include "api/artifact.h"
#include "base/err.h"
#include "base/hashmap.h"
#include "base/mem.h"
#include "format/manifest_read.h"

#include <stdbool.h>

struct held {
    struct hashmap *rows; /* by artifact_id; NULL: none */
    struct region *region;
};

/* Add an artifact's row of an archive; an artifact may have several. */
int held_add(struct held *held, const struct manifest_read_artifact *row,
             struct err *err) MUST_CHECK;

/*
 * Whether an artifact of a list is archived as it is listed. It is not if its checksum, size or
 * time has changed since, and there are fewer than CONTENTS_COPIES different copies of it.
 */
bool held_has(const struct held *held, const struct artifact *artifact);

/* Free everything; may be called twice. */
void held_clear(struct held *held);

#endif
