/* SPDX-License-Identifier: MIT */
#include "volumes/bucket_store.h"

#include "attest/proof.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "catalog/db.h"
#include "s3/object_put.h"
#include "storage/remote.h"
#include "volumes/catalog_index.h"
#include "volumes/commit_record.h"
#include "volumes/commit_sequence.h"
#include "volumes/orphans.h"
#include "volumes/tail_cache.h"
#include "volumes/tombstone.h"
#include "volumes/volume_upload.h"
#include "volumes/work_dir.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROOF_MAX      ((size_t)1 << 20)
#define SUPERSEDED_MAX ((size_t)1 << 20)
#define CLOCKS_DIFFER  ((int64_t)3600 * 1000) /* ms between this clock and the store's */

struct bucket_store {
    struct bucket_place bucket;
    char *dir;
    struct volume_upload upload;
    struct bucket_log log;
    struct tail_cache tails;
    /* what other machines commit at the same time */
    char session[TEXT_NONCE]; /* of this process */
    bool follows;             /* whether decisions are read */
    bool alone;               /* no other machine may write */
    struct commit_sequence sequence;
    uint64_t base; /* the volumes of all decisions up to this are in the catalog */
    struct text_list superseded;
};

struct bucket_store *bucket_store_new(const struct bucket_store_opts *opts, struct err *err)
{
    struct bucket_store *s = mem_new(sizeof(*s), err);
    char endpoint[REMOTE_ENDPOINT_MAX];

    if (!s)
        return NULL;
    s->bucket.objects = opts->objects;
    s->bucket.rate_bps = opts->rate_bps;
    s->bucket.tool = opts->tool;
    s->follows = opts->follows;
    if (shard_divides(&opts->shard))
        (void)snprintf(s->bucket.shard, BUCKET_SHARD, "-%" PRIu64 ".%" PRIu64, opts->shard.k,
                       opts->shard.n);
    if (bucket_place_parse(&s->bucket.location, opts->place, err) == 0 &&
        remote_endpoint(endpoint, err) == 0)
        s->dir = work_dir_path(&s->bucket.location, endpoint, opts->work_dir, err);
    s->log.bucket = &s->bucket;
    s->log.dir = s->tails.dir = s->sequence.dir = s->dir;
    s->sequence.bucket = &s->bucket;
    (void)text_nonce(s->session);
    if (s->dir && work_dir_check(s->dir, &s->bucket.location, err) == 0)
        return s;
    bucket_store_free(s);
    return NULL;
}

void bucket_store_free(struct bucket_store *s)
{
    if (!s)
        return;
    volume_upload_close(&s->upload);
    bucket_log_clear(&s->log);
    tail_cache_clear(&s->tails);
    commit_sequence_clear(&s->sequence);
    text_list_clear(&s->superseded);
    bucket_place_close(&s->bucket);
    mem_free(s->dir);
    mem_free(s);
}

const char *bucket_store_dir(const struct bucket_store *s)
{
    return s->dir;
}

struct bucket_log *bucket_store_log(struct bucket_store *s)
{
    return &s->log;
}

bool bucket_store_is_place(struct bucket_store *s)
{
    char *catalog = mem_format(NULL, "%s/" DB_NAME, s->dir);
    char key[LOCATION_KEY_MAX + 1];
    bool known = catalog && access(catalog, F_OK) == 0;
    struct object_info info;
    struct err ignored;

    mem_free(catalog);
    (void)snprintf(key, sizeof(key), "%s", s->bucket.location.key);
    if (known || !*key || bucket_place_connect(&s->bucket, &ignored) < 0)
        return true;
    key[strlen(key) - 1] = '\0'; /* the slash */
    return object_head(s->bucket.client, key, &info, &ignored) <= 0;
}

int bucket_store_is_used(struct bucket_store *s, struct err *err)
{
    return bucket_place_list(&s->bucket, false, err) < 0 ? -1 : s->bucket.used;
}

struct bucket_place *bucket_store_place(struct bucket_store *s)
{
    return &s->bucket;
}

int bucket_store_make(struct bucket_store *s, struct err *err)
{
    return work_dir_make(s->dir, &s->bucket.location, err);
}

/* Whether a volume's file is in the work directory: it is not in the bucket yet. */
static bool is_local(const struct bucket_store *s, const char *name)
{
    char *path = dir_store_read(s->dir, name, NULL);
    struct stat st;
    bool there = path && lstat(path, &st) == 0;

    mem_free(path);
    return there;
}

char *bucket_store_read(const struct bucket_store *s, const char *name, struct err *err)
{
    char key[LOCATION_KEY_MAX + 1];
    struct volume_name parts;

    if (!volume_name_parse(&parts, name)) {
        (void)err_set(err, ERR_FORMAT, "'%.200s' is not a volume name", name);
        return NULL;
    }
    if (is_local(s, name))
        return dir_store_read(s->dir, name, err);
    if (bucket_place_key(&s->bucket, key, "", name, "", err) < 0)
        return NULL;
    return mem_format(err, LOCATION_SCHEME "%s/%s", s->bucket.location.bucket, key);
}

/* A volume is in the bucket: enter it into the list, and remove its file, if it counts. */
static int reap(struct bucket_store *s, const struct volume_job *job, struct err *err)
{
    struct bucket_volume *v;
    uint8_t tail[SHA256_SIZE];

    if (text_unhex(tail, SHA256_SIZE, job->tail) == 0)
        tail_cache_put(&s->tails, job->name, job->etag, job->size, tail);
    if (s->bucket.listed) {
        v = bucket_place_add(&s->bucket, job->name, err);
        if (!v)
            return -1;
        v->there = v->committed = true;
        v->size = job->size;
        v->modified_ms = CLOCK_NONE;
        v->proofs |= job->proofs;
        (void)snprintf(v->etag, sizeof(v->etag), "%s", job->etag);
        if (bucket_place_read_marks(&s->bucket, v, err) < 0)
            return -1;
        if (v->aside) {
            char *path = dir_store_read(s->dir, v->name, err);
            int rc = path ? bucket_place_tell_marks(&s->bucket, v, path, err) : -1;

            mem_free(path);
            return rc;
        }
    }
    return dir_store_remove(s->dir, job->name, err) < 0
               ? -1
               : volume_upload_forget(s->dir, job->name, err);
}

int bucket_store_settle(struct bucket_store *s, struct err *err)
{
    const struct volume_job *job = &s->upload.job;
    int rc = volume_upload_wait(&s->upload, err);

    if (rc <= 0)
        return rc;
    if (!job->superseded)
        return reap(s, job, err);
    log_line(LOG_WARNING,
             *job->by ? "volume '%s' does not count: another machine has committed runs of it, "
                        "in '%s'"
                      : "volume '%s' does not count: another machine took it for left behind, "
                        "and removed it%s",
             job->name, job->by);
    return text_list_add(&s->superseded, job->name, SUPERSEDED_MAX, err);
}

/* Delete what was uploaded of a volume that does not count and never will; its file is kept. */
static int discard(struct bucket_store *s, const char *name, struct err *err)
{
    return orphans_keep(s->dir, name, err) < 0 || orphans_delete(&s->bucket, name, err) < 0
               ? -1
               : volume_upload_forget(s->dir, name, err);
}

int bucket_store_superseded(struct bucket_store *s, volume_fn *fn, void *ctx, struct err *err)
{
    size_t i;
    int rc = bucket_place_connect(&s->bucket, err);

    for (i = 0; rc == 0 && i < s->superseded.count; i++) {
        rc = fn(ctx, s->superseded.at[i], 0, err);
        if (rc == 0)
            rc = discard(s, s->superseded.at[i], err);
    }
    if (rc == 0)
        text_list_clear(&s->superseded);
    return rc;
}

void bucket_store_be_alone(struct bucket_store *s)
{
    s->alone = true;
}

int bucket_store_intend(struct bucket_store *s, const char *name, struct err *err)
{
    return volume_upload_note(s->dir, name, s->base, err);
}

/* The job of a volume. */
static struct volume_job job_of(const struct bucket_store *s, const char *name)
{
    struct volume_job job = { .bucket = &s->bucket, .dir = s->dir, .session = s->session };

    (void)snprintf(job.name, sizeof(job.name), "%s", name);
    return job;
}

int bucket_store_publish(struct bucket_store *s, const char *name, struct err *err)
{
    const struct volume_job job = job_of(s, name);

    return bucket_store_settle(s, err) < 0 ? -1 : volume_upload_start(&s->upload, &job, err);
}

int bucket_store_relist(struct bucket_store *s, struct err *err)
{
    if (s->follows && (bucket_place_connect(&s->bucket, err) < 0 ||
                       commit_sequence_find_end(&s->sequence, s->bucket.client, err) < 0))
        return -1;
    return bucket_place_list(&s->bucket, true, err);
}

int bucket_store_each(struct bucket_store *s, volume_fn *fn, void *ctx, struct err *err)
{
    size_t i;
    int rc = bucket_place_list(&s->bucket, false, err);

    for (i = 0; rc == 0 && i < s->bucket.count; i++) {
        const struct bucket_volume *v = s->bucket.all[i];

        if (bucket_place_counts(v) && !is_local(s, v->name))
            rc = fn(ctx, v->name, v->size, err);
    }
    return rc;
}

int bucket_store_is_behind(struct bucket_store *s, struct err *err)
{
    return commit_sequence_has_more(&s->sequence, s->bucket.client, err);
}

/* Whether nobody has made an object count, or said that it does not. */
static bool is_left(const struct bucket_store *s, const struct bucket_volume *v)
{
    return v->there && !v->committed && !v->aside && !is_local(s, v->name);
}

/* Write the commit record of a volume that is to count. base: see volume_upload_adopt
 * 1: it counts; 0: it does not; -1 */
static int adopt(struct bucket_store *s, struct bucket_volume *v, const uint64_t *base,
                 struct err *err)
{
    struct volume_job job = job_of(s, v->name);
    struct err why = { 0 };
    int rc = volume_upload_adopt(&job, v, s->bucket.client, base, &why);

    if (rc < 0 && err_is_damage(&why)) {
        log_line(LOG_ERROR,
                 "'%s' is in the bucket, has no commit record, and is no volume that can "
                 "be read: %s",
                 v->name, why.text);
        return 0;
    }
    if (rc < 0) {
        *err = why;
        return -1;
    }
    v->committed = !job.superseded;
    if (v->committed)
        log_line(LOG_WARNING,
                 "volume '%s' was uploaded and not committed: its commit record was "
                 "written now",
                 v->name);
    return v->committed;
}

int bucket_store_adopt(struct bucket_store *s, volume_fn *fn, void *ctx, struct err *err)
{
    const struct stop stop = remote_stop();
    size_t i;
    int rc = bucket_place_list(&s->bucket, false, err);

    for (i = 0; rc >= 0 && i < s->bucket.count; i++) {
        struct bucket_volume *v = s->bucket.all[i];
        enum commit_verdict verdict = COMMIT_DONE;
        struct volume_name parts;

        if (!is_left(s, v))
            continue;
        rc = stop_check(&stop, err);
        if (rc == 0 && volume_name_parse(&parts, v->name) && !parts.revision)
            rc = commit_sequence_of(&s->sequence, s->bucket.client, v->name, &verdict, err);
        if (rc == 0 && verdict == COMMIT_DONE)
            rc = adopt(s, v, NULL, err);
        if (rc > 0)
            rc = fn(ctx, v->name, v->size, err);
    }
    return rc < 0 ? -1 : 0;
}

int bucket_store_collect(struct bucket_store *s, struct db *catalog, struct err *err)
{
    const struct stop stop = remote_stop();
    size_t i;
    int rc = bucket_place_list(&s->bucket, false, err);

    s->base = s->sequence.end;
    for (i = 0; rc >= 0 && i < s->bucket.count; i++) {
        struct bucket_volume *v = s->bucket.all[i];
        const struct orphans_opts opts = { &s->bucket, &s->sequence, catalog,
                                           s->session, s->base,      s->alone };
        struct volume_name parts;
        bool adoptable = false;

        if (!is_left(s, v) || !volume_name_parse(&parts, v->name) || parts.revision)
            continue;
        rc = stop_check(&stop, err);
        if (rc == 0)
            rc = orphans_judge(&opts, v, &adoptable, err);
        if (rc == 0 && adoptable)
            rc = adopt(s, v, &s->base, err);
    }
    return rc < 0 ? -1 : 0;
}

int bucket_store_keep_catalog(struct bucket_store *s, struct err *err)
{
    size_t count = 0;
    size_t i;
    int rc = bucket_place_list(&s->bucket, false, err);

    for (i = 0; rc == 0 && i < s->bucket.count; i++)
        count += bucket_place_counts(s->bucket.all[i]);
    return rc < 0 || !catalog_index_is_old(&s->bucket, count)
               ? rc
               : catalog_index_put(&s->bucket, s->dir, count, err);
}

int bucket_store_gone(struct bucket_store *s, volume_fn *fn, void *ctx, struct err *err)
{
    size_t i;
    int rc = bucket_place_list(&s->bucket, false, err);

    for (i = 0; rc == 0 && i < s->bucket.count; i++) {
        const struct bucket_volume *v = s->bucket.all[i];

        if (v->committed && !v->there && !is_local(s, v->name))
            rc = fn(ctx, v->name, 0, err);
    }
    return rc;
}

/* Compare what a look has found with the commit record, of an object that was not seen before.
 * 1: it is the volume that was committed; 0: it is not, -1 */
static int check_commit(struct bucket_store *s, const struct bucket_volume *v,
                        const uint8_t tail[SHA256_SIZE], struct err *err)
{
    struct commit_record record;
    char hex[SHA256_TEXT];
    int rc = volume_upload_record(&s->bucket, s->bucket.client, v->name, &record, err);

    text_hex(hex, tail, SHA256_SIZE);
    return rc <= 0 ? rc
                   : record.size == v->size &&
                         (!*record.tail_sha256 || strcmp(record.tail_sha256, hex) == 0);
}

int bucket_store_is_verified(struct bucket_store *s, const char *name, int64_t when_ms,
                             struct err *err)
{
    struct commit_record record;
    const struct bucket_volume *v;
    int rc;

    if (is_local(s, name))
        return 1;
    if (bucket_place_list(&s->bucket, false, err) < 0)
        return -1;
    v = bucket_place_get(&s->bucket, name);
    if (!v || !bucket_place_counts(v))
        return 0;
    if (v->modified_ms != CLOCK_NONE && when_ms > v->modified_ms + CLOCKS_DIFFER)
        return 1;
    rc = volume_upload_record(&s->bucket, s->bucket.client, name, &record, err);
    return rc <= 0 ? rc : *record.etag && strcmp(record.etag, v->etag) == 0;
}

/* Read the tail of an object that was not seen before. */
static int read_tail(struct bucket_store *s, struct bucket_volume *v, struct volume_seen *out,
                     struct err *err)
{
    char key[LOCATION_KEY_MAX + 1];
    struct object_info info;
    struct buf bytes = { 0 };
    int rc = bucket_place_key(&s->bucket, key, "", v->name, "", err);

    if (rc == 0)
        rc = object_tail(s->bucket.client, key, VOLUME_TAIL, &bytes, &info, err);
    if (rc == 0)
        rc = sha256_of(bytes.data, bytes.len, out->tail, err);
    buf_clear(&bytes);
    if (rc < 0)
        return -1;
    out->size = v->size = info.size;
    bucket_place_etag(v->etag, info.etag);
    rc = check_commit(s, v, out->tail, err);
    if (rc > 0)
        tail_cache_put(&s->tails, v->name, v->etag, v->size, out->tail);
    out->regular = rc > 0; /* else it is not what was committed */
    return rc < 0 ? -1 : 0;
}

int bucket_store_look(struct bucket_store *s, const char *name, bool tail,
                      struct volume_seen *out, struct err *err)
{
    struct bucket_volume *v;
    struct err why = { 0 };
    int rc;

    *out = (struct volume_seen){ 0 };
    if (is_local(s, name))
        return dir_store_look(s->dir, name, tail, out, err);
    if (bucket_place_list(&s->bucket, false, err) < 0)
        return -1;
    v = bucket_place_get(&s->bucket, name);
    if (!v || !bucket_place_counts(v))
        return 0;
    out->regular = true;
    out->size = v->size;
    if (!tail || tail_cache_get(&s->tails, name, v->etag, v->size, out->tail))
        return 1;
    rc = read_tail(s, v, out, &why);
    if (rc < 0 && why.kind == ERR_NOT_FOUND) { /* it was deleted since the list was read */
        v->there = false;
        return 0;
    }
    if (rc < 0)
        *err = why;
    return rc < 0 ? -1 : 1;
}

int bucket_store_is_taken(struct bucket_store *s, const char *name, struct err *err)
{
    if (is_local(s, name))
        return 1;
    return bucket_place_list(&s->bucket, false, err) < 0
               ? -1
               : bucket_place_get(&s->bucket, name) != NULL;
}

int bucket_store_set_aside(struct bucket_store *s, const char *name, const char *word,
                           char out[VOLUME_NAME], struct err *err)
{
    struct bucket_volume *v;

    if (is_local(s, name))
        return dir_store_set_aside(s->dir, name, word, out, err);
    if (bucket_place_list(&s->bucket, false, err) < 0)
        return -1;
    v = bucket_place_get(&s->bucket, name);
    if (!v || !v->there)
        return err_set(err, ERR_NOT_FOUND, "volume '%s' no longer exists", name);
    return bucket_place_put_mark(&s->bucket, v, word, out, err);
}

/* Delete an object of a volume. */
static int delete (struct bucket_store *s, const char *folder, const char *name,
                   const char *end, struct err *err)
{
    char key[LOCATION_KEY_MAX + 1];

    return bucket_place_key(&s->bucket, key, folder, name, end, err) < 0
               ? -1
               : object_delete(s->bucket.client, key, err);
}

int bucket_store_remove(struct bucket_store *s, const char *name, struct err *err)
{
    struct bucket_volume *v;
    unsigned i;
    int rc;

    if (is_local(s, name) && dir_store_remove(s->dir, name, err) < 0)
        return -1;
    if (bucket_place_list(&s->bucket, false, err) < 0)
        return -1;
    v = bucket_place_get(&s->bucket, name);
    if (!v)
        return 0;
    rc = delete (s, BUCKET_COMMITS, name, ".json", err);
    if (rc == 0) {
        v->committed = false;
        rc = delete (s, "", name, "", err);
    }
    for (i = 0; rc == 0 && i < PROOF_MOST; i++) {
        char key[LOCATION_KEY_MAX + 1];

        rc = bucket_place_proof(&s->bucket, v, i, key, err);
        if (rc > 0)
            rc = object_delete(s->bucket.client, key, err);
    }
    if (rc == 0)
        v->there = false;
    return rc;
}

int bucket_store_sweep(struct bucket_store *s, struct err *err)
{
    if (dir_store_sweep(s->dir, err) < 0 || bucket_place_connect(&s->bucket, err) < 0)
        return -1;
    return orphans_abort(&s->bucket, err) < 0 ? -1 : tombstone_sweep(&s->bucket, err);
}

int bucket_store_publish_stamp(struct bucket_store *s, const char *name, unsigned number,
                               struct err *err)
{
    char key[LOCATION_KEY_MAX + 1];
    struct object_put_opts opts = { .key = key,
                                    .condition = OBJECT_ALWAYS,
                                    .options = s->bucket.objects };
    struct object_info info;
    struct bucket_volume *v;
    char *end = proof_path("", number, err);
    char *volume = end ? dir_store_read(s->dir, name, err) : NULL;
    char *path = volume ? mem_format(err, "%s%s", volume, end) : NULL;
    struct buf bytes;
    int rc = path ? bucket_place_key(&s->bucket, key, "", name, end, err) : -1;

    buf_init(&bytes, PROOF_MAX);
    if (rc == 0)
        rc = file_load(path, remote_stop(), &bytes, err);
    if (rc == 0)
        rc = bucket_place_list(&s->bucket, false, err);
    opts.bytes = bytes.data;
    opts.len = bytes.len;
    if (rc == 0)
        rc = object_put(s->bucket.client, &opts, &info, err);
    if (rc == 0 && unlink(path) < 0 && errno != ENOENT) /* it went with its volume */
        rc = err_sys(err, "cannot remove '%s'", path);
    v = rc == 0 ? bucket_place_get(&s->bucket, name) : NULL;
    if (v)
        v->proofs |= 1U << number;
    buf_clear(&bytes);
    mem_free(path);
    mem_free(volume);
    mem_free(end);
    return rc;
}

int bucket_store_has_stamp(struct bucket_store *s, const char *name, unsigned number,
                           struct err *err)
{
    const struct bucket_volume *v;

    if (bucket_place_list(&s->bucket, false, err) < 0)
        return -1;
    v = bucket_place_get(&s->bucket, name);
    return v && v->proofs & 1U << number;
}
