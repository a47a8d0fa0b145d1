/* SPDX-License-Identifier: MIT */
#include "storage/staging.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/text.h"
#include "s3/unfinished.h"
#include "s3/upload.h"
#include "storage/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The directory for staged files of this user; free by mem_free. */
static char *default_dir(struct err *err)
{
    static const struct {
        const char *variable;
        const char *below;
    } places[] = { { "STATE_DIRECTORY", "uploads" },
                   { "XDG_STATE_HOME", "skyarc/uploads" },
                   { "HOME", ".local/state/skyarc/uploads" } };
    size_t i;

    for (i = 0; i < sizeof(places) / sizeof(*places); i++) {
        const char *dir = getenv(places[i].variable);

        if (dir && *dir == '/')
            return mem_format(err, "%s/%s", dir, places[i].below);
    }
    (void)err_set(
        err, ERR_USAGE,
        "there is no directory to make the archive in before it is uploaded; name one "
        "with --spool-dir");
    return NULL;
}

/* A name for the object's directory: equal keys of different buckets must not meet. */
static int name_of(const struct location *location, char out[33], struct err *err)
{
    const char *const texts[] = { location->bucket, location->key };
    uint8_t digest[SHA256_SIZE];

    if (sha256_of_texts(texts, 2, digest, err) < 0)
        return -1;
    text_hex(out, digest, 16);
    return 0;
}

/* Lock the key's directory: another process may be making the same object. */
static int take_lock(struct staging *s, const char *folder, struct err *err)
{
    s->lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (s->lock < 0)
        return err_sys(err, "cannot open '%s'", folder);
    s->locked = true;
    if (flock(s->lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno != EWOULDBLOCK)
        return err_sys(err, "cannot lock '%s'", folder);
    return err_set(err, ERR_BUSY, "another skyarc writes 's3://%s/%s'", s->location.bucket,
                   s->location.key);
}

static int choose_path(struct staging *s, const char *dir, struct err *err)
{
    char *chosen = dir ? mem_copy(dir, err) : default_dir(err);
    char hash[33];
    char *folder = NULL;
    int rc = -1;

    if (chosen && name_of(&s->location, hash, err) == 0)
        folder = mem_format(err, "%s/%s", chosen, hash);
    if (folder)
        s->path = mem_format(err, "%s/%s", folder, path_base(s->location.key));
    if (s->path)
        s->record = mem_format(err, "%s.upload-id", s->path);
    if (s->record)
        rc = file_make_dirs(s->path, err);
    if (rc == 0)
        rc = take_lock(s, folder, err);
    mem_free(folder);
    mem_free(chosen);
    return rc;
}

/* Store the upload's ID ("": there is none) where the next start finds it. */
static int record_id(const struct staging *s, const char *id, struct err *err)
{
    if (!*id)
        return unlink(s->record) == 0 || errno == ENOENT
                   ? 0
                   : err_sys(err, "cannot remove '%s'", s->record);
    return file_put(s->record, id, strlen(id), 0600, err);
}

/*
 * Abort the upload of a record: by its ID, or, if that is not known, by the record's age. A
 * store that does not let uploads be listed is no reason to write nothing there any more.
 */
static int abort_recorded(const struct staging *s, struct s3_client *client, const char *id,
                          struct err *err)
{
    struct err why = { 0 };
    struct stat st;
    bool known = strcmp(id, UPLOAD_UNKNOWN) != 0;
    int rc;

    if (stat(s->record, &st) < 0)
        return err_sys(err, "cannot read '%s'", s->record);
    if (known)
        rc = unfinished_abort(client, s->location.key, id, &why);
    else
        rc = unfinished_abort_unknown(client, s->location.key, (int64_t)st.st_mtime * 1000,
                                      &why);
    if (rc == 0) {
        if (known) /* else each upload that is aborted was logged */
            log_line(LOG_INFO,
                     "the upload to 's3://%s/%s' that was broken off does not exist any more",
                     s->location.bucket, s->location.key);
        return 0;
    }
    if (!why.http) {
        if (err)
            *err = why;
        return -1;
    }
    log_line(
        LOG_WARNING,
        "an unfinished upload to 's3://%s/%s' may remain%s%.200s, which cannot be aborted: %s",
        s->location.bucket, s->location.key, known ? ", " : "", known ? id : "", why.text);
    return 0;
}

/* Abort the upload that was broken off, if there is one. */
static int abort_broken(const struct staging *s, struct s3_client *client, struct err *err)
{
    struct buf id;
    struct err why = { 0 };
    int rc = 0;

    buf_init(&id, UPLOAD_ID_MAX);
    if (file_load(s->record, remote_stop(), &id, &why) == 0 && id.len) {
        rc = abort_recorded(s, client, buf_text(&id), err);
    } else if (why.kind && why.os != ENOENT) {
        rc = -1;
        if (err)
            *err = why;
    }
    buf_clear(&id);
    return rc < 0 ? -1 : record_id(s, "", err);
}

static int hash(int fd, uint64_t size, char out[SHA256_TEXT], struct err *err)
{
    uint8_t digest[SHA256_SIZE];

    if (upload_hash(fd, 0, size, remote_stop(), digest, err) < 0)
        return -1;
    text_hex(out, digest, SHA256_SIZE);
    return 0;
}

/*
 * Whether the object is the file that an earlier start has made here: it was stopped after it
 * had uploaded the file, and before it removed it.
 */
static bool is_uploaded(const struct staging *s, const struct object_info *info)
{
    int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    char sha256[SHA256_TEXT];
    struct stat st;
    bool same = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
                (uint64_t)st.st_size == info->size && hash(fd, info->size, sha256, NULL) == 0 &&
                strcmp(sha256, info->sha256) == 0;

    file_close(&fd);
    return same;
}

/*
 * Set an archive aside whose upload failed or was broken off: it may be the only copy of what
 * the service has deleted since.
 */
static int set_aside(const struct staging *s, struct err *err)
{
    unsigned n = 1;
    char *to = mem_format(err, "%s.earlier", s->path);
    int rc;

    while (to && access(to, F_OK) == 0) {
        mem_free(to);
        to = mem_format(err, "%s.earlier-%u", s->path, ++n);
    }
    if (!to)
        return -1;
    rc = rename(s->path, to);
    if (rc < 0)
        (void)err_sys(err, "cannot rename '%s'", s->path);
    else
        log_line(
            LOG_WARNING,
            "an archive that was made for 's3://%s/%s' earlier, and not uploaded, is kept as "
            "'%s'",
            s->location.bucket, s->location.key, to);
    mem_free(to);
    return rc;
}

/* Check before anything is fetched that the key may be written. */
static int check_key(const struct staging *s, struct s3_client *client, struct err *err)
{
    struct object_info info;
    struct err why = { 0 };
    int there = object_head(client, s->location.key, &info, &why);

    if (there > 0 && !s->replace && is_uploaded(s, &info)) {
        if (unlink(s->path) < 0)
            return err_sys(err, "cannot remove '%s'", s->path);
        return err_set(err, ERR_EXISTS,
                       "'s3://%s/%s' exists: an earlier start has uploaded it completely",
                       s->location.bucket, s->location.key);
    }
    if (there > 0 && !s->replace)
        return err_set(err, ERR_EXISTS, "'s3://%s/%s' exists; use --force to replace it",
                       s->location.bucket, s->location.key);
    if (there < 0 &&
        !(why.kind == ERR_DENIED && why.http)) { /* without s3:ListBucket it cannot be told */
        *err = why;
        return -1;
    }
    return access(s->path, F_OK) == 0 ? set_aside(s, err) : 0;
}

int staging_begin(struct staging *staging, const char *address, const char *dir, bool replace,
                  struct err *err)
{
    struct s3_client *client;
    int rc;

    staging->replace = replace;
    if (location_parse_object(&staging->location, address, err) < 0)
        return -1;
    if (choose_path(staging, dir, err) < 0)
        return -1;
    client = remote_client(staging->location.bucket, 0, err);
    rc = client ? abort_broken(staging, client, err) : -1;
    if (rc == 0)
        rc = check_key(staging, client, err);
    s3_client_free(client);
    return rc;
}

/* The progress of an upload. */
struct sending {
    struct staging *staging;
    uint64_t done;
    uint64_t size;
};

static void on_sent(void *ctx, uint64_t bytes)
{
    struct sending *sending = ctx;

    sending->done += bytes;
    sending->staging->sent(sending->staging->ctx, sending->done, sending->size);
}

static int on_begun(void *ctx, const char *id, struct err *err)
{
    return record_id(((struct sending *)ctx)->staging, id, err);
}

static int send_file(struct staging *s, const char *key, int fd, uint64_t size, struct err *err)
{
    struct s3_client *client = remote_client(s->location.bucket, 0, err);
    struct sending sending = { s, 0, size };
    char sha256[SHA256_TEXT];
    struct upload_opts opts = { .key = key,
                                .fd = fd,
                                .size = size,
                                .sha256 = sha256,
                                .absent = !s->replace,
                                .options = s->options,
                                .rate_bps = s->rate_bps,
                                .begun = on_begun,
                                .sent = on_sent,
                                .ctx = &sending };
    struct object_info info;
    int rc = client ? hash(fd, size, sha256, err) : -1;

    if (rc == 0)
        rc = upload_file(client, &opts, &info, err);
    s3_client_free(client);
    return rc;
}

/* Upload a file under a key, and remove it. */
static int publish(struct staging *s, const char *path, const char *key, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    int rc = -1;

    if (fd < 0)
        return err_sys(err, "cannot open '%s'", path);
    if (fstat(fd, &st) < 0)
        (void)err_sys(err, "cannot read '%s'", path);
    else
        rc = send_file(s, key, fd, (uint64_t)st.st_size, err);
    file_close(&fd);
    if (rc < 0) {
        (void)err_wrap(err, "cannot upload to 's3://%s/%s'", s->location.bucket, key);
        return err_hint(err, "the file is kept as '%s'", path);
    }
    if (unlink(path) < 0)
        return err_sys(err, "'s3://%s/%s' was written, but '%s' cannot be removed",
                       s->location.bucket, key, path);
    return 0;
}

int staging_publish(struct staging *s, const char *suffix, struct err *err)
{
    char *path = mem_format(err, "%s%s", s->path, suffix);
    char *key = path ? mem_format(err, "%s%s", s->location.key, suffix) : NULL;
    int rc = key ? publish(s, path, key, err) : -1;

    mem_free(key);
    mem_free(path);
    return rc;
}

void staging_clear(struct staging *staging)
{
    if (staging->locked)
        file_close(&staging->lock);
    staging->locked = false;
    mem_free(staging->path);
    mem_free(staging->record);
    staging->path = staging->record = NULL;
}
