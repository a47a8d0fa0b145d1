/* SPDX-License-Identifier: MIT */
/* catalog_dir: a catalog in a temporary directory, and functions that add volumes to it. */
#ifndef CATALOG_DIR_H
#define CATALOG_DIR_H

#include "catalog/contents.h"
#include "catalog/db.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char catalog_dir[64];
static struct db *catalog;

/* A cmocka setup: an empty catalog. */
static int catalog_set_up(void **state)
{
    (void)state;
    (void)snprintf(catalog_dir, sizeof(catalog_dir), "/tmp/skyarc-catalog-XXXXXX");
    if (!mkdtemp(catalog_dir))
        return -1;
    catalog = db_open(catalog_dir, DB_WRITE, NULL);
    return catalog ? 0 : -1;
}

/* A cmocka teardown. */
static int catalog_tear_down(void **state)
{
    static const char *const names[] = { "", "-wal", "-shm" };
    char path[128];
    size_t i;

    (void)state;
    db_free(catalog);
    for (i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof(path), "%s/" DB_NAME "%s", catalog_dir, names[i]);
        (void)unlink(path);
    }
    return rmdir(catalog_dir);
}

/* Enter a volume with one run of one artifact, which is called as the run is, with "_a" behind;
 * made is the run's time. */
__attribute__((unused)) static void catalog_enter(const char *volume, const char *run_id,
                                                  const char *status, int64_t made)
{
    char artifact_id[64];
    const struct contents_volume v = { .name = volume,
                                       .manifest_sha256 = "",
                                       .size = 100,
                                       .created_ms = 1000,
                                       .entered_ms = 2000,
                                       .verified_ms = 2000 };
    const struct contents_run run = { .run_id = run_id,
                                      .status = status,
                                      .prompt = "Buy 100% Milk_",
                                      .title = run_id,
                                      .created_at = made,
                                      .finished_at = made + 1,
                                      .artifacts = 1 };
    struct contents_artifact artifact = { .run_id = run_id,
                                          .artifact_id = artifact_id,
                                          .type = "html",
                                          .path = "data/x.html",
                                          .created_at = made,
                                          .size = 10 };
    int64_t id;

    (void)snprintf(artifact_id, sizeof(artifact_id), "%s_a", run_id);
    memset(artifact.sha256, run_id[strlen(run_id) - 1], SHA256_SIZE);
    assert_int_equal(db_begin(catalog, NULL), 0);
    assert_int_equal(contents_volume(catalog, &v, &id, NULL), 0);
    assert_int_equal(contents_run(catalog, id, &run, NULL), 0);
    assert_int_equal(contents_artifact(catalog, id, &artifact, NULL), 0);
    assert_int_equal(contents_end(catalog, id, "00", NULL), 0);
    assert_int_equal(db_commit(catalog, NULL), 0);
}

#endif
