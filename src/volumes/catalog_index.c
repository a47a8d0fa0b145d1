/* SPDX-License-Identifier: MIT */
#include "volumes/catalog_index.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "catalog/db.h"
#include "s3/object_list.h"
#include "s3/object_put.h"
#include "s3/upload.h"
#include "storage/remote.h"
#include "volumes/tail_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEAST     16 /* new volumes that make a copy worth its upload, */
#define SHARE     10 /* and a tenth of the volumes that it has */
#define PIECE     ((size_t)4 << 20)
#define TAILS_MAX ((size_t)64 << 20)
#define KEYS_MAX  ((size_t)1 << 16)

#define LIMIT_BASE  ((uint64_t)256 << 20)
#define LIMIT_SHARE 32
#define VOLUMES_MAX ((uint64_t)1 << 56)

/* The number of volumes in a name; 0: skyarc writes no such name. */
static size_t count_of(const char *name)
{
    const char *at = strchr(name, '-');

    return at ? (size_t)strtoul(at + 1, NULL, 10) : 0;
}

bool catalog_index_is_old(const struct bucket_place *b, size_t count)
{
    size_t had = b->index_is_own ? count_of(b->index) : 0;

    return count >= had + LEAST + had / SHARE;
}

/* How a copy is stored: encrypted as the volumes, but not locked, since it is replaced. */
static struct object_options options_of(const struct bucket_place *b)
{
    struct object_options options = { 0 };

    if (b->objects) {
        options.encryption = b->objects->encryption;
        options.kms_key = b->objects->kms_key;
    }
    return options;
}

/*
 * The largest catalog that the volumes of the list can have: texts of them are indexed, and may
 * be compressed well. A copy that is larger is foreign, or broken.
 */
static uint64_t limit_of(const struct bucket_place *b)
{
    uint64_t sum = 0;
    size_t i;

    for (i = 0; i < b->count; i++) {
        uint64_t size = b->all[i]->there ? b->all[i]->size : 0;

        sum = size < VOLUMES_MAX - sum ? sum + size : VOLUMES_MAX;
    }
    return LIMIT_BASE + sum * LIMIT_SHARE;
}

static int check_size(const struct bucket_place *b, uint64_t size, struct err *err)
{
    char text[TEXT_SIZE_MAX];

    return size <= limit_of(b)
               ? 0
               : err_set(err, ERR_LIMIT, "a catalog of %s is too large for these volumes",
                         text_size(text, size));
}

/* Upload the catalog's file. */
static int put_catalog(struct bucket_place *b, const char *stem, int fd, struct err *err)
{
    const struct object_options options = options_of(b);
    char key[LOCATION_KEY_MAX + 1];
    char hex[SHA256_TEXT];
    uint8_t digest[SHA256_SIZE];
    struct upload_opts opts = { .key = key,
                                .fd = fd,
                                .sha256 = hex,
                                .absent = true,
                                .rate_bps = b->rate_bps,
                                .options = &options,
                                .begun = upload_begun_untold, /* bucket_store_sweep aborts it */
                                .sent = upload_sent_untold };
    struct object_info info;
    struct stat st;

    if (fstat(fd, &st) < 0)
        return err_sys(err, "cannot read the catalog");
    opts.size = (uint64_t)st.st_size;
    if (check_size(b, opts.size, err) < 0 ||
        bucket_place_key(b, key, BUCKET_INDEX, stem, ".db", err) < 0 ||
        upload_hash(fd, 0, opts.size, remote_stop(), digest, err) < 0)
        return -1;
    text_hex(hex, digest, SHA256_SIZE);
    return upload_file(b->client, &opts, &info, err);
}

/* Upload the file of the tails, if there is one. */
static int put_tails(struct bucket_place *b, const char *dir, const char *stem, struct err *err)
{
    const struct object_options options = options_of(b);
    char key[LOCATION_KEY_MAX + 1];
    struct object_put_opts opts = { .key = key,
                                    .condition = OBJECT_ALWAYS,
                                    .options = &options };
    char *path = mem_format(err, "%s/" TAIL_CACHE_NAME, dir);
    struct object_info info;
    struct err why = { 0 };
    struct buf bytes;
    int rc = path ? bucket_place_key(b, key, BUCKET_INDEX, stem, ".tails", err) : -1;

    buf_init(&bytes, TAILS_MAX);
    if (rc == 0 && file_load(path, remote_stop(), &bytes, &why) == 0) {
        opts.bytes = bytes.data;
        opts.len = bytes.len;
        rc = object_put(b->client, &opts, &info, err);
    }
    buf_clear(&bytes);
    mem_free(path);
    return rc;
}

/* Open the catalog's file, if all of it is in this file. -1: it is not, or there is none. */
static int open_catalog(const char *dir)
{
    char *wal = mem_format(NULL, "%s/" DB_NAME "-wal", dir);
    char *path = mem_format(NULL, "%s/" DB_NAME, dir);
    struct stat st;
    int fd = -1;

    if (wal && path && (stat(wal, &st) < 0 || st.st_size == 0))
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    mem_free(wal);
    mem_free(path);
    return fd;
}

int catalog_index_put(struct bucket_place *b, const char *dir, size_t count, struct err *err)
{
    char stem[BUCKET_INDEX_NAME];
    char nonce[TEXT_NONCE];
    int fd = open_catalog(dir);
    int rc = fd < 0 ? 0 : bucket_place_connect(b, err);

    if (fd < 0)
        return 0;
    (void)snprintf(stem, sizeof(stem), "%016" PRId64 "-%zu-%s%s", clock_wall(), count,
                   text_nonce(nonce), b->shard);
    if (rc == 0)
        rc = put_tails(b, dir, stem, err);
    if (rc == 0)
        rc = put_catalog(b, stem, fd, err);
    file_close(&fd);
    return rc < 0 ? -1 : catalog_index_drop(b, stem, err);
}

/* The keys of copies being listed. */
struct copies {
    const char *but;
    const char *shard; /* with but: of which */
    size_t prefix;
    struct text_list keys;
};

static int on_object(void *ctx, const struct object_listed *object, struct err *err)
{
    struct copies *c = ctx;

    if (c->but && (strncmp(object->key + c->prefix, c->but, strlen(c->but)) == 0 ||
                   !bucket_place_is_index_of(object->key + c->prefix, c->shard)))
        return 0;
    return text_list_add(&c->keys, object->key, KEYS_MAX, err);
}

int catalog_index_drop(struct bucket_place *b, const char *but, struct err *err)
{
    struct copies c = { .but = but, .shard = b->shard };
    char prefix[LOCATION_KEY_MAX + 1];
    size_t i;
    int rc = bucket_place_key(b, prefix, BUCKET_INDEX, "", "", err);

    if (rc == 0)
        rc = bucket_place_connect(b, err);
    if (rc == 0) {
        c.prefix = strlen(prefix);
        rc = object_list(b->client, prefix, NULL, on_object, &c, err);
    }
    for (i = 0; rc == 0 && i < c.keys.count; i++)
        rc = object_delete(b->client, c.keys.at[i], err);
    text_list_clear(&c.keys);
    if (rc == 0) {
        (void)snprintf(b->index, sizeof(b->index), "%s", but ? but : "");
        b->index_is_own = but != NULL;
    }
    return rc;
}

/* Copy an object into a file, and compare it with the digest that is stored with it. */
static int copy_object(struct bucket_place *b, const char *key, const struct object_info *info,
                       int fd, struct err *err)
{
    struct sha256 *sha = sha256_new(err);
    uint8_t digest[SHA256_SIZE];
    char hex[SHA256_TEXT];
    uint64_t at = 0;
    int rc = sha ? 0 : -1;

    while (rc == 0 && at < info->size) {
        size_t len = info->size - at < PIECE ? (size_t)(info->size - at) : PIECE;
        struct buf bytes = { 0 };

        rc = object_get(b->client, key, info, at, len, &bytes, err);
        if (rc == 0) {
            sha256_add(sha, bytes.data, bytes.len);
            rc = file_write(fd, bytes.data, bytes.len, err);
        }
        buf_clear(&bytes);
        at += len;
    }
    if (rc == 0) {
        sha256_end(sha, digest);
        text_hex(hex, digest, SHA256_SIZE);
        if (strcmp(hex, info->sha256) != 0)
            rc = err_set(err, ERR_MISMATCH, "it is not what was written");
    }
    sha256_free(sha);
    if (rc == 0 && fsync(fd) < 0)
        rc = err_sys(err, "cannot write the catalog");
    return rc;
}

/* Fetch the tails: without them each tail is read again. */
static void fetch_tails(struct bucket_place *b, const char *dir)
{
    char key[LOCATION_KEY_MAX + 1];
    char *path = mem_format(NULL, "%s/" TAIL_CACHE_NAME, dir);
    struct object_info info;
    struct buf bytes = { 0 };
    struct err why = { 0 };

    if (path && bucket_place_key(b, key, BUCKET_INDEX, b->index, ".tails", &why) == 0 &&
        object_load(b->client, key, TAILS_MAX, &bytes, &info, &why) > 0 &&
        file_put(path, bytes.data, bytes.len, 0600, &why) == 0)
        err_clear(&why);
    if (why.kind)
        log_line(LOG_INFO, "the digests of the volumes' tails were not fetched: %s", why.text);
    buf_clear(&bytes);
    mem_free(path);
}

/* Fetch the catalog under another name, then rename it. */
static int fetch_catalog(struct bucket_place *b, const char *path, struct err *err)
{
    char key[LOCATION_KEY_MAX + 1];
    char *temp = mem_format(err, "%s.fetched", path);
    struct object_info info;
    int fd = -1;
    int rc = temp ? bucket_place_key(b, key, BUCKET_INDEX, b->index, ".db", err) : -1;

    if (rc == 0)
        rc = object_head(b->client, key, &info, err);
    if (rc > 0 && check_size(b, info.size, err) < 0)
        rc = -1;
    if (rc > 0) {
        fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        rc = fd < 0 ? err_sys(err, "cannot write '%s'", temp)
                    : copy_object(b, key, &info, fd, err);
        if (rc == 0 && rename(temp, path) < 0)
            rc = err_sys(err, "cannot rename '%s'", temp);
        if (rc == 0)
            rc = file_sync_dir(path, err);
        if (rc < 0 && fd >= 0 && unlink(temp) < 0) {
            /* the next attempt writes over it */
        }
        rc = rc < 0 ? -1 : 1;
    }
    file_close(&fd);
    mem_free(temp);
    return rc;
}

int catalog_index_fetch(struct bucket_place *b, const char *dir, struct err *err)
{
    char *path = mem_format(err, "%s/" DB_NAME, dir);
    struct err why = { 0 };
    int rc = path ? bucket_place_list(b, false, err) : -1;

    if (rc == 0 && *b->index && access(path, F_OK) < 0) {
        fetch_tails(b, dir);
        rc = fetch_catalog(b, path, &why);
    }
    mem_free(path);
    if (rc < 0 && why.kind) {
        if (why.kind == ERR_CANCELLED || why.kind == ERR_MEMORY) {
            *err = why;
            return -1;
        }
        log_line(LOG_WARNING,
                 "the copy of the catalog in the bucket cannot be used, and all volumes are "
                 "read instead: %s",
                 why.text);
        return 0;
    }
    return rc;
}
