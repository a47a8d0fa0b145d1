/* SPDX-License-Identifier: MIT */
/* Volumes of all formats, written by threads, with volume_mark and volume_back. */
#include "base/mem.h"
#include "base/text.h"
#include "reader/archive_reader.h"
#include "reader/entry_reader.h"
#include "tar_file.h"
#include "writer/volume.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* No unfinished file is left. */
static int tear_down(void **state)
{
    char partial[160];

    (void)snprintf(partial, sizeof(partial), "%s.partial", tar_path);
    assert_int_equal(access(partial, F_OK), -1);
    return tar_tear_down(state);
}

static void put(struct volume *v, const char *name, size_t size, bool packed,
                struct spot *place)
{
    unsigned char *bytes = malloc(size + 1);
    size_t i;

    for (i = 0; i < size; i++)
        bytes[i] = (unsigned char)(i * 31 + size);
    assert_int_equal(
        volume_begin(
            v, &(struct entry_file){ .path = name, .size = size, .mtime = 1, .packed = packed },
            place, NULL),
        0);
    assert_int_equal(volume_add(v, bytes, size, NULL), 0);
    assert_int_equal(volume_end(v, NULL), 0);
    free(bytes);
}

/* The same with 100 bytes, for the lane of a family or of stored content. */
static void put_of(struct volume *v, const char *name, enum entry_family family, bool packed)
{
    struct entry_file file = {
        .path = name, .size = 100, .mtime = 1, .packed = packed, .family = family
    };
    char bytes[100] = "";

    assert_int_equal(volume_begin(v, &file, NULL, NULL), 0);
    assert_int_equal(volume_add(v, bytes, sizeof(bytes), NULL), 0);
    assert_int_equal(volume_end(v, NULL), 0);
}

static void put_manifest(struct volume *v)
{
    assert_int_equal(
        volume_begin_manifest(
            v, &(struct entry_file){ .path = "manifest.json", .size = 2, .mtime = 1 }, NULL),
        0);
    assert_int_equal(volume_add(v, "{}", 2, NULL), 0);
    assert_int_equal(volume_end(v, NULL), 0);
}

/* Open a volume and start it from the beginning. */
static struct volume *begin(const struct volume_opts *opts)
{
    struct volume *v = volume_open(opts, NULL);

    assert_non_null(v);
    assert_int_equal(volume_start(v, NULL, NULL), 0);
    return v;
}

static void test_order_marks_and_ways_back(void **state)
{
    struct volume_opts opts = {
        .path = tar_path, .format = CONTAINER_TAR, .force = false, .mode = 0600, .workers = 3
    };
    struct volume *v = begin(&opts);
    struct volume_result result;
    struct spot place[60];
    struct tar_entry entry;
    char expected[32];
    struct buf tar;
    size_t at = 0;
    size_t i;

    (void)state;
    for (i = 0; i < 60; i++) {
        (void)snprintf(expected, sizeof(expected), "f%zu", i);
        if (i % 7 == 3) {
            volume_mark(v);
            put(v, "undone", 3000000, true, NULL);
            volume_back(v);
        }
        put(v, expected, i * 20011, i % 2, &place[i]);
    }
    put_manifest(v);
    assert_int_equal(volume_finish(v, &result, NULL), 0);
    volume_free(v, false);
    tar_load(&tar);
    for (i = 0; i < 60; i++) {
        (void)snprintf(expected, sizeof(expected), "f%zu", i);
        assert_true(tar_next(&tar, &at, &entry));
        assert_string_equal(entry.path, expected);
    }
    assert_true(tar_next(&tar, &at, &entry)); /* the manifest */
    assert_false(tar_next(&tar, &at, &entry));
    buf_clear(&tar);
    for (i = 1; i < 60; i++)
        assert_true(place[i].offset > place[i - 1].offset);
}

static void test_coded_volumes(void **state)
{
    static const enum container formats[] = { CONTAINER_TAR_ZST, CONTAINER_TAR_GZ,
                                              CONTAINER_ZIP };
    struct volume_result result;
    size_t k;
    size_t i;

    (void)state;
    for (k = 0; k < 3; k++) {
        struct volume_opts opts = {
            .path = tar_path, .format = formats[k], .force = true, .mode = 0600, .workers = 3
        };
        struct volume *v = begin(&opts);
        struct stat st;
        char name[32];

        for (i = 0; i < 40; i++) {
            (void)snprintf(name, sizeof(name), "f%zu", i);
            put(v, name, i * 50021, i % 3 == 0, NULL);
        }
        put_manifest(v);
        assert_int_equal(volume_finish(v, &result, NULL), 0);
        volume_free(v, false);
        assert_int_equal(stat(tar_path, &st), 0);
        assert_int_equal(st.st_size, result.size);
    }
}

/* The manifest begins a frame, and the tag files follow it, also while frames of all kinds are
 * open. */
static void test_the_manifest_follows_open_frames(void **state)
{
    static const char *const tags[] = { "manifest.json", "tag", "logs.txt", "end" };
    struct volume_opts opts = {
        .path = tar_path, .format = CONTAINER_TAR_ZST, .mode = 0600, .workers = 2
    };
    struct volume *v = begin(&opts);
    struct archive_reader reader = { 0 };
    struct entry_reader_entry entry;
    struct entry_reader *entries;
    struct volume_result result;
    size_t i;

    (void)state;
    for (i = 0; i < 4 * FAMILIES; i++)
        put_of(v, "f", (enum entry_family)(i % FAMILIES), i % 7 == 0);
    put_manifest(v);
    put_of(v, tags[1], FAMILY_HTML, true); /* all in the lane of the manifest */
    put_of(v, tags[2], FAMILY_LOGS, false);
    put_of(v, tags[3], FAMILY_REST, false);
    assert_int_equal(volume_finish(v, &result, NULL), 0);
    volume_free(v, false);

    assert_int_equal(archive_reader_open(&reader, tar_path, NULL), 0);
    assert_true(reader.indexed);
    assert_int_equal(reader.locator.size, 2);
    assert_int_equal(reader.locator.frame + 1, reader.seek.count); /* one frame has all tags */
    entries = entry_reader_open(&reader, 0, UINT64_MAX, NULL);
    assert_non_null(entries);
    for (i = 0; i < 4 * FAMILIES; i++) {
        assert_int_equal(entry_reader_next(entries, &entry, NULL), 1);
        assert_string_equal(entry.path, "f");
    }
    for (i = 0; i < 4; i++) {
        assert_int_equal(entry_reader_next(entries, &entry, NULL), 1);
        assert_string_equal(entry.path, tags[i]);
        assert_true(i || entry.offset == reader.locator.plain);
    }
    assert_int_equal(entry_reader_next(entries, &entry, NULL), 0);
    entry_reader_free(entries);
    archive_reader_close(&reader);
}

static void test_given_up(void **state)
{
    struct volume_opts opts = { .path = tar_path,
                                .format = CONTAINER_TAR_ZST,
                                .force = false,
                                .mode = 0600,
                                .workers = 2 };
    struct volume *v;
    size_t i;

    (void)state;
    for (i = 0; i < 60; i++) { /* at different moments, with pieces in all stages */
        v = begin(&opts);
        put(v, "f", 300000 + i * 50021, i % 2, NULL);
        put(v, "g", 1000000, i % 3, NULL);
        volume_free(v, false);
        assert_int_equal(access(tar_path, F_OK), -1);
    }
}

/* The bytes of an entry are compared with the size in its header, in every format. */
static void test_lengths(void **state)
{
    const enum container formats[] = { CONTAINER_TAR, CONTAINER_TAR_ZST, CONTAINER_ZIP };
    struct err err;
    size_t k;

    (void)state;
    for (k = 0; k < 3; k++) {
        struct volume_opts opts = {
            .path = tar_path, .format = formats[k], .mode = 0600, .workers = 1
        };
        struct volume *v = begin(&opts);

        assert_int_equal(
            volume_begin(v, &(struct entry_file){ .path = "long", .size = 3, .mtime = 1 }, NULL,
                         &err),
            0);
        assert_int_equal(volume_add(v, "abcd", 4, &err), -1);
        assert_int_equal(err.kind, ERR_MISMATCH);
        volume_free(v, false);
        v = begin(&opts);
        assert_int_equal(
            volume_begin(v, &(struct entry_file){ .path = "short", .size = 3, .mtime = 1 },
                         NULL, &err),
            0);
        assert_int_equal(volume_add(v, "ab", 2, &err), 0);
        assert_int_equal(volume_end(v, &err), -1);
        assert_int_equal(err.kind, ERR_MISMATCH);
        volume_free(v, false);
    }
}

static void test_formats(void **state)
{
    enum container format;

    (void)state;
    assert_int_equal(container_of_name("a/b.tar.zst", false, &format, NULL), 0);
    assert_int_equal(format, CONTAINER_TAR_ZST);
    assert_int_equal(container_of_name("x.TGZ", false, &format, NULL), 0);
    assert_int_equal(format, CONTAINER_TAR_GZ);
    assert_int_equal(container_of_name("zip", true, &format, NULL), 0);
    assert_int_equal(format, CONTAINER_ZIP);
    assert_int_equal(container_of_name("zip", false, &format, NULL), -1);
    assert_int_equal(container_of_name("x.rar", false, &format, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order_marks_and_ways_back, tar_set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_coded_volumes, tar_set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_manifest_follows_open_frames, tar_set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_given_up, tar_set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lengths, tar_set_up, tear_down),
        cmocka_unit_test(test_formats),
    };

    return RUN(tests);
}
