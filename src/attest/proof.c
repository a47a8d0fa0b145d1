/* SPDX-License-Identifier: MIT */
#include "attest/proof.h"

#include "attest/sshsig.h"

char *proof_path(const char *archive, unsigned i, struct err *err)
{
    return i ? tsp_path(archive, i, err) : sshsig_path(archive, err);
}
