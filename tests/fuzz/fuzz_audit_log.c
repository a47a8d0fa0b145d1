/* SPDX-License-Identifier: MIT */
/*
 * A log.jsonl of any bytes: an entry that is added is read behind what was read before,
 * whatever that was, and a file that does not begin with what was read is told from one that
 * does.
 */
#include "base/buf.h"
#include "base/file.h"
#include "catalog/audit_log.h"
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[] = "/tmp/skyarc-fuzz-XXXXXX";
static char path[sizeof(dir) + sizeof(AUDIT_LOG_NAME)];

struct seen {
    size_t entries;
    size_t unreadable;
    size_t ours;
};

static void leave(void)
{
    (void)unlink(path);
    (void)rmdir(dir);
}

static int on_entry(void *ctx, const struct audit_log_entry *e, struct err *err)
{
    struct seen *s = ctx;

    (void)err;
    s->entries += e != NULL;
    s->unreadable += e == NULL;
    s->ours += e && e->at_ms == 77 && strcmp(e->what, "mark") == 0;
    FUZZ_CHECK(!e || e->at_ms >= 0);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct audit_log_entry entry = { .at_ms = 77, .what = "mark", .run_id = "tsk_1" };
    struct audit_log_mark mark;
    struct audit_log_mark again;
    struct audit_log log;
    struct seen all = { 0 };
    struct seen later = { 0 };
    struct err err;
    int fd;

    if (!*path) {
        FUZZ_CHECK(mkdtemp(dir));
        (void)snprintf(path, sizeof(path), "%s/" AUDIT_LOG_NAME, dir);
        (void)atexit(leave);
    }
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    FUZZ_CHECK(fd >= 0 && (!size || write(fd, data, size) == (ssize_t)size));
    (void)close(fd);
    FUZZ_CHECK(audit_log_start(&mark, &err) == 0 &&
               audit_log_scan(dir, &mark, on_entry, &all, &err) == 1 && mark.size <= size);
    again = mark;
    if (audit_log_open(&log, dir, audit_log_no_origin(), &err) <
        0) { /* a last line without a line end, not written by skyarc */
        audit_log_close(&log);
        return 0;
    }
    FUZZ_CHECK(audit_log_put(&log, &entry, &err) == 0 && audit_log_commit(&log, &err) == 0);
    audit_log_close(&log);
    FUZZ_CHECK(audit_log_scan(dir, &again, on_entry, &later, &err) == 1);
    FUZZ_CHECK(later.ours >= 1 && later.entries <= 2 && later.unreadable == 0);
    if (mark.size) { /* the bytes that were read have changed */
        mark.sha256[0] ^= 1;
        FUZZ_CHECK(audit_log_scan(dir, &mark, on_entry, &later, &err) == 0);
    }
    return 0;
}
