/* SPDX-License-Identifier: MIT */
/*
 * payload_path: the paths of an archive's payload, data/RUN_ID/..., without the top directory.
 *
 * Pure.
 *
 * Threads  any
 * Source   docs/archive-format.md, "Names"; RFC 8493, 2.1.2 (the payload of a bag)
 */
#ifndef FORMAT_PAYLOAD_PATH_H
#define FORMAT_PAYLOAD_PATH_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a path is in data/. */
bool payload_path_is(const char *path);

/*
 * The ID of the run to which a path data/RUN_ID/... belongs, of *len bytes within the path;
 * NULL if it is no such path. The ID is not validated.
 */
const char *payload_path_run(const char *path, size_t *len);

/* What follows data/RUN_ID/ in a path; NULL if it is not below that. */
const char *payload_path_below(const char *path, const char *run_id);

#endif
