/* SPDX-License-Identifier: MIT */
#include "provenance/request_check.h"

#include "provenance/request_filter.h"
#include "unit.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define ONE   "1111111111111111111111111111111111111111111111111111111111111111"
#define TWO   "2222222222222222222222222222222222222222222222222222222222222222"
#define THREE "3333333333333333333333333333333333333333333333333333333333333333"

#define HEADED(lost)                                                                           \
    "{\"line\": \"header\", \"schema\": \"urn:skyarc:requests:1\", \"lost\": " lost            \
    ", \"removed\": 2, \"x\": 1}\n"
#define HEADER HEADED("0")
#define REQUEST(number, run, status, sha256)                                                   \
    "{\"line\": \"request\", \"number\": " number ", \"run_id\": " run                         \
    ", \"http_status\": " status ", \"sha256\": " sha256 "}\n"
#define RECORD(path, sha256, pages) JOINED(path, sha256, pages, "false")
#define JOINED(path, sha256, pages, joined)                                                    \
    "{\"line\": \"record\", \"run_id\": \"a\", \"path\": \"" path "\", \"sha256\": \"" sha256  \
    "\", \"joined\": " joined ", \"pages\": [" pages "]}\n"
#define PAGE(number, sha256) "{\"number\": " number ", \"sha256\": \"" sha256 "\"}"
#define TWO_REQUESTS                                                                           \
    HEADER REQUEST("1", "\"a\"", "200", "\"" ONE "\"")                                         \
        REQUEST("3", "null", "200", "\"" TWO "\"")                                             \
            REQUEST("4", "\"b\"", "404", "\"" THREE "\"")

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char reports[4096];
static unsigned reported;
static unsigned found;

/* The manifest has run.json with the digest of one, artifacts.json with that of three. */
static bool find(void *ctx, const char *path, uint8_t sha256[SHA256_SIZE])
{
    bool run = strcmp(path, "data/a/run.json") == 0;

    (void)ctx;
    if (!run && strcmp(path, "data/a/artifacts.json") != 0)
        return false;
    memset(sha256, run ? 0x11 : 0x33, SHA256_SIZE);
    found++;
    return true;
}

static void report(void *ctx, const char *path, const char *what)
{
    (void)ctx;
    reported++;
    (void)strncat(reports, path, sizeof(reports) - strlen(reports) - 1);
    (void)strncat(reports, ": ", sizeof(reports) - strlen(reports) - 1);
    (void)strncat(reports, what, sizeof(reports) - strlen(reports) - 1);
    (void)strncat(reports, "\n", sizeof(reports) - strlen(reports) - 1);
}

/* Check a file in pieces of a length; returns the number of reports. */
static unsigned check(const char *text, size_t piece)
{
    const struct request_check_opts opts = { .find = find, .report = report, .lock = &lock };
    struct request_check *c = request_check_new(&opts, NULL);
    size_t len = strlen(text);
    size_t at;

    assert_non_null(c);
    reported = found = 0;
    *reports = '\0';
    for (at = 0; at < len; at += piece)
        assert_int_equal(
            request_check_put(c, text + at, len - at < piece ? len - at : piece, NULL), 0);
    request_check_end(c);
    request_check_free(c);
    return reported;
}

static void test_good(void **state)
{
    static const char text[] = TWO_REQUESTS RECORD("data/a/run.json", ONE, PAGE("1", ONE))
        JOINED("data/a/artifacts.json", THREE, PAGE("1", ONE) ", " PAGE("3", TWO), "true");

    (void)state;
    assert_int_equal(check(text, 1), 0);
    assert_int_equal(found, 2);
    assert_int_equal(check(text, sizeof(text)), 0);
}

/* Each change of a record's line or of a request's is found, and said. */
static void test_bad(void **state)
{
    static const struct {
        const char *text;
        const char *want;
    } cases[] = {
        /* the record was changed, and the manifest with it */
        { TWO_REQUESTS RECORD("data/a/run.json", TWO, PAGE("3", TWO)),
          "data/a/run.json: has a different SHA-256 in requests.jsonl" },
        /* and the record's line */
        { TWO_REQUESTS RECORD("data/a/run.json", ONE, PAGE("3", TWO)),
          "is not the answer to request 3" },
        /* and its page */
        { TWO_REQUESTS RECORD("data/a/run.json", ONE, PAGE("3", ONE)),
          "request 3 of requests.jsonl has another SHA-256" },
        { TWO_REQUESTS RECORD("data/a/run.json", ONE, PAGE("2", ONE)), "is not there" },
        { TWO_REQUESTS RECORD("data/a/artifacts.json", THREE, PAGE("4", THREE)), "failed" },
        { TWO_REQUESTS RECORD("data/a/run.json", ONE, ""), "is the answer to no request" },
        { TWO_REQUESTS JOINED("data/a/artifacts.json", THREE, PAGE("1", TWO), "true"),
          "request 1 of requests.jsonl has another SHA-256" },
        { TWO_REQUESTS RECORD("data/a/run.json", ONE, PAGE("1", ONE) ", " PAGE("1", ONE)),
          "is the answer to several requests" },
        { TWO_REQUESTS RECORD("data/a/run.json", ONE, "7"), "malformed answer" },
        { TWO_REQUESTS RECORD("data/b/run.json", ONE, PAGE("1", ONE)),
          "data/b/run.json: is a record in requests.jsonl, but not in manifest.json" },
        { TWO_REQUESTS RECORD("manifest.json", ONE, PAGE("1", ONE)), "not in manifest.json" },
        { HEADER REQUEST("2", "null", "200", "null") REQUEST("2", "null", "200", "null"),
          "not in the order" },
        { HEADER HEADER, "line 2: a second header" },
        { REQUEST("2", "null", "200", "null"), "there is no header" },
        { HEADER "{}\n", "line 2: a line of no known kind" },
        { HEADER "{\"line\": \"run\"}\n", "line 2: a malformed line" },
        { HEADER "{", "the last line is incomplete" },
        { "", "is empty" },
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(check(cases[i].text, 7), 1);
        if (!strstr(reports, cases[i].want))
            assert_string_equal(reports, cases[i].want);
    }
}

/* What was lost for lack of memory is no fault of the archive; what is there must be right. */
static void test_lossy(void **state)
{
    static const char page[] = "{\"number\": 3, \"sha256\": null}";
    char text[2000];

    (void)state;
    assert_int_equal(check(HEADED("1") RECORD("data/a/run.json", ONE, ""), 9), 0);
    assert_int_equal(check(HEADED("1") RECORD("data/a/run.json", TWO, ""), 9), 1);
    (void)snprintf(text, sizeof(text), "%s", HEADED("1"));
    (void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
                   JOINED("data/a/artifacts.json", THREE, "%s", "true"), page);
    assert_int_equal(check(text, 9), 0);
    memcpy(strstr(text, "\"lost\": 1") + 8, "0", 1);
    assert_int_equal(check(text, 9), 1);
}

static void test_many_reports(void **state)
{
    static char text[200 * 400];
    size_t i;

    (void)state;
    (void)strcat(text, HEADER);
    for (i = 0; i < 200; i++)
        (void)strcat(text, RECORD("data/b/run.json", ONE, ""));
    assert_int_equal(check(text, 100), 100);
}

static void test_wants(void **state)
{
    (void)state;
    assert_true(request_check_wants("data/a/run.json"));
    assert_true(request_check_wants("data/a/artifacts.json"));
    assert_true(request_check_wants("data/a/records/timeline.json"));
    assert_false(request_check_wants("data/a/records/.json"));
    assert_false(request_check_wants("data/a/records/x/y.json"));
    assert_false(request_check_wants("data/a/har/run.json"));
    assert_false(request_check_wants("view/a.js"));
    assert_false(request_check_wants("requests.jsonl"));
}

static bool keep_b(void *ctx, const char *run)
{
    (void)ctx;
    return strcmp(run, "b") == 0;
}

/* A copy without a run's lines: all else is byte for byte the same, but the count. */
static void test_filter(void **state)
{
    static const char text[] = TWO_REQUESTS RECORD("data/a/run.json", ONE, PAGE("1", ONE));
    struct request_filter filter = { .keep = keep_b, .put = put_nowhere };
    struct buf out;

    (void)state;
    buf_init(&out, 1 << 20);
    request_filter_begin(&filter);
    assert_int_equal(request_filter_put(&filter, text, strlen(text), NULL), 0);
    assert_int_equal(request_filter_end(&filter, NULL), 0);
    assert_int_equal(filter.removed, 2);
    filter.remove = filter.removed;
    filter.put = buf_put;
    filter.to = &out;
    request_filter_begin(&filter);
    assert_int_equal(request_filter_put(&filter, text, strlen(text), NULL), 0);
    assert_int_equal(request_filter_end(&filter, NULL), 0);
    assert_string_equal(
        buf_text(&out),
        "{\"line\": \"header\", \"schema\": \"urn:skyarc:requests:1\", "
        "\"lost\": 0, \"removed\": 4, \"x\": 1}\n" REQUEST("3", "null", "200", "\"" TWO "\"")
            REQUEST("4", "\"b\"", "404", "\"" THREE "\""));
    buf_clear(&out);
}

static void test_bad_filter(void **state)
{
    static const char bare[] =
        "{\"line\": \"header\", \"schema\": \"urn:skyarc:requests:1\"}\n";
    static const char *const texts[] = { "{}\n", HEADER "{", REQUEST("3", "null", "1", "null"),
                                         bare };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct request_filter filter = { .keep = keep_b, .put = put_nowhere };
        struct err err;
        int put;
        int end;

        request_filter_begin(&filter);
        put = request_filter_put(&filter, texts[i], strlen(texts[i]), &err);
        end = request_filter_end(&filter, &err);
        assert_true(put < 0 || end < 0);
        assert_int_equal(err.kind, ERR_FORMAT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),         cmocka_unit_test(test_bad),
        cmocka_unit_test(test_many_reports), cmocka_unit_test(test_wants),
        cmocka_unit_test(test_lossy),        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_bad_filter),
    };

    return RUN(tests);
}
