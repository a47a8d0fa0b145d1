/* SPDX-License-Identifier: MIT */
#include "base/hashmap.h"
#include "base/text.h"
#include "unit.h"
#include "writer/dedupe.h"

#include <stdio.h>
#include <string.h>

static void test_sha256_decides(void **state)
{
    struct dedupe *dedupe = dedupe_new(NULL);
    struct digest a = { .sha256 = { 1 }, .xxh3 = { 9 } };
    struct digest b = { .sha256 = { 2 }, .xxh3 = { 9 } }; /* a forged collision */
    struct digest c = { .sha256 = { 1 }, .xxh3 = { 8 } };
    int first;
    int second;

    (void)state;
    assert_null(dedupe_find(dedupe, 10, &a));
    assert_int_equal(dedupe_add(dedupe, 10, &a, &first, NULL), 0);
    assert_null(dedupe_find(dedupe, 10, &b));
    assert_int_equal(dedupe_add(dedupe, 10, &b, &second, NULL), 0);
    assert_ptr_equal(dedupe_find(dedupe, 10, &a), &first);
    assert_ptr_equal(dedupe_find(dedupe, 10, &b), &second);
    assert_null(dedupe_find(dedupe, 11, &a));
    assert_null(dedupe_find(dedupe, 10, &c));
    dedupe_free(dedupe);
}

static void test_digests(void **state)
{
    struct hasher *hasher = hasher_new(NULL);
    struct sha256 *sha = sha256_new(NULL);
    struct sha256 *kept = sha256_new(NULL);
    struct digest digest;
    uint8_t again[SHA256_SIZE];
    char hex[SHA256_TEXT];
    int i;

    (void)state;
    for (i = 0; i < 2; i++) { /* a hasher can be used again */
        hasher_add(hasher, "ab", 2);
        hasher_add(hasher, "c", 1);
        hasher_end(hasher, &digest);
        text_hex(hex, digest.sha256, SHA256_SIZE);
        assert_string_equal(hex,
                            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        text_hex(hex, digest.xxh3, XXH3_SIZE);
        assert_string_equal(hex,
                            "06b05ab6733a618578af5f94892f3950"); /* the output of xxh128sum */
    }
    sha256_add(sha, "ab", 2);
    sha256_set(kept, sha);
    sha256_add(sha, "junk", 4);
    sha256_set(sha, kept);
    sha256_add(sha, "c", 1);
    sha256_end(sha, again);
    assert_memory_equal(again, digest.sha256, SHA256_SIZE);
    hasher_free(hasher);
    sha256_free(sha);
    sha256_free(kept);
}

static void test_table(void **state)
{
    struct hashmap *table = hashmap_new(NULL);
    char key[32];
    uintptr_t i;

    (void)state;
    for (i = 1; i <= 5000; i++) {
        int len = snprintf(key, sizeof(key), "key %u", (unsigned)i);

        assert_null(hashmap_get(table, key, (size_t)len));
        assert_int_equal(hashmap_add(table, key, (size_t)len, (void *)i, NULL), 0);
    }
    for (i = 1; i <= 5000; i++) {
        int len = snprintf(key, sizeof(key), "key %u", (unsigned)i);

        assert_ptr_equal(hashmap_get(table, key, (size_t)len), (void *)i);
    }
    hashmap_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256_decides),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_table),
    };

    return RUN(tests);
}
