/* SPDX-License-Identifier: MIT */
#include "mask/json_path.h"
#include "unit.h"

#include <string.h>

/* Whether a path names the value at the end of this chain of first members. */
static bool names(const char *path, const char *json, size_t depth)
{
    struct region *region = region_new(NULL);
    struct json *doc = json_parse(json, strlen(json), NULL);
    struct json_step steps[8];
    struct json_value v = json_root(doc);
    struct json_value none = { NULL, 0 };
    struct json_path parsed;
    size_t i;
    bool found;

    assert_int_equal(json_path_parse(&parsed, path, region, NULL), 0);
    for (i = 0; i < depth; i++) {
        struct json_value next = json_next(v, none);

        steps[i] = (struct json_step){ .index = 0 };
        if (json_type(v) == JSON_OBJECT)
            steps[i].key = json_key(next);
        v = next;
    }
    found = json_path_match(&parsed, steps, depth);
    json_free(doc);
    region_free(region);
    return found;
}

static void test_match(void **state)
{
    static const char json[] = "{\"a\": {\"b c\": [{\"d\": 1}]}}";

    (void)state;
    assert_true(names("$", json, 0));
    assert_true(names("$.a", json, 1));
    assert_true(names("$['a']['b c'][0].d", json, 4));
    assert_true(names("$.a.*[*]", json, 3));
    assert_true(names("$..d", json, 4));
    assert_true(names("$..[0].d", json, 4));
    assert_true(names("$..a..d", json, 4));
    assert_true(names("$..*", json, 2));
    assert_false(names("$.a", json, 2));
    assert_false(names("$.b", json, 1));
    assert_false(names("$.a[0]", json, 2));
    assert_false(names("$..['b c'].d", json, 4));
    assert_false(names("$..c", json, 4));
}

static void test_malformed(void **state)
{
    static const char *const paths[] = {
        "",      "a",   "$a",    "$.",  "$..",   "$[",      "$[]",    "$[x]",   "$['a]",
        "$['a'", "$[0", "$.a b", "$[*", "$[-1]", "$[?(1)]", "$[0,1]", "$[1:2]", "$.a."
    };
    struct region *region = region_new(NULL);
    struct json_path path;
    char many[3 * JSON_PATH_MAX + 8] = "$";
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(paths) / sizeof(*paths); i++)
        assert_int_equal(json_path_parse(&path, paths[i], region, NULL), -1);
    for (i = 0; i < JSON_PATH_MAX; i++)
        strcat(many, ".a");
    assert_int_equal(json_path_parse(&path, many, region, NULL), 0);
    strcat(many, ".a");
    assert_int_equal(json_path_parse(&path, many, region, NULL), -1);
    region_free(region);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match),
        cmocka_unit_test(test_malformed),
    };

    return RUN(tests);
}
