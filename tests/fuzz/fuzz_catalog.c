/* SPDX-License-Identifier: MIT */
/*
 * A catalog with changed bytes, read by each function that reads catalogs.
 *
 * The input is a byte and then edits of a good catalog: 3 bytes of offset, 1 of length, and
 * what to put there. An even first byte leaves the pages' checksums as they are: then whoever
 * opens the catalog with the lock must notice. An odd one makes them right again, so that what
 * lies behind them is met: SQLite's own structures, and values of every kind in our columns.
 */
#include "base/digest.h"
#include "base/file.h"
#include "catalog/audit_log.h"
#include "catalog/contents.h"
#include "catalog/log_replay.h"
#include "catalog/page_checksum.h"
#include "catalog/run_state.h"
#include "catalog/search.h"
#include "fuzz.h"
#include "sync/fixity.h"
#include "sync/heal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VOLUME   "2026/11/skyarc-20261124T020000Z.tar.zst"
#define EDIT_MAX 32

static char dir[] = "/tmp/skyarc-fuzz-XXXXXX";
static char *base; /* a good catalog */
static size_t base_len;
static struct sha256 *sha;

static void clear_dir(void)
{
    DIR *d = opendir(dir);
    struct dirent *entry;

    while (d && (entry = readdir(d)))
        (void)unlinkat(dirfd(d), entry->d_name, 0);
    if (d)
        (void)closedir(d);
}

static void leave(void)
{
    clear_dir();
    (void)rmdir(dir);
    free(base);
    sha256_free(sha);
}

static void put(const char *name, const void *bytes, size_t len)
{
    char path[128];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    FUZZ_CHECK(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    (void)close(fd);
}

/* An archived run in a volume, a due run, a pruned run, and a lost run. */
static void fill(struct db *c)
{
    uint8_t digest[SHA256_SIZE] = { 1 };
    struct contents_volume volume = {
        .name = VOLUME, .manifest_sha256 = "ab", .size = 99, .tail = digest, .entered_ms = 5
    };
    struct contents_run run = { .run_id = "tsk_1",
                                .status = "completed",
                                .prompt = "buy milk",
                                .created_at = 1,
                                .finished_at = 2 };
    struct contents_artifact artifact = {
        .run_id = "tsk_1", .artifact_id = "a_1", .type = "html", .path = "data/tsk_1/a"
    };
    struct contents_missing missing = { "tsk_2", "a_9", "har", "gone", true };
    struct run_state_row row = { .run_id = "tsk_2", .status = "failed", .created_at = 3 };
    struct audit_log_entry lines[] = {
        { .at_ms = 1, .what = AUDIT_LOG_HOLD, .run_id = "tsk_1", .reason = "audit" },
        { .at_ms = 2, .what = AUDIT_LOG_PRUNE, .run_id = "tsk_3", .volume = VOLUME },
        { .at_ms = 3,
          .what = AUDIT_LOG_LOSE,
          .run_id = "tsk_4",
          .volume = VOLUME,
          .part = "a_4" },
    };
    struct err err;
    int64_t id;

    memcpy(artifact.sha256, digest, sizeof(digest));
    FUZZ_CHECK(db_begin(c, &err) == 0 && contents_volume(c, &volume, &id, &err) == 0 &&
               contents_run(c, id, &run, &err) == 0 &&
               contents_artifact(c, id, &artifact, &err) == 0 &&
               contents_missing(c, &missing, &err) == 0 &&
               contents_end(c, id, "ab", &err) == 0 &&
               run_state_set(c, "tsk_1", RUN_STATE_SEALED, 0, "x", &err) == 0 &&
               run_state_seen(c, &row, true, 7, &err) >= 0 &&
               run_state_intend(c, VOLUME, "tsk_2\n", &err) == 0 && db_commit(c, &err) == 0);
    FUZZ_CHECK(log_replay_add(c, dir, audit_log_no_origin(), lines,
                              sizeof(lines) / sizeof(*lines), &err) == 0);
}

static void begin(void)
{
    char path[128];
    struct err err;
    struct db *c;
    struct buf bytes;

    FUZZ_CHECK(mkdtemp(dir));
    (void)atexit(leave);
    sha = sha256_new(NULL);
    c = db_open(dir, DB_WRITE, &err);
    FUZZ_CHECK(c && sha);
    fill(c);
    db_free(c);
    (void)snprintf(path, sizeof(path), "%s/" DB_NAME, dir);
    buf_init(&bytes, (size_t)4 << 20);
    FUZZ_CHECK(file_load(path, stop_never(), &bytes, &err) == 0);
    base = malloc(bytes.len);
    FUZZ_CHECK(base && bytes.len % PAGE_CHECKSUM_PAGE == 0);
    memcpy(base, bytes.data, bytes.len);
    base_len = bytes.len;
    buf_clear(&bytes);
}

static void reseal(unsigned char *bytes)
{
    uint8_t digest[SHA256_SIZE];
    size_t i;

    for (i = 0; i < base_len / PAGE_CHECKSUM_PAGE; i++) {
        unsigned char *page = bytes + i * PAGE_CHECKSUM_PAGE;
        unsigned char head[4] = { 0, 0, (unsigned char)((i + 1) >> 8), (unsigned char)(i + 1) };

        sha256_add(sha, head, sizeof(head));
        sha256_add(sha, page, PAGE_CHECKSUM_PAGE - PAGE_CHECKSUM_SIZE);
        sha256_end(sha, digest);
        memcpy(page + PAGE_CHECKSUM_PAGE - PAGE_CHECKSUM_SIZE, digest, PAGE_CHECKSUM_SIZE);
    }
}

static int on_volume(void *ctx, const struct contents_volume *v, struct err *err)
{
    (void)ctx;
    (void)err;
    FUZZ_CHECK(v->name && v->manifest_sha256);
    return 0;
}

static int on_text(void *ctx, const char *text, struct err *err)
{
    (void)ctx;
    (void)err;
    FUZZ_CHECK(strlen(text) < SIZE_MAX);
    return 0;
}

static int on_pair(void *ctx, const char *a, const char *b, struct err *err)
{
    (void)ctx;
    (void)err;
    FUZZ_CHECK(strlen(a) + strlen(b) < SIZE_MAX);
    return 0;
}

static int on_content(void *ctx, const char *volume, const char *run_id, uint64_t bytes,
                      struct err *err)
{
    (void)bytes;
    return on_pair(ctx, volume, run_id, err);
}

static int on_found(void *ctx, const struct search_row *row, struct err *err)
{
    (void)ctx;
    (void)err;
    FUZZ_CHECK(row->volume && row->run_id);
    return 0;
}

static int on_kept(void *ctx, const struct contents_kept *run, struct err *err)
{
    (void)ctx;
    (void)err;
    FUZZ_CHECK(run->run_id);
    return 0;
}

static int on_state(void *ctx, const struct run_state_row *row, struct err *err)
{
    (void)ctx;
    (void)err;
    FUZZ_CHECK(row->run_id && row->state);
    return 0;
}

static int on_lost(void *ctx, const char *run_id, const char *volume, int64_t parts,
                   struct err *err)
{
    (void)parts;
    return on_pair(ctx, run_id, volume, err);
}

static int on_hold(void *ctx, const struct audit_log_entry *hold, struct err *err)
{
    return on_pair(ctx, hold->run_id, hold->reason, err);
}

/* The queries of find, cat, hold and --list-safe; they may fail. */
static void read_all(struct db *c)
{
    static const char *const types[] = { "html" };
    struct search all = { .since = DB_UNKNOWN, .until = DB_UNKNOWN };
    struct search some = { .types = types,
                           .type_count = 1,
                           .text = "milk",
                           .since = 0,
                           .until = INT64_MAX,
                           .limit = 9 };
    struct search runs = { .since = DB_UNKNOWN, .until = DB_UNKNOWN, .runs = true };
    struct frontier frontier;
    char name[64];
    char hex[SHA256_TEXT];
    struct err err;
    int rc = 0;

    rc += search_run(c, &all, on_found, NULL, &err);
    rc += search_run(c, &some, on_found, NULL, &err);
    rc += search_run(c, &runs, on_found, NULL, &err);
    rc += search_sealed(c, INT64_MAX, on_text, NULL, &err);
    rc += contents_volumes(c, on_volume, NULL, &err);
    rc += contents_volumes_of(c, "tsk_1", on_volume, NULL, &err);
    rc += contents_parts(c, VOLUME, on_pair, NULL, &err);
    rc += contents_supplements(c, on_pair, NULL, &err);
    rc += contents_run_sizes(c, on_content, NULL, &err);
    rc += contents_runs(c, on_kept, NULL, &err);
    rc += contents_volume_with(c, "a_1", name, sizeof(name));
    rc += contents_newest(c, name, sizeof(name), hex);
    rc += run_state_each_lost(c, false, on_lost, NULL, &err);
    rc += run_state_frontier(c, "x", &frontier, &err);
    rc += log_replay_holds(c, on_hold, NULL, &err);
    rc += log_replay_held(c, "tsk_1", name, sizeof(name));
    FUZZ_CHECK(rc > -1000);
}

/* The steps of a sync before its first request. */
static void heal(struct db *c)
{
    const struct volume_store store = { .place = dir, .dir = dir };
    struct fixity_found found = { 0 };
    struct run_state_which which = {
        .state = RUN_STATE_DUE, .now_ms = 9, .horizon = 1, .most = 9
    };
    const char *name;
    const char *runs;
    struct err err;

    if (log_replay_update(c, dir, &err) < 0 || fixity_look(c, &store, 9, &found, &err) < 0 ||
        db_begin(c, &err) < 0)
        return;
    if (heal_mend(c, 9, &err) < 0) {
        db_rollback(c);
        return;
    }
    if (db_commit(c, &err) < 0 || run_state_each(c, &which, on_state, NULL, &err) < 0)
        return;
    if (run_state_intent(c, &name, &runs, &err) > 0)
        (void)on_pair(NULL, name, runs, &err);
    run_state_intent_done(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *bytes;
    struct db *c;
    struct err err;
    bool sealed = size && (data[0] & 1);
    bool changed;
    size_t at = 1;

    if (!base)
        begin();
    bytes = malloc(base_len);
    FUZZ_CHECK(bytes);
    memcpy(bytes, base, base_len);
    while (at + 4 <= size) {
        size_t offset =
            ((size_t)data[at] << 16 | (size_t)data[at + 1] << 8 | data[at + 2]) % base_len;
        size_t len = data[at + 3] % EDIT_MAX + 1;

        at += 4;
        len = len < size - at ? len : size - at;
        len = len < base_len - offset ? len : base_len - offset;
        memcpy(bytes + offset, data + at, len);
        at += len;
    }
    if (sealed)
        reseal(bytes);
    changed = memcmp(bytes, base, base_len) != 0;
    clear_dir();
    put(DB_NAME, bytes, base_len);
    free(bytes);
    c = db_open(dir, DB_READ, &err);
    if (c)
        read_all(c);
    db_free(c);
    c = db_open(dir, DB_WRITE, &err);
    FUZZ_CHECK(sealed || !changed || !c);
    if (c)
        heal(c);
    db_free(c);
    return 0;
}
