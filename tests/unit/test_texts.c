/* SPDX-License-Identifier: MIT */
/* Which texts are copied into the view: the same, whether or not it was known before how many
 * may be. */
#include "base/buf.h"
#include "unit.h"
#include "view/texts.h"

#include <stdio.h>
#include <string.h>

#define RUNS  12
#define TEXTS 1200 /* of each run, of 4 KiB: 56 MiB */
#define SIZE  4096

static struct sidecar_run runs[RUNS];
static char ids[RUNS][16];

static void set_up_runs(void)
{
    uint32_t i;

    for (i = 0; i < RUNS; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "tsk_%u", i);
        runs[i] = (struct sidecar_run){
            .id = ids[i], .listed = true, .failed = i == 4 || i == 9, .number = i
        };
    }
}

/* Add the nth text of a run, later than those with smaller numbers. */
static void add(struct texts *set, unsigned run, unsigned n, size_t len)
{
    static char bytes[TEXTS_LEAST];
    char path[128];
    struct text text = { .run = &runs[run],
                         .kind = n % 3 ? TEXT_HTML : TEXT_LOG,
                         .path = path,
                         .bytes = bytes,
                         .len = len };

    (void)snprintf(path, sizeof(path),
                   "data/tsk_%02u/html/20260120T%02u%02u%02u.000000Z_a_%04u.html", run,
                   n / 3600, n / 60 % 60, n % 60, n);
    (void)snprintf(bytes, sizeof(bytes), "text %u of run %u", n, run);
    assert_int_equal(texts_add(set, &text, NULL), 0);
}

/* Note a chosen text; a texts_fn. */
static int on_chosen(void *ctx, const struct text *text, struct err *err)
{
    char begin[64];
    unsigned run;
    unsigned n;

    assert_int_equal(
        sscanf(text->path, "data/tsk_%02u/html/20260120T%*6u.000000Z_a_%04u", &run, &n), 2);
    (void)snprintf(begin, sizeof(begin), "text %u of run %u", n, run);
    assert_memory_equal(text->bytes, begin, strlen(begin) + 1);
    return buf_addf(ctx, err, "%s %zu\n", text->path, text->len);
}

/* The texts that are chosen, in an order of adding that step makes, one line each. */
static void choose(const struct texts_budget *budget, const struct texts_budget *most,
                   unsigned step, struct buf *out)
{
    struct texts *set = texts_new("/tmp", NULL);
    unsigned i;

    assert_non_null(set);
    if (most)
        texts_expect(set, most);
    for (i = 0; i < RUNS * TEXTS; i++) {
        unsigned at = i * step % (RUNS * TEXTS);

        add(set, at % RUNS, at / RUNS, SIZE);
    }
    buf_init(out, 1 << 24);
    assert_int_equal(texts_choose(set, budget, on_chosen, out, NULL), 0);
    texts_free(set);
}

static void test_an_expectation_changes_nothing(void **state)
{
    static const unsigned steps[] = { 1, 7, RUNS * TEXTS - 1 }; /* the last one: latest first */
    struct texts_budget budget = { .all = 300 << 10, .lead = &runs[4], .lead_max = 100 << 10 };
    struct texts_budget most = { .all = 500 << 10, .lead = &runs[4], .lead_max = 200 << 10 };
    struct buf plain;
    struct buf expected;
    size_t i;

    (void)state;
    set_up_runs();
    for (i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        choose(&budget, NULL, steps[i], &plain);
        choose(&budget, &most, steps[i], &expected);
        assert_string_equal(buf_text(&plain), buf_text(&expected));
        assert_true(plain.len > 80 * 50); /* 400 KiB of texts, less what their paths take */
        assert_non_null(strstr(buf_text(&plain), "tsk_04/html/20260120T001959"));
        assert_null(strstr(buf_text(&plain), "tsk_03/")); /* two failed runs take all */
        buf_clear(&plain);
        buf_clear(&expected);
    }
}

static void test_what_can_never_be_chosen(void **state)
{
    struct texts_budget most = { .all = 10 << 10, .lead = &runs[4], .lead_max = 64 << 10 };
    struct texts *set = texts_new("/tmp", NULL);
    struct buf out;

    (void)state;
    set_up_runs();
    assert_non_null(set);
    texts_expect(set, &most);
    add(set, 4, 1, 60 << 10);
    add(set, 4, 2, 1 << 20); /* more than any budget */
    add(set, 5, 3, 9 << 10);
    buf_init(&out, 1 << 16);
    assert_int_equal(texts_choose(set, &most, on_chosen, &out, NULL), 0);
    assert_non_null(strstr(buf_text(&out), "_a_0001.html 61440\n"));
    assert_null(strstr(buf_text(&out), "_a_0002"));
    assert_non_null(strstr(buf_text(&out), "_a_0003.html 9216\n"));
    buf_clear(&out);
    texts_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_expectation_changes_nothing),
        cmocka_unit_test(test_what_can_never_be_chosen),
    };

    return RUN(tests);
}
