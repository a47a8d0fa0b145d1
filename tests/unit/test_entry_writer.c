/* SPDX-License-Identifier: MIT */
/* What is written for an item: an entry, a link to the same content, or nothing; and what is
 * reported of it. */
#include "writer/entry_writer.h"

#include "base/clock.h"
#include "base/mem.h"
#include "tar_file.h"

#define HELLO_SUM "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define OTHER_SUM "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define BIG       ((size_t)ENTRY_WRITER_LINK_MIN)
#define WEBM      "\x1a\x45\xdf\xa3\x87\x42\x82\x84webm\x18\x53\x80\x67"

struct scene {
    struct plan *plan;
    struct pool *pool;
    struct entry_names *names;
    struct volume *volume;
    struct entry_writer *entries;
    unsigned stored;       /* number of reports */
    struct packed last;    /* the last one, */
    const struct item *of; /* and its item */
};

static int on_stored(void *ctx, const struct item *item, const struct packed *packed,
                     struct err *err)
{
    struct scene *s = ctx;

    (void)err;
    s->stored++;
    s->last = *packed;
    s->of = item;
    return 0;
}

static const struct item *add(struct scene *s, struct plan_artifact what)
{
    struct item *item;

    what.created_us = CLOCK_NONE;
    if (!s->plan)
        s->plan = plan_new(true, NULL);
    assert_int_equal(plan_add(s->plan, &what, 0, 0, &item, NULL), 0);
    return item;
}

/* An item of the type "html", which any text fits. */
static const struct item *add_id(struct scene *s, const char *id)
{
    return add(s, (struct plan_artifact){ .run_id = "r", .artifact_id = id, .type = "html" });
}

static void begin(struct scene *s, struct entry_writer_opts opts)
{
    struct volume_opts volume = {
        .path = tar_path, .format = CONTAINER_TAR, .mode = 0600, .workers = 1, .stepped = true
    };

    opts.top = "top";
    opts.seen = entry_writer_unseen;
    opts.stored = on_stored;
    opts.stored_ctx = s;
    s->pool = pool_new(4, CHUNK_SIZE, NULL);
    s->names = entry_names_new(NULL);
    s->volume = volume_open(&volume, NULL);
    assert_non_null(s->volume);
    assert_int_equal(volume_start(s->volume, NULL, NULL), 0);
    s->entries = entry_writer_new(&opts, s->volume, s->plan, s->names, NULL);
    assert_non_null(s->entries);
}

/* End the tar, and read it. */
static void finish(struct scene *s, struct buf *tar)
{
    struct volume_result result;

    assert_int_equal(volume_finish(s->volume, &result, NULL), 0);
    tar_load(tar);
}

static void end(struct scene *s)
{
    entry_writer_free(s->entries);
    volume_free(s->volume, false);
    entry_names_free(s->names);
    plan_free(s->plan);
    pool_free(s->pool);
}

static struct body *body(const char *bytes, size_t len)
{
    char *copy = mem_new(len + 1, NULL);

    memcpy(copy, bytes, len);
    return body_of_text(copy, len, NULL);
}

/* Hash a body and write it as an item. */
static int put(struct scene *s, const struct item *item, const char *bytes, size_t len,
               struct err *err)
{
    struct body *b = body(bytes, len);
    struct packed packed = { 0 };
    int rc = entry_writer_hash(s->entries, b, &packed.digest, err);

    if (rc == 0)
        rc = entry_writer_item(s->entries, item, b, &packed, err);
    body_free(b);
    return rc;
}

/* Write an item while it is received, in one piece. */
static void pass(struct scene *s, const struct item *item, const char *bytes, size_t len)
{
    struct chunk *chunk = pool_try(s->pool);
    struct packed packed = { 0 };

    memcpy(chunk->data, bytes, len);
    chunk->len = len;
    assert_int_equal(entry_writer_begin(s->entries, item, len, bytes, len, NULL), 0);
    assert_int_equal(entry_writer_more(s->entries, chunk, NULL), 0);
    chunk_unref(chunk);
    assert_true(entry_writer_fits(s->entries));
    entry_writer_digest(s->entries, &packed.digest);
    assert_int_equal(entry_writer_end(s->entries, item, &packed, NULL), 0);
}

/*
 * Which of two equal bodies becomes a link: by the option, by size, and never without dedupe.
 */
static void test_links(void **state)
{
    static const struct {
        bool dedupe;
        enum entry_writer_duplicates duplicates;
        size_t size;
        bool link;
    } cases[] = {
        { true, ENTRY_WRITER_AUTO, BIG, true },   { true, ENTRY_WRITER_AUTO, BIG - 1, false },
        { true, ENTRY_WRITER_LINK, 1, true },     { true, ENTRY_WRITER_COPY, BIG, false },
        { false, ENTRY_WRITER_LINK, BIG, false },
    };
    char *bytes = calloc(1, BIG);
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct entry_writer_opts opts = { .dedupe = cases[i].dedupe,
                                          .duplicates = cases[i].duplicates };
        struct scene s = { 0 };
        const struct item *first = add_id(&s, "a");
        const struct item *second = add_id(&s, "b");
        struct tar_entry entry[2];
        struct buf tar;
        size_t at = 0;

        begin(&s, opts);
        assert_int_equal(put(&s, first, bytes, cases[i].size, NULL), 0);
        assert_false(s.last.link);
        assert_null(s.last.duplicate_of);
        assert_false(entry_writer_has(s.entries, second));
        assert_int_equal(put(&s, second, bytes, cases[i].size, NULL), 0);
        assert_int_equal(s.last.link, cases[i].link);
        assert_int_equal(s.last.duplicate_of != NULL, cases[i].dedupe);
        assert_true(entry_writer_has(s.entries, second));
        assert_int_equal(s.stored, 2);
        finish(&s, &tar);
        assert_true(tar_next(&tar, &at, &entry[0]));
        assert_int_equal(entry_writer_place(s.entries, second).offset, at);
        assert_true(tar_next(&tar, &at, &entry[1]));
        assert_int_equal(entry[0].size, cases[i].size);
        assert_int_equal(entry[1].size, cases[i].link ? 0 : cases[i].size);
        if (cases[i].link)
            assert_string_equal(entry[1].link, entry[0].path);
        else
            assert_null(entry[1].link);
        assert_false(tar_next(&tar, &at, &entry[0]));
        buf_clear(&tar);
        end(&s);
        assert_int_equal(unlink(tar_path), 0);
    }
    free(bytes);
}

/* A body that was already written, and then proves to be a duplicate, is replaced by a link. */
static void test_a_duplicate_that_passed_through_is_removed(void **state)
{
    struct scene s = { 0 };
    const struct item *first = add_id(&s, "a");
    const struct item *second = add_id(&s, "b");
    struct tar_entry entry;
    struct buf tar;
    size_t at = 0;

    (void)state;
    begin(&s, (struct entry_writer_opts){ .dedupe = true });
    pass(&s, first, "hello", 5);
    assert_false(s.last.link);
    pass(&s, second, "hello", 5);
    assert_true(s.last.link);
    assert_ptr_equal(s.of, second);
    assert_int_equal(s.last.size, 5);
    finish(&s, &tar);
    assert_true(tar_next(&tar, &at, &entry));
    assert_memory_equal(entry.content, "hello", 5);
    assert_true(tar_next(&tar, &at, &entry));
    assert_non_null(entry.link);
    assert_int_equal(entry.size, 0);
    assert_false(tar_next(&tar, &at, &entry));
    buf_clear(&tar);
    end(&s);
}

/* The body of a leader is written for those followers that it can be the content of. */
static void test_followers(void **state)
{
    struct plan_artifact what = {
        .run_id = "r1", .artifact_id = "a", .type = "html", .uri = "s3://b/x"
    };
    struct scene s = { 0 };
    const struct item *leader = add(&s, what);
    const struct item *same;
    const struct item *longer;
    const struct item *other;

    (void)state;
    what.run_id = "r2";
    same = add(&s, what);
    what.run_id = "r3";
    what.sized = true;
    what.file_size = 6;
    longer = add(&s, what);
    what.run_id = "r4";
    what.sized = false;
    what.checksum = OTHER_SUM;
    other = add(&s, what);
    assert_ptr_equal(longer->leader, leader);
    assert_ptr_equal(other->leader, leader);
    begin(&s, (struct entry_writer_opts){ .dedupe = true });
    assert_int_equal(put(&s, leader, "hello", 5, NULL), 0);
    assert_int_equal(s.stored, 2);
    assert_true(entry_writer_has(s.entries, same));
    assert_false(entry_writer_has(s.entries, longer));
    assert_false(entry_writer_has(s.entries, other));
    end(&s);
}

/*
 * Whether a checksum or the type contradicts the content, and whether the checksum proves it.
 */
static void test_what_the_service_said(void **state)
{
    static const struct {
        const char *type; /* with the extension of the same name */
        const char *checksum;
        const char *uri;
        bool encoded;
        bool mismatch;
        bool suspect;
    } cases[] = {
        { "html", NULL, NULL, false, false, false },
        { "html", HELLO_SUM, NULL, false, false, false },
        { "html", OTHER_SUM, NULL, false, true, false },
        { "html", "short", NULL, false, true, false }, /* not a SHA-256: nothing has it */
        { "png", NULL, NULL, false, false, true },
        { "png", HELLO_SUM, NULL, false, false, false }, /* proven */
        { "png", OTHER_SUM, NULL, false, true, true },
        /* compressed at rest, received decoded: nothing to compare with */
        { "har", OTHER_SUM, "s3://b/x.zst", false, false, true },
        { "har", OTHER_SUM, "s3://b/x.zst", true, true, true },
        { "har", OTHER_SUM, "s3://b/x?.zst", false, true, true },
        { "html", OTHER_SUM, "s3://b/x.zst", false, true, false }, /* only a HAR is */
    };
    struct hasher *hasher = hasher_new(NULL);
    struct digest digest;
    size_t i;

    (void)state;
    hasher_add(hasher, "hello", 5);
    hasher_end(hasher, &digest);
    hasher_free(hasher);
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct scene s = { 0 };
        const struct item *item =
            add(&s, (struct plan_artifact){ .run_id = "r",
                                            .artifact_id = "a",
                                            .type = cases[i].type,
                                            .ext = cases[i].type,
                                            .uri = cases[i].uri,
                                            .checksum = cases[i].checksum });
        struct packed packed = { .path = "data/r/x.html",
                                 .digest = digest,
                                 .encoded = cases[i].encoded };
        struct body *b = body("hello", 5);

        entry_writer_describe(&packed, item, 5, (const unsigned char *)"hello", 5);
        assert_int_equal(packed.mismatch, cases[i].mismatch);
        assert_int_equal(entry_writer_mismatch(item, &packed), cases[i].mismatch);
        assert_int_equal(packed.suspect, cases[i].suspect);
        assert_int_equal(entry_writer_suspect(item, b, &packed), cases[i].suspect);
        assert_int_equal(packed.note_count, cases[i].suspect);
        body_free(b);
        end(&s);
    }
}

/* A HAR that stays compressed: one that is broken is suspect, unless its size is as listed. */
static void test_a_har_that_stays_compressed(void **state)
{
    static const struct {
        enum err_kind why;
        bool sized;
        uint64_t listed;
        bool suspect;
    } cases[] = {
        { ERR_FORMAT, false, 0, true }, { ERR_FORMAT, true, 10, true },
        { ERR_FORMAT, true, 9, false }, { ERR_LIMIT, false, 0, false },
        { ERR_LIMIT, true, 10, false },
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct scene s = { 0 };
        const struct item *item =
            add(&s, (struct plan_artifact){ .run_id = "r",
                                            .artifact_id = "a",
                                            .type = "har",
                                            .ext = "har",
                                            .uri = "s3://b/x.har.zst",
                                            .sized = cases[i].sized,
                                            .file_size = cases[i].listed });
        struct packed packed = { .path = "data/r/x.har.zst" };
        struct err why = { .kind = cases[i].why };

        entry_writer_keep_coded(item, 9, &why, &packed);
        entry_writer_describe(&packed, item, 9, (const unsigned char *)"\x28\xb5\x2f\xfd.....",
                              9);
        assert_int_equal(packed.suspect, cases[i].suspect);
        assert_string_equal(packed.notes[0], "not-unpacked");
        end(&s);
    }
}

static void test_what_a_recording_is(void **state)
{
    static const struct {
        const char *type;
        const char *uri;
        const char *head;
        const char *notes; /* joined by commas */
    } cases[] = {
        { "recording", "s3://b/x.webm", WEBM "\x82....", "" },
        { "recording", "s3://b/x.webm", WEBM "\xff....", "unfinished" },
        { "recording", "s3://b/x.mp4", WEBM "\x82....", "named-otherwise" },
        { "session_replay", "s3://b/x.webm", "no video", "not-a-video" },
        { "html", "s3://b/x.webm", "no video", "" },
    };
    size_t i;
    size_t k;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct scene s = { 0 };
        const struct item *item = add(&s, (struct plan_artifact){ .run_id = "r",
                                                                  .artifact_id = "a",
                                                                  .type = cases[i].type,
                                                                  .ext = "html",
                                                                  .uri = cases[i].uri });
        struct packed packed = { .path = "data/r/x" };
        char notes[128] = "";

        entry_writer_describe(&packed, item, 9, (const unsigned char *)cases[i].head,
                              strlen(cases[i].head));
        for (k = 0; k < packed.note_count; k++) {
            if (strcmp(packed.notes[k], "suspect-content") != 0)
                (void)snprintf(notes + strlen(notes), sizeof(notes) - strlen(notes), "%s%s",
                               *notes ? "," : "", packed.notes[k]);
        }
        assert_string_equal(notes, cases[i].notes);
        end(&s);
    }
}

static void test_notes_are_kept_once_and_within_their_limit(void **state)
{
    static const char *const words[] = { "a", "b", "a", "c", "d", "e" };
    struct packed packed = { 0 };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(words) / sizeof(*words); i++)
        packed_note(&packed, words[i]);
    assert_int_equal(packed.note_count, PACKED_NOTES);
    assert_string_equal(packed.notes[1], "b");
    assert_string_equal(packed.notes[2], "c");
}

static void test_notes_as_a_text(void **state)
{
    static const char *const words[] = { PACKED_UNFINISHED, PACKED_FROM_ZIP, SUSPECT_NOTE,
                                         PACKED_NAMED_OTHERWISE, PACKED_OTHER_SIZE };
    struct packed packed = { 0 };
    struct packed again = { .suspect = true };
    char text[PACKED_NOTES_TEXT];
    size_t i;

    (void)state;
    assert_null(packed_notes_text(&packed, text));
    packed_set_notes(&again, NULL);
    assert_int_equal(again.note_count, 0);
    assert_false(again.suspect);
    packed_set_notes(&again, "another word");
    assert_int_equal(again.note_count, 0);
    for (i = 0; i < PACKED_NOTES; i++)
        packed_note(&packed, words[i]);
    assert_string_equal(packed_notes_text(&packed, text),
                        "unfinished from-zip suspect-content named-otherwise other-size");
    packed_set_notes(&again, text);
    assert_int_equal(again.note_count, PACKED_NOTES);
    assert_true(again.suspect);
}

/* More bytes than announced are dropped: the header has a size already. */
static void test_a_body_beyond_its_announced_size(void **state)
{
    struct scene s = { 0 };
    const struct item *item = add_id(&s, "a");
    struct chunk *chunk;

    (void)state;
    begin(&s, (struct entry_writer_opts){ .dedupe = true });
    chunk = pool_try(s.pool);
    memcpy(chunk->data, "hello", 5);
    chunk->len = 5;
    assert_int_equal(entry_writer_begin(s.entries, item, 4, "hell", 4, NULL), 0);
    assert_false(entry_writer_fits(s.entries));
    assert_int_equal(entry_writer_more(s.entries, chunk, NULL), 0);
    assert_false(entry_writer_fits(s.entries));
    chunk_unref(chunk);
    assert_false(entry_writer_has(s.entries, item));
    end(&s);
}

static void test_it_stops_between_two_pieces(void **state)
{
    atomic_bool stopping = true;
    struct scene s = { 0 };
    const struct item *item = add_id(&s, "a");
    struct err err;

    (void)state;
    begin(&s, (struct entry_writer_opts){ .dedupe = true, .stopping = &stopping });
    err_clear(&err);
    assert_int_equal(put(&s, item, "hello", 5, &err), -1);
    assert_int_equal(err.kind, ERR_CANCELLED);
    assert_int_equal(s.stored, 0);
    end(&s);
}

/* New content is compared with what an interrupted attempt has kept. */
static void test_content_of_a_former_attempt(void **state)
{
    struct scene s = { 0 };
    const struct item *kept = add_id(&s, "a");
    const struct item *item = add_id(&s, "b");
    struct packed packed[2] = { { .here = true, .path = "data/r/kept", .size = 5 } };
    struct spot places[2] = { { 3, 4, 0 } };
    struct hasher *hasher = hasher_new(NULL);

    (void)state;
    hasher_add(hasher, "hello", 5);
    hasher_end(hasher, &packed[0].digest);
    hasher_free(hasher);
    begin(&s, (struct entry_writer_opts){ .dedupe = true,
                                          .duplicates = ENTRY_WRITER_LINK,
                                          .before = { packed, places } });
    assert_true(entry_writer_has(s.entries, kept));
    assert_int_equal(entry_writer_place(s.entries, kept).offset, 4);
    assert_int_equal(put(&s, item, "hello", 5, NULL), 0);
    assert_string_equal(s.last.duplicate_of, "data/r/kept");
    assert_true(s.last.link);
    end(&s);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, tar_set_up, tar_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_links),
        CASE(test_a_duplicate_that_passed_through_is_removed),
        CASE(test_followers),
        cmocka_unit_test(test_what_the_service_said),
        cmocka_unit_test(test_a_har_that_stays_compressed),
        cmocka_unit_test(test_what_a_recording_is),
        cmocka_unit_test(test_notes_are_kept_once_and_within_their_limit),
        cmocka_unit_test(test_notes_as_a_text),
        CASE(test_a_body_beyond_its_announced_size),
        CASE(test_it_stops_between_two_pieces),
        CASE(test_content_of_a_former_attempt),
    };

    return RUN(tests);
}
