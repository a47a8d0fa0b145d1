/* SPDX-License-Identifier: MIT */
#include "sync/assign.h"

#include "base/mem.h"
#include "base/text.h"
#include "catalog/audit_log.h"
#include "catalog/log_replay.h"
#include "catalog/relation.h"
#include "catalog/run_state.h"
#include "client/identity.h"
#include "storage/conditions.h"
#include "volumes/bucket_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_FROM 100000000 /* numbers in names of volumes that are random */
#define OTHERS_MAX ((size_t)1 << 27)

/*
 * Fail if another machine has recorded since that the place is divided in another way: the lock
 * of a bucket's work directory does not keep it off. Since each machine writes its entry before
 * it looks, at most one of several goes on.
 */
static int check_alone(struct db *catalog, const struct volume_store *store, int64_t known,
                       const struct shard *shard, struct err *err)
{
    int64_t now;
    int64_t others;

    if (!volume_store_is_remote(store))
        return 0;
    if (volume_store_refresh(store, err) < 0 || log_replay_update(catalog, store->dir, err) < 0)
        return -1;
    now = shard_records(catalog, err);
    others = shard_records_after(catalog, known, shard->n, err);
    if (now < 0 || others < 0)
        return -1;
    if (!others)
        return 0;
    return err_set(err, ERR_BUSY,
                   "another machine began to fill '%.200s' with a shard at the same time, "
                   "with another number of shards",
                   store->place);
}

/* Record in the directory's log that it is filled with a shard. */
static int write_down(struct db *catalog, const struct volume_store *store,
                      const struct shard *before, const struct shard *shard, int64_t at_ms,
                      struct err *err)
{
    int64_t known = shard_records(catalog, err);
    char text[SHARD_TEXT_MAX];
    char was[SHARD_TEXT_MAX] = "all runs";
    char reason[64];
    const struct audit_log_entry entry = { .at_ms = at_ms,
                                           .what = AUDIT_LOG_SHARD,
                                           .part = shard_text(text, shard),
                                           .reason = reason };

    if (shard_divides(before))
        (void)shard_text(was, before);
    (void)snprintf(reason, sizeof(reason), "%s; before: %s", text, was);
    if (known < 0 ||
        log_replay_add(catalog, store->dir, volume_store_log(store), &entry, 1, err) < 0)
        return -1;
    return check_alone(catalog, store, known, shard, err);
}

/* Change a copy of a catalog as write_down changes the catalog. */
static int pretend(struct db *catalog, const struct shard *shard, struct err *err)
{
    int rc = db_begin(catalog, err);

    if (rc == 0)
        rc = shard_changed(catalog, shard, err);
    if (rc == 0)
        return db_commit(catalog, err);
    db_rollback(catalog);
    return -1;
}

/* Make the catalog that of this shard; a copy that was fetched may be that of another one. */
static int turn(struct db *catalog, const struct shard *shard, struct err *err)
{
    int rc = db_begin(catalog, err);

    if (rc == 0)
        rc = shard_set_own(catalog, shard, err);
    if (rc > 0)
        rc = shard_changed(catalog, shard, err);
    if (rc == 0)
        return db_commit(catalog, err);
    db_rollback(catalog);
    return -1;
}

/* Whether a run is of the shard of this sync: the filter of a catalog that several fill. */
static int is_mine(struct db *catalog, void *ctx, const char *run_id)
{
    const struct assign *assign = ctx;
    struct err ignored;

    return shard_has(catalog, &assign->shard, run_id, &ignored);
}

/* Decide which shard it is. joins: set if it is another one of those that fill the place */
static int choose(struct assign *assign, const struct shard_choice *choice, struct db *catalog,
                  bool remote, bool *joins, struct err *err)
{
    const uint64_t n = choice->recorded.n;
    int64_t members = remote && n > 1 ? shard_members(catalog, n, 0, err) : 0;

    *joins = false;
    if (members < 0)
        return -1;
    if (remote && n > 1 && choice->asked.n == n) {
        assign->shard = choice->asked;
        members = shard_members(catalog, n, assign->shard.k, err);
        *joins = members == 0;
        return members < 0 ? -1 : 0;
    }
    if (members > 1 && !choice->asked.n)
        return err_set(err, ERR_USAGE,
                       "'%.200s' is filled by %lld of %llu shards: name one of them with "
                       "--shard K/%llu",
                       choice->dir, (long long)members, (unsigned long long)n,
                       (unsigned long long)n);
    return shard_choose(choice, &assign->shard, err);
}

/* Begin to share a bucket: the catalog may be that of another shard, and has runs of all. */
static int share(struct assign *assign, struct db *catalog, struct err *err)
{
    int64_t members = shard_members(catalog, assign->shard.n, 0, err);

    if (members < 0 || turn(catalog, &assign->shard, err) < 0)
        return -1;
    assign->shared = members > 1;
    if (assign->shared) {
        assign->catalog = catalog;
        db_filter(catalog, is_mine, assign);
    }
    return 0;
}

int assign_begin(struct assign *assign, const struct assign_opts *opts, struct db *catalog,
                 const struct volume_store *store, bool record, int64_t now_ms, struct err *err)
{
    const bool remote = volume_store_is_remote(store);
    struct shard_choice choice = {
        .dir = store->place, .asked = opts->shard, .change = opts->change, .bucket = remote
    };
    const struct shard *was = &choice.recorded;
    int64_t before_ms;
    bool joins;
    int filled;
    int rc = 0;

    *assign = (struct assign){ 0 };
    if (shard_recorded(catalog, &choice.recorded, &before_ms, err) < 0)
        return -1;
    filled = shard_is_filled(catalog, err);
    if (filled < 0)
        return -1;
    choice.filled = filled > 0;
    if (choose(assign, &choice, catalog, remote, &joins, err) < 0)
        return -1;
    if (!shard_divides(&assign->shard) && !was->n)
        return 0; /* all runs: what is not recorded */
    if (joins || assign->shard.n != was->n || (!remote && assign->shard.k != was->k))
        /* the last entry by its time counts, also if the clock went back */
        rc = record ? write_down(catalog, store, was, &assign->shard,
                                 was->n && now_ms <= before_ms ? before_ms + 1 : now_ms, err)
                    : pretend(catalog, &assign->shard, err);
    return rc == 0 && remote && shard_divides(&assign->shard) ? share(assign, catalog, err)
                                                              : rc;
}

/* How the lease's object is named. */
static int name_lease(struct assign *assign, const struct bucket_place *bucket,
                      const struct volume_store *store, struct err *err)
{
    char name[SHARD_TEXT_MAX + 8] = "all";
    char key[LOCATION_KEY_MAX + 1];
    char text[SHARD_TEXT_MAX];

    (void)snprintf(assign->lease_what, sizeof(assign->lease_what), "'%.300s'", store->place);
    if (shard_divides(&assign->shard)) {
        (void)snprintf(name, sizeof(name), "%llu-of-%llu", (unsigned long long)assign->shard.k,
                       (unsigned long long)assign->shard.n);
        (void)snprintf(assign->lease_what, sizeof(assign->lease_what), "shard %s of '%.300s'",
                       shard_text(text, &assign->shard), store->place);
    }
    if (bucket_place_key(bucket, key, BUCKET_LEASES, name, ".json", err) < 0)
        return -1;
    assign->lease_key = mem_copy(key, err);
    return assign->lease_key ? 0 : -1;
}

/* Check, once, that the store decides races: other machines write there, too. */
static int check_store(const struct volume_store *store, const struct bucket_place *bucket,
                       struct err *err)
{
    char *note = mem_format(err, "%s/conditions", store->dir);
    int rc = note ? conditions_require(bucket->location.bucket, bucket->location.key, note, err)
                  : -1;

    mem_free(note);
    return rc;
}

int assign_lease(struct assign *assign, const struct volume_store *store, struct err *err)
{
    const struct bucket_place *bucket;
    struct lease_opts opts = { .owner = assign->lease_owner, .what = assign->lease_what };
    int behind;

    if (!volume_store_is_remote(store))
        return 0;
    bucket = bucket_store_place(store->bucket);
    opts.bucket = bucket->location.bucket;
    opts.tool = bucket->tool;
    work_dir_owner(store->dir, assign->lease_owner);
    if (shard_divides(&assign->shard) && check_store(store, bucket, err) < 0)
        return -1;
    if (name_lease(assign, bucket, store, err) < 0)
        return -1;
    opts.key = assign->lease_key;
    if (lease_take(&assign->lease, &opts, err) < 0)
        return -1;
    if (!shard_divides(&assign->shard))
        volume_store_be_alone(store);
    /* who had it before may have archived more since the list was read */
    behind = bucket_store_is_behind(store->bucket, err);
    return behind > 0 ? volume_store_refresh(store, err) : behind;
}

unsigned assign_first(const struct assign *assign)
{
    char nonce[TEXT_NONCE];

    if (!assign->lease)
        return 0;
    return NAMES_FROM + (unsigned)(strtoull(text_nonce(nonce), NULL, 16) % NAMES_FROM);
}

void assign_clear(struct assign *assign)
{
    if (assign->catalog)
        db_filter(assign->catalog, NULL, NULL);
    lease_free(assign->lease);
    mem_free(assign->lease_key);
    mem_free(assign->others);
    *assign = (struct assign){ 0 };
}

/* Count a run of another shard. */
static int count_other(struct assign *assign, const char *run_id, struct err *err)
{
    if (mem_room(&assign->others, &assign->cap, assign->count, sizeof(*assign->others),
                 OTHERS_MAX, err) < 0)
        return -1;
    assign->others[assign->count++] = shard_hash(run_id);
    return 0;
}

static int by_value(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a;
    uint64_t second = *(const uint64_t *)b;

    return (first > second) - (first < second);
}

size_t assign_others(struct assign *assign)
{
    size_t kept = 0;
    size_t i;

    if (assign->count)
        qsort(assign->others, assign->count, sizeof(*assign->others), by_value);
    for (i = 0; i < assign->count; i++) {
        if (!kept || assign->others[kept - 1] != assign->others[i])
            assign->others[kept++] = assign->others[i];
    }
    assign->count = kept;
    return kept;
}

int assign_by(struct assign *assign, struct db *catalog, const char *run_id,
              const char *canonical, struct err *err)
{
    /* also if its other ID was just learned */
    int kept = assign->shared ? 0 : run_state_kept(catalog, run_id, err);
    int mine = assign->shared ? shard_has(catalog, &assign->shard, run_id, err) : 0;

    if (mine)
        return mine;
    if (kept || shard_takes(&assign->shard, canonical))
        return kept < 0 ? -1 : 1;
    return run_state_drop(catalog, run_id, err) < 0 || count_other(assign, canonical, err) < 0
               ? -1
               : 0;
}

int assign_run(struct assign *assign, struct db *catalog, const char *run_id,
               enum assign_verdict *verdict, struct err *err)
{
    char name[RELATION_ID_MAX + 1];
    const char *canonical;
    int here;

    *verdict = ASSIGN_HERE;
    if (!shard_divides(&assign->shard))
        return 0;
    here = run_state_kept(catalog, run_id, err);
    if (here > 0 && assign->shared && shard_has(catalog, &assign->shard, run_id, err) == 0) {
        *verdict = ASSIGN_ELSEWHERE; /* another shard has archived it */
        return count_other(assign, relation_name(catalog, run_id, name), err);
    }
    if (here)
        return here < 0 ? -1 : 0;
    canonical = relation_name(catalog, run_id, name);
    if (identity_is_task(canonical)) {
        *verdict = ASSIGN_UNDECIDED;
        return 0;
    }
    here = assign_by(assign, catalog, run_id, canonical, err);
    if (here == 0)
        *verdict = ASSIGN_ELSEWHERE;
    return here < 0 ? -1 : 0;
}
