/* SPDX-License-Identifier: MIT */
#include "volumes/volume_upload.h"

#include "attest/proof.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "s3/object_put.h"
#include "s3/unfinished.h"
#include "s3/upload.h"
#include "storage/remote.h"
#include "volumes/commit_record.h"
#include "volumes/commit_sequence.h"
#include "volumes/dir_store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID_SUFFIX ".upload-id"
#define NOTE_MAX  64
#define PROOF_MAX ((size_t)1 << 20)

/* A volume being uploaded. */
struct uploading {
    struct volume_job *job;
    struct s3_client *client;
    char *path;
    char *id_path; /* of the file with the upload's ID */
    int fd;
    struct commit_record record;
    bool decides; /* whether its commit is to be decided by the claim */
    struct commit_claim claim;
    struct text_list runs;
};

static char *note_path(const char *dir, const char *name, struct err *err)
{
    char *volume = dir_store_read(dir, name, err);
    char *path = volume ? mem_format(err, "%s" DIR_STORE_BASE, volume) : NULL;

    mem_free(volume);
    return path;
}

int volume_upload_note(const char *dir, const char *name, uint64_t base, struct err *err)
{
    char text[NOTE_MAX];
    char *volume = dir_store_write(dir, name, err); /* makes its folders */
    char *path = volume ? note_path(dir, name, err) : NULL;
    int rc = path ? 0 : -1;

    (void)snprintf(text, sizeof(text), "%" PRIu64 "\n", base);
    if (path && access(path, F_OK) < 0)
        rc = file_put(path, text, strlen(text), 0600, err);
    mem_free(path);
    mem_free(volume);
    return rc;
}

int volume_upload_forget(const char *dir, const char *name, struct err *err)
{
    char *path = note_path(dir, name, err);
    int rc = !path                                  ? -1
             : unlink(path) == 0 || errno == ENOENT ? 0
                                                    : err_sys(err, "cannot remove '%s'", path);

    mem_free(path);
    return rc;
}

/* The number that was noted; 0: none, so that all decisions are later than what was known. */
static uint64_t noted(const char *dir, const char *name)
{
    char *path = note_path(dir, name, NULL);
    struct buf text;
    struct err ignored;
    uint64_t base = 0;

    buf_init(&text, NOTE_MAX);
    if (path && file_load(path, remote_stop(), &text, &ignored) == 0)
        base = strtoull(buf_text(&text), NULL, 10);
    buf_clear(&text);
    mem_free(path);
    return base;
}

/* Begin to claim the runs of a volume, and read what is decided already. */
static int claim_runs(struct uploading *u, const char *archive, uint64_t base, struct err *err)
{
    struct volume_name parts;

    u->decides = volume_name_parse(&parts, u->job->name) && !parts.revision;
    if (!u->decides)
        return 0;
    u->claim = (struct commit_claim){ .bucket = u->job->bucket,
                                      .client = u->client,
                                      .volume = u->job->name,
                                      .sha256 = u->record.sha256,
                                      .session = u->job->session,
                                      .runs = &u->runs,
                                      .base = base };
    return commit_record_runs(archive, remote_stop(), &u->runs, err) < 0
               ? -1
               : commit_sequence_check(&u->claim, err);
}

/* Whether others have committed the volume's runs; that is a result. */
static bool is_superseded(struct uploading *u)
{
    u->job->superseded = u->decides && u->claim.verdict == COMMIT_SUPERSEDED;
    (void)snprintf(u->job->by, sizeof(u->job->by), "%s", u->claim.by);
    return u->job->superseded;
}

/* Store the upload's ID ("": it is over) where the next start finds it. */
static int on_begun(void *ctx, const char *id, struct err *err)
{
    const struct uploading *u = ctx;

    if (!*id)
        return unlink(u->id_path) == 0 || errno == ENOENT
                   ? 0
                   : err_sys(err, "cannot remove '%s'", u->id_path);
    return file_put(u->id_path, id, strlen(id), 0600, err);
}

/* Abort the upload that an earlier start has broken off. One that cannot be aborted is named,
 * and no reason not to go on. */
static int abort_broken(const struct uploading *u, const char *key, struct err *err)
{
    struct buf id;
    struct err why = { 0 };
    struct stat st;
    int rc = 0;

    buf_init(&id, UPLOAD_ID_MAX);
    if (file_load(u->id_path, remote_stop(), &id, &why) < 0) {
        buf_clear(&id);
        if (why.os == ENOENT)
            return 0;
        *err = why;
        return -1;
    }
    if (id.len && strcmp(buf_text(&id), UPLOAD_UNKNOWN) == 0)
        rc = stat(u->id_path, &st) < 0
                 ? err_sys(&why, "cannot read '%s'", u->id_path)
                 : unfinished_abort_unknown(u->client, key, (int64_t)st.st_mtime * 1000, &why);
    else if (id.len)
        rc = unfinished_abort(u->client, key, buf_text(&id), &why);
    if (rc < 0 && why.http)
        log_line(LOG_WARNING, "an unfinished upload of '%s' may remain in the bucket: %s", key,
                 why.text);
    else if (rc < 0)
        *err = why;
    buf_clear(&id);
    return rc < 0 && !why.http ? -1 : on_begun((void *)(uintptr_t)u, "", err);
}

/* Compute the digests of the file. */
static int hash(struct uploading *u, struct err *err)
{
    uint64_t size = u->record.size;
    uint64_t tail = size < VOLUME_TAIL ? size : VOLUME_TAIL;
    uint8_t digest[SHA256_SIZE];

    if (upload_hash(u->fd, size - tail, tail, remote_stop(), digest, err) < 0)
        return -1;
    text_hex(u->record.tail_sha256, digest, SHA256_SIZE);
    if (upload_hash(u->fd, 0, size, remote_stop(), digest, err) < 0)
        return -1;
    text_hex(u->record.sha256, digest, SHA256_SIZE);
    return 0;
}

static int open_file(struct uploading *u, struct err *err)
{
    struct stat st;

    u->path = dir_store_read(u->job->dir, u->job->name, err);
    u->id_path = u->path ? mem_format(err, "%s" ID_SUFFIX, u->path) : NULL;
    if (!u->id_path)
        return -1;
    u->fd = open(u->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (u->fd < 0)
        return err_sys(err, "cannot open '%s'", u->path);
    if (fstat(u->fd, &st) < 0 || !S_ISREG(st.st_mode))
        return err_set(err, ERR_FORMAT, "'%s' is not a regular file", u->path);
    u->record.size = (uint64_t)st.st_size;
    return hash(u, err);
}

/* What the store says of the object: 1: it is this volume, 0: there is none, -1. */
static int look(const struct uploading *u, const char *key, struct object_info *info,
                struct err *err)
{
    int there = object_head(u->client, key, info, err);

    if (there > 0 &&
        (info->size != u->record.size || strcmp(info->sha256, u->record.sha256) != 0))
        return err_set(err, ERR_EXISTS, "'s3://%s/%s' exists, and is another volume",
                       u->job->bucket->location.bucket, key);
    return there;
}

/* Upload the file, unless an earlier start has done it. */
static int send_volume(struct uploading *u, struct err *err)
{
    char key[LOCATION_KEY_MAX + 1];
    struct upload_opts opts = { .key = key,
                                .fd = u->fd,
                                .size = u->record.size,
                                .sha256 = u->record.sha256,
                                .absent = true,
                                .options = u->job->bucket->objects,
                                .rate_bps = u->job->bucket->rate_bps,
                                .begun = on_begun,
                                .sent = upload_sent_untold,
                                .ctx = u };
    struct object_info info;
    struct err why = { 0 };
    int rc = bucket_place_key(u->job->bucket, key, "", u->job->name, "", err);

    if (rc == 0)
        rc = abort_broken(u, key, err);
    if (rc == 0)
        rc = look(u, key, &info, err);
    if (rc == 0) {
        rc = upload_file(u->client, &opts, &info, &why);
        if (rc < 0 && why.kind == ERR_EXISTS)
            rc = look(u, key, &info, err) > 0 ? 0 : -1;
        else if (rc < 0)
            *err = why;
    }
    if (rc < 0)
        return -1;
    bucket_place_etag(u->record.etag, info.etag);
    (void)snprintf(u->record.version, sizeof(u->record.version), "%s", info.version);
    return 0;
}

/* Upload the signature and the time stamps that are beside the file. */
static int send_proofs(struct uploading *u, struct err *err)
{
    unsigned i;
    int rc = 0;

    for (i = 0; rc == 0 && i < PROOF_MOST; i++) {
        char key[LOCATION_KEY_MAX + 1];
        struct object_put_opts opts = { .key = key, .condition = OBJECT_ALWAYS };
        char *end = proof_path("", i, err);
        char *path = end ? mem_format(err, "%s%s", u->path, end) : NULL;
        struct object_info info;
        struct err why = { 0 };
        struct buf bytes;

        buf_init(&bytes, PROOF_MAX);
        rc = path ? bucket_place_key(u->job->bucket, key, "", u->job->name, end, err) : -1;
        if (rc == 0 && file_load(path, remote_stop(), &bytes, &why) < 0) {
            rc = why.os == ENOENT ? 0 : -1;
            if (rc < 0)
                *err = why;
        } else if (rc == 0) {
            opts.bytes = bytes.data;
            opts.len = bytes.len;
            opts.options = u->job->bucket->objects;
            rc = object_put(u->client, &opts, &info, err);
            u->job->proofs |= 1U << i;
        }
        buf_clear(&bytes);
        mem_free(path);
        mem_free(end);
    }
    return rc;
}

int volume_upload_record(const struct bucket_place *bucket, struct s3_client *client,
                         const char *name, struct commit_record *record, struct err *err)
{
    struct err why = { 0 };
    bool malformed;
    int rc = commit_record_load(record, bucket, client, name, &malformed, &why);

    if (rc < 0 && malformed && (err_is_damage(&why) || why.kind == ERR_MISMATCH))
        return 0;
    if (rc < 0)
        *err = why;
    return rc;
}

/* Check that the record that stands is of this volume: the one that was written, or an earlier
 * one of the same volume. A store that ignores conditions is found here. */
static int check_record(const struct uploading *u, const char *key, struct err *err)
{
    struct commit_record there;
    bool malformed;
    int rc =
        commit_record_load(&there, u->job->bucket, u->client, u->job->name, &malformed, err);

    if (rc == 0)
        rc = err_set(err, ERR_MISMATCH, "'%s' was written, and does not exist", key);
    if (rc > 0 &&
        (there.size != u->record.size ||
         (*there.sha256 && *u->record.sha256 && strcmp(there.sha256, u->record.sha256) != 0)))
        rc = err_set(err, ERR_EXISTS, "it is that of another volume");
    return rc < 0 ? err_wrap(err, "commit record 's3://%s/%s'", u->job->bucket->location.bucket,
                             key)
                  : 0;
}

/* Write the commit record: from then on the volume counts. */
static int write_record(struct uploading *u, const char *archive, struct err *err)
{
    char key[LOCATION_KEY_MAX + 1];
    struct object_put_opts opts = { .key = key, .condition = OBJECT_ABSENT };
    struct object_info info;
    struct err why = { 0 };
    struct buf text;
    int rc;

    buf_init(&text, COMMIT_RECORD_MAX);
    rc = commit_record_write(&u->record, archive, u->job->name, u->job->bucket->tool,
                             remote_stop(), &text, err);
    if (rc == 0)
        rc = bucket_place_key(u->job->bucket, key, BUCKET_COMMITS, u->job->name, ".json", err);
    if (rc == 0) {
        opts.bytes = text.data;
        opts.len = text.len;
        rc = object_put(u->client, &opts, &info, &why);
        if (rc < 0 && why.kind != ERR_EXISTS)
            *err = why;
        else
            rc = check_record(u, key, err);
    }
    buf_clear(&text);
    if (rc == 0) {
        u->job->size = u->record.size;
        (void)snprintf(u->job->etag, sizeof(u->job->etag), "%s", u->record.etag);
        (void)snprintf(u->job->tail, sizeof(u->job->tail), "%s", u->record.tail_sha256);
    }
    return rc;
}

/*
 * Others have committed runs of the volume, so that it will be deleted: find out first whether
 * it was committed nevertheless, by an earlier start or as one that was left behind. If another
 * machine can still do so, since the object is there, have it decided that the volume is void.
 */
static int give_up(struct uploading *u, struct err *err)
{
    struct commit_claim *claim = &u->claim;
    const struct bucket_place *bucket = u->job->bucket;
    struct commit_record record;
    char key[LOCATION_KEY_MAX + 1];
    char by[VOLUME_NAME];
    struct object_info info;
    int there;
    int rc;

    if (claim->verdict != COMMIT_SUPERSEDED || !*claim->by)
        return 0;
    rc = volume_upload_record(bucket, u->client, u->job->name, &record, err);
    claim->verdict = rc > 0 ? COMMIT_DONE : COMMIT_OPEN;
    if (rc || bucket_place_key(bucket, key, "", u->job->name, "", err) < 0)
        return rc > 0 ? 0 : -1;
    there = object_head(u->client, key, &info, err);
    memcpy(by, claim->by, sizeof(by));
    claim->runs = NULL;
    rc = there < 0 ? -1
         : there   ? commit_sequence_claim(claim, err)
                   : commit_sequence_check(claim, err);
    if (claim->verdict != COMMIT_DONE) {
        claim->verdict = COMMIT_SUPERSEDED;
        memcpy(claim->by, by, sizeof(by));
    }
    return rc;
}

/* Have the commit decided, and write the record, unless the volume is superseded; what is only
 * in the bucket stays there then. */
static int commit(struct uploading *u, const char *archive, struct err *err)
{
    if (u->decides && commit_sequence_claim(&u->claim, err) < 0)
        return -1;
    if (u->path && give_up(u, err) < 0)
        return -1;
    return is_superseded(u) ? 0 : write_record(u, archive, err);
}

/* Upload the job's volume and make it count. Files of the work directory stay. */
static int upload_and_commit(struct volume_job *job, struct s3_client *client, struct err *err)
{
    struct uploading u = { .job = job, .client = client, .fd = -1 };
    int rc = open_file(&u, err);

    if (rc == 0)
        rc = claim_runs(&u, u.path, noted(job->dir, job->name), err);
    if (rc == 0)
        rc = give_up(&u, err);
    if (rc == 0 && !is_superseded(&u)) {
        rc = send_volume(&u, err);
        if (rc == 0)
            rc = send_proofs(&u, err);
        if (rc == 0)
            rc = commit(&u, u.path, err);
    }
    file_close(&u.fd);
    mem_free(u.path);
    mem_free(u.id_path);
    text_list_clear(&u.runs);
    if (rc < 0)
        return err_wrap(err, "cannot upload volume '%s'", job->name);
    if (!job->superseded)
        log_line(LOG_INFO, "volume '%s' is in the bucket", job->name);
    return 0;
}

/* The digest of an object's end. */
static int hash_tail(struct uploading *u, const char *key, struct err *err)
{
    uint8_t digest[SHA256_SIZE];
    struct object_info info;
    struct buf tail = { 0 };
    int rc = object_tail(u->client, key, VOLUME_TAIL, &tail, &info, err);

    if (rc == 0)
        rc = sha256_of(tail.data, tail.len, digest, err);
    if (rc == 0) {
        text_hex(u->record.tail_sha256, digest, SHA256_SIZE);
        u->record.size = info.size;
        bucket_place_etag(u->record.etag, info.etag);
        (void)snprintf(u->record.version, sizeof(u->record.version), "%s", info.version);
        (void)snprintf(u->record.sha256, sizeof(u->record.sha256), "%s", info.sha256);
    }
    buf_clear(&tail);
    return rc;
}

int volume_upload_adopt(struct volume_job *job, const struct bucket_volume *volume,
                        struct s3_client *client, const uint64_t *base, struct err *err)
{
    struct uploading u = { .job = job, .client = client, .fd = -1 };
    char key[LOCATION_KEY_MAX + 1];
    char *address = NULL;
    struct err why = { 0 };
    int rc = bucket_place_key(job->bucket, key, "", volume->name, "", err);

    if (rc == 0) {
        rc = hash_tail(&u, key, &why);
        job->superseded = rc < 0 && why.kind == ERR_NOT_FOUND; /* another machine removed it */
        if (job->superseded)
            return 0;
        if (rc < 0)
            *err = why;
    }
    if (rc == 0) {
        address = mem_format(err, LOCATION_SCHEME "%s/%s", job->bucket->location.bucket, key);
        rc = !address ? -1 : base ? claim_runs(&u, address, *base, err) : 0;
        if (rc == 0)
            rc = commit(&u, address, err);
    }
    mem_free(address);
    text_list_clear(&u.runs);
    return rc;
}

static void *work(void *ctx)
{
    struct volume_upload *upload = ctx;

    upload->rc = upload_and_commit(&upload->job, upload->client, &upload->err);
    return NULL;
}

int volume_upload_start(struct volume_upload *upload, const struct volume_job *job,
                        struct err *err)
{
    int rc;

    upload->job = *job;
    upload->err = (struct err){ 0 };
    if (!upload->client)
        upload->client = remote_client(job->bucket->location.bucket, 0, err);
    if (!upload->client)
        return -1;
    rc = pthread_create(&upload->thread, NULL, work, upload);
    if (rc) {
        errno = rc;
        return err_sys(err, "cannot start a thread");
    }
    upload->running = true;
    return 0;
}

int volume_upload_wait(struct volume_upload *upload, struct err *err)
{
    if (!upload->running)
        return 0;
    (void)pthread_join(upload->thread, NULL);
    upload->running = false;
    if (upload->rc < 0)
        *err = upload->err;
    return upload->rc < 0 ? -1 : 1;
}

void volume_upload_close(struct volume_upload *upload)
{
    struct err ignored;

    if (volume_upload_wait(upload, &ignored) < 0)
        log_line(LOG_ERROR, "%s", ignored.text);
    s3_client_free(upload->client);
    upload->client = NULL;
}
