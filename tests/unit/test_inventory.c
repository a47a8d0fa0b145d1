/* SPDX-License-Identifier: MIT */
#include "reader/inventory.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

static int add(struct inventory *inventory, const char *path, const char *id, struct err *err)
{
    char text[6000];
    int len =
        snprintf(text, sizeof(text),
                 "{\"path\": \"%s\", \"run_id\": \"r1\", \"artifact_id\": \"%s\", \"size\": 7, "
                 "\"artifact_type\": \"har\", \"media_type\": null, \"offset\": 512, "
                 "\"duplicate_of\": \"data/r1/a\", \"sha256\": \"%064d\"}",
                 path, id, 1);

    return inventory_add(inventory, MANIFEST_READ_ARTIFACTS, text, (size_t)len, err);
}

static void test_rows(void **state)
{
    struct inventory *inventory = inventory_new(0, NULL);
    char path[SAFE_NAME_PATH_MAX + 1];
    char id[256];
    struct inventory_row row;
    struct err err;
    uint32_t i;

    (void)state;
    assert_int_equal(inventory_find(inventory, "data/r1/a"), INVENTORY_NONE);
    assert_int_equal(add(inventory, "data/r1/a", "", &err), 0);
    assert_int_equal(add(inventory, "data/r1/T_id1.html", "id1", &err), 0);
    assert_int_equal(add(inventory, "data/r1/other.html", "id2", &err), 0);
    for (i = 3; i < 10000; i++) { /* over several pieces, while the index grows */
        (void)snprintf(path, sizeof(path), "data/r%u/x/%u", i % 100, i);
        assert_int_equal(add(inventory, path, "x", &err), 0);
    }
    assert_int_equal(inventory_count(inventory), 10000);
    for (i = 3; i < 10000; i++) {
        (void)snprintf(path, sizeof(path), "data/r%u/x/%u", i % 100, i);
        assert_int_equal(inventory_find(inventory, path), i);
    }
    assert_string_equal(inventory_path(inventory, 1, path), "data/r1/T_id1.html");
    assert_string_equal(inventory_id(inventory, 1, id), "id1");
    assert_string_equal(inventory_id(inventory, 2, id), "id2");
    assert_null(inventory_id(inventory, 0, id));
    assert_int_equal(inventory_find(inventory, "data/r1/T_id1.htm"), INVENTORY_NONE);
    assert_int_equal(inventory_find(inventory, "data/r2/a"), INVENTORY_NONE);
    inventory_get(inventory, 1, &row);
    assert_true(row.size == 7 && row.offset == 512 && row.frame == MANIFEST_READ_NONE &&
                !row.document);
    assert_string_equal(row.run_id, "r1");
    assert_string_equal(row.artifact_type, "har");
    assert_null(row.media_type);
    assert_true(inventory_is_duplicate(inventory, 1, 0) &&
                !inventory_is_duplicate(inventory, 1, 2));
    assert_string_equal(inventory_last(inventory)->path, "data/r99/x/9999");
    assert_int_equal(inventory_last(inventory)->offset, 512);
    inventory_select(inventory);
    for (i = 0; i < 10000; i++) {
        inventory_get(inventory, i, &row);
        assert_int_equal(row.selected, i == 9999);
    }
    inventory_mark(inventory, 1, 3);
    assert_int_equal(inventory_marks(inventory, 1), 3);
    assert_int_equal(add(inventory, "data/r1/T_id1.html", "other", &err), -1);
    assert_int_equal(err.kind, ERR_FORMAT);
    inventory_free(inventory);
}

static void test_refused(void **state)
{
    static const char *const bad[] = { "a",         "index.html", "data/",
                                       "data/../a", "/data/a",    "data//a",
                                       "data/.a",   "data/a/..",  "" };
    static const char *const documents[] = { "data/r1/run.json", "index.html" };
    struct inventory *inventory = inventory_new(0, NULL);
    char text[300];
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(add(inventory, bad[i], "x", &err), -1);
        assert_int_equal(err.kind, ERR_FORMAT);
    }
    for (i = 0; i < 2; i++) {
        (void)snprintf(text, sizeof(text),
                       "{\"path\": \"%s\", \"size\": 1, \"sha256\": \"%064d\"}", documents[i],
                       1);
        assert_int_equal(
            inventory_add(inventory, MANIFEST_READ_DOCUMENTS, text, strlen(text), &err), 0);
    }
    assert_int_equal(inventory_count(inventory), 2);
    inventory_free(inventory);
}

/* All memory of a row counts; rows beyond the limit are refused. */
static void test_memory(void **state)
{
    const uint64_t max = 1 << 20;
    struct inventory *inventory = inventory_new(max, NULL);
    char path[SAFE_NAME_PATH_MAX + 1];
    struct err err;
    uint32_t n = 0;

    (void)state;
    do
        (void)snprintf(path, sizeof(path), "data/r1/x/%06u_with_a_name_of_usual_length.html",
                       n);
    while (add(inventory, path, "x", &err) == 0 && ++n < 100000);
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_true(n > max / (INVENTORY_ROW_COST + 60) && n < max / INVENTORY_ROW_COST);
    inventory_free(inventory);

    inventory = inventory_new(max, NULL); /* long names, and folders that no other row has */
    n = 0;
    do {
        (void)snprintf(path, sizeof(path), "data/%u/%0200u/%0200u/%0200u/%0200u/x", n, n, n, n,
                       n);
    } while (add(inventory, path, "x", &err) == 0 && ++n < 100000);
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_true(n < max / 800);
    inventory_free(inventory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_memory),
    };

    return RUN(tests);
}
