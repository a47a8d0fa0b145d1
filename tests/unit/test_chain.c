/* SPDX-License-Identifier: MIT */
/* Series of archives: complete ones, and each kind of broken one. */
#include "base/text.h"
#include "reader/chain.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

struct told {
    size_t count;
    char last[400];
};

static void on_damage(void *ctx, const char *path, const char *what)
{
    struct told *told = ctx;

    told->count++;
    (void)snprintf(told->last, sizeof(told->last), "%s|%s", path ? path : "", what);
}

/* Judge links given as "name digest previous digest-of-it"; "-" for nothing. */
static size_t judge(const char *const *links, const char *anchor, const char **head,
                    struct told *told)
{
    static char kept[100];
    struct chain *chain = chain_new(NULL);
    const char *found;
    size_t breaks;

    assert_non_null(chain);
    for (; *links; links += 4)
        assert_int_equal(chain_add(chain, links[0], links[1],
                                   strcmp(links[2], "-") ? links[2] : "",
                                   strcmp(links[3], "-") ? links[3] : "", NULL),
                         0);
    memset(told, 0, sizeof(*told));
    breaks = chain_judge(chain, anchor, on_damage, told, &found);
    assert_int_equal(breaks, told->count);
    (void)snprintf(kept, sizeof(kept), "%s", found ? found : "");
    *head = kept;
    chain_free(chain);
    return breaks;
}

static void test_whole(void **state)
{
    static const char *const links[] = { "d/n2", "bb",   "n1", "aa", "d/n1", "aa", "-",
                                         "-",    "d/n3", "cc", "n2", "bb",   NULL };
    struct told told;
    const char *head;

    (void)state;
    assert_int_equal(judge(links, NULL, &head, &told), 0);
    assert_string_equal(head, "d/n3");
    assert_int_equal(judge(links, "BB", &head, &told), 0);
    assert_int_equal(judge(links, "dd", &head, &told), 1);
    assert_non_null(strstr(told.last, "anchor"));
}

static void test_strangers(void **state)
{
    /* archives without a series are no chain, and no error */
    static const char *const links[] = { "a", "aa", "-", "-", "b", "bb", "-", "-", NULL };
    struct told told;
    const char *head;

    (void)state;
    assert_int_equal(judge(links, NULL, &head, &told), 0);
    assert_string_equal(head, "");
}

static void test_broken(void **state)
{
    static const char *const removed[] = { "n1", "aa", "-", "-", "n3", "cc", "n2", "bb", NULL };
    static const char *const replaced[] = {
        "n1", "xx", "-", "-", "n2", "bb", "n1", "aa", NULL
    };
    static const char *const forked[] = { "n1", "aa", "-",  "-",  "n2", "bb", "n1",
                                          "aa", "m2", "cc", "n1", "aa", NULL };
    struct told told;
    const char *head;

    (void)state;
    assert_int_equal(judge(removed, NULL, &head, &told), 1);
    assert_string_equal(told.last, "n3|the previous archive 'n2' is missing");
    assert_int_equal(judge(replaced, NULL, &head, &told), 1);
    assert_non_null(strstr(told.last, "was replaced"));
    assert_int_equal(judge(forked, NULL, &head, &told), 1);
    assert_non_null(strstr(told.last, "two archives name"));
    assert_string_equal(head, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_whole),
                                        cmocka_unit_test(test_strangers),
                                        cmocka_unit_test(test_broken) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
