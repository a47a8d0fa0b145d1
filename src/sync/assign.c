/* SPDX-License-Identifier: MIT */
#include "sync/assign.h"

#include "base/mem.h"
#include "catalog/audit_log.h"
#include "catalog/log_replay.h"
#include "catalog/relation.h"
#include "catalog/run_state.h"
#include "client/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OTHERS_MAX ((size_t)1 << 27)

/*
 * Fail if another machine has recorded a shard since `known` entries were there: the lock of a
 * bucket's work directory does not keep it off. Since each machine writes its entry before it
 * looks, at most one of several goes on.
 */
static int check_alone(struct db *catalog, const struct volume_store *store, int64_t known,
                       struct err *err)
{
    int64_t now;

    if (!volume_store_is_remote(store))
        return 0;
    if (volume_store_refresh(store, err) < 0 || log_replay_update(catalog, store->dir, err) < 0)
        return -1;
    now = shard_records(catalog, err);
    if (now < 0 || now == known + 1)
        return now < 0 ? -1 : 0;
    return err_set(err, ERR_BUSY,
                   "another machine began to fill '%.200s' with a shard at the same time; each "
                   "shard needs a prefix of its own",
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
    return check_alone(catalog, store, known, err);
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

int assign_begin(struct assign *assign, const struct assign_opts *opts, struct db *catalog,
                 const struct volume_store *store, bool record, int64_t now_ms, struct err *err)
{
    struct shard_choice choice = { .dir = store->place,
                                   .asked = opts->shard,
                                   .change = opts->change };
    int64_t before_ms;
    int filled;

    *assign = (struct assign){ 0 };
    if (shard_recorded(catalog, &choice.recorded, &before_ms, err) < 0)
        return -1;
    filled = shard_is_filled(catalog, err);
    if (filled < 0)
        return -1;
    choice.filled = filled > 0;
    if (shard_choose(&choice, &assign->shard, err) < 0)
        return -1;
    if (assign->shard.n == choice.recorded.n && assign->shard.k == choice.recorded.k)
        return 0;
    if (!shard_divides(&assign->shard) && !choice.recorded.n)
        return 0; /* all runs: what is not recorded */
    if (!record)
        return pretend(catalog, &assign->shard, err);
    /* the last entry by its time counts, also if the clock went back */
    return write_down(catalog, store, &choice.recorded, &assign->shard,
                      choice.recorded.n && now_ms <= before_ms ? before_ms + 1 : now_ms, err);
}

void assign_clear(struct assign *assign)
{
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
    int kept = run_state_kept(catalog, run_id, err); /* also if its other ID was just learned */

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
