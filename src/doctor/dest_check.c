/* SPDX-License-Identifier: MIT */
#include "doctor/dest_check.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/text.h"
#include "catalog/contents.h"
#include "catalog/db.h"
#include "catalog/run_state.h"
#include "catalog/shard.h"
#include "catalog/sync_log.h"
#include "doctor/disk_check.h"
#include "volumes/lock.h"
#include "volumes/volume_store.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define DAY_MS ((int64_t)86400 * 1000)
#define NIGHTS 14               /* nights whose volumes are looked at */
#define LATE   (DAY_MS / 2 * 3) /* a nightly sync that succeeded longer ago is late */
#define REMAKE "run skyarc sync --dest DIR --rebuild: the volumes have all that it needs"

/* What the catalog says of the volumes, compared with the disk. */
struct volumes {
    const struct volume_store *store;
    int64_t now_ms;
    uint64_t nights[NIGHTS]; /* bytes of each of the last days' volumes */
    size_t count;
    size_t gone;
    size_t differing;
    char example[VOLUME_NAME]; /* a volume that is gone or differs */
};

static int look_at(void *ctx, const struct contents_volume *volume, struct err *err)
{
    struct volumes *v = ctx;
    int64_t age = v->now_ms - volume->created_ms;
    struct volume_seen seen;
    int there = volume_store_stat(v->store, volume->name, &seen, err);

    if (there < 0)
        return -1;
    v->count++;
    if (volume->created_ms != DB_UNKNOWN && age >= 0 && age < NIGHTS * DAY_MS)
        v->nights[age / DAY_MS] += volume->size;
    if (!there)
        v->gone++;
    else if (!seen.regular || seen.size != volume->size)
        v->differing++;
    if (v->gone + v->differing == 1 && !*v->example)
        (void)text_shown(v->example, sizeof(v->example), volume->name);
    return 0;
}

/* Compare the volumes with the disk. Returns the size of the largest night. */
static uint64_t check_volumes(struct db *catalog, const struct volume_store *store,
                              int64_t now_ms, struct findings *findings)
{
    struct volumes v = { .store = store, .now_ms = now_ms };
    struct err err = { 0 };
    uint64_t most = 0;
    size_t i;

    if (contents_volumes(catalog, look_at, &v, &err) < 0) {
        finding_add(findings, "catalog", FINDING_ERROR, REMAKE, "%s", err.text);
        return 0;
    }
    if (v.gone || v.differing)
        finding_add(findings, "volumes", FINDING_ERROR,
                    "restore them from a copy, or let the next sync fetch their runs again",
                    "%zu of %zu gone, %zu of another size, such as '%s'", v.gone, v.count,
                    v.differing, v.example);
    else
        finding_add(findings, "volumes", FINDING_OK, NULL, "%zu, each there and of its size",
                    v.count);
    for (i = 0; i < NIGHTS; i++)
        most = v.nights[i] > most ? v.nights[i] : most;
    return most;
}

/* Report the last sync. */
static void check_last(struct db *catalog, int64_t now_ms, struct findings *findings)
{
    struct sync_last last;
    struct err err = { 0 };
    char ago[TEXT_SIZE_MAX] = "never";
    int64_t age = 0;

    if (sync_log_last(catalog, &last, &err) < 0) {
        finding_add(findings, "catalog", FINDING_ERROR, REMAKE, "%s", err.text);
        return;
    }
    if (last.success_ms != DB_UNKNOWN) {
        age = now_ms - last.success_ms;
        (void)text_ago(ago, age > 0 ? (uint64_t)age / 1000 : 0);
    }
    if (sync_log_has_failed(last.outcome))
        finding_add(findings, "last-sync", FINDING_ERROR,
                    "run it by hand with -v; see its log (journalctl -u skyarc-sync)",
                    "%s%s%s; the last success: %s", last.outcome, *last.error ? ": " : "",
                    last.error, ago);
    else if (last.success_ms == DB_UNKNOWN || age > LATE)
        finding_add(findings, "last-sync", FINDING_WARNING,
                    "look whether cron or skyarc-sync.timer starts it every night",
                    "the last success: %s", ago);
    else
        finding_add(findings, "last-sync", FINDING_OK, NULL, "%s, %s", last.outcome, ago);
}

/* Report which runs the directory is filled with, if not all. */
static void check_shard(struct db *catalog, struct findings *findings)
{
    char text[SHARD_TEXT_MAX];
    struct shard shard;
    struct err err = { 0 };
    int64_t members = 0;

    if (shard_recorded(catalog, &shard, NULL, &err) < 0 ||
        (members = shard_members(catalog, shard.n, 0, &err)) < 0)
        finding_add(findings, "catalog", FINDING_ERROR, REMAKE, "%s", err.text);
    else if (shard_divides(&shard) && members > 1)
        finding_add(findings, "shard", FINDING_OK, NULL,
                    "%lld of %llu shards fill this prefix, each run being of one of them",
                    (long long)members, (unsigned long long)shard.n);
    else if (shard_divides(&shard))
        finding_add(findings, "shard", FINDING_OK, NULL,
                    "%s; the runs of other shards are in other directories",
                    shard_text(text, &shard));
}

/* Report a catalog that cannot be opened. */
static void tell_unopened(const struct err *err, struct findings *findings)
{
    switch (err->kind) {
    case ERR_NOT_FOUND:
        finding_add(findings, "catalog", FINDING_OK, NULL, "none yet: the first sync makes it");
        break;
    case ERR_MISMATCH:
        finding_add(findings, "catalog", FINDING_OK, NULL,
                    "made by an older skyarc: the next sync converts it");
        break;
    case ERR_LIMIT:
        finding_add(findings, "catalog", FINDING_ERROR, "install that version", "%s",
                    err->text);
        break;
    case ERR_BUSY:
        finding_add(findings, "catalog", FINDING_WARNING, "try again when the sync has ended",
                    "%s", err->text);
        break;
    default:
        finding_add(findings, "catalog", FINDING_ERROR, REMAKE, "%s", err->text);
        break;
    }
}

/* Check the catalog and what it says. Returns the size of the largest night; 0: not known. */
static uint64_t check_catalog(const struct volume_store *store, int64_t now_ms,
                              struct findings *findings)
{
    struct err err = { 0 };
    struct db *catalog = db_open(store->dir, DB_READ, &err);
    uint64_t night;
    int64_t lost;

    if (!catalog) {
        tell_unopened(&err, findings);
        return 0;
    }
    lost = run_state_count_lost(catalog, &err);
    if (lost < 0) {
        finding_add(findings, "catalog", FINDING_ERROR, REMAKE, "%s", err.text);
        db_free(catalog);
        return 0;
    }
    finding_add(findings, "catalog", FINDING_OK, NULL, "can be read");
    if (lost > 0)
        finding_add(findings, "lost", FINDING_WARNING, "see skyarc sync --list-lost",
                    "%lld run%s with artifacts of a lost volume that the service no longer has",
                    (long long)lost, lost == 1 ? "" : "s");
    check_shard(catalog, findings);
    check_last(catalog, now_ms, findings);
    night = check_volumes(catalog, store, now_ms, findings);
    db_free(catalog);
    return night;
}

static void check_lock(const char *dir, struct findings *findings)
{
    char holder[LOCK_HOLDER_MAX];

    switch (lock_look(dir, holder)) {
    case LOCK_HELD:
        finding_add(findings, "lock", FINDING_WARNING,
                    "wait until it has ended; --lock-wait makes a sync wait",
                    "another skyarc is using '%s': %s", dir, holder);
        break;
    case LOCK_FREE:
        finding_add(findings, "lock", FINDING_OK, NULL, "free");
        break;
    case LOCK_UNREADABLE:
        finding_add(findings, "lock", FINDING_ERROR,
                    "run all skyarc commands on this directory as its owner",
                    "'%s/lock' cannot be read: %s", dir, strerror(errno));
        break;
    }
}

/* Check the directory in which a first sync would create dir. */
static void check_parent(const char *dir, struct findings *findings)
{
    char *trimmed = mem_copy(dir, NULL);
    char *parent = NULL;
    struct stat st;

    if (trimmed) {
        path_trim(trimmed);
        parent = path_dir(trimmed);
    }
    if (!parent)
        finding_add(findings, "directory", FINDING_ERROR, NULL, "out of memory");
    else if (stat(parent, &st) < 0 || !S_ISDIR(st.st_mode))
        finding_add(findings, "directory", FINDING_ERROR, "make it, or correct --dest",
                    "neither '%s' nor '%s' exists", dir, parent);
    else {
        finding_add(findings, "directory", FINDING_OK, NULL,
                    "'%s' does not exist yet: the first sync makes it", dir);
        disk_check(parent, findings);
        disk_check_space(parent, 0, findings);
    }
    mem_free(parent);
    mem_free(trimmed);
}

void dest_check(const char *dir, int64_t now_ms, struct findings *findings)
{
    struct volume_store store = { 0 };
    struct err err;
    struct stat st;

    if (stat(dir, &st) < 0 && errno == ENOENT) {
        check_parent(dir, findings);
        return;
    }
    if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode)) {
        finding_add(findings, "directory", FINDING_ERROR, "correct --dest",
                    "'%s' is not a directory that can be used", dir);
        return;
    }
    disk_check(dir, findings);
    check_lock(dir, findings);
    if (volume_store_open_place(&store, dir, &err) == 0)
        disk_check_space(dir, check_catalog(&store, now_ms, findings), findings);
    volume_store_close(&store);
}
