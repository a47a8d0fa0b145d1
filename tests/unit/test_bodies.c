/* SPDX-License-Identifier: MIT */
#include "listen/bodies.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#define MIB ((size_t)1 << 20)

static char bytes[MIB];

/* Add `count` mebibytes, one at a time; returns how many were accepted. */
static unsigned fill(struct bodies *bodies, struct body_in *in, unsigned count, uint64_t now)
{
    unsigned n = 0;

    while (n < count && bodies_add(bodies, in, bytes, MIB, now) == BODIES_TAKEN)
        n++;
    return n;
}

static void test_one_budget_for_all(void **state)
{
    struct bodies *bodies = bodies_new(8 * MIB, 4 * MIB, NULL);
    struct body_in in[20];
    size_t i;

    (void)state;
    for (i = 0; i < 20; i++) {
        bodies_begin(bodies, &in[i], 4 * MIB, i * 10);
        (void)fill(bodies, &in[i], 3, i * 10);
        assert_true(bodies_held(bodies) <= 8 * MIB);
    }
    for (i = 0; i < 20; i++)
        bodies_drop(bodies, &in[i]);
    assert_int_equal(bodies_held(bodies), 0);
    bodies_drop(bodies, &in[0]); /* may be called twice */
    bodies_free(bodies);
}

static void test_small_ones_are_taken(void **state)
{
    struct bodies *bodies = bodies_new(8 * MIB, 4 * MIB, NULL);
    struct body_in large[2];
    struct body_in small;

    (void)state;
    bodies_begin(bodies, &large[0], 4 * MIB, 0);
    bodies_begin(bodies, &large[1], 4 * MIB, 0);
    assert_int_equal(fill(bodies, &large[0], 4, 0), 4);
    assert_int_equal(fill(bodies, &large[1], 4, 0), 4);
    bodies_begin(bodies, &small, 0, 1);
    assert_int_equal(bodies_add(bodies, &small, "abc", 3, 1), BODIES_TAKEN);
    assert_int_equal(bodies_whole(bodies, &small), BODIES_TAKEN);
    assert_memory_equal(small.data, "abc", 3);
    /* one of the large bodies was dropped, and its owner was notified */
    assert_int_equal((bodies_whole(bodies, &large[0]) == BODIES_NO_ROOM) +
                         (bodies_whole(bodies, &large[1]) == BODIES_NO_ROOM),
                     1);
    bodies_drop(bodies, &small);
    bodies_drop(bodies, &large[0]);
    bodies_drop(bodies, &large[1]);
    assert_int_equal(bodies_held(bodies), 0);
    bodies_free(bodies);
}

static void test_none_is_let_go_for_a_larger_one(void **state)
{
    struct bodies *bodies = bodies_new(4 * MIB, 4 * MIB, NULL);
    struct body_in first;
    struct body_in second;

    (void)state;
    bodies_begin(bodies, &first, 2 * MIB, 0);
    bodies_begin(bodies, &second, 4 * MIB, 0);
    assert_int_equal(fill(bodies, &first, 2, 0), 2);
    assert_int_equal(fill(bodies, &second, 4, 1), 2);
    assert_int_equal(bodies_whole(bodies, &first), BODIES_TAKEN);
    bodies_drop(bodies, &first);
    bodies_drop(bodies, &second);
    bodies_free(bodies);
}

static void test_who_stands_still_is_let_go(void **state)
{
    struct bodies *bodies = bodies_new(4 * MIB, 4 * MIB, NULL);
    struct body_in idle;
    struct body_in whole;
    struct body_in busy;

    (void)state;
    bodies_begin(bodies, &whole, MIB, 0);
    assert_int_equal(fill(bodies, &whole, 1, 0), 1);
    assert_int_equal(bodies_whole(bodies, &whole), BODIES_TAKEN);
    bodies_begin(bodies, &idle, 4 * MIB, 0);
    assert_int_equal(fill(bodies, &idle, 1, 0), 1);
    bodies_begin(bodies, &busy, 3 * MIB, 0);
    assert_int_equal(fill(bodies, &busy, 3, BODIES_STALL), 3);
    assert_int_equal(bodies_whole(bodies, &idle), BODIES_NO_ROOM);
    assert_memory_equal(whole.data, bytes, MIB); /* complete bodies are not dropped */
    bodies_drop(bodies, &whole);
    bodies_drop(bodies, &idle);
    bodies_drop(bodies, &busy);
    bodies_free(bodies);
}

static void test_lengths(void **state)
{
    struct bodies *bodies = bodies_new(8 * MIB, 4 * MIB, NULL);
    struct body_in in;
    size_t i;

    (void)state;
    bodies_begin(bodies, &in, 70000, 0);
    for (i = 0; i < 7; i++)
        assert_int_equal(bodies_add(bodies, &in, bytes, 10000, 0), BODIES_TAKEN);
    assert_int_equal(bodies_held(bodies), 70000); /* not more bytes than announced */
    assert_int_equal(bodies_add(bodies, &in, bytes, 1, 0), BODIES_TAKEN); /* a wrong length */
    assert_int_equal(bodies_add(bodies, &in, bytes, 4 * MIB, 0), BODIES_TOO_LARGE);
    bodies_drop(bodies, &in);
    bodies_begin(bodies, &in, SIZE_MAX, 0);
    assert_int_equal(bodies_add(bodies, &in, "", 0, 0), BODIES_TAKEN);
    assert_int_equal(bodies_add(bodies, &in, "x", 1, 0), BODIES_TAKEN);
    assert_true(bodies_held(bodies) <= 4096);
    bodies_drop(bodies, &in);
    bodies_free(bodies);
}

/*
 * Random bodies: the memory limit is never exceeded, and complete bodies have all their bytes.
 */
static void test_random(void **state)
{
    enum { COUNT = 12 };
    struct bodies *bodies = bodies_new(2 * MIB, MIB, NULL);
    struct body_in in[COUNT] = { { 0 } };
    bool open[COUNT] = { false };
    uint64_t now = 0;
    unsigned n;

    (void)state;
    srand(7);
    for (n = 0; n < 20000; n++) {
        unsigned i = (unsigned)rand() % COUNT;
        size_t len = (size_t)rand() % 60000;
        size_t k;

        now += (unsigned)rand() % 300;
        if (!open[i]) {
            bodies_begin(bodies, &in[i], rand() % 2 ? (size_t)rand() % MIB : 0, now);
            open[i] = true;
        } else if (rand() % 10 == 0) {
            if (bodies_whole(bodies, &in[i]) == BODIES_TAKEN) {
                for (k = 0; k < in[i].len; k += 997)
                    assert_int_equal(in[i].data[k], (char)(i + 1));
            }
            bodies_drop(bodies, &in[i]);
            open[i] = false;
        } else {
            memset(bytes, (int)i + 1, len);
            (void)!bodies_add(bodies, &in[i], bytes, len, now);
        }
        assert_true(bodies_held(bodies) <= 2 * MIB);
    }
    for (n = 0; n < COUNT; n++)
        bodies_drop(bodies, &in[n]);
    assert_int_equal(bodies_held(bodies), 0);
    bodies_free(bodies);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_budget_for_all),
        cmocka_unit_test(test_small_ones_are_taken),
        cmocka_unit_test(test_none_is_let_go_for_a_larger_one),
        cmocka_unit_test(test_who_stands_still_is_let_go),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_random),
    };

    return RUN(tests);
}
