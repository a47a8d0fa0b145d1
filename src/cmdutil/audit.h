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

#include "attest/sshsig.h"
#include "attest/tsp.h"
#include "base/err.h"
#include "base/jsonw.h"
#include "cli/confine.h"
#include "cli/opt.h"
#include "cmdutil/session.h"
#include "reader/manifest_scan.h"
#include "volumes/volume_store.h"

#include <stdbool.h>
#include <stddef.h>

/* All archives below a directory, sorted by path; and messages about what cannot be read. */
struct audit_files {
    char **paths;
    size_t count;
    size_t cap;
    char **faults;
    size_t fault_count;
    size_t fault_cap;
};

/*
 * Find the archives below dir, sorted by path; ERR_NOT_FOUND if there is none, and all could be
 * read. Links are not followed, but dir itself; what has an archive's name and is none, and a
 * link to a directory, is logged. files must be {0}; clear it also on failure.
 */
int audit_find(struct audit_files *files, const char *dir, struct err *err) MUST_CHECK;

/* The same for a place of volumes in a bucket: the volumes that count, sorted by path. */
int audit_find_volumes(struct audit_files *files, const struct volume_store *store,
                       struct err *err) MUST_CHECK;

/* Free the paths; may be called twice. */
void audit_files_clear(struct audit_files *files);

/* The options for what proves who wrote an archive, and when. */
struct audit_proofs {
    const char *signers;   /* file of allowed signers; NULL: signatures are not checked */
    const char *signature; /* file; NULL: ARCHIVE.sig */
    const char *tsa_ca;    /* file of certificates; NULL: time stamps are not checked */
    const char *response;  /* file of the time stamp; NULL: ARCHIVE.tsr and so on */
};

extern const struct opt audit_proof_opts[];

/*
 * Check the options before any archive is read.
 *
 * one      whether there is one archive only, to which the file of a proof can belong
 */
int audit_proofs_check(const struct audit_proofs *proofs, bool one, struct err *err) MUST_CHECK;

/* Allow the files of an operand's proofs to be read. */
int audit_proofs_confine(const struct audit_proofs *proofs, struct confine *confine,
                         const char *operand, struct err *err) MUST_CHECK;

/* What was proved of an archive. */
struct audit_proved {
    char signer[SSHSIG_WHO_MAX]; /* "": its signature was not checked */
    struct tsp_stamp stamps[TSP_MOST];
    size_t stamp_count;
};

/*
 * Check the proofs of an archive that the options ask for. If there is a valid time stamp,
 * others that are not valid are only logged.
 *
 * trust    of tsa_ca; NULL: it is not given
 * fault    called for each proof that is missing or not valid; may be called several times
 * returns  the number of faults
 */
int audit_prove(const struct audit_proofs *proofs, const struct tsp_trust *trust,
                const char *archive, const struct manifest_digests *manifest,
                struct audit_proved *proved, void (*fault)(void *ctx, const char *what),
                void *ctx) MUST_CHECK;

/* Print what was proved, a line each. */
void audit_proved_print(const struct audit_proved *proved, const char *archive);

/* Write what was proved as members of an object. */
void audit_proved_put(const struct audit_proved *proved, struct jsonw *w);

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
