/* SPDX-License-Identifier: MIT */
#include "catalog/text_index.h"

#include "base/file.h"
#include "base/mem.h"
#include "catalog/relation.h"
#include "catalog/search.h"
#include "catalog_dir.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#define V1 "2026/11/skyarc-20261101T000000Z.tar"
#define V2 "2026/11/skyarc-20261102T000000Z.tar"

static int set_up(void **state)
{
    if (catalog_set_up(state) < 0)
        return -1;
    catalog_enter(V1, "tsk_1", "completed", 100);
    catalog_enter(V2, "tsk_2", "failed", 200);
    return 0;
}

static int64_t id_of(const char *volume)
{
    int64_t id = 0;

    assert_int_equal(text_index_lacks(catalog, volume, &id, NULL), 1);
    return id;
}

static void index_text(const char *volume, const char *run_id, const char *text)
{
    struct err err;

    assert_int_equal(
        text_index_add(catalog, id_of(volume), run_id, "data/log", text, strlen(text), &err),
        0);
}

static int add_run(void *ctx, const struct search_row *row, struct err *err)
{
    return buf_addf(ctx, err, "%s ", row->run_id);
}

/* Check which runs a search finds, the newest first, each with a space behind. */
static void finds(const char *text, const char *wanted)
{
    const struct search search = {
        .text = text, .since = DB_UNKNOWN, .until = DB_UNKNOWN, .runs = true
    };
    struct buf found;
    struct err err;

    buf_init(&found, 1000);
    assert_int_equal(search_run(catalog, &search, add_run, &found, &err), 0);
    assert_string_equal(buf_text(&found), wanted);
    buf_clear(&found);
}

/* Run a statement that no function of the catalog has. */
static int run_sql(const char *text)
{
    struct err err;
    struct sqlite3_stmt *sql = db_once(catalog, text, &err);
    int rc = sql ? db_step(catalog, sql, &err) : -1;

    (void)sqlite3_finalize(sql);
    return rc;
}

/* FTS5's own check, which compares all of the index with all texts. */
static void is_consistent(void)
{
    struct err err;

    assert_int_equal(
        run_sql("INSERT INTO text_index(text_index, rank) VALUES('integrity-check', 1)"), 0);
    assert_int_equal(text_index_check(catalog, &err), 0);
}

static void asks(const char *text, int way, const char *wanted)
{
    struct buf query;

    buf_init(&query, 1000);
    assert_int_equal(text_index_query(&query, text, NULL), way);
    if (wanted)
        assert_string_equal(buf_text(&query), wanted);
    buf_clear(&query);
}

static void test_queries(void **state)
{
    char hundred[101] = "";

    (void)state;
    memset(hundred, 'a', 100);
    asks("", TEXT_INDEX_SCAN, "");
    asks("ab", TEXT_INDEX_SCAN, "");
    asks("\xE8\xB2\xB7\xE7\x89\xA9", TEXT_INDEX_SCAN, ""); /* two characters */
    asks("a\xFFg", TEXT_INDEX_SCAN, "");
    asks("abc", TEXT_INDEX_EXACT, "\"abc\"");
    asks("a\"b", TEXT_INDEX_EXACT, "\"a\"\"b\"");
    asks("\xC3\xA4rger", TEXT_INDEX_CHECK, "\"\xC3\xA4rger\"");
    asks(hundred, TEXT_INDEX_CHECK, NULL);
    asks(hundred + 36, TEXT_INDEX_EXACT, NULL);
}

static void test_a_text_is_found_by_any_part(void **state)
{
    (void)state;
    index_text(V1, "tsk_1",
               "TypeError: cannot read \"price\"\n\xE8\xB2\xB7\xE7\x89\xA9\xE3\x81\x8B"
               "\xE3\x81\x94 \xC3\x84rger");
    finds("Error: CANNOT", "tsk_1 ");
    finds("ypeErr", "tsk_1 ");
    finds("read \"price\"", "tsk_1 ");
    finds("\"", "tsk_1 ");
    finds("tY", "tsk_1 ");
    finds("tsk", "tsk_2 tsk_1 "); /* in the titles */
    finds("\xE8\xB2\xB7", "tsk_1 ");
    finds("\xE7\x89\xA9\xE3\x81\x8B", "tsk_1 ");
    finds("\xE8\xB2\xB7\xE7\x89\xA9\xE3\x81\x8B\xE3\x81\x94", "tsk_1 ");
    finds("\xE7\x89\xA9\xE8\xB2\xB7\xE3\x81\x8B", "");
    finds("\xC3\x84RGER", "tsk_1 ");
    finds("\xC3\xA4rger", ""); /* the case of ASCII letters only is ignored */
    finds("", "tsk_2 tsk_1 ");
    finds("milk_\x1e"
          "tsk",
          "tsk_2 tsk_1 "); /* the one separator of the texts of a row */
    finds("milk_ tsk", "");
}

static void test_no_text_is_an_operator(void **state)
{
    static const char *const hostile[] = {
        "abc OR tsk",    "NEAR(tsk milk)",
        "text : milk",   "milk*",
        "^buy",          "tsk_1\" OR \"tsk_2",
        "\"\"\"",        "\"",
        "-milk tsk",     "{text}: milk",
        "milk + buy",    "NOT",
        "AND",           "%ilk",
        "m_lk",          "'; DROP TABLE runs; --",
        "(((((((((((((", "\xFF\xFE\xFD\xFC",
        "\x01\x02\x03",  "\\\"abc",
    };
    char *long_text = mem_new(100001, NULL);
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(hostile) / sizeof(*hostile); i++)
        finds(hostile[i], "");
    assert_non_null(long_text);
    memset(long_text, '"', 100000);
    finds(long_text, "");
    index_text(V2, "tsk_2", long_text);
    finds(long_text, "tsk_2 ");
    long_text[50000] = 'x'; /* behind the part for which the index is asked */
    finds(long_text, "");
    mem_free(long_text);
}

/* The plan of a search for a text. */
static void plan(const struct search *search, struct buf *out)
{
    struct search own = *search;
    struct err err;

    own.since = DB_UNKNOWN;
    own.until = DB_UNKNOWN;
    buf_reset(out);
    assert_int_equal(search_plan(catalog, &own, out, &err), 0);
}

static void test_the_index_is_used(void **state)
{
    static const char *const used[] = { "abc", "\xC3\xA4rger" };
    uint8_t sha256[SHA256_SIZE] = { 0 };
    struct buf text;
    size_t i;
    int runs;

    (void)state;
    buf_init(&text, 10000);
    for (i = 0; i < 2; i++) {
        for (runs = 0; runs < 2; runs++) {
            plan(&(struct search){ .text = used[i], .runs = runs }, &text);
            assert_non_null(strstr(buf_text(&text), "SCAN text_index VIRTUAL TABLE INDEX"));
            assert_non_null(strstr(buf_text(&text), "SEARCH t USING INTEGER PRIMARY KEY"));
            assert_non_null(strstr(buf_text(&text), "SEARCH r USING PRIMARY KEY"));
            assert_null(strstr(buf_text(&text), "SCAN r"));
            assert_null(strstr(buf_text(&text), "SCAN t\n"));
            assert_null(strstr(buf_text(&text), "SCAN a"));
        }
    }
    plan(&(struct search){ .text = "ab", .runs = true }, &text);
    assert_null(strstr(buf_text(&text), "text_index"));
    assert_non_null(strstr(buf_text(&text), "SCAN t\n"));
    plan(&(struct search){ .text = "abc", .sha256 = sha256 }, &text); /* few rows */
    assert_null(strstr(buf_text(&text), "text_index"));
    assert_non_null(strstr(buf_text(&text), "SEARCH t USING INDEX texts_run"));
    buf_clear(&text);
}

static void test_texts_go_with_their_run(void **state)
{
    (void)state;
    index_text(V1, "tsk_1", "quite unusual");
    assert_int_equal(db_begin(catalog, NULL), 0);
    index_text(V2, "tsk_2", "never seen");
    finds("never seen", "tsk_2 ");
    db_rollback(catalog);
    finds("never seen", "");
    assert_int_equal(relation_learn(catalog, "tsk_1", "wr_1", NULL), 1);
    finds("unusual", "wr_1 ");
    finds("100% milk_", "tsk_2 wr_1 ");
    index_text(V1, "tsk_1", "by the other ID"); /* of its run */
    finds("by the other ID", "wr_1 ");
    index_text(V1, "tsk_none", "of no run");
    finds("of no run", "");
    is_consistent();
    assert_int_equal(contents_remove(catalog, V1, NULL), 0);
    finds("unusual", "");
    finds("100% milk_", "tsk_2 ");
    is_consistent();
    catalog_enter(V2, "tsk_3", "failed", 200); /* in the place of the volume of that name */
    finds("100% milk_", "tsk_3 ");
    is_consistent();
}

static void test_which_volumes_have_texts(void **state)
{
    int64_t with = -1;
    int64_t all = -1;
    int64_t id = id_of(V1);

    (void)state;
    assert_int_equal(text_index_has(catalog, V1, NULL), 0);
    assert_int_equal(text_index_added(catalog, id, NULL), 0);
    assert_int_equal(text_index_has(catalog, V1, NULL), 1);
    assert_int_equal(text_index_has(catalog, V2, NULL), 0);
    assert_int_equal(text_index_has(catalog, "none", NULL), 0);
    assert_int_equal(text_index_lacks(catalog, V1, &id, NULL), 0);
    assert_int_equal(text_index_lacks(catalog, "none", &id, NULL), 0);
    assert_int_equal(text_index_cover(catalog, &with, &all, NULL), 0);
    assert_int_equal(with, 1);
    assert_int_equal(all, 2);
}

static void differs(const char *sql, const char *undo)
{
    struct err err;

    assert_int_equal(run_sql(sql), 0);
    assert_int_equal(text_index_check(catalog, &err), -1);
    assert_int_equal(err.kind, ERR_FORMAT);
    assert_int_equal(run_sql(undo), 0);
    is_consistent();
}

static void test_an_index_that_differs(void **state)
{
    (void)state;
    is_consistent();
    index_text(V1, "tsk_1", "x"); /* which the index cannot find */
    is_consistent();
    differs(
        "INSERT INTO text_index(rowid, text) VALUES(77, 'of no row')",
        "INSERT INTO text_index(text_index, rowid, text) VALUES('delete', 77, 'of no row')");
    differs("INSERT INTO text_index(text_index) VALUES('delete-all')",
            "INSERT INTO text_index(text_index) VALUES('rebuild')");
    differs("UPDATE texts SET text = 'something else' || text WHERE id = 2",
            "UPDATE texts SET text = substr(text, 15) WHERE id = 2");
    assert_int_equal(contents_remove(catalog, V1, NULL), 0);
    assert_int_equal(contents_remove(catalog, V2, NULL), 0);
    is_consistent(); /* of nothing */
}

/* Whether a file of the catalog has these bytes. */
static bool file_has(const char *suffix, const char *bytes)
{
    static char room[1 << 20];
    char path[128];
    ssize_t got;
    int fd;

    (void)snprintf(path, sizeof(path), "%s/" DB_NAME "%s", catalog_dir, suffix);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    got = read(fd, room, sizeof(room));
    (void)close(fd);
    assert_in_range(got, 0, sizeof(room) - 1);
    return memmem(room, (size_t)got, bytes, strlen(bytes)) != NULL;
}

/* Whether a file of the catalog has the text, or one of its trigrams, which are in no other. */
static bool is_left(void)
{
    static const char *const parts[] = { "qzxjwv", "qzx", "zxj", "xjw", "jwv" };
    size_t i;

    for (i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        if (file_has("", parts[i]) || file_has("-wal", parts[i]))
            return true;
    }
    return false;
}

static void test_nothing_is_left_of_what_was_removed(void **state)
{
    struct db *other;
    struct err err;
    int i;

    (void)state;
    assert_int_equal(text_index_purge(catalog, &err), 1); /* nothing was noted */
    index_text(V1, "tsk_1", "qzxjwv");
    for (i = 0; i < 300; i++) /* in several segments of the index */
        index_text(V2, "tsk_2", "a text that stays");
    assert_true(is_left());
    assert_int_equal(db_begin(catalog, NULL), 0);
    assert_int_equal(text_index_note_purge(catalog, &err), 0);
    assert_int_equal(contents_remove(catalog, V1, &err), 0);
    assert_int_equal(db_commit(catalog, NULL), 0);
    finds("qzxjwv", "");
    assert_true(is_left()); /* otherwise this test proves nothing */
    other = db_open(catalog_dir, DB_READ, &err);
    assert_non_null(other);
    assert_int_equal(text_index_purge(catalog, &err), 1);
    assert_false(is_left());
    finds("text that stays", "tsk_2 ");
    is_consistent();
    db_free(other);
    db_free(catalog);
    catalog = db_open(catalog_dir, DB_WRITE, &err);
    assert_non_null(catalog);
    assert_false(is_left());
}

static void test_a_catalog_is_private(void **state)
{
    static const char *const suffixes[] = { "", "-wal" };
    char path[128];
    struct stat st;
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof(path), "%s/" DB_NAME "%s", catalog_dir, suffixes[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, catalog_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_queries),
        TEST(test_a_text_is_found_by_any_part),
        TEST(test_no_text_is_an_operator),
        TEST(test_the_index_is_used),
        TEST(test_texts_go_with_their_run),
        TEST(test_which_volumes_have_texts),
        TEST(test_an_index_that_differs),
        TEST(test_nothing_is_left_of_what_was_removed),
        TEST(test_a_catalog_is_private),
    };

    return RUN(tests);
}
