/* SPDX-License-Identifier: MIT */
#include "catalog/db.h"

#include "base/file.h"
#include "catalog/log_replay.h"
#include "catalog/page_checksum.h"
#include "catalog/run_state.h"
#include "unit.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64];

static int begin(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/skyarc-catalog-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static const char *path_of(const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static int end(void **state)
{
    static const char *const names[] = { "catalog.db", "catalog.db-wal", "catalog.db-shm",
                                         "catalog.db.old", "log.jsonl" };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(names) / sizeof(*names); i++)
        (void)unlink(path_of(names[i]));
    return rmdir(dir);
}

static struct db *make(void)
{
    struct err err;
    struct db *c = db_open(dir, DB_WRITE, &err);

    assert_non_null(c);
    return c;
}

static void test_open(void **state)
{
    struct err err;
    struct db *c;

    (void)state;
    assert_null(db_open(dir, DB_READ, &err));
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    c = make();
    assert_true(db_is_new(c));
    assert_int_equal(run_state_set(c, "tsk_1", RUN_STATE_OPEN, 0, NULL, &err), 0);
    db_free(c);
    c = make();
    assert_false(db_is_new(c));
    db_free(c);
    c = db_open(dir, DB_READ, &err);
    assert_non_null(c);
    assert_int_equal(run_state_is(c, "tsk_1", RUN_STATE_OPEN, &err), 1);
    assert_int_equal(run_state_set(c, "tsk_2", RUN_STATE_OPEN, 0, NULL, &err),
                     -1); /* reading only */
    db_free(c);
    assert_int_equal(db_set_aside(dir, "old", &err), 1);
    assert_int_equal(db_set_aside(dir, "old", &err), 0);
}

static void test_each_page_has_a_checksum(void **state)
{
    struct err err;
    unsigned char byte;
    size_t read_in_part = 0;
    struct db *c;
    off_t size;
    off_t at;
    int fd;

    (void)state;
    db_free(make());
    fd = open(path_of("catalog.db"), O_RDWR);
    assert_true(fd >= 0);
    size = lseek(fd, 0, SEEK_END);
    assert_int_equal(size % PAGE_CHECKSUM_PAGE, 0);
    for (at = 100; at < size; at += PAGE_CHECKSUM_PAGE / 2 + 7) {
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= 1;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        assert_null(db_open(dir, DB_CHECKED, &err));
        assert_int_equal(err.kind, ERR_FORMAT);
        c = db_open(dir, DB_READ, &err); /* reads only what it needs */
        read_in_part += c != NULL;
        db_free(c);
        assert_null(db_open(dir, DB_WRITE, &err));
        assert_int_equal(err.kind, ERR_FORMAT);
        byte ^= 1;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    (void)close(fd);
    assert_true(read_in_part > 0);
    c = db_open(dir, DB_CHECKED, &err);
    assert_non_null(c);
    assert_int_equal(run_state_set(c, "tsk_1", RUN_STATE_OPEN, 0, NULL, &err), -1);
    db_free(c);
    db_free(make());
}

/* Any SQLite program can read it; a change by another program is detected. */
static void test_other_programs(void **state)
{
    static const char trigger[] =
        "CREATE TRIGGER t AFTER DELETE ON volumes BEGIN DELETE FROM holds; END";
    struct err err;
    sqlite3 *db;

    (void)state;
    db_free(make());
    assert_int_equal(sqlite3_open(path_of("catalog.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "SELECT * FROM states", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    db_free(make());
    assert_int_equal(sqlite3_open(path_of("catalog.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, trigger, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_null(db_open(dir, DB_READ, &err));
    assert_int_equal(err.kind, ERR_FORMAT);
}

static void add(struct db *c, const char *what, const char *run_id, int64_t at_ms)
{
    struct audit_log_entry entry = {
        .at_ms = at_ms, .what = what, .run_id = run_id, .reason = "x"
    };
    struct err err;

    assert_int_equal(log_replay_add(c, dir, audit_log_no_origin(), &entry, 1, &err), 0);
}

/* Write a text into the log table without db. */
static void write_log(const char *text, int flags)
{
    struct err err;
    int fd = open(path_of("log.jsonl"), O_WRONLY | flags);

    assert_true(fd >= 0);
    assert_int_equal(file_write(fd, text, strlen(text), &err), 0);
    (void)close(fd);
}

static void test_the_log_is_the_truth(void **state)
{
    struct err err;
    struct db *c = make();

    (void)state;
    add(c, AUDIT_LOG_HOLD, "tsk_1", 1);
    add(c, AUDIT_LOG_HOLD, "tsk_2", 2);
    add(c, AUDIT_LOG_RELEASE, "tsk_1", 3);
    db_free(c);
    assert_int_equal(unlink(path_of("catalog.db")), 0);
    c = make();
    assert_false(log_replay_held(c, "tsk_2", NULL, 0));
    assert_int_equal(log_replay_update(c, dir, &err), 0);
    assert_false(log_replay_held(c, "tsk_1", NULL, 0));
    assert_true(log_replay_held(c, "tsk_2", NULL, 0));
    /* the file is removed: the catalog writes it again */
    assert_int_equal(unlink(path_of("log.jsonl")), 0);
    assert_int_equal(log_replay_update(c, dir, &err), 0);
    assert_int_equal(access(path_of("log.jsonl"), F_OK), 0);
    /* each has an entry that the other lacks */
    write_log("{\"at_ms\": 9, \"what\": \"hold\", \"run_id\": \"tsk_3\"}\n", O_TRUNC);
    assert_int_equal(log_replay_update(c, dir, &err), 0);
    assert_false(log_replay_held(c, "tsk_1", NULL, 0));
    assert_true(log_replay_held(c, "tsk_2", NULL, 0));
    assert_true(log_replay_held(c, "tsk_3", NULL, 0));
    assert_int_equal(log_replay_unreadable(c, &err), 0);
    write_log("{ho\n", O_APPEND);
    assert_int_equal(log_replay_update(c, dir, &err), 0);
    assert_int_equal(log_replay_unreadable(c, &err), 1);
    db_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_open, begin, end),
        cmocka_unit_test_setup_teardown(test_each_page_has_a_checksum, begin, end),
        cmocka_unit_test_setup_teardown(test_other_programs, begin, end),
        cmocka_unit_test_setup_teardown(test_the_log_is_the_truth, begin, end),
    };

    return RUN(tests);
}
