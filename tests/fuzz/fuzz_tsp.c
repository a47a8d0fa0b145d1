/* SPDX-License-Identifier: MIT */
/* Responses of time-stamping authorities, and files of certificates. */
#include "attest/tsp.h"
#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t digest[SHA256_SIZE] = { 1 };
    struct tsp_wanted wanted = { digest, NULL, NULL };
    struct tsp_stamp stamp;
    struct tsp_trust *trust = tsp_trust_read((const char *)data, size, NULL);
    struct err err;

    wanted.trust = trust;
    FUZZ_CHECK(tsp_check(data, size, &wanted, &stamp, &err) == 0 || err.kind != ERR_NONE);
    FUZZ_CHECK(strlen(stamp.who) < TSP_WHO_MAX);
    wanted.trust = NULL;
    if (size >= SHA256_SIZE) { /* of a digest that it may have */
        wanted.sha256 = data + size - SHA256_SIZE;
        size -= SHA256_SIZE;
    }
    FUZZ_CHECK(tsp_check(data, size, &wanted, &stamp, &err) == 0 || err.kind != ERR_NONE);
    tsp_trust_free(trust);
    return 0;
}
