/* SPDX-License-Identifier: MIT */
#include "volumes/orphans.h"

#include "attest/proof.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/contents.h"
#include "catalog/log_replay.h"
#include "reader/manifest_scan.h"
#include "s3/object_list.h"
#include "s3/unfinished.h"
#include "s3/upload_list.h"
#include "storage/remote.h"
#include "volumes/dir_store.h"
#include "volumes/work_dir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define UPLOADS_OLD ((int64_t)7 * 86400 * 1000) /* ms after which an upload counts as left */
#define KEYS_MAX    ((size_t)1 << 16)
#define KEPT        "superseded" /* the file of the work directory, and how names end */
#define KEPT_MAX    ((size_t)1 << 20)

/* How much of a volume the catalog has. */
struct share {
    struct db *catalog;
    size_t has;
    size_t lacks;
};

static void count(struct share *share, bool has)
{
    share->has += has;
    share->lacks += !has;
}

/* Whether the catalog has a run, or it was pruned: 1, 0 or -1. */
static int has_run(struct share *share, const char *run_id, struct err *err)
{
    char other[VOLUME_NAME];

    return contents_volume_of(share->catalog, run_id, other, sizeof(other))
               ? 1
               : log_replay_pruned(share->catalog, run_id, err);
}

static int on_run(struct share *share, const char *text, size_t len, struct region *region,
                  struct err *err)
{
    struct manifest_read_run row;
    int has;

    if (manifest_read_run(&row, text, len, region, err) < 0)
        return -1;
    if (row.error || !row.run_id)
        return 0;
    has = has_run(share, row.run_id, err);
    count(share, has > 0);
    return has < 0 ? -1 : 0;
}

static int on_artifact(struct share *share, const char *text, size_t len, struct region *region,
                       struct err *err)
{
    struct manifest_read_artifact row;
    int has;

    if (manifest_read_artifact(&row, text, len, region, err) < 0)
        return -1;
    if (!row.artifact_id || !row.run_id) /* a record of the run */
        return 0;
    has = contents_has_good(share->catalog, row.run_id, row.artifact_id, err);
    if (has == 0)
        has = log_replay_pruned(share->catalog, row.run_id, err);
    count(share, has > 0);
    return has < 0 ? -1 : 0;
}

static int on_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    struct region *region;
    int rc = 0;

    if (section != MANIFEST_READ_RUNS && section != MANIFEST_READ_ARTIFACTS)
        return 0;
    region = region_new(err);
    if (!region)
        return -1;
    rc = section == MANIFEST_READ_RUNS ? on_run(ctx, text, len, region, err)
                                       : on_artifact(ctx, text, len, region, err);
    region_free(region);
    return rc;
}

/* Compare a volume's manifest with the catalog. */
static int compare(const char *address, struct share *share, struct err *err)
{
    struct manifest_digests digests;

    return manifest_scan_path(address, remote_stop(), on_row, share, &digests, err);
}

static int compare_object(const struct orphans_opts *o, const char *name, struct share *share,
                          struct err *err)
{
    char key[LOCATION_KEY_MAX + 1];
    char *address = NULL;
    int rc = bucket_place_key(o->bucket, key, "", name, "", err);

    if (rc == 0)
        address = mem_format(err, LOCATION_SCHEME "%s/%s", o->bucket->location.bucket, key);
    rc = address ? compare(address, share, err) : -1;
    mem_free(address);
    return rc;
}

/* Have it decided that a volume is never committed, then delete it. */
static int remove_orphan(const struct orphans_opts *o, struct bucket_volume *v, struct err *err)
{
    struct commit_claim claim = { .bucket = o->bucket,
                                  .client = o->bucket->client,
                                  .volume = v->name,
                                  .sha256 = "",
                                  .session = o->session,
                                  .base = o->base };

    if (commit_sequence_claim(&claim, err) < 0)
        return -1;
    if (claim.verdict == COMMIT_DONE) /* its writer was faster: the next sync sees it */
        return 0;
    if (orphans_delete(o->bucket, v->name, err) < 0)
        return -1;
    v->there = false;
    log_line(LOG_WARNING,
             "removed '%s', which was uploaded and never committed: all of it is in other "
             "volumes",
             v->name);
    return 0;
}

int orphans_judge(const struct orphans_opts *o, struct bucket_volume *v, bool *adoptable,
                  struct err *err)
{
    struct share share = { .catalog = o->catalog };
    enum commit_verdict verdict;
    struct err why = { 0 };

    *adoptable = false;
    if (commit_sequence_of(o->sequence, o->bucket->client, v->name, &verdict, err) < 0)
        return -1;
    if (verdict == COMMIT_SUPERSEDED) { /* whoever declared it void was killed then */
        v->there = false;
        return orphans_delete(o->bucket, v->name, err);
    }
    if (verdict == COMMIT_DONE ||
        (!o->alone && (v->modified_ms == CLOCK_NONE ||
                       bucket_place_now(o->bucket) - v->modified_ms < ORPHANS_AGE)))
        return 0;
    if (compare_object(o, v->name, &share, &why) < 0 &&
        (err_is_damage(&why) || why.kind == ERR_NOT_FOUND)) {
        log_line(LOG_ERROR,
                 "'%s' is in the bucket, has no commit record, and cannot be read: %s", v->name,
                 why.text);
        return 0;
    }
    if (why.kind) {
        *err = why;
        return -1;
    }
    *adoptable = !share.has;
    if (share.has && share.lacks)
        log_line(LOG_WARNING,
                 "'%s' was uploaded and not committed, and a part of it is in no other volume: "
                 "it stays until that is archived",
                 v->name);
    return share.has && !share.lacks ? remove_orphan(o, v, err) : 0;
}

int orphans_keep(const char *dir, const char *name, struct err *err)
{
    char *path = dir_store_read(dir, name, err);
    char out[VOLUME_NAME];
    int rc = path ? 0 : -1;

    if (rc == 0 && access(path, F_OK) == 0) {
        char line[VOLUME_NAME + 1];

        (void)snprintf(line, sizeof(line), "%s\n", name);
        work_dir_add_line(dir, KEPT, line);
        rc = dir_store_set_aside(dir, name, KEPT, out, err);
    }
    mem_free(path);
    return rc;
}

/* The volumes that were kept, while they are looked at. */
struct kept {
    const char *dir;
    struct db *catalog;
    struct buf lines; /* of those that stay */
    bool fewer;
};

/* Remove a file and its proofs. */
static int remove_kept(const char *path, struct err *err)
{
    unsigned i;

    for (i = 0; i < PROOF_MOST; i++) {
        char *proof = proof_path(path, i, err);
        int rc = proof ? unlink(proof) : -1;

        if (proof && rc < 0 && errno != ENOENT)
            (void)err_sys(err, "cannot remove '%s'", proof);
        else
            rc = proof ? 0 : -1;
        mem_free(proof);
        if (rc < 0)
            return -1;
    }
    return unlink(path) < 0 ? err_sys(err, "cannot remove '%s'", path) : 0;
}

/* 1: it is gone, 0: it stays, -1 */
static int release(const struct kept *kept, const char *path, struct err *err)
{
    struct share share = { .catalog = kept->catalog };
    struct err why = { 0 };

    if (access(path, F_OK) < 0)
        return errno == ENOENT ? 1 : err_sys(err, "cannot read '%s'", path);
    if (compare(path, &share, &why) < 0) {
        if (why.kind == ERR_CANCELLED || why.kind == ERR_MEMORY) {
            *err = why;
            return -1;
        }
        log_line(LOG_ERROR, "'%s' does not count, and cannot be compared: %s", path, why.text);
        return 0;
    }
    if (!share.lacks)
        return remove_kept(path, err) < 0 ? -1 : 1;
    log_line(
        LOG_WARNING,
        "'%s' does not count, since other machines have committed runs of it, but no volume "
        "has the rest: it stays until that is archived",
        path);
    return 0;
}

static int on_kept(void *ctx, char *line, struct err *err)
{
    struct kept *kept = ctx;
    struct volume_name parts;
    char *path;
    int gone;

    if (!volume_name_parse(&parts, line))
        return 0;
    path = mem_format(err, "%s/%s." KEPT, kept->dir, line);
    gone = path ? release(kept, path, err) : -1;
    mem_free(path);
    if (gone < 0)
        return -1;
    kept->fewer |= gone > 0;
    return gone ? 0 : buf_addf(&kept->lines, err, "%s\n", line);
}

int orphans_release(const char *dir, struct db *catalog, struct err *err)
{
    struct kept kept = { .dir = dir, .catalog = catalog };
    char *path = mem_format(err, "%s/" KEPT, dir);
    struct buf lines;
    int rc = path ? 0 : -1;

    buf_init(&lines, KEPT_MAX);
    buf_init(&kept.lines, KEPT_MAX);
    if (rc == 0 && access(path, F_OK) == 0) {
        rc = file_load(path, remote_stop(), &lines, err);
        if (rc == 0)
            rc = buf_each_line(&lines, on_kept, &kept, err);
        if (rc == 0 && kept.fewer)
            rc = kept.lines.len     ? file_put(path, kept.lines.data, kept.lines.len, 0600, err)
                 : unlink(path) < 0 ? err_sys(err, "cannot remove '%s'", path)
                                    : 0;
    }
    buf_clear(&lines);
    buf_clear(&kept.lines);
    mem_free(path);
    return rc;
}

/* The objects of a volume being listed. */
struct parts {
    const struct bucket_place *bucket;
    const char *name;
    struct text_list keys;
};

static int on_part(void *ctx, const struct object_listed *object, struct err *err)
{
    struct parts *p = ctx;
    const char *end =
        object->key + strlen(p->bucket->location.key) + strlen(p->name); /* it begins so */
    unsigned i;
    bool is = !*end;

    for (i = 0; !is && i < PROOF_MOST; i++) {
        char *proof = proof_path("", i, err);

        if (!proof)
            return -1;
        is = strcmp(end, proof) == 0;
        mem_free(proof);
    }
    return is ? text_list_add(&p->keys, object->key, KEYS_MAX, err) : 0;
}

int orphans_delete(struct bucket_place *b, const char *name, struct err *err)
{
    struct parts p = { .bucket = b, .name = name };
    char key[LOCATION_KEY_MAX + 1];
    size_t i;
    int rc = bucket_place_key(b, key, "", name, "", err);

    if (rc == 0)
        rc = object_list(b->client, key, NULL, on_part, &p, err);
    for (i = p.keys.count; rc == 0 && i > 0; i--) /* the volume last: it leads to the others */
        rc = object_delete(b->client, p.keys.at[i - 1], err);
    text_list_clear(&p.keys);
    return rc;
}

/* Uploads that were broken off, while they are listed. */
struct old_uploads {
    const struct bucket_place *bucket;
    int64_t before_ms;
    struct text_list keys; /* and IDs, in turn */
};

static int on_upload(void *ctx, const struct upload_listed *listed, struct err *err)
{
    struct old_uploads *old = ctx;
    const char *below = listed->key + strlen(old->bucket->location.key);
    struct volume_name parts;

    if ((!volume_name_parse(&parts, below) &&
         strncmp(below, BUCKET_INDEX, strlen(BUCKET_INDEX)) != 0) ||
        listed->when_ms == CLOCK_NONE || listed->when_ms >= old->before_ms)
        return 0;
    return text_list_add(&old->keys, listed->key, SIZE_MAX / 2, err) < 0 ||
                   text_list_add(&old->keys, listed->id, SIZE_MAX / 2, err) < 0
               ? -1
               : 0;
}

/* Abort the uploads of volumes whose work directory was lost. That needs permissions which the
 * rest does not: without them it is left to a lifecycle rule. */
int orphans_abort(struct bucket_place *b, struct err *err)
{
    struct old_uploads old = { .bucket = b, .before_ms = bucket_place_now(b) - UPLOADS_OLD };
    struct err why = { 0 };
    size_t i;
    int rc = upload_list(b->client, b->location.key, on_upload, &old, &why);

    for (i = 0; rc == 0 && i + 1 < old.keys.count; i += 2) {
        rc = unfinished_abort(b->client, old.keys.at[i], old.keys.at[i + 1], &why);
        if (rc == 0)
            log_line(LOG_INFO, "aborted an upload of '%s' that was broken off long ago",
                     old.keys.at[i]);
    }
    text_list_clear(&old.keys);
    if (rc < 0 && !why.http) {
        *err = why;
        return -1;
    }
    if (rc < 0)
        log_line(LOG_INFO, "unfinished uploads were not looked for: %s", why.text);
    return 0;
}
