/* SPDX-License-Identifier: MIT */
#include "writer/tree.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/pulse.h"
#include "format/bag.h"
#include "format/safe_name.h"
#include "format/tagfile.h"
#include "writer/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMP_PREFIX ".skyarc-" /* of extract_dir's temporary names */
#define FILES_MAX   ((size_t)1 << 26)
#define OPEN_TRIES  8
#define OPEN_FOLDER (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* A file, and how many names of it were found. */
struct counted {
    struct extract_dir_id id;
    uint64_t names;
};

struct tree {
    char *path;
    char *partial;
    const char *name;         /* the last component of path */
    const char *partial_name; /* the last component of partial */
    int parent;               /* the directory that both are in */
    bool force;
    unsigned mode;
    bool ours; /* DIR.partial is locked by us, and may be removed */
    bool left;
    bool links;
    struct extract_dir root; /* DIR.partial */
    struct counted *counted; /* sorted by id once surveyed */
    size_t count;
    size_t cap;
    const struct hashmap *kept; /* while tree_start runs */
    struct extract_dir_file file;
    bool open;                        /* file is being written */
    bool ended;                       /* a file has ended since the mark */
    char now[SAFE_NAME_PATH_MAX + 1]; /* its path */
    int64_t mtime;
    uint64_t got;
    uint64_t size;
};

/* Visit everything below an open directory; messages say which. */
static int walk(struct tree *tree, const struct extract_dir_walker *walker, int fd,
                const char *path, struct err *err)
{
    struct extract_dir_walker with = *walker;

    with.ctx = tree;
    return extract_dir_walk(fd, &with, err) < 0 ? err_wrap(err, "'%s'", path) : 0;
}

/* Whether only this user can have written it. */
static bool is_own(const struct stat *st)
{
    return st->st_uid == geteuid() && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

static struct extract_dir_id id_of(const struct stat *st)
{
    return (struct extract_dir_id){ st->st_dev, st->st_ino };
}

static int remove_file(void *ctx, int dir, const char *path, const struct stat *st,
                       struct err *err)
{
    struct tree *tree = ctx;
    (void)st;
    if (tree->kept && hashmap_get(tree->kept, path, strlen(path)))
        return 0;
    if (unlinkat(dir, path_base(path), 0) < 0)
        return err_sys(err, "cannot remove '%.200s'", path);
    return 0;
}

static int remove_folder(void *ctx, int dir, const char *name, int fd, struct err *err)
{
    struct tree *tree = ctx;
    (void)fd;
    if (unlinkat(dir, name, AT_REMOVEDIR) == 0 ||
        (tree->kept && (errno == ENOTEMPTY || errno == EEXIST)))
        return 0;
    return err_sys(err, "cannot remove the directory '%.200s'", name);
}

/* Make a folder writable that its owner may not write, so that it can be emptied. */
static int enter_to_remove(void *ctx, int fd, const struct stat *st)
{
    (void)ctx;
    if ((st->st_mode & S_IRWXU) != S_IRWXU)
        (void)fchmod(fd, S_IRWXU); /* if it fails, so does the removal, which says why */
    return 1;
}

static const struct extract_dir_walker removing = { remove_file, enter_to_remove, remove_folder,
                                                    NULL };

/* Count a regular file's name; anything else is removed. */
static int count_file(void *ctx, int dir, const char *path, const struct stat *st,
                      struct err *err)
{
    struct tree *tree = ctx;
    if (!S_ISREG(st->st_mode))
        return remove_file(tree, dir, path, st, err);
    if (mem_room(&tree->counted, &tree->cap, tree->count, sizeof(*tree->counted), FILES_MAX,
                 err) < 0)
        return -1;
    tree->counted[tree->count++] = (struct counted){ id_of(st), 1 };
    return 0;
}

/* Where others can write, nothing is counted, and so nothing is kept. */
static int enter_to_count(void *ctx, int fd, const struct stat *st)
{
    (void)ctx;
    (void)fd;
    return is_own(st);
}

static const struct extract_dir_walker counting = { count_file, enter_to_count,
                                                    extract_dir_leave, NULL };

/* Set a file's final permissions, and have it on the disk. */
static int settle_file(void *ctx, int dir, const char *path, const struct stat *st,
                       struct err *err)
{
    struct tree *tree = ctx;
    int fd = openat(dir, path_base(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int rc = 0;

    (void)st;
    if (fd < 0)
        return err_sys(err, "cannot open '%.200s'", path);
    if (fchmod(fd, tree->mode) < 0)
        rc = err_sys(err, "cannot set the permissions of '%.200s'", path);
    else if (file_sync(fd) < 0)
        rc = err_sys(err, "cannot sync '%.200s'", path);
    if (close(fd) < 0 && rc == 0)
        rc = err_sys(err, "cannot close '%.200s'", path);
    return rc;
}

/* The permissions of a directory: who may read its files may search it. */
static unsigned folder_mode(unsigned mode)
{
    return S_IRWXU | (mode & 066) | (mode & 044) >> 2;
}

static int settle_folder(void *ctx, int dir, const char *name, int fd, struct err *err)
{
    struct tree *tree = ctx;
    (void)dir;
    if (fchmod(fd, folder_mode(tree->mode)) < 0)
        return err_sys(err, "cannot set the permissions of '%.200s'", name);
    return file_sync(fd) < 0 ? err_sys(err, "cannot sync '%.200s'", name) : 0;
}

static const struct extract_dir_walker settling = { settle_file, extract_dir_enter,
                                                    settle_folder, NULL };

static bool is_part_of_bag(const char *name)
{
    return strcmp(name, "data") == 0 || strcmp(name, TAGFILE_VIEW) == 0 ||
           strcmp(name, TAGFILE_VIEW_DIR) == 0 || strcmp(name, TAGFILE_REQUESTS) == 0 ||
           tagfile_find(name) >= 0 || strncmp(name, TEMP_PREFIX, strlen(TEMP_PREFIX)) == 0;
}

/* What is at the top of a directory. */
struct top {
    size_t entries;
    bool stranger; /* something that is not part of a bag */
};

static int read_top(int fd, struct top *top)
{
    int again = openat(fd, ".", OPEN_FOLDER);
    DIR *entries = again < 0 ? NULL : fdopendir(again);
    struct dirent *entry;

    *top = (struct top){ 0 };
    if (!entries) {
        file_close(&again);
        return -1;
    }
    for (errno = 0; (entry = readdir(entries)); errno = 0) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        top->entries++;
        top->stranger = top->stranger || !is_part_of_bag(entry->d_name);
    }
    again = errno;
    (void)closedir(entries);
    errno = again;
    return again ? -1 : 0;
}

/*
 * Refuse what must not be replaced. *replaces tells whether there is a bag; an empty directory
 * is replaced as if it were not there.
 */
static int look(const struct tree *tree, bool *replaces, struct err *err)
{
    int fd = openat(tree->parent, tree->name, OPEN_FOLDER);
    struct top top = { 0 };
    struct stat st;
    int rc = 0;

    *replaces = false;
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 && fstatat(tree->parent, tree->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        !S_ISDIR(st.st_mode))
        return err_set(err, ERR_EXISTS, "'%s' exists and is %s", tree->path,
                       S_ISLNK(st.st_mode) ? "a symbolic link, which is not followed"
                                           : "not a directory");
    if (fd < 0 || read_top(fd, &top) < 0)
        rc = err_sys(err, "cannot read '%s'", tree->path);
    else if (top.entries && !tree->force)
        rc = err_set(err, ERR_EXISTS, "'%s' exists and is not empty; --force replaces it",
                     tree->path);
    else if (top.stranger)
        rc = err_set(err, ERR_EXISTS,
                     "'%s' holds other things than an archive's files, and is not replaced; "
                     "name another directory",
                     tree->path);
    else if (top.entries)
        rc = bag_only(fd, tree->path, err);
    *replaces = top.entries > 0;
    file_close(&fd);
    return rc;
}

/* Whether the directory that is open is the one that its name leads to. */
static bool is_there(const struct tree *tree)
{
    struct stat by_fd;
    struct stat by_name;

    return fstat(tree->root.fd, &by_fd) == 0 &&
           fstatat(tree->parent, tree->partial_name, &by_name, AT_SYMLINK_NOFOLLOW) == 0 &&
           by_fd.st_dev == by_name.st_dev && by_fd.st_ino == by_name.st_ino;
}

/* Open DIR.partial, which is created; a link or a file in its place is removed. */
static int open_root(struct tree *tree, struct err *err)
{
    unsigned tries;

    for (tries = 0; tries < OPEN_TRIES; tries++) {
        if (mkdirat(tree->parent, tree->partial_name, S_IRWXU) < 0 && errno != EEXIST)
            return err_sys(err, "cannot create '%s'", tree->partial);
        tree->root.fd = openat(tree->parent, tree->partial_name, OPEN_FOLDER);
        if (tree->root.fd >= 0)
            return 0;
        if ((errno == ELOOP || errno == ENOTDIR) &&
            unlinkat(tree->parent, tree->partial_name, 0) < 0)
            break;
    }
    return err_sys(err, "cannot open '%s'", tree->partial);
}

static int open_partial(struct tree *tree, struct err *err)
{
    struct top top = { 0 };
    struct stat st;

    do {
        file_close(&tree->root.fd);
        if (open_root(tree, err) < 0)
            return -1;
        if (flock(tree->root.fd, LOCK_EX | LOCK_NB) < 0)
            return errno == EWOULDBLOCK
                       ? err_set(err, ERR_BUSY, "another skyarc is writing '%s'", tree->path)
                       : err_sys(err, "cannot lock '%s'", tree->partial);
    } while (!is_there(tree));
    if (fstat(tree->root.fd, &st) < 0 || read_top(tree->root.fd, &top) < 0)
        return err_sys(err, "cannot read '%s'", tree->partial);
    if (!is_own(&st))
        return err_set(err, ERR_EXISTS,
                       "'%s' belongs to another user, or others can write to it; remove it",
                       tree->partial);
    if (top.stranger)
        return err_set(err, ERR_EXISTS,
                       "'%s' holds other things than an unfinished archive's files; remove it, "
                       "or name another directory",
                       tree->partial);
    tree->left = top.entries > 0;
    tree->ours = true;
    return 0;
}

struct tree *tree_open(const char *path, bool force, unsigned mode, struct err *err)
{
    struct tree *tree = mem_new(sizeof(*tree), err);
    bool replaces;

    if (!tree)
        return NULL;
    tree->parent = tree->root.fd = -1;
    tree->root.folder_mode = S_IRWXU;
    tree->file = (struct extract_dir_file){ .dir = -1, .fd = -1 };
    tree->force = force;
    tree->mode = mode;
    tree->path = mem_copy(path, err);
    tree->partial = mem_format(err, "%s" OUTPUT_PARTIAL, path);
    if (!tree->path || !tree->partial)
        goto fail;
    tree->name = path_base(tree->path);
    tree->partial_name = path_base(tree->partial);
    tree->parent = file_open_dir(path, err);
    if (tree->parent >= 0 && look(tree, &replaces, err) == 0 && open_partial(tree, err) == 0)
        return tree;
fail:
    tree_free(tree, true);
    return NULL;
}

void tree_free(struct tree *tree, bool keep)
{
    struct err err;

    if (!tree)
        return;
    extract_dir_abort(&tree->file);
    tree->kept = NULL;
    if (tree->ours && !keep && is_there(tree) &&
        (walk(tree, &removing, tree->root.fd, tree->partial, &err) < 0 ||
         remove_folder(tree, tree->parent, tree->partial_name, tree->root.fd, &err) < 0))
        log_line(LOG_WARNING, "%s", err.text);
    extract_dir_close(&tree->root);
    file_close(&tree->parent);
    mem_free(tree->counted);
    mem_free(tree->path);
    mem_free(tree->partial);
    mem_free(tree);
}

bool tree_has_left(const struct tree *tree)
{
    return tree->left;
}

static int by_id(const void *a, const void *b)
{
    const struct extract_dir_id *x = &((const struct counted *)a)->id;
    const struct extract_dir_id *y = &((const struct counted *)b)->id;

    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return x->inode < y->inode ? -1 : x->inode > y->inode;
}

int tree_survey(struct tree *tree, struct err *err)
{
    size_t to = 0;
    size_t i;

    tree->count = 0;
    if (walk(tree, &counting, tree->root.fd, tree->partial, err) < 0)
        return -1;
    if (tree->count)
        qsort(tree->counted, tree->count, sizeof(*tree->counted), by_id);
    for (i = 0; i < tree->count; i++) {
        if (to && by_id(&tree->counted[to - 1], &tree->counted[i]) == 0)
            tree->counted[to - 1].names++;
        else
            tree->counted[to++] = tree->counted[i];
    }
    tree->count = to;
    return 0;
}

bool tree_look(const struct tree *tree, const char *path, struct tree_left *left)
{
    const struct counted *counted = NULL;
    struct counted key;
    struct stat st;
    int fd;

    if (safe_name_refused(path))
        return false;
    fd =
        file_beneath(tree->root.fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, false);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && is_own(&st)) {
        key.id = id_of(&st);
        if (tree->count)
            counted = bsearch(&key, tree->counted, tree->count, sizeof(*tree->counted), by_id);
    }
    if (!counted || counted->names != st.st_nlink) {
        file_close(&fd);
        return false;
    }
    *left = (struct tree_left){ fd, key.id, (uint64_t)st.st_size };
    return true;
}

int tree_restamp(const struct tree_left *left, int64_t mtime, struct err *err)
{
    struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = (time_t)mtime } };

    if (futimens(left->fd, times) < 0)
        return err_sys(err, "cannot set the modification time");
    return fchmod(left->fd, S_IRUSR | S_IWUSR) < 0 ? err_sys(err, "cannot set permissions") : 0;
}

/* Whether a file can have two names here. */
static bool try_link(const struct tree *tree)
{
    int fd = openat(tree->root.fd, TEMP_PREFIX "1", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                    S_IRUSR | S_IWUSR);
    bool works = fd >= 0 &&
                 linkat(tree->root.fd, TEMP_PREFIX "1", tree->root.fd, TEMP_PREFIX "2", 0) == 0;

    file_close(&fd);
    (void)unlinkat(tree->root.fd, TEMP_PREFIX "1", 0);
    (void)unlinkat(tree->root.fd, TEMP_PREFIX "2", 0);
    return works;
}

int tree_start(struct tree *tree, const struct hashmap *kept, uint64_t bytes, struct err *err)
{
    int rc;

    tree->kept = kept;
    rc = walk(tree, &removing, tree->root.fd, tree->partial, err);
    tree->kept = NULL;
    tree->size = bytes;
    tree->links = rc == 0 && try_link(tree);
    return rc;
}

bool tree_links(const struct tree *tree)
{
    return tree->links;
}

/* Add the file's name to an error, and advice if the disk is full. */
static int explain(const struct tree *tree, const char *path, struct err *err)
{
    (void)err_wrap(err, "'%s/%.300s'", tree->partial, path);
    if (err && (err->os == ENOSPC || err->os == EDQUOT))
        (void)err_hint(err, "free some space, or name another place with -o");
    return -1;
}

static int add_link(struct tree *tree, const char *path, const char *target, struct err *err)
{
    int fd = file_beneath(tree->root.fd, target, O_PATH | O_NOFOLLOW, false);
    struct extract_dir_id id;
    struct stat st;
    int rc;

    if (fd < 0 || fstat(fd, &st) < 0) {
        rc = err_sys(err, "cannot open '%.200s'", target);
    } else {
        id = id_of(&st);
        rc = extract_dir_link(&tree->root, path, target, &id, true, err);
    }
    if (rc < 0 && err && err->os == EMLINK)
        (void)err_hint(err, "--duplicates copy makes no links");
    file_close(&fd);
    return rc < 0 ? explain(tree, path, err) : 0;
}

int tree_begin(struct tree *tree, const struct entry_file *file, struct err *err)
{
    if (file->link)
        return add_link(tree, file->path, file->link, err);
    (void)snprintf(tree->now, sizeof(tree->now), "%s", file->path);
    tree->mtime = file->mtime;
    tree->got = 0;
    if (extract_dir_begin(&tree->root, &tree->file, tree->now, err) < 0)
        return explain(tree, tree->now, err);
    tree->open = true;
    return 0;
}

int tree_add(struct tree *tree, const void *bytes, size_t len, struct err *err)
{
    if (file_write(tree->file.fd, bytes, len, err) < 0)
        return explain(tree, tree->now, err);
    tree->got += len;
    return 0;
}

int tree_end(struct tree *tree, struct err *err)
{
    int rc = extract_dir_commit(&tree->file, tree->mtime, S_IRUSR | S_IWUSR, true, err);

    extract_dir_abort(&tree->file);
    tree->open = false;
    if (rc < 0)
        return explain(tree, tree->now, err);
    tree->ended = true;
    tree->size += tree->got;
    return 0;
}

void tree_mark(struct tree *tree)
{
    tree->ended = false;
}

int tree_back(struct tree *tree, struct err *err)
{
    const char *slash = strrchr(tree->now, '/');
    char folder[SAFE_NAME_PATH_MAX + 1];
    int fd;
    int rc = 0;

    extract_dir_abort(&tree->file);
    tree->open = false;
    if (!tree->ended)
        return 0;
    (void)snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - tree->now) : 1,
                   slash ? tree->now : ".");
    fd = file_beneath(tree->root.fd, folder, O_PATH | O_DIRECTORY, false);
    if (fd < 0 || unlinkat(fd, path_base(tree->now), 0) < 0) {
        (void)err_sys(err, "cannot remove");
        rc = explain(tree, tree->now, err);
    } else {
        tree->size -= tree->got;
    }
    tree->ended = false;
    file_close(&fd);
    return rc;
}

uint64_t tree_size(const struct tree *tree)
{
    return tree->size + (tree->open ? tree->got : 0);
}

/*
 * Give the directory its name. rename() never replaces a directory that holds something; one
 * that is to be replaced changes places with ours, so that there is one at any moment.
 */
static int put_name(struct tree *tree, bool replaces, struct err *err)
{
    if (!is_there(tree))
        return err_set(err, ERR_EXISTS, "'%s' has been replaced by another one", tree->partial);
    if (renameat2(tree->parent, tree->partial_name, tree->parent, tree->name,
                  replaces ? RENAME_EXCHANGE : 0) == 0)
        return 0;
    if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR)
        return err_set(err, ERR_EXISTS, "'%s' has appeared meanwhile", tree->path);
    (void)err_sys(err, "cannot rename '%s' to '%s'", tree->partial, tree->path);
    return replaces ? err_hint(err, "remove '%s' first", tree->path) : -1;
}

int tree_commit(struct tree *tree, struct err *err)
{
    bool replaces;
    int old;

    pulse_begin(WAIT_SYNC);
    /* one wait for all files; each fsync then reports the errors of its file */
    (void)syncfs(tree->root.fd);
    pulse_end(WAIT_SYNC);
    if (walk(tree, &settling, tree->root.fd, tree->partial, err) < 0 ||
        settle_folder(tree, tree->parent, tree->partial, tree->root.fd, err) < 0 ||
        look(tree, &replaces, err) < 0 || put_name(tree, replaces, err) < 0)
        return -1;
    tree->ours = false;
    if (file_flush_dir(tree->parent, tree->path, err) < 0)
        return -1;
    if (!replaces)
        return 0;
    old = openat(tree->parent, tree->partial_name, OPEN_FOLDER);
    if (old < 0 || walk(tree, &removing, old, tree->partial, err) < 0 ||
        unlinkat(tree->parent, tree->partial_name, AT_REMOVEDIR) < 0)
        log_line(LOG_WARNING, "'%s', what '%s' replaces, cannot be removed", tree->partial,
                 tree->path);
    file_close(&old);
    err_clear(err);
    return 0;
}
