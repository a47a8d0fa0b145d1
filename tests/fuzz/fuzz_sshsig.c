/* SPDX-License-Identifier: MIT */
/* Signatures, lists of signers and keys: the input is used as each of the three. */
#include "attest/sshsig.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t sha512[SHA512_SIZE];
    char who[SSHSIG_WHO_MAX];
    char *text = malloc(size + 1);
    struct sshsig_key *key;
    struct buf out;

    memcpy(text, data, size);
    text[size] = '\0';
    (void)(sshsig_check(text, text, sha512, who, NULL) == 0);
    key = sshsig_key_read(text, size, NULL);
    buf_init(&out, 4096);
    if (key)
        FUZZ_CHECK(sshsig_sign(key, sha512, &out, NULL) == 0);
    buf_clear(&out);
    sshsig_key_free(key);
    free(text);
    return 0;
}
