/* SPDX-License-Identifier: MIT */
#include "volumes/dir_store.h"

#include "attest/proof.h"
#include "base/file.h"
#include "base/mem.h"
#include "writer/journal.h"
#include "writer/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASIDE_MAX 10000

/* The path of a volume. */
static char *path_of(const char *dir, const char *name, struct err *err)
{
    struct volume_name parts;

    if (!volume_name_parse(&parts, name)) {
        (void)err_set(err, ERR_FORMAT, "'%.200s' is not a volume name", name);
        return NULL;
    }
    return mem_format(err, "%s/%s", dir, name);
}

char *dir_store_read(const char *dir, const char *name, struct err *err)
{
    return path_of(dir, name, err);
}

char *dir_store_write(const char *dir, const char *name, struct err *err)
{
    char *path = path_of(dir, name, err);
    char *slash = path ? path + strlen(dir) : NULL;

    while (slash && (slash = strchr(slash + 1, '/'))) {
        *slash = '\0';
        if (mkdir(path, 0700) < 0 && errno != EEXIST) {
            (void)err_sys(err, "cannot create '%s'", path);
            mem_free(path);
            return NULL;
        }
        *slash = '/';
    }
    return path;
}

/* Hash the last bytes of a file. */
static int hash_tail(int fd, uint64_t size, uint8_t out[SHA256_SIZE], struct err *err)
{
    size_t len = size < VOLUME_TAIL ? (size_t)size : VOLUME_TAIL;
    unsigned char *bytes = mem_new(VOLUME_TAIL, err);
    struct sha256 *sha = bytes ? sha256_new(err) : NULL;
    int rc = sha ? file_pread(fd, bytes, len, size - len, err) : -1;

    if (rc == 0) {
        sha256_add(sha, bytes, len);
        sha256_end(sha, out);
    }
    sha256_free(sha);
    mem_free(bytes);
    return rc;
}

int dir_store_look(const char *dir, const char *name, bool tail, struct volume_seen *out,
                   struct err *err)
{
    const int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    char *path = path_of(dir, name, err);
    struct stat st;
    int fd = -1;
    int there = path ? lstat(path, &st) : -1;
    int rc = -1;

    *out = (struct volume_seen){ 0 };
    if (there == 0 && S_ISREG(st.st_mode)) { /* to open a device may have effects */
        fd = open(path, flags);
        there = fd < 0 ? -1 : fstat(fd, &st);
    }
    if (path && there < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        rc = 0;
    } else if (path && there < 0) {
        (void)err_sys(err, "cannot read '%s'", path);
    } else if (path && !S_ISREG(st.st_mode)) {
        rc = 1;
    } else if (path) {
        out->regular = true;
        out->size = (uint64_t)st.st_size;
        rc = tail && hash_tail(fd, out->size, out->tail, err) < 0 ? err_wrap(err, "'%s'", path)
                                                                  : 1;
    }
    file_close(&fd);
    mem_free(path);
    return rc;
}

/* Rename a file of any type without replacing an existing one. */
static int rename_new(const char *from, const char *to)
{
    struct stat st;

    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL) /* the file system does not know the flag */
        return -1;
    if (lstat(to, &st) == 0) {
        errno = EEXIST;
        return -1;
    }
    return rename(from, to);
}

/* Rename the proofs along with their volume, so that they do not stay for the next volume of
 * that name. */
static void move_proofs(const char *from, const char *to)
{
    unsigned i;

    for (i = 0; i < PROOF_MOST; i++) {
        char *old = proof_path(from, i, NULL);
        char *new = proof_path(to, i, NULL);

        if (old && new &&rename(old, new) < 0) {
            /* there is none */
        }
        mem_free(old);
        mem_free(new);
    }
}

int dir_store_set_aside(const char *dir, const char *name, const char *word,
                        char out[VOLUME_NAME], struct err *err)
{
    char *from = path_of(dir, name, err);
    unsigned i;
    int rc = -1;

    for (i = 1; from && i < ASIDE_MAX; i++) {
        char number[16] = "";
        char *to;

        if (i > 1)
            (void)snprintf(number, sizeof(number), "-%u", i);
        (void)snprintf(out, VOLUME_NAME, "%.220s.%.12s%s", name, word, number);
        to = mem_format(err, "%s/%s", dir, out);
        rc = to ? rename_new(from, to) : -1;
        if (rc < 0 && to && errno == EEXIST) {
            mem_free(to);
            continue;
        }
        if (rc == 0)
            move_proofs(from, to);
        if (rc < 0 && to)
            (void)err_sys(err, "cannot rename '%s'", from);
        else if (rc == 0)
            rc = file_sync_dir(to, err);
        mem_free(to);
        break;
    }
    if (i == ASIDE_MAX)
        (void)err_set(err, ERR_EXISTS, "cannot set aside '%s': too many files of that name",
                      from);
    mem_free(from);
    return rc;
}

/* Remove a file, if there is one. */
static int remove_file(const char *path, struct err *err)
{
    return unlink(path) < 0 && errno != ENOENT ? err_sys(err, "cannot remove '%s'", path) : 0;
}

int dir_store_remove(const char *dir, const char *name, struct err *err)
{
    char *path = path_of(dir, name, err);
    unsigned i;
    int rc = path ? remove_file(path, err) : -1;

    for (i = 0; rc == 0 && i < PROOF_MOST; i++) {
        char *proof = proof_path(path, i, err);

        rc = proof ? remove_file(proof, err) : -1;
        mem_free(proof);
    }
    mem_free(path);
    return rc;
}

/* Called with each file, of any type. */
typedef int file_fn(void *ctx, const char *name, const struct stat *st, struct err *err);

struct open_folder {
    const char *root;
    int depth;
    file_fn *fn;
    void *ctx;
};

/* Visit what is two folders down, of any type: years, months, then files. */
static int walk(const struct open_folder *level, const char *below, struct err *err)
{
    char *path = mem_format(err, "%s/%s", level->root, below);
    DIR *folder = path ? opendir(path) : NULL;
    struct dirent *entry = NULL;
    int rc = path ? 0 : -1;

    if (path && !folder && errno != ENOENT && errno != ENOTDIR)
        rc = err_sys(err, "cannot read '%s'", path);
    while (rc == 0 && folder && (errno = 0, entry = readdir(folder))) {
        struct open_folder next = *level;
        struct stat st;
        char *name;

        if (level->depth < 2 && !volume_name_folder(entry->d_name, level->depth))
            continue;
        name = mem_format(err, "%s%s%s", below, *below ? "/" : "", entry->d_name);
        next.depth++;
        if (!name)
            rc = -1;
        else if (level->depth < 2)
            rc = walk(&next, name, err);
        else if (fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            rc = level->fn(level->ctx, name, &st, err);
        mem_free(name);
    }
    if (rc == 0 && folder && errno)
        rc = err_sys(err, "cannot read '%s'", path);
    if (folder)
        (void)closedir(folder);
    mem_free(path);
    return rc;
}

struct visit {
    int (*fn)(void *ctx, const char *name, uint64_t size, struct err *err);
    void *ctx;
};

static int on_file(void *ctx, const char *name, const struct stat *st, struct err *err)
{
    const struct visit *v = ctx;
    struct volume_name parts;

    return volume_name_parse(&parts, name) ? v->fn(v->ctx, name, (uint64_t)st->st_size, err)
                                           : 0;
}

int dir_store_each(const char *dir,
                   int (*fn)(void *ctx, const char *name, uint64_t size, struct err *err),
                   void *ctx, struct err *err)
{
    struct visit visit = { fn, ctx };
    struct open_folder level = { dir, 0, on_file, &visit };

    return walk(&level, "", err);
}

/* Whether a file name is that of a proof of a volume. */
static bool is_proof(const char *name, char volume[VOLUME_NAME])
{
    unsigned i;

    for (i = 0; i < PROOF_MOST; i++) {
        char *suffix = proof_path("", i, NULL);
        bool found = suffix && volume_name_before(volume, name, suffix);

        mem_free(suffix);
        if (found)
            return true;
    }
    return false;
}

static int on_left(void *ctx, const char *name, const struct stat *st, struct err *err)
{
    const char *dir = ctx;
    char volume[VOLUME_NAME];
    struct stat there;
    bool proof;
    char *path;
    int rc;

    if (!S_ISREG(st->st_mode) && !S_ISLNK(st->st_mode))
        return 0;
    proof = is_proof(name, volume) || volume_name_before(volume, name, DIR_STORE_BASE);
    if (!proof && !volume_name_before(volume, name, OUTPUT_PARTIAL) &&
        !volume_name_before(volume, name, OUTPUT_PARTIAL JOURNAL_SUFFIX))
        return 0;
    path = mem_format(err, "%s/%s", dir, volume);
    if (!path)
        return -1;
    if (proof && lstat(path, &there) == 0) {
        mem_free(path);
        return 0;
    }
    mem_free(path);
    path = mem_format(err, "%s/%s", dir, name);
    if (!path)
        return -1;
    rc = remove_file(path, err);
    mem_free(path);
    return rc;
}

int dir_store_sweep(const char *dir, struct err *err)
{
    struct open_folder level = { dir, 0, on_left, (void *)(uintptr_t)dir };

    return walk(&level, "", err);
}
