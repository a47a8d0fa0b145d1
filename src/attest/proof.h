/* SPDX-License-Identifier: MIT */
/*
 * proof: the files beside an archive that prove whose it is, and since when it exists: its
 * signature (ARCHIVE.sig) and its time stamps (ARCHIVE.tsr, ARCHIVE.2.tsr and so on).
 *
 * Errors   ERR_MEMORY
 * Threads  any
 */
#ifndef ATTEST_PROOF_H
#define ATTEST_PROOF_H

#include "attest/tsp.h"
#include "base/err.h"

#define PROOF_MOST (1 + TSP_MOST) /* files of one archive */

/*
 * The path of a proof. Free by mem_free.
 *
 * archive  path of the archive; "": only what the name of the proof adds to the archive's
 * i        below PROOF_MOST; 0: the signature; from 1 on: the time stamp with this number
 */
char *proof_path(const char *archive, unsigned i, struct err *err) MUST_CHECK;

#endif
