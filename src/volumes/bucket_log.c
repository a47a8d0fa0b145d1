/* SPDX-License-Identifier: MIT */
#include "volumes/bucket_log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hashmap.h"
#include "base/pulse.h"
#include "base/text.h"
#include "s3/object_list.h"
#include "s3/object_put.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OBJECTS     "log.objects"
#define OBJECT_MAX  ((size_t)4 << 20) /* of one object */
#define OBJECTS_MAX ((size_t)64 << 20)
#define NAMES_MAX   ((size_t)1 << 20)
#define DIGITS      16
#define TIME_MAX    INT64_C(9999999999999999) /* that has as many digits */

/* The time in a name; -1: skyarc writes no such name. */
static int64_t time_of(const char *name)
{
    int64_t ms = 0;
    size_t i;

    for (i = 0; i < DIGITS; i++) {
        if (name[i] < '0' || name[i] > '9')
            return -1;
        ms = ms * 10 + (name[i] - '0');
    }
    if (name[i++] != '-' || strspn(name + i, "0123456789abcdef") != DIGITS)
        return -1;
    return strcmp(name + i + DIGITS, ".jsonl") == 0 ? ms : -1;
}

static int know(struct bucket_log *log, const char *name, struct err *err)
{
    int64_t ms = time_of(name);
    char *copy;

    if (ms < 0 || hashmap_get(log->known, name, strlen(name)))
        return 0;
    log->last_ms = ms > log->last_ms ? ms : log->last_ms;
    copy = region_text(log->region, name, err);
    return copy ? hashmap_add(log->known, copy, strlen(copy), copy, err) : -1;
}

static char *path_of(const struct bucket_log *log, const char *name, struct err *err)
{
    return mem_format(err, "%s/%s", log->dir, name);
}

/* Take a line of the file of names. */
static int on_name(void *ctx, char *line, struct err *err)
{
    return know(ctx, line, err);
}

/* Remove a file of the work directory, if there is one. */
static int drop(const struct bucket_log *log, const char *name, struct err *err)
{
    char *path = path_of(log, name, err);
    int rc = !path                                  ? -1
             : unlink(path) == 0 || errno == ENOENT ? 0
                                                    : err_sys(err, "cannot remove '%s'", path);

    mem_free(path);
    return rc;
}

/* Whether a file of the work directory exists. */
static bool is_there(const struct bucket_log *log, const char *name)
{
    char *path = path_of(log, name, NULL);
    bool there = path && access(path, F_OK) == 0;

    mem_free(path);
    return there;
}

/* Load which objects the copy has; without one of the two files it has none. */
static int load(struct bucket_log *log, struct err *err)
{
    char *path;
    struct buf names;
    int rc = 0;

    if (log->known)
        return 0;
    log->region = region_new(err);
    log->known = log->region ? hashmap_new(err) : NULL;
    if (!log->known)
        return -1;
    if (!is_there(log, OBJECTS) || !is_there(log, AUDIT_LOG_NAME))
        return drop(log, OBJECTS, err) < 0 || drop(log, AUDIT_LOG_NAME, err) < 0 ? -1 : 0;
    path = path_of(log, OBJECTS, err);
    buf_init(&names, OBJECTS_MAX);
    rc = path ? file_load(path, stop_never(), &names, err) : -1;
    if (rc == 0)
        rc = buf_each_line(&names, on_name, log, err);
    buf_clear(&names);
    mem_free(path);
    return rc;
}

/* Append bytes to a file of the work directory, and flush it. */
static int append(const struct bucket_log *log, const char *name, const struct buf *bytes,
                  struct err *err)
{
    const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    char *path = path_of(log, name, err);
    int fd = path ? open(path, flags, 0600) : -1;
    int rc = -1;

    if (path && fd < 0)
        (void)err_sys(err, "cannot write '%s'", path);
    else if (fd >= 0)
        rc = bytes->len ? file_write(fd, bytes->data, bytes->len, err) : 0;
    if (rc == 0 && fsync(fd) < 0)
        rc = err_sys(err, "cannot sync '%s'", path);
    if (rc == 0)
        rc = file_sync_dir(path, err);
    file_close(&fd);
    mem_free(path);
    return rc;
}

/* Note that the copy has the lines of these objects. */
static int note(struct bucket_log *log, const struct text_list *names, struct err *err)
{
    struct buf text;
    size_t i;
    int rc = 0;

    buf_init(&text, OBJECTS_MAX);
    for (i = 0; rc == 0 && i < names->count; i++)
        rc = buf_addf(&text, err, "%s\n", names->at[i]);
    if (rc == 0)
        rc = append(log, OBJECTS, &text, err);
    for (i = 0; rc == 0 && i < names->count; i++)
        rc = know(log, names->at[i], err);
    buf_clear(&text);
    return rc;
}

/* The objects that the copy lacks, while they are listed. */
struct lacking {
    struct bucket_log *log;
    size_t prefix; /* length of the keys' prefix */
    struct text_list names;
};

static int on_object(void *ctx, const struct object_listed *object, struct err *err)
{
    struct lacking *l = ctx;
    const char *name = object->key + l->prefix;

    if (time_of(name) < 0 || hashmap_get(l->log->known, name, strlen(name)))
        return 0;
    return text_list_add(&l->names, name, NAMES_MAX, err);
}

/* Append the lines of one object to the copy. */
static int copy_object(struct bucket_log *log, const char *name, struct err *err)
{
    char key[LOCATION_KEY_MAX + 1];
    struct buf lines = { 0 };
    struct buf whole;
    struct object_info info;
    int rc = bucket_place_key(log->bucket, key, BUCKET_LOG, name, "", err);

    buf_init(&whole, OBJECT_MAX + 1);
    if (rc == 0)
        rc = object_load(log->bucket->client, key, OBJECT_MAX, &lines, &info, err);
    if (rc > 0 && lines.len)
        rc = buf_add(&whole, lines.data, lines.len, err) < 0 ? -1 : 1;
    if (rc > 0 && whole.len && whole.data[whole.len - 1] != '\n')
        rc = buf_adds(&whole, "\n", err) < 0 ? -1 : 1;
    if (rc > 0)
        rc = append(log, AUDIT_LOG_NAME, &whole, err) < 0 ? -1 : 1;
    buf_clear(&whole);
    buf_clear(&lines);
    return rc < 0 ? err_wrap(err, "cannot read the log's object '%s'", name) : 0;
}

int bucket_log_refresh(struct bucket_log *log, struct err *err)
{
    struct lacking l = { .log = log };
    char prefix[LOCATION_KEY_MAX + 1];
    struct buf nothing = { 0 };
    size_t i;
    int rc = load(log, err);

    if (rc == 0)
        rc = bucket_place_key(log->bucket, prefix, BUCKET_LOG, "", "", err);
    if (rc == 0)
        rc = bucket_place_connect(log->bucket, err);
    if (rc == 0) {
        l.prefix = strlen(prefix);
        rc = object_list(log->bucket->client, prefix, NULL, on_object, &l, err);
    }
    if (rc == 0)
        rc = audit_log_mend(log->dir, err);
    if (rc == 0) /* the file exists, also without any entry: see load */
        rc = append(log, AUDIT_LOG_NAME, &nothing, err);
    for (i = 0; rc == 0 && i < l.names.count; i++)
        rc = copy_object(log, l.names.at[i], err);
    if (rc == 0)
        rc = note(log, &l.names, err);
    text_list_clear(&l.names);
    return rc;
}

/* Choose a name that is greater than all known ones. */
static int make_name(struct bucket_log *log, char out[BUCKET_LOG_NAME], struct err *err)
{
    int64_t ms = clock_wall();
    char nonce[TEXT_NONCE];

    if (ms <= log->last_ms)
        ms = log->last_ms + 1;
    if (ms > TIME_MAX)
        return err_set(err, ERR_LIMIT,
                       "an object of the log has the greatest time: no entry can "
                       "follow it");
    log->last_ms = ms;
    (void)snprintf(out, BUCKET_LOG_NAME, "%016" PRId64 "-%s.jsonl", ms, text_nonce(nonce));
    return 0;
}

static int publish(void *ctx, const char *lines, size_t len, struct err *err)
{
    struct bucket_log *log = ctx;
    struct object_put_opts opts = { .bytes = lines, .len = len, .condition = OBJECT_ABSENT };
    char key[LOCATION_KEY_MAX + 1];
    char name[BUCKET_LOG_NAME];
    struct object_info info;
    int rc = load(log, err);

    if (rc == 0 && len)
        rc = bucket_place_connect(log->bucket, err);
    if (rc < 0 || !len)
        return rc;
    opts.key = key;
    rc = make_name(log, name, err);
    if (rc == 0)
        rc = bucket_place_key(log->bucket, key, BUCKET_LOG, name, "", err);
    if (rc == 0)
        rc = object_put(log->bucket->client, &opts, &info, err);
    if (rc == 0)
        rc = text_list_add(&log->written, name, NAMES_MAX, err);
    return rc < 0 ? err_wrap(err, "cannot write the log's object '%s'", name) : 0;
}

static int copied(void *ctx, struct err *err)
{
    struct bucket_log *log = ctx;
    int rc = note(log, &log->written, err);

    text_list_clear(&log->written);
    return rc;
}

struct audit_log_origin bucket_log_origin(struct bucket_log *log)
{
    text_list_clear(&log->written); /* of entries that did not get into the copy */
    return (struct audit_log_origin){ publish, copied, log };
}

void bucket_log_clear(struct bucket_log *log)
{
    hashmap_free(log->known);
    region_free(log->region);
    text_list_clear(&log->written);
    log->known = NULL;
    log->region = NULL;
}
