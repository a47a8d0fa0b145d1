/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "s3/sigv4.h"
#include "unit.h"

#define ID     "AKIAIOSFODNN7EXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define WHEN   INT64_C(1369353600000) /* 2013-05-24T00:00:00Z */

/* The four worked examples of "Signature Calculations for the Authorization Header". */
static const struct {
    const char *method;
    const char *path;
    const char *query;
    const char *headers[4];
    size_t count;
    const char *payload;
    const char *names;
    const char *signature;
} examples[] = {
    { "GET",
      "/test.txt",
      "",
      { "x-amz-date: 20130524T000000Z", "Range: bytes=0-9",
        "x-amz-content-sha256: " SIGV4_EMPTY },
      3,
      SIGV4_EMPTY,
      "host;range;x-amz-content-sha256;x-amz-date",
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
    { "PUT",
      "/test%24file.text",
      "",
      { "Date: Fri, 24 May 2013 00:00:00 GMT",
        "x-amz-content-sha256: "
        "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
        "x-amz-date:20130524T000000Z", "x-amz-storage-class:   REDUCED_REDUNDANCY " },
      4,
      "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
      "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
      "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd" },
    { "GET",
      "/",
      "lifecycle",
      { "x-amz-content-sha256: " SIGV4_EMPTY, "X-Amz-Date: 20130524T000000Z" },
      2,
      SIGV4_EMPTY,
      "host;x-amz-content-sha256;x-amz-date",
      "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543" },
    { "GET",
      "/",
      "prefix=J&max-keys=2",
      { "x-amz-date: 20130524T000000Z", "x-amz-content-sha256: " SIGV4_EMPTY },
      2,
      SIGV4_EMPTY,
      "host;x-amz-content-sha256;x-amz-date",
      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" },
};

static void test_worked_examples(void **state)
{
    struct err err = { 0 };
    struct buf out;
    size_t i;

    (void)state;
    buf_init(&out, 4096);
    for (i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
        struct sigv4_request request = { .method = examples[i].method,
                                         .path = examples[i].path,
                                         .query = examples[i].query,
                                         .host = "examplebucket.s3.amazonaws.com",
                                         .headers = examples[i].headers,
                                         .header_count = examples[i].count,
                                         .payload = examples[i].payload,
                                         .region = "us-east-1",
                                         .service = "s3",
                                         .time_ms = WHEN };
        char *expected =
            mem_format(&err,
                       "AWS4-HMAC-SHA256 Credential=" ID "/20130524/us-east-1/s3/aws4_request,"
                       "SignedHeaders=%s,Signature=%s",
                       examples[i].names, examples[i].signature);

        assert_non_null(expected);
        buf_reset(&out);
        assert_int_equal(sigv4_sign(&request, ID, SECRET, &out, &err), 0);
        assert_string_equal(buf_text(&out), expected);
        mem_free(expected);
    }
    buf_clear(&out);
}

static void test_encoding(void **state)
{
    struct err err = { 0 };
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    assert_int_equal(sigv4_encode(&out, "a/b c~d+e=\xc3\xa4", true, &err), 0);
    assert_string_equal(buf_text(&out), "a/b%20c~d%2Be%3D%C3%A4");
    buf_reset(&out);
    assert_int_equal(sigv4_encode(&out, "a/b", false, &err), 0);
    assert_string_equal(buf_text(&out), "a%2Fb");
    buf_clear(&out);
}

/* Parameters are sorted by name and value, and one without a value gets an equals sign. */
static void test_canonical_query(void **state)
{
    static const char *const headers[] = { "x-amz-date: 20130524T000000Z" };
    struct sigv4_request request = { .method = "GET",
                                     .path = "/a",
                                     .query = "uploads&b=2&b=1&a-b=1&a=3",
                                     .host = "h:9000",
                                     .headers = headers,
                                     .header_count = 1,
                                     .payload = "UNSIGNED-PAYLOAD",
                                     .region = "r",
                                     .service = "s3",
                                     .time_ms = WHEN };
    struct err err = { 0 };
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    assert_int_equal(sigv4_canonical(&request, &out, &err), 0);
    assert_string_equal(buf_text(&out),
                        "GET\n/a\na=3&a-b=1&b=1&b=2&uploads=\nhost:h:9000\n"
                        "x-amz-date:20130524T000000Z\n\nhost;x-amz-date\nUNSIGNED-PAYLOAD");
    buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worked_examples),
        cmocka_unit_test(test_encoding),
        cmocka_unit_test(test_canonical_query),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
