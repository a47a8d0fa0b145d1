/* SPDX-License-Identifier: MIT */
#include "evidence/signature.h"

#include "attest/sshsig.h"
#include "base/buf.h"
#include "base/file.h"
#include "storage/range_file.h"

int signature_check(const struct signature *signature, const struct manifest_digests *manifest,
                    char *who, struct err *err)
{
    struct buf sig;
    struct buf list;
    int rc = -1;

    buf_init(&sig, SSHSIG_FILE_MAX);
    buf_init(&list, SSHSIG_FILE_MAX);
    if (file_load(signature->signers, signature->stop, &list, err) == 0 &&
        range_file_load(signature->path, &sig, err) == 0) {
        rc = sshsig_check(buf_text(&sig), buf_text(&list), manifest->sha512, who, err);
        if (rc < 0)
            (void)err_wrap(err, "'%s'", signature->path);
    }
    buf_clear(&sig);
    buf_clear(&list);
    return rc;
}
