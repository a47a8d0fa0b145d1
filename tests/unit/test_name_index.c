/* SPDX-License-Identifier: MIT */
/* The index of names: made from rows, written, and searched. */
#include "base/buf.h"
#include "index/name_list.h"
#include "index/name_lookup.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

#define FRAME 1000 /* content bytes of a frame; its compressed size is FRAME / 10 */

/* An archive in memory: frames of zeros, the index, the tail. */
struct made {
    struct buf bytes;
    struct seek seek;
    unsigned reads;
};

static int read_made(void *ctx, void *bytes, size_t len, uint64_t at, struct err *err)
{
    struct made *made = ctx;

    made->reads++;
    if (at > made->bytes.len || len > made->bytes.len - at)
        return err_set(err, ERR_SYSTEM, "beyond the end");
    memcpy(bytes, made->bytes.data + at, len);
    return 0;
}

static int add(struct name_list *list, const char *path, const char *id, unsigned i,
               const char *target, struct err *err)
{
    char text[6000];
    int len = snprintf(text, sizeof(text),
                       "{\"path\": \"%s\", \"run_id\": \"r1\", \"artifact_id\": \"%s\", "
                       "\"size\": 7, \"artifact_type\": \"har\", \"offset\": %u, \"link\": %s, "
                       "\"duplicate_of\": %s%s%s, \"sha256\": \"%064u\"}",
                       path, id, i * 512, target ? "true" : "false", target ? "\"" : "",
                       target ? target : "null", target ? "\"" : "", target ? 0 : i);

    return name_list_add(list, MANIFEST_READ_ARTIFACTS, text, (size_t)len, (uint64_t)i * 100,
                         err);
}

/* Write the frames of an archive, the index of the list, and the tail. */
static void make(struct made *made, struct name_list *list, unsigned frames)
{
    static const char frame[FRAME / 10];
    struct seek_locator locator = { .size = 50 };
    unsigned i;

    buf_init(&made->bytes, (size_t)1 << 28);
    for (i = 0; i < frames; i++) {
        assert_int_equal(buf_add(&made->bytes, frame, sizeof(frame), NULL), 0);
        assert_int_equal(seek_add(&made->seek, sizeof(frame), FRAME, NULL), 0);
    }
    assert_int_equal(name_list_sort(list, NULL), 0);
    locator.names_size = name_list_size(list);
    assert_int_equal(name_list_put(list, &made->seek, 0, buf_put, &made->bytes, NULL), 0);
    assert_int_equal(made->bytes.len, frames * sizeof(frame) + locator.names_size);
    assert_int_equal(seek_tail(&made->seek, FRAME_ZSTD, &locator, &made->bytes, NULL), 0);
}

static void clear(struct made *made)
{
    buf_clear(&made->bytes);
    seek_clear(&made->seek);
}

/* Entries found; only those of one path, if there is one. */
struct hits {
    const char *path;
    size_t count;
    struct name_index_entry last;
};

static int on_hit(void *ctx, const struct name_index_entry *entry, struct err *err)
{
    struct hits *hits = ctx;

    (void)err;
    if (hits->path && entry->path != name_index_path(hits->path))
        return 0;
    if (hits->count)
        assert_true(entry->row.frame_at * 10 + entry->row.within >
                    hits->last.row.frame_at * 10 + hits->last.row.within);
    hits->count++;
    hits->last = *entry;
    return 0;
}

static size_t find(struct name_lookup *lookup, const char *name, struct hits *hits)
{
    size_t len;
    const char *token = name_index_token(name, &len);

    *hits = (struct hits){ .path = strchr(name, '/') ? name : NULL };
    assert_int_equal(name_lookup_find(lookup, name_index_key(token, len), on_hit, hits, NULL),
                     0);
    return hits->count;
}

static void test_tokens(void **state)
{
    static const struct {
        const char *path;
        const char *token;
    } cases[] = {
        { "data/r/html/20260120T115229.276851Z_a_1.html", "a_1" },
        { "data/r/html/notime_a_1.html", "a_1" },
        { "data/r/html/notime_a_1", "a_1" },
        { "data/r/html/notime_a_1~2.html", "a_1~2" },
        { "data/r/files/a_1.html", "data/r/files/a_1.html" },
        { "data/r/files/_x", "data/r/files/_x" },
        { "notime_", "" },
        { "a.b_Z", "a.b_Z" },
    };
    size_t i;
    size_t len;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *token = name_index_token(cases[i].path, &len);

        assert_int_equal(len, strlen(cases[i].token));
        assert_memory_equal(token, cases[i].token, len);
    }
}

static void test_every_name_is_found(void **state)
{
    static const unsigned counts[] = { 1, 62, 63, 64, 110, 1000, 20000 };
    size_t c;

    (void)state;
    for (c = 0; c < sizeof(counts) / sizeof(*counts); c++) {
        struct name_list *list = name_list_new(NULL);
        struct made made = { 0 };
        struct name_lookup lookup;
        struct hits hits;
        char path[100];
        char id[20];
        unsigned reads;
        unsigned i;

        for (i = 0; i < counts[c]; i++) {
            (void)snprintf(id, sizeof(id), "a_%u", i);
            (void)snprintf(path, sizeof(path),
                           i % 5 ? "data/r/x/notime_%s.html" : "data/r/f/%s.x", id);
            assert_int_equal(add(list, path, id, i, NULL, NULL), 0);
        }
        make(&made, list, counts[c]);
        assert_int_equal(name_lookup_init(&lookup, read_made, &made, made.bytes.len, NULL), 1);
        reads = made.reads;
        assert_int_equal(reads, 1);
        for (i = 0; i < counts[c]; i++) {
            (void)snprintf(id, sizeof(id), "a_%u", i);
            (void)snprintf(path, sizeof(path),
                           i % 5 ? "data/r/x/notime_%s.html" : "data/r/f/%s.x", id);
            assert_int_equal(find(&lookup, id, &hits), 1);
            assert_true(hits.last.flags & NAME_INDEX_BY_ID);
            assert_int_equal(find(&lookup, path, &hits), 1);
            assert_int_equal(hits.last.file.frame_at, i * 512 / FRAME * (FRAME / 10));
            assert_int_equal(hits.last.file.within, i * 512 % FRAME);
            assert_int_equal(hits.last.row.within, i * 100 % FRAME);
        }
        assert_int_equal(find(&lookup, "a_x", &hits), 0);
        /* one read for every name, also where its page is full */
        assert_int_equal(made.reads - reads, 2 * counts[c] + 1);
        name_list_free(list);
        clear(&made);
    }
}

/*
 * More names of one key than several pages have room for, at the very end of the keys or not.
 */
static void test_many_of_one_name(void **state)
{
    struct name_list *list = name_list_new(NULL);
    struct made made = { 0 };
    struct name_lookup lookup;
    struct hits hits;
    char path[100];
    unsigned i;

    (void)state;
    for (i = 0; i < 500; i++) {
        (void)snprintf(path, sizeof(path), "data/r%u/x/notime_same.html", i);
        assert_int_equal(add(list, path, "same", i, NULL, NULL), 0);
    }
    make(&made, list, 500);
    assert_int_equal(name_lookup_init(&lookup, read_made, &made, made.bytes.len, NULL), 1);
    assert_int_equal(find(&lookup, "same", &hits), 500);
    assert_int_equal(find(&lookup, "data/r77/x/notime_same.html", &hits), 1);
    assert_int_equal(hits.last.row.within, 7700 % FRAME);
    name_list_free(list);
    clear(&made);
}

static void test_a_link_has_the_place_of_its_target(void **state)
{
    struct name_list *list = name_list_new(NULL);
    struct made made = { 0 };
    struct name_lookup lookup;
    struct hits hits;
    struct err err;

    (void)state;
    /* the target's digest is that of all links here */
    assert_int_equal(
        add(list, "data/r/x/notime_l.html", "l", 3, "data/r/x/notime_t.html", NULL), 0);
    assert_int_equal(add(list, "data/r/x/notime_t.html", "t", 0, NULL, NULL), 0);
    assert_int_equal(add(list, "data/r/x/notime_n.html", "n", 5, "data/r/x/gone.html", NULL),
                     0);
    make(&made, list, 20);
    assert_int_equal(name_lookup_init(&lookup, read_made, &made, made.bytes.len, NULL), 1);
    assert_int_equal(find(&lookup, "l", &hits), 1);
    assert_true(hits.last.flags & NAME_INDEX_LINK);
    assert_int_equal(hits.last.file.frame_at + hits.last.file.within, 0);
    /* a target that does not exist: the entry has no place, and is refused */
    assert_int_equal(name_lookup_find(&lookup, name_index_key("n", 1), on_hit, &hits, &err),
                     -1);
    assert_int_equal(err.kind, ERR_FORMAT);
    name_list_free(list);
    clear(&made);
}

static void test_every_changed_byte_of_a_page_is_noticed(void **state)
{
    unsigned char page[NAME_INDEX_PAGE] = { 0 };
    struct name_index_entry entry = { .key = 7, .row_len = 9, .flags = NAME_INDEX_BY_ID };
    struct name_index_page head = { .missing = 3, .count = 1, .more = true };
    size_t i;

    (void)state;
    name_index_set(page, 0, &entry);
    name_index_seal(page, 4, 9, &head);
    assert_int_equal(name_index_open(page, 4, 9, &head, NULL), 0);
    assert_int_equal(head.missing, 3);
    assert_true(head.more && head.count == 1);
    for (i = 0; i < sizeof(page); i++) {
        page[i] ^= 1;
        assert_int_equal(name_index_open(page, 4, 9, &head, NULL), -1);
        page[i] ^= 1;
    }
    assert_int_equal(name_index_open(page, 5, 9, &head, NULL), -1);
    assert_int_equal(name_index_open(page, 4, 10, &head, NULL), -1);
}

static void test_no_names_no_index(void **state)
{
    struct name_list *list = name_list_new(NULL);
    struct made made = { 0 };
    struct name_lookup lookup;

    (void)state;
    make(&made, list, 3);
    assert_int_equal(name_lookup_init(&lookup, read_made, &made, made.bytes.len, NULL), 0);
    assert_int_equal(name_lookup_init(&lookup, read_made, &made, 10, NULL), 0);
    name_list_free(list);
    clear(&made);
}

/*
 * The seek table is read with the index, and one without it, and one with a wrong frame is not.
 */
static void test_the_seek_table(void **state)
{
    struct name_list *list = name_list_new(NULL);
    struct made made = { 0 };
    struct seek_locator locator;
    struct seek seek = { 0 };
    size_t at;

    (void)state;
    assert_int_equal(add(list, "data/r/x/notime_t.html", "t", 0, NULL, NULL), 0);
    make(&made, list, 3);
    assert_int_equal(
        seek_load(&seek, FRAME_ZSTD, &locator, read_made, &made, made.bytes.len, NULL), 1);
    assert_int_equal(seek.count, 3);
    assert_int_equal(locator.names_at, 3 * FRAME / 10);
    assert_int_equal(locator.names_size, name_list_size(list));
    seek_clear(&seek);
    for (at = 0; at < 8; at++) { /* the head of its frame: the archive can be read */
        made.bytes.data[locator.names_at + at] ^= 1;
        assert_int_equal(
            seek_load(&seek, FRAME_ZSTD, &locator, read_made, &made, made.bytes.len, NULL), 1);
        seek_clear(&seek);
        made.bytes.data[locator.names_at + at] ^= 1;
    }
    name_list_free(list);
    clear(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_every_name_is_found),
        cmocka_unit_test(test_many_of_one_name),
        cmocka_unit_test(test_a_link_has_the_place_of_its_target),
        cmocka_unit_test(test_every_changed_byte_of_a_page_is_noticed),
        cmocka_unit_test(test_no_names_no_index),
        cmocka_unit_test(test_the_seek_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
