/* SPDX-License-Identifier: MIT */
/*
 * signature: checks the detached signature of an archive (attest/sshsig) by the digest of its
 * manifest.
 *
 * Errors   ERR_MISMATCH, ERR_DENIED, ERR_FORMAT: see attest/sshsig; those of reading the files
 * Owns     nothing
 * Threads  any
 */
#ifndef EVIDENCE_SIGNATURE_H
#define EVIDENCE_SIGNATURE_H

#include "base/err.h"
#include "base/pulse.h"
#include "reader/manifest_scan.h"

/* A signature, and who may have made it. */
struct signature {
    const char *path;    /* of the signature's file */
    const char *signers; /* path of the allowed signers, in the format of ssh-keygen */
    struct stop stop;
};

/* Check a signature of a manifest. who gets the signer's principals (SSHSIG_WHO_MAX bytes). */
int signature_check(const struct signature *signature, const struct manifest_digests *manifest,
                    char *who, struct err *err) MUST_CHECK;

#endif
