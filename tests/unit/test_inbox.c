/* SPDX-License-Identifier: MIT */
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "listen/inbox.h"
#include "unit.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/test-inbox-XXXXXX";
static char dest[100];

static bool valid(const char *id)
{
    while (isalnum((unsigned char)*id) || *id == '_')
        id++;
    return !*id;
}

static struct inbox *open_at(int64_t now)
{
    struct inbox_opts opts = { dest, valid, 1000, 10 };
    struct inbox *inbox = inbox_open(&opts, now, NULL);

    assert_non_null(inbox);
    return inbox;
}

static enum inbox_verdict put(struct inbox *inbox, const char *id, const char *body,
                              int64_t now)
{
    return inbox_put(inbox, id, body, strlen(body), now, NULL);
}

static bool there(const char *name)
{
    char path[300];
    struct stat st;

    (void)snprintf(path, sizeof(path), "%s/%s", dest, name);
    return lstat(path, &st) == 0;
}

static void check_body(struct inbox *inbox, const struct queued *run, const char *want)
{
    struct buf body;

    buf_init(&body, 1000);
    assert_int_equal(inbox_read(inbox, run, &body, NULL), 0);
    assert_string_equal(buf_text(&body), want);
    buf_clear(&body);
}

static void test_a_webhook_is_on_the_disk(void **state)
{
    struct inbox *inbox = open_at(0);
    struct queued *run;
    int64_t next;

    (void)state;
    assert_int_equal(put(inbox, "a", "one", 0), INBOX_QUEUED);
    assert_true(there(".queue/a.json"));
    assert_int_equal(put(inbox, "a", "one", 1), INBOX_KNOWN);
    assert_int_equal(put(inbox, "a", "two", 2), INBOX_QUEUED);
    inbox_close(inbox); /* as if the process were killed: nothing is written at the end */
    inbox = open_at(100);
    assert_int_equal(inbox_counts(inbox, 100).queued, 1);
    assert_int_equal(put(inbox, "a", "two", 101), INBOX_KNOWN);
    run = inbox_take(inbox, 1, 5000, &next);
    assert_non_null(run);
    check_body(inbox, run, "two");
    assert_int_equal(inbox_leave(inbox, run, INBOX_DONE, 5000, NULL), 0);
    assert_false(there(".queue/a.json"));
    assert_int_equal(put(inbox, "a", "two", 5001), INBOX_KNOWN);
    assert_int_equal(put(inbox, "a", "three", 5001), INBOX_QUEUED);
    inbox_close(inbox);
}

static void test_a_newer_webhook_while_it_is_active(void **state)
{
    struct inbox *inbox = open_at(0);
    struct queued *run;
    int64_t next;

    (void)state;
    assert_int_equal(put(inbox, "b", "one", 0), INBOX_QUEUED);
    while ((run = inbox_take(inbox, 9, 9000, &next)) && strcmp(run->id, "b") != 0) {
    }
    assert_non_null(run);
    assert_int_equal(put(inbox, "b", "two", 9001), INBOX_QUEUED);
    assert_int_equal(inbox_leave(inbox, run, INBOX_DONE, 9002, NULL), 0);
    assert_true(there(".queue/b.json"));
    assert_false(there(".listen/b.known"));
    run = inbox_take(inbox, 9, 9011, &next);
    assert_non_null(run);
    assert_string_equal(run->id, "b");
    check_body(inbox, run, "two");
    assert_int_equal(inbox_leave(inbox, run, INBOX_DONE, 9012, NULL), 0);
    assert_false(there(".queue/b.json"));
    inbox_close(inbox);
}

static void test_set_aside(void **state)
{
    struct inbox *inbox = open_at(0);
    struct queued *run;
    int64_t next;
    int i;

    (void)state;
    for (i = 0; i < 2; i++) {
        enum inbox_end how = i ? INBOX_INCOMPLETE : INBOX_FAILED;

        assert_int_equal(put(inbox, "c", "one", i * 20000), INBOX_QUEUED);
        while ((run = inbox_take(inbox, 9, 10 + i * 20000, &next)) &&
               strcmp(run->id, "c") != 0) {
        }
        assert_non_null(run);
        assert_int_equal(inbox_leave(inbox, run, how, 10 + i * 20000, NULL), 0);
        assert_false(there(".queue/c.json"));
        assert_true(there(i ? ".queue/c.incomplete" : ".queue/c.failed"));
        assert_int_equal(inbox_counts(inbox, 30 + i * 20000).failed, 1);
        assert_int_equal(inbox_counts(inbox, 40 + i * 20000).incomplete, (size_t)i);
    }
    assert_int_equal(put(inbox, "c", "one", 60000), INBOX_QUEUED); /* it is queued again */
    run = inbox_take(inbox, 9, 60010, &next);
    assert_string_equal(run->id, "c");
    assert_int_equal(inbox_leave(inbox, run, INBOX_DONE, 60020, NULL), 0);
    assert_false(there(".queue/c.failed") || there(".queue/c.incomplete"));
    assert_int_equal(inbox_counts(inbox, 60030).failed, 0);
    inbox_close(inbox);
}

static void test_many_webhooks_of_one_run(void **state)
{
    struct inbox *inbox = open_at(0);
    char body[20];
    int64_t next;
    int i;

    (void)state;
    for (i = 0; i < 3 * INBOX_KNOWN_MAX; i++) {
        struct queued *run;

        (void)snprintf(body, sizeof(body), "body %d", i);
        assert_int_equal(put(inbox, "d", body, i * 1000), INBOX_QUEUED);
        while ((run = inbox_take(inbox, 9, i * 1000 + 10, &next)) &&
               strcmp(run->id, "d") != 0) {
        }
        assert_int_equal(inbox_leave(inbox, run, INBOX_DONE, i * 1000 + 11, NULL), 0);
        assert_int_equal(put(inbox, "d", body, i * 1000 + 12), INBOX_KNOWN);
    }
    assert_int_equal(put(inbox, "d", "body 40", 99000), INBOX_KNOWN);
    assert_int_equal(put(inbox, "d", "body 1", 99000), INBOX_QUEUED); /* removed long ago */
    inbox_close(inbox);
}

static void test_one_at_a_time(void **state)
{
    struct inbox_opts opts = { dest, valid, 1000, 10 };
    struct inbox *inbox = open_at(0);
    struct err err;

    (void)state;
    assert_null(inbox_open(&opts, 0, &err));
    assert_int_equal(err.kind, ERR_BUSY);
    inbox_close(inbox);
    inbox_close(open_at(0));
}

static int setup(void **state)
{
    (void)state;
    log_setup(LOG_ERROR, 0);
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(dest, sizeof(dest), "%s/in", dir);
    return 0;
}

static int teardown(void **state)
{
    char command[200];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_webhook_is_on_the_disk),
        cmocka_unit_test(test_a_newer_webhook_while_it_is_active),
        cmocka_unit_test(test_set_aside),
        cmocka_unit_test(test_many_webhooks_of_one_run),
        cmocka_unit_test(test_one_at_a_time),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
