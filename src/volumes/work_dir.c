/* SPDX-License-Identifier: MIT */
#include "volumes/work_dir.h"

#include "base/buf.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/pulse.h"
#include "base/text.h"
#include "storage/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NOTE_MAX ((size_t)LOCATION_BUCKET + LOCATION_KEY_MAX + 64)
#define NAME     "place" /* the file that names the bucket and the prefix */

/* Places with the same bucket and prefix of different stores must not meet. */
static int hash_of(const struct location *place, const char *endpoint, char out[17],
                   struct err *err)
{
    const char *const texts[] = { endpoint, place->bucket, place->key };
    uint8_t digest[SHA256_SIZE];

    if (sha256_of_texts(texts, 3, digest, err) < 0)
        return -1;
    text_hex(out, digest, 8);
    return 0;
}

char *work_dir_path(const struct location *place, const char *endpoint, const char *given,
                    struct err *err)
{
    static const struct {
        const char *variable;
        const char *below;
    } places[] = { { "STATE_DIRECTORY", "sync" },
                   { "XDG_STATE_HOME", "skyarc/sync" },
                   { "HOME", ".local/state/skyarc/sync" } };
    char hash[17];
    size_t i;

    if (!given)
        given = remote_work_dir();
    if (given)
        return mem_copy(given, err);
    if (hash_of(place, endpoint, hash, err) < 0)
        return NULL;
    for (i = 0; i < sizeof(places) / sizeof(*places); i++) {
        const char *dir = getenv(places[i].variable);

        if (dir && *dir == '/')
            return mem_format(err, "%s/%s/%s-%s", dir, places[i].below, place->bucket, hash);
    }
    (void)err_set(err, ERR_USAGE,
                  "there is no directory for the catalog and the volumes that are being made; "
                  "name one with --work-dir");
    return NULL;
}

/* The text of the file that names a place. */
static int note_of(const struct location *place, struct buf *out, struct err *err)
{
    buf_init(out, NOTE_MAX);
    return buf_addf(out, err, LOCATION_SCHEME "%s/%s\n", place->bucket, place->key);
}

/* 1: the directory is noted as that of this place, 0: it has no note, -1 */
static int compare(const char *path, const struct location *place, struct err *err)
{
    struct buf note;
    struct buf wanted;
    struct err why = { 0 };
    int rc = note_of(place, &wanted, err);

    buf_init(&note, NOTE_MAX);
    if (rc == 0 && file_load(path, stop_never(), &note, &why) < 0) {
        rc = why.os == ENOENT || why.os == ENOTDIR ? 0 : -1;
        if (rc < 0)
            *err = why;
    } else if (rc == 0) {
        rc = note.len >= wanted.len && memcmp(note.data, wanted.data, wanted.len) == 0 ? 1 : -1;
        if (rc < 0)
            (void)err_set(
                err, ERR_USAGE,
                "'%.300s' says that the directory is of another bucket or prefix than "
                "'" LOCATION_SCHEME "%.63s/%.200s'; give another --work-dir",
                path, place->bucket, place->key);
    }
    buf_clear(&note);
    buf_clear(&wanted);
    return rc;
}

int work_dir_check(const char *dir, const struct location *place, struct err *err)
{
    char *path = mem_format(err, "%s/" NAME, dir);
    int rc = path ? compare(path, place, err) : -1;

    mem_free(path);
    return rc < 0 ? -1 : 0;
}

static int add_owner(struct buf *note, struct err *err)
{
    char nonce[TEXT_NONCE];

    return buf_addf(note, err, "%s\n", text_nonce(nonce));
}

void work_dir_owner(const char *dir, char out[WORK_DIR_OWNER])
{
    char *path = mem_format(NULL, "%s/" NAME, dir);
    struct buf note;
    struct err ignored; /* then what is in the bucket is taken for that of others */
    const char *line;

    *out = '\0';
    buf_init(&note, NOTE_MAX);
    if (path && file_load(path, stop_never(), &note, &ignored) == 0 &&
        (line = strchr(buf_text(&note), '\n')))
        (void)snprintf(out, WORK_DIR_OWNER, "%.16s", line + 1);
    buf_clear(&note);
    mem_free(path);
}

void work_dir_add_line(const char *dir, const char *name, const char *line)
{
    const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    char *path = mem_format(NULL, "%s/%s", dir, name);
    int fd = path ? open(path, flags, 0600) : -1;
    struct err ignored;

    if (fd >= 0 && file_write(fd, line, strlen(line), &ignored) < 0) {
        /* what the file lacks is found out again */
    }
    file_close(&fd);
    mem_free(path);
}

int work_dir_make(const char *dir, const struct location *place, struct err *err)
{
    char *path = mem_format(err, "%s/" NAME, dir);
    struct buf note = { 0 };
    struct stat st;
    int rc = path ? file_make_dirs(path, err) : -1;

    if (rc < 0 && path)
        (void)err_hint(err, "name another directory with --work-dir");
    if (rc == 0 && (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode)))
        rc = err_set(err, ERR_EXISTS, "'%s' is not a directory", dir);
    if (rc == 0)
        rc = compare(path, place, err);
    if (rc == 0 && (rc = note_of(place, &note, err)) == 0 && (rc = add_owner(&note, err)) == 0)
        rc = file_put(path, note.data, note.len, 0600, err);
    buf_clear(&note);
    mem_free(path);
    return rc < 0 ? -1 : 0;
}
