/* SPDX-License-Identifier: MIT */
/* The tag files of a tar with one payload file: their order, digests, sizes, and errors. */
#include "base/text.h"
#include "pull/tag_writer.h"
#include "tar_file.h"

#define MANIFEST "{\"schema\":\"urn:skyarc:manifest:1\"}\n"

/* The source's callbacks; a call of `manifest` or `payload` that reaches `fail_at` fails. */
struct facts {
    struct volume *volume;
    int (*manifest)(void *ctx, const struct manifest_views *views, put_fn *put, void *to,
                    struct err *err);
    struct spot spot;
    uint8_t sha256[SHA256_SIZE];
    unsigned manifests;
    unsigned payloads;
    unsigned fail_at;
    bool placed; /* the payload's place was known whenever the manifest was made */
};

static int put_manifest(void *ctx, const struct manifest_views *views, put_fn *put, void *to,
                        struct err *err)
{
    struct facts *facts = ctx;

    assert_non_null(views); /* there is no page that needs rows before the view exists */
    assert_int_equal(views->count, 0);
    facts->placed = facts->spot.offset == 0;
    if (++facts->manifests == facts->fail_at)
        return err_set(err, ERR_SYSTEM, "the rows are unreadable");
    return put(to, MANIFEST, strlen(MANIFEST), err);
}

static int put_payload(void *ctx, struct tag_payload *payload, struct err *err)
{
    struct facts *facts = ctx;

    facts->payloads++;
    return tag_payload_add(payload, "data/a", 5, facts->sha256, err);
}

static void sum(uint8_t sha256[SHA256_SIZE], const void *bytes, size_t len)
{
    struct sha256 *sha = sha256_new(NULL);

    sha256_add(sha, bytes, len);
    sha256_end(sha, sha256);
    sha256_free(sha);
}

/* A volume with one payload file, whose frame is not yet ended. */
static void begin(struct facts *facts, unsigned fail_at)
{
    struct volume_opts opts = {
        .path = tar_path, .format = CONTAINER_TAR, .mode = 0600, .workers = 1
    };

    *facts = (struct facts){ .manifest = put_manifest,
                             .spot = { SPOT_NONE, SPOT_NONE, 0 },
                             .fail_at = fail_at };
    sum(facts->sha256, "hello", 5);
    facts->volume = volume_open(&opts, NULL);
    assert_non_null(facts->volume);
    assert_int_equal(volume_start(facts->volume, NULL, NULL), 0);
    assert_int_equal(
        volume_begin(facts->volume,
                     &(struct entry_file){ .path = "top/data/a", .size = 5, .mtime = 1 },
                     &facts->spot, NULL),
        0);
    assert_int_equal(volume_add(facts->volume, "hello", 5, NULL), 0);
    assert_int_equal(volume_end(facts->volume, NULL), 0);
}

static int write_tags(struct facts *facts, struct tag_result *result, struct err *err)
{
    struct tag_source source = { .volume = facts->volume,
                                 .info = { .name = "top",
                                           .software = "test 1",
                                           .source = "https://api.test",
                                           .made = 86400000 },
                                 .manifest = facts->manifest,
                                 .payload = put_payload,
                                 .ctx = facts };

    return tag_writer_write(&source, result, err);
}

/* A line of a BagIt manifest. */
static const char *line(char out[256], const char *name, const void *bytes, size_t len)
{
    uint8_t sha256[SHA256_SIZE];
    char hex[SHA256_TEXT];

    sum(sha256, bytes, len);
    text_hex(hex, sha256, SHA256_SIZE);
    (void)snprintf(out, 256, "%s  %s\n", hex, name);
    return out;
}

static void test_each_tag_file_is_written_once_and_named_by_the_last(void **state)
{
    static const char *const names[] = { "manifest.json", "manifest-sha256.txt", "bag-info.txt",
                                         "bagit.txt" };
    struct volume_result done;
    struct tag_result result;
    struct facts facts;
    struct tar_entry entry;
    struct buf tar;
    struct buf tags;
    char text[256];
    size_t at = 0;
    size_t i;

    (void)state;
    begin(&facts, 0);
    assert_int_equal(write_tags(&facts, &result, NULL), 0);
    assert_true(facts.placed);
    assert_int_equal(facts.manifests, 2); /* measured, and written */
    assert_int_equal(facts.payloads, 2);
    assert_int_equal(volume_finish(facts.volume, &done, NULL), 0);
    volume_free(facts.volume, false);
    tar_load(&tar);
    buf_init(&tags, 1 << 12);
    assert_true(tar_next(&tar, &at, &entry)); /* the payload */
    for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
        assert_true(tar_next(&tar, &at, &entry));
        assert_memory_equal(entry.path, "top/", 4);
        assert_string_equal(entry.path + 4, names[i]);
        assert_int_equal(buf_adds(&tags, line(text, names[i], entry.content, entry.size), NULL),
                         0);
        if (i == 0) {
            uint8_t sha256[SHA256_SIZE];

            assert_int_equal(entry.size, strlen(MANIFEST));
            assert_memory_equal(entry.content, MANIFEST, entry.size);
            sum(sha256, entry.content, entry.size);
            assert_memory_equal(result.sha256, sha256, SHA256_SIZE);
        } else if (i == 1) {
            assert_int_equal(entry.size, strlen(line(text, "data/a", "hello", 5)));
            assert_memory_equal(entry.content, text, entry.size);
        } else if (i == 2) {
            assert_non_null(strstr(entry.content, "Payload-Oxum: 5.1\n"));
            assert_non_null(strstr(entry.content, "Bagging-Date: 1970-01-02\n"));
            assert_non_null(strstr(entry.content, "External-Identifier: top\n"));
        }
    }
    assert_true(tar_next(&tar, &at, &entry));
    assert_string_equal(entry.path, "top/tagmanifest-sha256.txt");
    assert_int_equal(entry.size, tags.len);
    assert_memory_equal(entry.content, tags.data, tags.len);
    assert_false(tar_next(&tar, &at, &entry));
    buf_clear(&tags);
    buf_clear(&tar);
}

static void test_an_error_in_either_pass_ends_the_writing(void **state)
{
    unsigned pass;

    (void)state;
    for (pass = 1; pass <= 2; pass++) {
        struct tag_result result;
        struct facts facts;
        struct err err;

        begin(&facts, pass);
        err_clear(&err);
        assert_int_equal(write_tags(&facts, &result, &err), -1);
        assert_int_equal(err.kind, ERR_SYSTEM);
        assert_string_equal(err.text, "cannot write the tag files: the rows are unreadable");
        assert_int_equal(facts.payloads, 0);
        volume_free(facts.volume, false);
        assert_int_equal(access(tar_path, F_OK), -1);
    }
}

/* A pass that gives other bytes than were measured must not end as a good archive. */
static int put_longer(void *ctx, const struct manifest_views *view, put_fn *put, void *to,
                      struct err *err)
{
    struct facts *facts = ctx;

    (void)view;
    return put(to, MANIFEST MANIFEST, facts->manifests++ ? 2 * strlen(MANIFEST) : 1, err);
}

static void test_passes_that_differ_are_an_error(void **state)
{
    struct tag_result result;
    struct facts facts;
    struct err err;

    (void)state;
    begin(&facts, 0);
    facts.manifest = put_longer;
    err_clear(&err);
    assert_int_equal(write_tags(&facts, &result, &err), -1);
    assert_int_equal(err.kind, ERR_MISMATCH);
    volume_free(facts.volume, false);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, tar_set_up, tar_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_each_tag_file_is_written_once_and_named_by_the_last),
        CASE(test_an_error_in_either_pass_ends_the_writing),
        CASE(test_passes_that_differ_are_an_error),
    };

    return RUN(tests);
}
