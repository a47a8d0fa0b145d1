/* SPDX-License-Identifier: MIT */
#include "attest/tsp.h"

#include "base/mem.h"
#include "unit.h"

#include <openssl/ts.h>
#include <string.h>

static const uint8_t digest[SHA256_SIZE] = { 1, 2, 3 };

static void test_paths(void **state)
{
    char *one = tsp_path("a.tar", 1, NULL);
    char *two = tsp_path("a.tar", 2, NULL);

    (void)state;
    assert_string_equal(one, "a.tar.tsr");
    assert_string_equal(two, "a.tar.2.tsr");
    mem_free(one);
    mem_free(two);
}

static void test_request(void **state)
{
    uint8_t nonce[TSP_NONCE];
    uint8_t other[TSP_NONCE];
    const unsigned char *at;
    struct buf out;
    TS_REQ *request;
    int i;

    (void)state;
    buf_init(&out, 4096);
    for (i = 0; i < 100; i++) { /* of one length, whatever the nonce */
        size_t len = out.len;

        assert_int_equal(tsp_nonce(nonce, NULL), 0);
        buf_reset(&out);
        assert_int_equal(tsp_request(digest, nonce, &out, NULL), 0);
        assert_true(i == 0 || out.len == len);
    }
    assert_int_equal(tsp_nonce(other, NULL), 0);
    assert_memory_not_equal(nonce, other, TSP_NONCE);
    at = (const unsigned char *)out.data;
    request = d2i_TS_REQ(NULL, &at, (long)out.len);
    assert_non_null(request);
    assert_int_equal(TS_REQ_get_cert_req(request), 1);
    assert_memory_equal(
        ASN1_STRING_get0_data(TS_MSG_IMPRINT_get_msg(TS_REQ_get_msg_imprint(request))), digest,
        SHA256_SIZE);
    assert_memory_equal(ASN1_STRING_get0_data(TS_REQ_get_nonce(request)), nonce, TSP_NONCE);
    TS_REQ_free(request);
    buf_clear(&out);
}

static void test_malformed(void **state)
{
    static const uint8_t refusal[] = { 0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02 };
    static const uint8_t granted[] = { 0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x00 };
    static const uint8_t empty[] = { 0x30, 0x02, 0x30, 0x00 };
    const struct tsp_wanted wanted = { digest, NULL, NULL };
    struct tsp_stamp stamp;
    struct err err;

    (void)state;
    assert_int_equal(tsp_check(refusal, sizeof(refusal), &wanted, &stamp, &err), -1);
    assert_int_equal(err.kind, ERR_DENIED);
    assert_int_equal(tsp_check(granted, sizeof(granted), &wanted, &stamp, &err), -1);
    assert_int_equal(err.kind, ERR_FORMAT);
    assert_int_equal(tsp_check(empty, sizeof(empty), &wanted, &stamp, &err), -1);
    assert_int_equal(err.kind, ERR_FORMAT);
    assert_int_equal(tsp_check(refusal, sizeof(refusal) - 1, &wanted, &stamp, &err), -1);
    assert_int_equal(err.kind, ERR_FORMAT);
    assert_int_equal(tsp_check("", 0, &wanted, &stamp, &err), -1);
    assert_int_equal(err.kind, ERR_FORMAT);
    assert_int_equal(stamp.at_ms, 0);
    assert_string_equal(stamp.who, "");
}

static void test_trust(void **state)
{
    static const char *const bad[] = {
        "", "nothing", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n"
    };
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_null(tsp_trust_read(bad[i], strlen(bad[i]), &err));
        assert_int_equal(err.kind, ERR_FORMAT);
    }
    tsp_trust_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_trust),
    };

    return RUN(tests);
}
