/* SPDX-License-Identifier: MIT */
#include "provenance/request_log.h"

#include "base/clock.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KEY "sk-a-key-of-this-test"

static struct request_log *new_log(bool host)
{
    const struct request_log_opts opts = { .key = KEY,
                                           .service = "https://me:pass@api.example.org/skyvern",
                                           .tool = "skyarc/1.0",
                                           .host = host };
    struct request_log *log = request_log_new(&opts, NULL);

    assert_non_null(log);
    return log;
}

static uint64_t add(struct request_log *log, const char *run, const char *url)
{
    const struct request_asked asked = { .run = run,
                                         .method = "GET",
                                         .path = url,
                                         .at = 1768909949276,
                                         .attempt = 1,
                                         .status = 200,
                                         .bytes = 2 };

    return request_log_add(log, &asked);
}

static bool of_all(void *ctx, const char *run)
{
    return !ctx || strcmp(ctx, run) == 0;
}

/* The file, of the requests about one run (NULL: all) and about none. */
static const char *file_of(const struct request_log *log, const char *run, struct buf *out)
{
    buf_init(out, 1 << 20);
    assert_int_equal(request_log_put(log, of_all, (void *)(uintptr_t)run, buf_put, out, NULL),
                     0);
    return buf_text(out);
}

static size_t lines_of(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        count += *text == '\n';
    return count;
}

/* Signatures, the key, and credentials in URLs appear nowhere. */
static void test_secrets(void **state)
{
    struct request_log *log = new_log(false);
    struct buf out;
    const char *text;

    (void)state;
    (void)add(log, NULL, "https://me:pass@api.example.org/v1/runs?page=2&sig=SIGNATURE12345");
    (void)add(log, NULL, "https://api.example.org/v1/x?api_key=" KEY "&token=TOKEN1234567");
    (void)add(log, NULL, "https://api.example.org");
    text = file_of(log, NULL, &out);
    assert_int_equal(lines_of(text), 5);
    assert_null(strstr(text, KEY));
    assert_null(strstr(text, "SIGNATURE"));
    assert_null(strstr(text, "TOKEN1"));
    assert_null(strstr(text, "pass"));
    assert_non_null(strstr(text, "\"path\": \"/v1/runs?page=2&sig=***\""));
    assert_non_null(strstr(text, "\"path\": \"/\""));
    assert_non_null(strstr(text, "api.example.org/skyvern\""));
    assert_non_null(strstr(text, "\"host\": null"));
    buf_clear(&out);
    request_log_free(log);
}

static void test_host(void **state)
{
    struct request_log *log = new_log(true);
    char name[256] = "";
    char want[300];
    struct buf out;

    (void)state;
    assert_int_equal(gethostname(name, sizeof(name) - 1), 0);
    (void)snprintf(want, sizeof(want), "\"host\": \"%s\"", name);
    assert_non_null(strstr(file_of(log, NULL, &out), want));
    buf_clear(&out);
    request_log_free(log);
}

/* The digest is of the redacted answer, and is set once. */
static void test_answers(void **state)
{
    static const char body[] = "{\"url\": \"https://s/x?sig=SIGNATURE12345\"}";
    static const char clean[] = "{\"url\": \"https://s/x?sig=***\"}";
    struct request_log *log = new_log(false);
    uint64_t one = add(log, "wr_1", "https://h/a");
    uint64_t two = add(log, "wr_1", "https://h/b");
    uint8_t other[SHA256_SIZE] = { 1 };
    uint8_t sha256[SHA256_SIZE];

    (void)state;
    assert_int_equal(sha256_of(clean, strlen(clean), sha256, NULL), 0);
    request_log_answer(log, one, body, strlen(body));
    request_log_clean(log, two, clean, strlen(clean));
    request_log_digest(log, two, other);
    request_log_digest(log, 3, other); /* there is none */
    request_log_rows(log, two, 4, 5);
    assert_true(request_log_answer_of(log, one)->summed);
    assert_memory_equal(request_log_answer_of(log, one)->sha256, sha256, SHA256_SIZE);
    assert_memory_equal(request_log_answer_of(log, two)->sha256, sha256, SHA256_SIZE);
    assert_int_equal(request_log_answer_of(log, two)->rows, 4);
    assert_null(request_log_answer_of(log, 3));
    assert_null(request_log_answer_of(log, 0));
    request_log_free(log);
}

/* What nobody wants is not logged, and nothing happens. */
static void test_none(void **state)
{
    struct request_log *log = NULL;

    (void)state;
    assert_int_equal(add(log, NULL, "https://h/"), 0);
    request_log_answer(log, 1, "", 0);
    request_log_clean(log, 1, "", 0);
    request_log_rows(log, 1, 0, 0);
    request_log_clock(log, 0, 0, 0);
    request_log_version(log, "{}", 2);
    request_log_copy(log, NULL);
    request_log_earlier(log, "{}", 2);
    assert_int_equal(request_log_number(log, 1), 0);
    request_log_free(log);
}

/* The offset is where all answers agree: a Date header has whole seconds only. */
static void test_clock(void **state)
{
    struct request_log *log = new_log(false);
    struct buf out;

    (void)state;
    request_log_clock(log, 10000, 9000, 9010);   /* between 990 and 1999 */
    request_log_clock(log, 12000, 10200, 10210); /* between 1790 and 2799 */
    request_log_clock(log, 20000, 19010, 19020); /* between 980 and 1989 */
    assert_non_null(strstr(file_of(log, NULL, &out), "\"clock_offset_ms\": 1889,"));
    buf_clear(&out);
    request_log_clock(log, 90000, 20000, 20000); /* a clock was set */
    assert_non_null(strstr(file_of(log, NULL, &out), "\"clock_offset_ms\": 70499,"));
    buf_clear(&out);
    request_log_free(log);
}

static void test_version(void **state)
{
    static const char *const bad[] = { "", "[]", "{\"version\": 1}", "{\"version\": \"\"}" };
    static const char good[] = "{\"version\": \"abc\\\"\\u0007\"}";
    struct request_log *log = new_log(false);
    struct buf out;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        request_log_version(log, bad[i], strlen(bad[i]));
    assert_non_null(strstr(file_of(log, NULL, &out), "\"service_version\": null"));
    buf_clear(&out);
    request_log_version(log, good, strlen(good));
    assert_non_null(
        strstr(file_of(log, NULL, &out), "\"service_version\": \"abc\\\"\\u0007\""));
    buf_clear(&out);
    request_log_free(log);
}

/* Requests about other runs are left out; numbers stay. */
static void test_about(void **state)
{
    struct request_log *log = new_log(false);
    struct buf out;
    const char *text;

    (void)state;
    (void)add(log, "wr_1", "https://h/1");
    (void)add(log, "wr_2", "https://h/2");
    (void)add(log, NULL, "https://h/3");
    text = file_of(log, "wr_2", &out);
    assert_null(strstr(text, "\"number\": 1,"));
    assert_non_null(strstr(text, "\"number\": 2,"));
    assert_non_null(strstr(text, "\"number\": 3,"));
    buf_clear(&out);
    request_log_free(log);
}

static int keep(void *ctx, const char *note, size_t len, struct err *err)
{
    struct buf *notes = ctx;

    assert_null(memchr(note, '\n', len));
    return buf_add(notes, note, len, err) < 0 ? -1 : buf_adds(notes, "\n", err);
}

static void take_notes(struct request_log *log, const struct buf *notes)
{
    const char *at = buf_text(notes);
    const char *end;

    for (; (end = strchr(at, '\n')); at = end + 1)
        request_log_earlier(log, at, (size_t)(end - at));
}

/* A later attempt has the requests of the one before, whenever they were made. */
static void test_attempts(void **state)
{
    struct request_log *first = new_log(true);
    struct request_log *second = new_log(false);
    struct request_log *third = new_log(false);
    struct buf notes;
    struct buf out;
    const char *text;
    uint64_t one = add(first, "wr_1", "https://h/1?a=\"\\");
    uint64_t two;

    (void)state;
    buf_init(&notes, 1 << 20);
    request_log_keep(first, keep, &notes); /* with what was asked before */
    two = add(first, NULL, "https://h/2");
    request_log_clean(first, one, "[]", 2);
    request_log_clean(first, two, "[]", 2);
    request_log_rows(first, two, 7, REQUEST_LINE_NONE);
    assert_int_equal(add(second, NULL, "https://h/3"), 1);
    take_notes(second, &notes);
    request_log_keep(second, keep, &notes);
    assert_int_equal(add(second, "wr_1", "https://h/4"), 2);
    assert_int_equal(request_log_number(second, 1), 3);
    assert_int_equal(request_log_number(second, 2), 4);
    take_notes(third, &notes);
    assert_int_equal(add(third, "wr_1", "https://h/5"), 1);
    text = file_of(third, NULL, &out);
    assert_int_equal(lines_of(text), 1 + 3 + 5);
    assert_non_null(strstr(text, "\"sessions\": 3"));
    assert_non_null(strstr(text, "\"number\": 1, \"session\": 1, \"run_id\": \"wr_1\""));
    assert_non_null(strstr(text, "\"path\": \"/1?a=\\\"\\\\\""));
    assert_non_null(strstr(text, "\"sha256\": \"4f53cda18c2baa0c"));
    assert_non_null(strstr(text, "\"rows\": 7"));
    assert_non_null(strstr(text, "\"number\": 4, \"session\": 2, \"run_id\": \"wr_1\""));
    assert_non_null(strstr(text, "\"number\": 5, \"session\": 3, \"run_id\": \"wr_1\""));
    buf_clear(&out);
    buf_clear(&notes);
    request_log_free(first);
    request_log_free(second);
    request_log_free(third);
}

/* Notes that no log wrote are ignored. */
static void test_odd_notes(void **state)
{
    static const char *const notes[] = {
        "",
        "[]",
        "{",
        "{\"asked\": 1, \"members\": \", x\"}",
        "{\"answered\": 1}",
        "{\"began\": 1}",
        "{\"began\": 1, \"tool\": \"t\"}",
        "{\"asked\": 2, \"members\": \", \\\"path\\\": \\\"lost\\\"\"}",
        "{\"answered\": 1}",
        "{\"answered\": 0}",
        "{\"answered\": 99999999999}",
    };
    struct request_log *log = new_log(false);
    struct buf out;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
        request_log_earlier(log, notes[i], strlen(notes[i]));
    assert_int_equal(lines_of(file_of(log, NULL, &out)), 1 + 2);
    buf_clear(&out);
    request_log_free(log);
}

static void test_copy(void **state)
{
    struct request_log *from = new_log(false);
    struct request_log *log = new_log(false);
    struct buf out;

    (void)state;
    request_log_clean(from, add(from, "wr_1", "https://h/1"), "[]", 2);
    request_log_copy(log, from);
    request_log_free(from);
    assert_int_equal(add(log, NULL, "https://h/2"), 2);
    assert_non_null(strstr(file_of(log, NULL, &out), "\"sha256\": \"4f53cda18c2baa0c"));
    buf_clear(&out);
    request_log_free(log);
}

static void test_refs(void **state)
{
    struct request_refs refs = { 0 };
    uint64_t i;

    (void)state;
    request_refs_add(&refs, 0);
    assert_int_equal(refs.count, 0);
    for (i = 1; i <= REQUEST_REFS_MAX + 5; i++)
        request_refs_add(&refs, 10 * i);
    assert_int_equal(refs.count, REQUEST_REFS_MAX);
    for (i = 1; i <= REQUEST_REFS_MAX; i++)
        assert_int_equal(request_refs_at(&refs, (size_t)i - 1), 10 * i);
    request_refs_clear(&refs);
    request_refs_clear(&refs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secrets),   cmocka_unit_test(test_host),
        cmocka_unit_test(test_answers),   cmocka_unit_test(test_none),
        cmocka_unit_test(test_clock),     cmocka_unit_test(test_version),
        cmocka_unit_test(test_about),     cmocka_unit_test(test_attempts),
        cmocka_unit_test(test_odd_notes), cmocka_unit_test(test_copy),
        cmocka_unit_test(test_refs),
    };

    return RUN(tests);
}
