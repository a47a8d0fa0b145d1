/* SPDX-License-Identifier: MIT */
#include "sync/catch_up.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/contents.h"
#include "catalog/log_replay.h"
#include "sync/catalog_import.h"
#include "sync/heal.h"
#include "volumes/lock.h"

#define NAMES_MAX ((size_t)1 << 24)

struct catching_up {
    struct db *catalog;
    const struct volume_store *store;
    struct catalog_import_opts how;
    struct text_list names;
};

static int on_unknown(void *ctx, const char *name, uint64_t size, struct err *err)
{
    struct catching_up *c = ctx;
    int there = contents_has(c->catalog, name, err);

    (void)size;
    return there < 0 ? -1 : there ? 0 : text_list_add(&c->names, name, NAMES_MAX, err);
}

/* Import the volumes that the catalog lacks. One that cannot be is told of, and is left to the
 * next sync. */
static int import(struct catching_up *c, struct err *err)
{
    struct heal_reader reader = catalog_import_reader(&c->how);
    size_t i;
    int rc = volume_store_each(c->store, on_unknown, c, err);

    for (i = 0; rc == 0 && i < c->names.count; i++) {
        enum fixity_fault fault;
        struct err why;
        int verdict = reader.enter(reader.ctx, c->catalog, c->names.at[i], &fault, &why);

        if (verdict < 0) {
            *err = why;
            rc = -1;
        } else if (verdict != HEAL_GOOD) {
            log_line(LOG_WARNING, "%s", why.text);
        }
        if (rc == 0)
            rc = stop_check(&c->how.stop, err);
    }
    text_list_clear(&c->names);
    return rc;
}

static int on_volume(void *ctx, const struct contents_volume *v, struct err *err)
{
    struct catching_up *c = ctx;
    struct volume_seen seen;
    int there = volume_store_stat(c->store, v->name, &seen, err);
    int told;

    if (there)
        return there < 0 ? -1 : 0;
    told = log_replay_told_gone(c->catalog, v->name, err);
    return told > 0 ? text_list_add(&c->names, v->name, NAMES_MAX, err) : told;
}

/* Remove the volumes that the log says are gone, and adapt the states of the runs. */
static int forget(struct catching_up *c, struct err *err)
{
    size_t i;
    int rc = contents_volumes(c->catalog, on_volume, c, err);

    if (rc == 0)
        rc = db_begin(c->catalog, err);
    for (i = 0; rc == 0 && i < c->names.count; i++)
        rc = contents_remove(c->catalog, c->names.at[i], err);
    if (rc == 0)
        rc = heal_mend(c->catalog, c->how.now_ms, err);
    if (rc == 0)
        rc = db_commit(c->catalog, err);
    else
        db_rollback(c->catalog);
    text_list_clear(&c->names);
    return rc;
}

/* Open the catalog to write; a damaged one is made again. */
static struct db *open_to_write(const struct volume_store *store, struct err *err)
{
    struct db *catalog =
        volume_store_fetch_catalog(store, err) < 0 ? NULL : db_open(store->dir, DB_WRITE, err);

    if (catalog || err->kind != ERR_FORMAT)
        return catalog;
    log_line(LOG_WARNING, "%s; it is made again from the bucket", err->text);
    return db_set_aside(store->dir, "damaged", err) < 0 ? NULL
                                                        : db_open(store->dir, DB_WRITE, err);
}

static int update(const struct volume_store *store, struct stop stop, struct err *err)
{
    struct catching_up c = { .store = store };
    int rc = volume_store_refresh(store, err);

    c.how = catalog_import_defaults(store, clock_wall(), stop);
    c.catalog = rc == 0 ? open_to_write(store, err) : NULL;
    rc = c.catalog ? log_replay_update(c.catalog, store->dir, err) : -1;
    if (rc == 0)
        rc = import(&c, err);
    if (rc == 0)
        rc = forget(&c, err);
    db_free(c.catalog);
    return rc;
}

int catch_up(const struct volume_store *store, struct stop stop, struct err *err)
{
    struct lock lock = { -1 };
    struct db *catalog = NULL;
    int rc;

    if (!volume_store_is_remote(store))
        return 0;
    if (heal_is_sync_dir(store, err) < 0 || volume_store_make(store, err) < 0)
        return -1;
    rc = lock_take(&lock, store->dir, 0, stop, err);
    if (rc == 0) {
        rc = update(store, stop, err);
    } else if (err->kind == ERR_BUSY) {
        struct err why;

        catalog = db_open(store->dir, DB_READ, &why);
        rc = catalog ? 0 : -1;
        db_free(catalog);
    }
    lock_drop(&lock);
    return rc;
}

struct db *catch_up_open(const struct volume_store *store, enum db_mode mode, bool fresh,
                         struct stop stop, struct err *err)
{
    struct db *catalog =
        fresh && volume_store_is_remote(store) ? NULL : db_open(store->dir, mode, err);

    if (catalog || !volume_store_is_remote(store))
        return catalog;
    return catch_up(store, stop, err) < 0 ? NULL : db_open(store->dir, mode, err);
}
