/* SPDX-License-Identifier: MIT */
/*
 * audit: what verify checks beyond one archive's bytes: its signature, its place
 * in a series, and what the service has that it lacks.
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

/* Every archive below a directory, in the order of their paths. */
struct audit_files {
    char **paths;
    size_t count;
    size_t cap;
};

/*
 * Find the archives below dir, in the order of their names; ERR_NOT_FOUND where there is
 * none. files must be {0}, and is to be cleared in any case.
 */
int audit_find(struct audit_files *files, const char *dir, struct err *err) MUST_CHECK;

/* Free the names that audit_find found; may be called twice. */
void audit_files_clear(struct audit_files *files);

/* Check ARCHIVE.sig (or signature) against the signers' file; says who signed, on stdout. */
int audit_signature(const char *archive, const char *signature, const char *signers,
                    const struct manifest_digests *manifest, struct err *err) MUST_CHECK;

/* What archives say that they hold. */
struct audit_held;

/* Of no archive so far; to be freed by audit_held_free. */
struct audit_held *audit_held_new(struct err *err) MUST_CHECK;

/* Release; NULL is fine. */
void audit_held_free(struct audit_held *held);

/* Add what one archive holds, and what it knows it lacks. */
int audit_held_add(struct audit_held *held, const char *archive, struct err *err) MUST_CHECK;

/* Ask the service whether it has more of those runs than the archives hold together; each
 * artifact, and each run that these have started, is told. */
int audit_against_api(const struct audit_held *held, const struct session_args *session,
                      size_t *lacking, struct err *err) MUST_CHECK;

#endif
