/* SPDX-License-Identifier: MIT */
/*
 * glance: what an archive says of itself, without reading its contents: the digest of its
 * manifest, its predecessor, and whether it is signed.
 *
 * Errors   those of reading; a wrong signature is none: see struct glance
 * Owns     nothing
 * Threads  any
 */
#ifndef EVIDENCE_GLANCE_H
#define EVIDENCE_GLANCE_H

#include "base/digest.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/pulse.h"

#include <stdbool.h>

/* What was found; texts are in the region. */
struct glance {
    char sha256[SHA256_TEXT];          /* of the manifest */
    const char *previous;              /* the archive before it; "": none is named */
    char previous_sha256[SHA256_TEXT]; /* of that one's manifest; "" */
    const char *signature; /* "signed by ...", "not signed", "signed, not checked" */
    const char *fault;     /* what is wrong with the signature; NULL: nothing */
};

/*
 * Read the manifest of an archive, all of it.
 *
 * signers  check the signature ARCHIVE.sig against this file; NULL: only tell whether there is
 *          one
 */
int glance_at(const char *archive, const char *signers, struct stop stop, struct glance *glance,
              struct region *region, struct err *err) MUST_CHECK;

#endif
