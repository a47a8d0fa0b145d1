/* SPDX-License-Identifier: MIT */
#include "api/expiry.h"
#include "api/fetch_route.h"
#include "unit.h"

#include <string.h>

static void test_expiry(void **state)
{
    (void)state;
    assert_int_equal(
        expiry_of("https://a/v1/artifacts/x/content?expiry=1768909949&kid=k&sig=s"),
        INT64_C(1768909949000));
    assert_int_equal(
        expiry_of("https://b.s3/x?AWSAccessKeyId=a&Signature=s&Expires=1768909949"),
        INT64_C(1768909949000));
    assert_int_equal(expiry_of("https://b/x?X-Amz-Date=20260120T115229Z&X-Amz-Expires=60"),
                     INT64_C(1768910009000));
    assert_int_equal(expiry_of("https://b/x?X-Goog-Date=20260120T115229Z&X-Goog-Expires=60"),
                     INT64_C(1768910009000));
    assert_int_equal(expiry_of("https://b/x?sv=1&se=2026-01-20T11%3A52%3A29Z&sig=s"),
                     INT64_C(1768909949000));
    assert_int_equal(expiry_of("https://b/x"), EXPIRY_NEVER);
    assert_int_equal(expiry_of("https://b/x?expiry=99999999999999999999"), EXPIRY_NEVER);
    assert_int_equal(expiry_of("https://b/x?X-Amz-Date=2026&X-Amz-Expires=60"), EXPIRY_NEVER);
    assert_true(expiry_signed("https://b/x?a=1&sig=s"));
    assert_false(expiry_signed("https://b/x?artifact_name=sig"));
}

static void test_stale(void **state)
{
    const int64_t hour = 3600000;

    (void)state;
    assert_false(fetch_route_stale(EXPIRY_NEVER, 0, INT64_MAX));
    assert_false(fetch_route_stale(hour, 0, hour - 61000));
    assert_true(fetch_route_stale(hour, 0, hour - 60000));
    assert_false(fetch_route_stale(8000, 0, 5999)); /* a short lifetime: a quarter of it */
    assert_true(fetch_route_stale(8000, 0, 6000));
    assert_true(fetch_route_stale(0, 0, 0));
}

static struct fetch_route_verdict judge(enum fetch_route route, long status, bool renewable)
{
    struct request request = { .status = status };
    struct fetch_route_facts facts = { .route = route, .renewable = renewable };

    return fetch_route_judge(&facts, &request);
}

static void test_routes(void **state)
{
    struct request request = { .status = 200, .received = 5 };
    struct fetch_route_facts facts = { .route = FETCH_ROUTE_SIGNED,
                                       .sized = true,
                                       .file_size = 6 };

    (void)state;
    assert_int_equal(judge(FETCH_ROUTE_SIGNED, 200, true).step, FETCH_ROUTE_DONE);
    assert_int_equal(judge(FETCH_ROUTE_SIGNED, 403, true).step, FETCH_ROUTE_RENEW);
    assert_int_equal(judge(FETCH_ROUTE_RENEWED, 403, false).step, FETCH_ROUTE_TO_CONTENT);
    assert_int_equal(judge(FETCH_ROUTE_CONTENT, 403, true).step, FETCH_ROUTE_GIVE_UP);
    assert_int_equal(judge(FETCH_ROUTE_SIGNED, 404, true).step, FETCH_ROUTE_TO_CONTENT);
    assert_int_equal(judge(FETCH_ROUTE_CONTENT, 404, true).reason, REASON_GONE);
    assert_int_equal(judge(FETCH_ROUTE_SIGNED, 503, true).step, FETCH_ROUTE_AGAIN);
    assert_int_equal(judge(FETCH_ROUTE_SIGNED, 429, true).step, FETCH_ROUTE_AGAIN);
    assert_int_equal(judge(FETCH_ROUTE_SIGNED, 400, true).step, FETCH_ROUTE_TO_CONTENT);
    assert_int_equal(fetch_route_judge(&facts, &request).reason, REASON_LENGTH_MISMATCH);
    request.coding = CODING_GZIP;
    assert_int_equal(fetch_route_judge(&facts, &request).step, FETCH_ROUTE_DONE);
    facts.archived = true;
    request.status = 403;
    assert_int_equal(fetch_route_judge(&facts, &request).reason, REASON_ARCHIVED);
    facts.archived = false;
    request.status = 503;
    strcpy(request.error, "{\"detail\":\"Artifact URL signing is not configured\"}");
    assert_int_equal(fetch_route_judge(&facts, &request).step, FETCH_ROUTE_TO_CONTENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_stale),
        cmocka_unit_test(test_routes),
    };

    return RUN(tests);
}
