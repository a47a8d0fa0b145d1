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
#include "s3/unfinished.h"
#include "s3/upload_list.h"
#include "storage/remote.h"
#include "volumes/catalog_index.h"
#include "volumes/commit_record.h"
#include "volumes/tail_cache.h"
#include "volumes/tombstone.h"
#include "volumes/volume_upload.h"
#include "volumes/work_dir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROOF_MAX     ((size_t)1 << 20)
#define CLOCKS_DIFFER ((int64_t)3600 * 1000)      /* ms between this clock and the store's */
#define UPLOADS_OLD   ((int64_t)7 * 86400 * 1000) /* ms after which an upload counts as left */

struct bucket_store {
    struct bucket_place bucket;
    char *dir;
    struct volume_upload upload;
    struct bucket_log log;
    struct tail_cache tails;
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
    if (bucket_place_parse(&s->bucket.location, opts->place, err) == 0 &&
        remote_endpoint(endpoint, err) == 0)
        s->dir = work_dir_path(&s->bucket.location, endpoint, opts->work_dir, err);
    s->log.bucket = &s->bucket;
    s->log.dir = s->tails.dir = s->dir;
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

/* The file of a volume stays, since a mark says that the object is no good: the file is what
 * can heal the bucket. */
static int spare(const struct bucket_store *s, const struct bucket_volume *v, struct err *err)
{
    char key[LOCATION_KEY_MAX + 1];
    const struct bucket_mark *mark;
    char *path = dir_store_read(s->dir, v->name, err);
    int rc = path ? bucket_place_key(&s->bucket, key, "", v->name, "", err) : -1;

    if (rc == 0)
        log_line(
            LOG_WARNING,
            "'%s' is good and stays: marks in the bucket say that the volume there is not; "
            "aws s3 cp '%s' 's3://%s/%s' --metadata sha256=$(sha256sum < '%s' | cut -c "
            "1-64) puts it in its place, then delete the marks",
            path, path, s->bucket.location.bucket, key, path);
    for (mark = v->marks; rc == 0 && mark; mark = mark->next)
        log_line(LOG_WARNING, "a mark of it: 's3://%s/%s%s'", s->bucket.location.bucket, key,
                 mark->end);
    mem_free(path);
    return rc;
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
        if (v->aside)
            return spare(s, v, err);
    }
    return dir_store_remove(s->dir, job->name, err);
}

int bucket_store_settle(struct bucket_store *s, struct err *err)
{
    int rc = volume_upload_wait(&s->upload, err);

    return rc > 0 ? reap(s, &s->upload.job, err) : rc;
}

int bucket_store_publish(struct bucket_store *s, const char *name, struct err *err)
{
    if (bucket_store_settle(s, err) < 0)
        return -1;
    return volume_upload_start(&s->upload, &s->bucket, s->dir, name, err);
}

int bucket_store_relist(struct bucket_store *s, struct err *err)
{
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

int bucket_store_adopt(struct bucket_store *s, volume_fn *fn, void *ctx, struct err *err)
{
    const struct stop stop = remote_stop();
    size_t i;
    int rc = bucket_place_list(&s->bucket, false, err);

    for (i = 0; rc == 0 && i < s->bucket.count; i++) {
        struct bucket_volume *v = s->bucket.all[i];
        struct volume_job job = { .bucket = &s->bucket, .dir = s->dir };
        struct err why = { 0 };

        if (!v->there || v->committed || v->aside || is_local(s, v->name))
            continue;
        (void)snprintf(job.name, sizeof(job.name), "%s", v->name);
        rc = stop_check(&stop, err);
        if (rc == 0 && volume_upload_adopt(&job, v, s->bucket.client, &why) == 0) {
            v->committed = true;
            log_line(LOG_WARNING,
                     "volume '%s' was uploaded and not committed: its commit record was "
                     "written now",
                     v->name);
            rc = fn(ctx, v->name, v->size, err);
        } else if (rc == 0 && err_is_damage(&why)) {
            log_line(LOG_ERROR,
                     "'%s' is in the bucket, has no commit record, and is no volume that can "
                     "be read: %s",
                     v->name, why.text);
        } else if (rc == 0) {
            *err = why;
            rc = -1;
        }
    }
    return rc;
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

/* Uploads that were broken off, while they are listed. */
struct old_uploads {
    struct bucket_store *store;
    int64_t before_ms;
    struct text_list keys; /* and IDs, in turn */
};

static int on_upload(void *ctx, const struct upload_listed *listed, struct err *err)
{
    struct old_uploads *old = ctx;
    const char *below = listed->key + strlen(old->store->bucket.location.key);
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
static int abort_old(struct bucket_store *s, struct err *err)
{
    struct old_uploads old = { .store = s, .before_ms = clock_wall() - UPLOADS_OLD };
    struct err why = { 0 };
    size_t i;
    int rc = upload_list(s->bucket.client, s->bucket.location.key, on_upload, &old, &why);

    for (i = 0; rc == 0 && i + 1 < old.keys.count; i += 2) {
        rc = unfinished_abort(s->bucket.client, old.keys.at[i], old.keys.at[i + 1], &why);
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

int bucket_store_sweep(struct bucket_store *s, struct err *err)
{
    if (dir_store_sweep(s->dir, err) < 0 || bucket_place_connect(&s->bucket, err) < 0)
        return -1;
    return abort_old(s, err) < 0 ? -1 : tombstone_sweep(&s->bucket, err);
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
