/* SPDX-License-Identifier: MIT */
#include "client/paging.h"
#include "client/records.h"
#include "unit.h"

#include <string.h>

static int take(struct paging *p, const char *page, struct err *err)
{
    return paging_take(p, page, strlen(page), err);
}

static void test_cursor(void **state)
{
    struct paging p = { 0 };
    struct err err;

    (void)state;
    paging_begin(&p, ENDPOINT_SESSION_ACTIONS, NULL);
    assert_string_equal(buf_text(&p.more), "");
    assert_int_equal(
        take(&p, "{\"events\":[{\"a\":1},3,{\"b\":2}],\"next_cursor\":\"x&y\"}", &err), 1);
    assert_string_equal(buf_text(&p.more), "&cursor=x%26y");
    assert_int_equal(take(&p, "{\"events\":[{\"c\":3}],\"next_cursor\":\"x&y\"}", &err), 1);
    assert_int_equal(take(&p, "{\"events\":[],\"next_cursor\":\"x&y\"}", &err), 0);
    assert_int_equal(paging_end(&p, &err), 0);
    assert_string_equal(buf_text(&p.all), "{\"events\": [{\"a\":1},\n{\"b\":2},\n{\"c\":3}]}");
    paging_clear(&p);
    paging_clear(&p);
}

static void test_numbers(void **state)
{
    struct paging p = { 0 };
    struct buf page;
    struct err err;
    int i;

    (void)state;
    buf_init(&page, 1 << 16);
    assert_int_equal(buf_adds(&page, "{\"episodes\": [", NULL), 0);
    for (i = 0; i < PAGING_SIZE; i++)
        assert_int_equal(buf_addf(&page, NULL, "%s{\"i\":%d}", i ? "," : "", i), 0);
    assert_int_equal(buf_adds(&page, "]}", NULL), 0);
    paging_begin(&p, ENDPOINT_FALLBACK_EPISODES, "wr_1");
    assert_string_equal(buf_text(&p.more), "&workflow_run_id=wr_1&page=1");
    for (i = 1; i < PAGING_MAX; i++)
        assert_int_equal(take(&p, buf_text(&page), &err), 1);
    assert_string_equal(buf_text(&p.more), "&workflow_run_id=wr_1&page=100");
    assert_int_equal(take(&p, buf_text(&page), &err), 0);
    assert_true(p.cut);
    buf_clear(&page);
    paging_clear(&p);
}

static void test_what_is_none(void **state)
{
    static const char *const pages[] = { "[]", "{}", "{\"events\":{}}", "<html>", "" };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
        struct paging p = { 0 };
        struct err err;

        paging_begin(&p, ENDPOINT_SESSION_ACTIONS, NULL);
        assert_int_equal(take(&p, pages[i], &err), -1);
        assert_int_equal(err.kind, ERR_FORMAT);
        paging_clear(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cursor),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_what_is_none),
    };

    return RUN(tests);
}
