/* SPDX-License-Identifier: MIT */
/*
 * audit: what verify needs beyond one archive's bytes: the archives of a directory, a
 * signature, and a comparison with the service.
 *
 * Errors   those of reading and of the API
 * Threads  one
 */
#ifndef CMDUTIL_AUDIT_H
#define CMDUTIL_AUDIT_H

#include "base/err.h"
#include "cmdutil/session.h"
#include "reader/archive_reader.h"
#include "reader/manifest_scan.h"

#include <stddef.h>

/* All archives below a directory, sorted by path. */
struct audit_files {
    char **paths;
    size_t count;
    size_t cap;
};

/*
 * Find the archives below dir, sorted by path; ERR_NOT_FOUND if there is none. files must be
 * {0}; clear it also on failure.
 */
int audit_find(struct audit_files *files, const char *dir, struct err *err) MUST_CHECK;

/* Free the paths; may be called twice. */
void audit_files_clear(struct audit_files *files);

/* Check the signature file (NULL: ARCHIVE.sig) against the file of allowed signers; prints
 * the signer on stdout. */
int audit_signature(const char *archive, const char *signature, const char *signers,
                    const struct manifest_digests *manifest, struct err *err) MUST_CHECK;

/* The run and artifact IDs that archives name in their manifests. */
struct audit_held;

/* An empty set; free by audit_held_free. */
struct audit_held *audit_held_new(struct err *err) MUST_CHECK;

/* Free the set; NULL is fine. */
void audit_held_free(struct audit_held *held);

/* Add an archive's runs and artifacts, and the artifacts that its manifest lists as missing. */
int audit_held_add(struct audit_held *held, const char *archive, struct err *err) MUST_CHECK;

/* Ask the service whether the runs have artifacts, or started runs, that are not in the set.
 * Each is logged; *lacking is their number. Artifacts that the filters of the archives with
 * their run do not accept are not counted: the number is logged. A run that could not be asked
 * about counts as well, unless the service no longer has it. */
int audit_against_api(struct audit_held *held, const struct session_args *session,
                      size_t *lacking, struct err *err) MUST_CHECK;

#endif
