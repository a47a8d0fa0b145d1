/* SPDX-License-Identifier: MIT */
/*
 * claims: what an archive says of itself, without reading its contents: the digest of its
 * manifest, its predecessor, and whether it is signed and time-stamped.
 *
 * Errors   those of reading; a wrong signature or time stamp is none: see struct claims
 * Owns     nothing
 * Threads  any
 */
#ifndef EVIDENCE_CLAIMS_H
#define EVIDENCE_CLAIMS_H

#include "attest/tsp.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/pulse.h"

#include <stdbool.h>
#include <stdint.h>

/* What was found; texts are in the region. */
struct claims {
    char sha256[SHA256_TEXT];          /* of the manifest */
    const char *previous;              /* the archive before it; "": none is named */
    char previous_sha256[SHA256_TEXT]; /* of that one's manifest; "" */
    const char *signature; /* "signed by ...", "not signed", "signed, not checked" */
    const char *stamped;   /* "2026-01-02T03:04:05Z by CN=...", "no time stamp" ... */
    const char *fault;     /* of its contents: "its index is damaged" ...; NULL: none */
    const char *doubt;     /* what is wrong with the signature or a time stamp; NULL: nothing */
    uint64_t size;         /* of the archive */
    bool filtered;         /* not all artifacts of its runs were asked for */
};

struct claims_opts {
    const char *signers; /* check the signature ARCHIVE.sig against this file; NULL: only tell
                          * whether there is one */
    const struct tsp_trust *trust; /* of the authorities of time stamps; NULL: not checked */
    struct stop stop;
    /* called with each run of which not all was listed or delivered, and what */
    int (*flaw)(void *ctx, const char *run_id, const char *what, struct err *err);
    void *ctx;
};

/* Read the manifest of an archive, all of it, and its signature and time stamps. */
int claims_at(const char *archive, const struct claims_opts *opts, struct claims *claims,
              struct region *region, struct err *err) MUST_CHECK;

#endif
