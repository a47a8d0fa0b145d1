/* SPDX-License-Identifier: MIT */
#include "pull/restore.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "pull/pull_opts.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES   3
#define REQUEST "{\"skyarc_journal\": 2, \"request\": \"x\"}"
#define KEY     "the user's own key"

static char dir[64];
static char path[128];
static char journal_path[160];

/* The state of each file after the interrupted attempt, and its data in the new list. */
static struct {
    char sum[SHA256_TEXT];
    const char *duplicate_of; /* a hard link to this file */
    bool coded_har;           /* its type is har, and its content begins like zstd */
    bool coded;               /* its row says that it was received compressed */
    bool unsized;             /* its size is not listed */
    bool unknown;             /* the journal has no row of it */
    bool lies;                /* its row has another digest */
    const char *notes;
    const char *listed; /* NULL: as in the new list */
    bool summed;        /* the service gives a checksum */
} file[FILES];

static struct plan *plan;
static struct entry_names *entry_names;
static struct restored restored;
static struct volume *volume;

static const char *name_of(size_t i)
{
    static char names[FILES][32];

    (void)snprintf(names[i], sizeof(names[i]), "data/r/html/%zu.html", i);
    return names[i];
}

/* What item_listed says of an item of this size and type, without times and a URI. */
#define LISTED(size, type) size "  " type " -9223372036854775808 2d06800538d394c2"

static const char *id_of(size_t i)
{
    static const char *const ids[FILES] = { "a", "b", "c" };

    return ids[i];
}

/* The content of file i: 100 bytes of its ID. */
static void content_of(size_t i, char bytes[100], struct digest *digest)
{
    struct hasher *hasher = hasher_new(NULL);

    memset(bytes, *id_of(i), 100);
    if (file[i].coded_har)
        memcpy(bytes, "\x28\xb5\x2f\xfd", 4);
    hasher_add(hasher, bytes, 100);
    hasher_end(hasher, digest);
    hasher_free(hasher);
    text_hex(file[i].sum, digest->sha256, SHA256_SIZE);
}

static struct volume *open_volume(void)
{
    const struct volume_opts opts = {
        .path = path, .format = CONTAINER_TAR_ZST, .mode = 0600, .workers = 1
    };
    struct volume *v = volume_open(&opts, NULL);

    assert_non_null(v);
    return v;
}

static int set_up(void **state)
{
    size_t i;

    (void)state;
    log_setup(LOG_ERROR, 0);
    (void)snprintf(dir, sizeof(dir), "/tmp/skyarc-restore-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/v.tar.zst", dir);
    (void)snprintf(journal_path, sizeof(journal_path), "%s/journal", dir);
    memset(file, 0, sizeof(file));
    for (i = 0; i < FILES; i++)
        file[i].summed = true;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    volume_free(volume, false);
    volume = NULL;
    plan_free(plan);
    entry_names_free(entry_names);
    entry_names = NULL;
    plan = NULL;
    restored_clear(&restored);
    restored_clear(&restored);
    (void)unlink(path);
    (void)unlink(journal_path);
    return rmdir(dir);
}

/* Write OUTPUT.partial and its journal as a killed pull leaves them. */
static void leave(const char *key)
{
    struct journal *journal = journal_open(journal_path, REQUEST, key, NULL);
    struct volume *v = open_volume();
    uint64_t written;
    size_t i;

    assert_non_null(journal);
    assert_int_equal(volume_start(v, NULL, NULL), 0);
    for (i = 0; i < FILES; i++) {
        struct journal_row row = { .path = name_of(i),
                                   .run_id = "r",
                                   .artifact_id = id_of(i),
                                   .via = i == 2 ? "a way of its own" : "signed-url",
                                   .duplicate_of = file[i].duplicate_of,
                                   .listed =
                                       file[i].listed ? file[i].listed : LISTED("100", "html"),
                                   .notes = file[i].notes,
                                   .http_status = 200,
                                   .attempts = 2,
                                   .fetched_at = 5,
                                   .size = 100 };
        char name[64];
        char target[64];
        char bytes[100];
        struct digest digest;
        struct entry_file entry = { .path = name, .size = 100, .mtime = 1 };

        (void)snprintf(name, sizeof(name), "top/%s", name_of(i));
        content_of(file[i].duplicate_of ? 0 : i, bytes, &digest);
        memcpy(row.sha256, digest.sha256, SHA256_SIZE);
        row.sha256[0] ^= file[i].lies;
        row.encoded = file[i].coded;
        memset(row.encoded_sha256, 0x55, SHA256_SIZE);
        if (file[i].duplicate_of) {
            (void)snprintf(target, sizeof(target), "top/%s", file[i].duplicate_of);
            memcpy(file[i].sum, file[0].sum, SHA256_TEXT);
            entry.link = target;
            entry.size = 0;
        }
        assert_int_equal(volume_begin(v, &entry, NULL, NULL), 0);
        assert_int_equal(volume_add(v, bytes, (size_t)entry.size, NULL), 0);
        assert_int_equal(volume_end(v, NULL), 0);
        volume_flush(v);
        if (!file[i].unknown)
            assert_int_equal(journal_add(journal, &row, NULL), 0);
    }
    assert_int_equal(volume_drain(v, &written, NULL), 0);
    volume_free(v, true);
    assert_int_equal(journal_flush(journal, NULL), 0);
    journal_free(journal, false);
}

/* Plan the same files again and restore; returns how many were kept. */
static size_t go_on(const char *key, bool dedupe)
{
    struct journal *journal = journal_open(journal_path, REQUEST, key, NULL);
    struct restore_opts opts = { .top = "top", .journal = journal };
    size_t i;

    assert_non_null(journal);
    plan = plan_new(dedupe, NULL);
    for (i = 0; i < FILES; i++) {
        struct plan_artifact what = { .run_id = "r",
                                      .artifact_id = id_of(i),
                                      .type = file[i].coded_har ? "har" : "html",
                                      .checksum = file[i].summed ? file[i].sum : NULL,
                                      .file_size = 100,
                                      .sized = !file[i].unsized,
                                      .created_us = CLOCK_NONE };

        assert_int_equal(plan_add(plan, &what, 0, i, NULL, NULL), 0);
    }
    assert_int_equal(plan_count(plan), FILES);
    entry_names = entry_names_new(NULL);
    assert_non_null(entry_names);
    opts.plan = plan;
    opts.names = entry_names;
    opts.volume = volume = open_volume();
    assert_int_equal(restore_run(&opts, &restored, NULL), 0);
    for (i = 0; i < FILES; i++)
        assert_int_equal(restored.packed && restored.packed[i].here, i < restored.items);
    journal_free(journal, true);
    return restored.items;
}

static void test_all_of_it_is_good(void **state)
{
    struct spot next;
    uint64_t written;

    (void)state;
    leave(NULL);
    assert_int_equal(go_on(NULL, true), FILES);
    assert_int_equal(restored.bytes, 300);
    assert_string_equal(restored.outcomes[1].via, "signed-url");
    assert_string_equal(restored.outcomes[2].via, "unknown");
    assert_int_equal(restored.outcomes[1].attempts, 2);
    assert_int_equal(restored.outcomes[1].http_status, 200);
    assert_string_equal(restored.packed[2].path, name_of(2));
    assert_int_equal(restored.places[2].offset, 2 * 1024);
    assert_int_equal(restored.packed[2].size, 100);
    assert_int_equal(/* the next entry is written after them */
                     volume_begin(volume, &(struct entry_file){ .path = "next", .mtime = 1 },
                                  &next, NULL),
                     0);
    assert_int_equal(volume_end(volume, NULL), 0);
    assert_int_equal(volume_drain(volume, &written, NULL), 0);
    assert_int_equal(next.offset, 3 * 1024);
    assert_int_equal(next.frame, 3);
}

static void test_it_is_cut_at_the_first_that_is_not_good(void **state)
{
    size_t how;

    for (how = 0; how < 4; how++) {
        struct spot next;
        uint64_t written;

        file[1].unknown = how == 0;
        file[1].lies = how == 1;
        file[1].listed = how == 2
                             ? LISTED("101", "html") /* the service has another version now */
                         : how == 3 ? LISTED("100", "har") /* or another type */
                                    : NULL;
        leave(NULL);
        assert_int_equal(go_on(NULL, true), 1);
        assert_null(restored.outcomes[1].via);
        assert_null(restored.packed[1].path);
        assert_int_equal(restored.packed[1].size, 0);
        assert_true(entry_names_is_free(entry_names, name_of(1)));
        assert_int_equal(
            volume_begin(volume, &(struct entry_file){ .path = "x", .mtime = 1 }, &next, NULL),
            0);
        assert_int_equal(volume_end(volume, NULL), 0);
        assert_int_equal(volume_drain(volume, &written, NULL), 0);
        assert_int_equal(next.offset, 1024);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

/*
 * A HAR that is still compressed: whether it was cut is what the first attempt found, if its
 * row is proven; else the checksum has proved its content.
 */
static void test_a_compressed_har(void **state)
{
    size_t how;

    (void)state;
    for (how = 0; how < 3; how++) {
        file[1].coded_har = true;
        file[1].unsized = true;
        file[1].listed = LISTED("?", "har");
        file[1].summed = how == 2;
        file[1].notes = how ? "not-unpacked" : "not-unpacked suspect-content";
        leave(how == 2 ? NULL : KEY);
        assert_int_equal(go_on(KEY, true), FILES);
        assert_string_equal(restored.packed[1].notes[0], "not-unpacked");
        assert_int_equal(restored.packed[1].suspect, how == 0);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

/* A row without a MAC says that the checksum is that of the form in which it was received. */
static void test_a_checksum_of_a_form_that_is_not_here(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        file[1].coded = true;
        leave(i ? KEY : NULL);
        memset(file[1].sum, '5', SHA256_TEXT - 1); /* see leave */
        assert_int_equal(go_on(KEY, true), i ? FILES : 1);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

/* Without the service's checksum, files are kept if a MAC proves their journal row. */
static void test_bytes_that_anybody_may_have_put_there(void **state)
{
    static const char *const keys[][2] = { { KEY, KEY }, { NULL, NULL }, { "another", KEY } };
    size_t i;

    for (i = 0; i < 3; i++) {
        file[0].summed = file[1].summed = file[2].summed = false;
        leave(keys[i][0]);
        assert_int_equal(go_on(keys[i][1], true), i ? 0 : FILES);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

/* Three artifacts of one content: a file and two hard links to it. */
static void test_what_is_one_is_kept_together(void **state)
{
    size_t lost;

    /*
     * 0: all are kept; 1: not the first without the third, which came later; 2: the first two
     */
    for (lost = 0; lost < FILES; lost++) {
        file[1].duplicate_of = file[2].duplicate_of = name_of(0);
        file[lost].unknown = lost != 0;
        leave(NULL);
        assert_int_equal(go_on(NULL, true), !lost ? FILES : lost == 1 ? 0 : 2);
        assert_int_equal(restored.packed[1].link, lost != 1);
        if (!lost)
            assert_string_equal(restored.packed[1].duplicate_of, restored.packed[0].path);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

static void test_nothing_was_left(void **state)
{
    (void)state;
    assert_int_equal(go_on(NULL, true), 0);
    assert_null(restored.outcomes);
}

/* Each option that changes the archive's contents changes the request. */
static void test_the_request(void **state)
{
    char ids[3][16] = { "tsk_1", "tsk_2", "tsk_1tsk_2" };
    char *const two[] = { ids[0], ids[1] };
    char *const joined[] = { ids[2] };
    struct api api = { 0 };
    struct api other = { 0 };
    struct artifact_filter all = { .region = NULL };
    struct artifact_filter some = { .region = NULL };
    struct artifact_filter named = { .region = NULL };
    struct artifact_filter sized = { .larger = true };
    struct artifact_filter timed = { .newer = true, .newer_us = 1, .newer_said = "7d" };
    struct artifact_filter later = { .newer = true, .newer_us = 2, .newer_said = "7d" };
    const struct pull_opts base = { .api = &api,
                                    .tool = "skyarc 1",
                                    .top = "a",
                                    .run_ids = two,
                                    .run_count = 2,
                                    .filter = &all };
    struct pull_opts opts[14];
    char *texts[14];
    size_t i;
    size_t k;

    (void)state;
    assert_int_equal(api_init(&api, "http://127.0.0.1:1", NULL, NULL), 0);
    assert_int_equal(api_init(&other, "http://127.0.0.1:2", NULL, NULL), 0);
    assert_int_equal(kind_filter_add(&some.kinds, "har", false, NULL, NULL), 0);
    assert_int_equal(artifact_filter_name(&named, "*.png", NULL), 0);
    for (i = 0; i < 14; i++)
        opts[i] = base;
    opts[1].api = &other;
    opts[2].tool = "skyarc 2";
    opts[3].top = "b";
    opts[4].run_count = 1;
    opts[5].run_ids = joined;
    opts[5].run_count = 1;
    opts[6].filter = &some;
    opts[7].format = CONTAINER_TAR_GZ;
    opts[8].dedupe = true;
    opts[9].jobs = 7; /* how it is fetched is no matter */
    opts[10].filter = &named;
    opts[11].filter = &sized;
    opts[12].filter = &timed;
    opts[13].filter = &later; /* the same age, a minute later */
    for (i = 0; i < 14; i++) {
        texts[i] = pull_opts_request(&opts[i], NULL);
        assert_non_null(texts[i]);
        for (k = 0; k < i; k++)
            assert_int_equal(strcmp(texts[i], texts[k]) == 0,
                             (i == 9 && k == 0) || (i == 13 && k == 12));
    }
    for (i = 0; i < 14; i++)
        mem_free(texts[i]);
    artifact_filter_clear(&some);
    artifact_filter_clear(&named);
    api_clear(&api);
    api_clear(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all_of_it_is_good),
        TEST(test_it_is_cut_at_the_first_that_is_not_good),
        TEST(test_a_compressed_har),
        TEST(test_a_checksum_of_a_form_that_is_not_here),
        TEST(test_bytes_that_anybody_may_have_put_there),
        TEST(test_what_is_one_is_kept_together),
        TEST(test_nothing_was_left),
        cmocka_unit_test(test_the_request),
    };

    return RUN(tests);
}
