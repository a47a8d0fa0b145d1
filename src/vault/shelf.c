/* SPDX-License-Identifier: MIT */
#include "vault/shelf.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A volume's path. */
static char *path_of(const struct shelf *shelf, const char *name, struct err *err)
{
    return mem_format(err, "%s/%s", shelf->dir, name);
}

char *shelf_read(const struct shelf *shelf, const char *name, struct err *err)
{
    return path_of(shelf, name, err);
}

char *shelf_write(const struct shelf *shelf, const char *name, struct err *err)
{
    char *path = path_of(shelf, name, err);
    char *slash = path ? path + strlen(shelf->dir) : NULL;

    while (slash && (slash = strchr(slash + 1, '/'))) {
        *slash = '\0';
        if (mkdir(path, 0700) < 0 && errno != EEXIST) {
            (void)err_sys(err, "cannot make '%s'", path);
            mem_free(path);
            return NULL;
        }
        *slash = '/';
    }
    return path;
}

int shelf_remove(const struct shelf *shelf, const char *name, struct err *err)
{
    char *path = path_of(shelf, name, err);
    char *signature = path ? mem_format(err, "%s.sig", path) : NULL;
    int rc = signature ? unlink(path) : -1;

    if (rc < 0 && signature && errno == ENOENT)
        rc = 0;
    if (rc < 0 && signature)
        (void)err_sys(err, "cannot remove '%s'", path);
    else if (rc == 0 && unlink(signature) < 0 && errno != ENOENT)
        rc = err_sys(err, "cannot remove '%s'", signature);
    mem_free(signature);
    mem_free(path);
    return rc;
}

/* Names of a folder's entries that fn wants, one below the other: years, months, volumes. */
struct level {
    const struct shelf *shelf;
    int depth;
    int (*fn)(void *ctx, const char *name, uint64_t size, struct err *err);
    void *ctx;
};

static bool is_number(const char *name, size_t digits)
{
    return strlen(name) == digits && strspn(name, "0123456789") == digits;
}

static bool is_volume(const char *name)
{
    static const char *const suffixes[] = { ".tar.zst", ".tar.gz", ".tar" };
    size_t len = strlen(name);
    size_t i;

    for (i = 0; strncmp(name, "skyarc-", 7) == 0 && i < 3; i++) {
        size_t n = strlen(suffixes[i]);

        if (len > n && strcmp(name + len - n, suffixes[i]) == 0)
            return true;
    }
    return false;
}

static int walk(const struct level *level, const char *below, struct err *err)
{
    char *path = mem_format(err, "%s/%s", level->shelf->dir, below);
    DIR *dir = path ? opendir(path) : NULL;
    struct dirent *entry;
    int rc = path ? 0 : -1;

    if (path && !dir && errno != ENOENT)
        rc = err_sys(err, "cannot read '%s'", path);
    while (rc == 0 && dir && (entry = readdir(dir))) {
        struct level next = *level;
        struct stat st;
        char *name;

        if (level->depth < 2 ? !is_number(entry->d_name, level->depth ? 2 : 4)
                             : !is_volume(entry->d_name))
            continue;
        name = mem_format(err, "%s%s%s", below, *below ? "/" : "", entry->d_name);
        if (!name) {
            rc = -1;
            break;
        }
        next.depth++;
        if (level->depth < 2)
            rc = walk(&next, name, err);
        else if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                 S_ISREG(st.st_mode))
            rc = level->fn(level->ctx, name, (uint64_t)st.st_size, err);
        mem_free(name);
    }
    if (dir)
        (void)closedir(dir);
    mem_free(path);
    return rc;
}

int shelf_each(const struct shelf *shelf,
               int (*fn)(void *ctx, const char *name, uint64_t size, struct err *err),
               void *ctx, struct err *err)
{
    struct level level = { shelf, 0, fn, ctx };

    return walk(&level, "", err);
}
