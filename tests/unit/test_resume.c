/* SPDX-License-Identifier: MIT */
#include "net/origin.h"
#include "net/resume.h"

#include "limit/backoff.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

static struct resume have(uint64_t from, uint64_t total, const char *tag, bool judged)
{
    struct resume resume = {
        .from = from, .total = total, .judged = judged, .same_host = true
    };

    if (*tag)
        validators_tag(&resume.seen, tag);
    return resume;
}

static void test_what_can_be_resumed(void **state)
{
    struct resume nothing = have(0, 100, "\"a\"", true);
    struct resume whole = have(100, 100, "\"a\"", true);
    struct resume unknown = have(50, RESUME_UNSAID, "", false);
    struct resume by_total = have(50, 100, "", false);
    struct resume by_sum = have(50, RESUME_UNSAID, "", true);

    (void)state;
    assert_false(resume_possible(&nothing));
    assert_false(resume_possible(&whole));
    assert_false(resume_possible(&unknown));
    assert_true(resume_possible(&by_total));
    assert_true(resume_possible(&by_sum));
}

static void test_validators_that_equal_no_other(void **state)
{
    struct resume two_tags = have(50, 100, "\"a\"", false);
    struct resume two_dates = have(50, 100, "", false);
    struct resume by_sum = have(50, 100, "\"a\"", true);

    (void)state;
    validators_tag(&two_tags.seen, "\"b\"");
    validators_date(&two_dates.seen, "Wed, 18 Nov 2026 10:00:00 GMT");
    validators_date(&two_dates.seen, "Wed, 18 Nov 2026 10:00:01 GMT");
    validators_tag(&by_sum.seen, "\"b\"");
    assert_false(resume_possible(&two_tags)); /* each 206 would be refused */
    assert_false(resume_possible(&two_dates));
    assert_true(resume_possible(&by_sum)); /* by another host */
}

static void test_what_is_right(void **state)
{
    static const struct {
        uint64_t total;
        const char *tag;
        bool judged;
        const char *range;
        const char *etag;
        bool right;
    } cases[] = {
        { 100, "", false, "bytes 50-99/100", "", true },
        { 100, "", false, "BYTES 50-99/100", "", true },
        { 100, "", false, "bytes 50-99/*", "", true },
        { 100, "\"a\"", false, "bytes 50-99/100", "\"a\"", true },
        { 100, "\"a\"", false, "bytes 50-99/100", "", false }, /* the response has no tag */
        { 100, "", true, "bytes 50-99/100", "\"a\"", false },  /* it had none */
        { 100, "W/\"a\"", false, "bytes 50-99/100", "W/\"a\"", true },
        { 100, "W/\"a\"", true, "bytes 50-99/100", "W/\"b\"", false },
        { 100, "\"a\"", true, "bytes 50-99/100", "W/\"a\"", false },
        { RESUME_UNSAID, "W/\"a\"", false, "bytes 50-99/100", "W/\"a\"", false }, /* weak */
        { RESUME_UNSAID, "\"a\"", false, "bytes 50-99/100", "\"a\"", true },
        { RESUME_UNSAID, "", true, "bytes 50-99/100", "", true },
        { RESUME_UNSAID, "", false, "bytes 50-99/100", "", false }, /* no validator */
        { RESUME_UNSAID, "\"a\"", false, "bytes 50-99/100", "", false },
        { 100, "\"a\"", true, "bytes 50-99/100", "\"b\"", false }, /* it has changed */
        { 100, "", true, "bytes 49-99/100", "", false },
        { 100, "", true, "bytes 51-99/100", "", false },
        { 100, "", true, "bytes 50-98/100", "", false }, /* not the whole rest */
        { 100, "", true, "bytes 50-100/101", "", false },
        { 100, "", true, "bytes 50-99/99", "", false },
        { 100, "", true, "bytes 50-49/100", "", false },
        { 100, "", true, "bytes */100", "", false },
        { 100, "", true, "bytes 50-99", "", false },
        { 100, "", true, "bytes 50-99/100 ", "", false },
        { 100, "", true, "items 50-99/100", "", false },
        { 100, "", true, "bytes 18446744073709551666-99/100", "", false },
        { 100, "", true, "", "", false },
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct resume resume = have(50, cases[i].total, cases[i].tag, cases[i].judged);

        struct validators seen = { .tag = "" };

        if (*cases[i].etag)
            validators_tag(&seen, cases[i].etag);
        if (resume_right(&resume, cases[i].range, &seen) != cases[i].right)
            fail_msg("case %zu: %s", i, cases[i].range);
    }
}

/* Only a strong tag is sent in If-Range; other validators are only compared. */
static void test_only_strong_tags(void **state)
{
    static const char *const others[] = { "W/\"abc\"", "abc", "\"a\r\nX: y\"", "\"", "" };
    char longest[300];
    struct resume resume = have(50, 100, "\"abc\"", false);
    size_t i;

    (void)state;
    assert_string_equal(resume_tag(&resume), "\"abc\"");
    resume.same_host = false;
    assert_string_equal(resume_tag(&resume), "");
    for (i = 0; i < sizeof(others) / sizeof(*others); i++) {
        resume = have(50, 100, others[i], false);
        assert_string_equal(resume_tag(&resume), "");
    }
    (void)memset(longest, 'a', sizeof(longest) - 1);
    longest[0] = longest[298] = '"';
    longest[299] = '\0';
    resume = have(50, 100, longest, true);
    assert_string_equal(resume_tag(&resume), "");
    assert_false(resume_right(&resume, "bytes 50-99/100", &resume.seen)); /* never the same */
}

static void test_dates(void **state)
{
    struct resume resume = have(50, 100, "", false);
    struct resume tagged = have(50, 100, "\"a\"", false);
    struct validators seen = { .tag = "" };
    struct validators tag = tagged.seen;

    (void)state;
    validators_date(&resume.seen, "Tue, 24 Nov 2026 10:00:00 GMT");
    validators_date(&tagged.seen, "Tue, 24 Nov 2026 10:00:00 GMT");
    assert_false(
        resume_right(&resume, "bytes 50-99/100", &seen)); /* its validator is missing */
    assert_false(resume_right(&tagged, "bytes 50-99/100", &tag));
    validators_date(&seen, "Tue, 24 Nov 2026 10:00:00 GMT");
    validators_date(&tag, "Tue, 24 Nov 2026 10:00:01 GMT");
    assert_true(resume_right(&resume, "bytes 50-99/100", &seen));
    assert_false(resume_right(&tagged, "bytes 50-99/100", &tag));
    assert_int_equal(resume_end("bytes 50-99/100"), 100);
    assert_true(resume_end("bytes 50-99") == RESUME_UNSAID);
    resume.same_host = false;
    assert_false(resume_right(&resume, "bytes 50-99/100", &seen));
    resume.judged = true; /* the service's checksum decides */
    assert_true(resume_right(&resume, "bytes 50-99/100", &seen));
}

/*
 * Of several hosts with a Retry-After, the longest delay is reported; our own backoff is not.
 */
static void test_who_asks_to_wait(void **state)
{
    struct origins *origins = origins_new(16, NULL);
    struct origin *a = origins_find(origins, "https://a:443", NULL);
    struct origin *b = origins_find(origins, "https://b:443", NULL);

    (void)state;
    origin_slow(a, 900, BACKOFF_UNSAID, 1000);
    assert_int_equal(origins_asked(origins, 1000), 0);
    origin_slow(a, 900, 4000, 1000);
    origin_slow(b, 900, 2500, 1000);
    assert_int_equal(origins_asked(origins, 1000), 4000);
    assert_int_equal(origins_asked(origins, 4999), 1);
    assert_int_equal(origins_asked(origins, 5000), 0);
    origins_free(origins);
}

static void test_a_host_gets_less_and_recovers(void **state)
{
    struct origins *origins = origins_new(16, NULL);
    struct origin *host = origins_find(origins, "https://a:443", NULL);
    uint64_t now = 10000;
    int i;

    (void)state;
    assert_int_equal(origin_room(host, false, now), 16);
    for (i = 0; i < 16; i++)
        origin_begin(host, false, now);
    assert_int_equal(origin_room(host, false, now), 0);
    for (i = 0; i < 4; i++) { /* 12 were not rejected; halved once for all */
        origin_end(host, false, false, now + 1);
        origin_slow(host, now, BACKOFF_UNSAID, now + 1);
    }
    assert_int_equal(host->limit.level.now, 8);
    for (i = 0; i < 12; i++)
        origin_end(host, false, true, now + 2);
    for (i = 0; i < 1000; i++) { /* quick successes do not restore the limit at once */
        origin_begin(host, false, now + 50);
        origin_end(host, false, true, now + 50);
    }
    assert_int_equal(host->limit.level.now, 8);
    for (i = 1; i <= 300; i++) { /* as many as were not rejected */
        while (origin_room(host, false, now + 50 + (uint64_t)i))
            origin_begin(host, false, now + 50 + (uint64_t)i);
        origin_end(host, false, true, now + 50 + (uint64_t)i);
    }
    assert_in_range(host->limit.level.now, 9, 12);
    origins_free(origins);
}

static void test_costly_requests(void **state)
{
    struct origins *origins = origins_new(256, NULL);
    struct origin *host = origins_find(origins, "https://a:443", NULL);
    unsigned i;

    (void)state;
    host->limit.level.now = 100;
    for (i = 0; i < ORIGIN_COSTLY; i++) {
        assert_int_equal(origin_room(host, true, 1), ORIGIN_COSTLY - i);
        origin_begin(host, true, 1);
    }
    assert_int_equal(origin_room(host, true, 1), 0);
    assert_int_equal(origin_room(host, false, 1), 100 - ORIGIN_COSTLY);
    origin_end(host, true, true, 2);
    assert_int_equal(origin_room(host, true, 2), 1);
    origins_free(origins);
}

static void test_states_of_origins(void **state)
{
    struct origins *origins = origins_new(256, NULL);
    struct origin *host;
    struct origin_state states[2];
    char name[32];
    uint64_t i;

    (void)state;
    assert_int_equal(origins_states(origins, states, 2), 0);
    for (i = 1; i <= 5; i++) { /* the third has most responses; the last was never asked */
        uint64_t k;

        (void)snprintf(name, sizeof(name), "https://%u:443", (unsigned)i);
        host = origins_find(origins, name, NULL);
        for (k = 0; k < (i == 3 ? 50 : i) && i < 5; k++) {
            origin_begin(host, false, 1000 * k + 1);
            limit_first(&host->limit, 3000, false, 1000 * k + 2);
            limit_bytes(&host->limit, 5000, 1000 * k + 500);
            origin_end(host, false, true, 1000 * k + 501);
        }
    }
    assert_int_equal(origins_states(origins, states, 2), 2);
    assert_string_equal(states[0].name, "https://3:443");
    assert_int_equal(states[0].responses, 50);
    assert_int_equal(states[0].bytes, 250000);
    assert_in_range(states[0].rate_bps, 9900, 10100);
    assert_int_equal(states[0].latency, 3000);
    assert_int_equal(states[0].highest, 1);
    assert_string_equal(states[1].name, "https://4:443");
    origins_free(origins);
}

/* A URL with the same prefix has the same origin only if the host ends there. */
static void test_origins_of_urls(void **state)
{
    struct origins *origins = origins_new(16, NULL);
    struct origin *host = origins_of_url(origins, "https://a.example/x?sig=1", NULL);

    (void)state;
    assert_string_equal(host->name, "https://a.example:443");
    assert_ptr_equal(origins_of_url(origins, "https://a.example/other", NULL), host);
    assert_ptr_equal(origins_of_url(origins, "https://a.example:443/x", NULL), host);
    assert_ptr_equal(origins_of_url(origins, "https://A.example/x", NULL), host);
    assert_ptr_equal(origins_of_url(origins, "https://a.example?x", NULL), host);
    assert_ptr_equal(origins_find(origins, "https://a.example:443", NULL), host);
    assert_ptr_not_equal(origins_of_url(origins, "http://a.example/x", NULL), host);
    assert_string_equal(origins_of_url(origins, "https://a.example:4430/x", NULL)->name,
                        "https://a.example:4430");
    assert_string_equal(origins_of_url(origins, "https://a.example.org/x", NULL)->name,
                        "https://a.example.org:443");
    assert_string_equal(origins_of_url(origins, "https://a.example@b/x", NULL)->name,
                        "https://b:443");
    assert_null(origins_of_url(origins, "ftp://a.example/x", NULL));
    origins_free(origins);
}

static void test_never_less_than_one_and_retry_after_waits(void **state)
{
    struct origins *origins = origins_new(2, NULL);
    struct origin *host = origins_find(origins, "https://a:443", NULL);
    uint64_t i;

    (void)state;
    for (i = 1; i < 9; i++) {
        origin_begin(host, false, 1000 * i - 1);
        origin_end(host, false, false, 1000 * i);
        origin_slow(host, 1000 * i - 1, 5000, 1000 * i);
    }
    assert_int_equal(origin_room(host, false, 8000), 0);
    assert_int_equal(origin_room(host, false, 12999), 0);
    assert_int_equal(origin_room(host, false, 13000), 1);
    assert_ptr_equal(origins_find(origins, "https://a:443", NULL), host);
    assert_int_equal(origin_room(origins_find(origins, "https://b:443", NULL), false, 8000), 2);
    origins_free(origins);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_can_be_resumed),
        cmocka_unit_test(test_validators_that_equal_no_other),
        cmocka_unit_test(test_what_is_right),
        cmocka_unit_test(test_only_strong_tags),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_who_asks_to_wait),
        cmocka_unit_test(test_a_host_gets_less_and_recovers),
        cmocka_unit_test(test_costly_requests),
        cmocka_unit_test(test_states_of_origins),
        cmocka_unit_test(test_origins_of_urls),
        cmocka_unit_test(test_never_less_than_one_and_retry_after_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
