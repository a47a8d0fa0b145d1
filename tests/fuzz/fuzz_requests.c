/* SPDX-License-Identifier: MIT */
/*
 * Reading requests.jsonl: the check of an archive ends, and says so of a file that is not
 * sound; a copy of it without some runs has only whole lines, none of them of such a run; notes
 * of a journal do no harm.
 */
#include "fuzz.h"
#include "provenance/request_check.h"
#include "provenance/request_filter.h"
#include "provenance/request_log.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define PIECE 13

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned reports;

static bool find(void *ctx, const char *path, uint8_t sha256[SHA256_SIZE])
{
    (void)ctx;
    FUZZ_CHECK(request_check_wants(path));
    memset(sha256, 0x11, SHA256_SIZE);
    return true;
}

static void report(void *ctx, const char *path, const char *what)
{
    (void)ctx;
    FUZZ_CHECK(path && *what);
    reports++;
}

static bool keep(void *ctx, const char *run)
{
    (void)ctx;
    return strcmp(run, "tsk_1") != 0;
}

static void check(const uint8_t *data, size_t size)
{
    const struct request_check_opts opts = { .find = find, .report = report, .lock = &lock };
    struct request_check *c = request_check_new(&opts, NULL);
    size_t at;

    FUZZ_CHECK(c);
    reports = 0;
    for (at = 0; at < size; at += PIECE)
        FUZZ_CHECK(
            request_check_put(c, data + at, size - at < PIECE ? size - at : PIECE, NULL) == 0);
    request_check_end(c);
    FUZZ_CHECK(reports <= 101 && (size || reports));
    request_check_free(c);
}

/* Copy a file; true if it is sound. */
static bool copy(const uint8_t *data, size_t size, struct buf *out, uint64_t *removed)
{
    struct request_filter filter = { .keep = keep, .put = buf_put, .to = out };
    int rc;
    int end;

    request_filter_begin(&filter);
    rc = request_filter_put(&filter, data, size, NULL);
    end = request_filter_end(&filter, NULL);
    *removed = filter.removed;
    return rc == 0 && end == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct request_log_opts opts = { .service = "https://h", .tool = "t" };
    struct request_log *log = request_log_new(&opts, NULL);
    const char *at = (const char *)data;
    const char *end;
    size_t left = size;
    struct buf once;
    struct buf twice;
    uint64_t removed;

    check(data, size);
    buf_init(&once, size + 64);
    buf_init(&twice, size + 128);
    if (copy(data, size, &once, &removed)) {
        FUZZ_CHECK(copy((const uint8_t *)buf_text(&once), once.len, &twice, &removed));
        FUZZ_CHECK(removed == 0 && once.len == twice.len);
        FUZZ_CHECK(memcmp(buf_text(&once), buf_text(&twice), once.len) == 0);
    }
    buf_clear(&once);
    buf_clear(&twice);
    FUZZ_CHECK(log);
    while (left && (end = memchr(at, '\n', left))) {
        request_log_earlier(log, at, (size_t)(end - at));
        left -= (size_t)(end - at) + 1;
        at = end + 1;
    }
    request_log_free(log);
    return 0;
}
