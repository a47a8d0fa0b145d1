/* SPDX-License-Identifier: MIT */
/* HMAC-SHA-256 against libcrypto's own; copies of a hash state. */
#include "base/digest.h"

#include "unit.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

static unsigned char data[400];

static void fill(void)
{
    size_t i;

    for (i = 0; i < sizeof(data); i++)
        data[i] = (unsigned char)(i * 167 + 13);
}

/* Every key length around a block, with and without a prefix, several messages by one key. */
static void test_hmac(void **state)
{
    size_t key_len;
    size_t prefix_len;
    size_t len;

    (void)state;
    fill();
    for (key_len = 0; key_len <= 130; key_len += 13) {
        for (prefix_len = 0; prefix_len <= 70; prefix_len += 35) {
            struct hmac *hmac = hmac_new(data, key_len, data + 1, prefix_len, NULL);

            assert_non_null(hmac);
            for (len = 0; len < 300; len += 59) {
                uint8_t want[SHA256_SIZE];
                uint8_t got[SHA256_SIZE];
                unsigned want_len = 0;

                assert_non_null(HMAC(EVP_sha256(), data, (int)key_len, data + 1,
                                     prefix_len + len, want, &want_len));
                hmac_of(hmac, data + 1 + prefix_len, len, got);
                assert_memory_equal(got, want, SHA256_SIZE);
            }
            hmac_free(hmac);
        }
    }
    hmac_free(NULL);
}

/* A copied state continues alone. */
static void test_a_copied_state(void **state)
{
    struct sha256 *one = sha256_new(NULL);
    struct sha256 *two = sha256_new(NULL);
    uint8_t want[SHA256_SIZE];
    uint8_t got[SHA256_SIZE];

    (void)state;
    fill();
    sha256_add(one, data, 100);
    sha256_set(two, one);
    sha256_add(one, "x", 1);
    sha256_add(two, data + 100, 50);
    sha256_end(two, got);
    sha256_add(two, data, 150); /* sha256_end has reset it */
    sha256_end(two, want);
    assert_memory_equal(got, want, SHA256_SIZE);
    sha256_end(one, got);
    assert_memory_not_equal(got, want, SHA256_SIZE);
    sha256_free(one);
    sha256_free(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_a_copied_state),
    };

    return RUN(tests);
}
