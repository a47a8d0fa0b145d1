/* SPDX-License-Identifier: MIT */
#include "format/extract_dir.h"

#include "base/file.h"
#include "base/path.h"
#include "base/pulse.h"
#include "format/safe_name.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_FOLDER (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

int extract_dir_open(struct extract_dir *root, const char *dir, struct err *err)
{
    if (mkdir(dir, 0777) < 0 && errno != EEXIST)
        return err_sys(err, "cannot create '%s'", dir);
    root->name = dir;
    root->folder_mode = 0777;
    root->fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return root->fd < 0 ? err_sys(err, "cannot open '%s'", dir) : 0;
}

void extract_dir_close(struct extract_dir *root)
{
    file_close(&root->fd);
}

const char *extract_dir_shown(const struct extract_dir *root, const char *path,
                              char out[EXTRACT_DIR_SHOWN])
{
    const char *below = path ? strchr(path, '/') : NULL;
    bool here = !root->name || strcmp(root->name, ".") == 0;

    if (!below || safe_name_refused(path))
        return path;
    (void)snprintf(out, EXTRACT_DIR_SHOWN, "%s%s%s%s", here ? "" : root->name, here ? "" : "/",
                   root->top ? root->top : "", root->top ? below : path);
    return out;
}

/* What is at a path, without following links: -1 with errno, or a descriptor (O_PATH). */
static int look(const struct extract_dir *root, const char *path)
{
    const char *below = root->top ? strchr(path, '/') : NULL;
    char own[SAFE_NAME_PATH_MAX + PATH_COMPONENT_MAX + 2];

    if (below)
        (void)snprintf(own, sizeof(own), "%s%.*s", root->top, SAFE_NAME_PATH_MAX, below);
    return file_beneath(root->fd, below ? own : path, O_PATH | O_NOFOLLOW, false);
}

bool extract_dir_has(const struct extract_dir *root, const char *path)
{
    int fd = look(root, path);
    bool there = fd >= 0;

    file_close(&fd);
    return there;
}

/* A file cannot be at a place that is taken, by a folder or something else. */
static int refuse(bool folder, struct err *err)
{
    return folder ? err_set(err, ERR_FORMAT, "a folder is in the place of the file")
                  : err_set(err, ERR_EXISTS, "already exists");
}

int extract_dir_vacant(const struct extract_dir *root, const char *path, struct err *err)
{
    int fd = look(root, path);
    struct stat st;
    bool folder;

    if (fd < 0)
        return 0;
    folder = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
    file_close(&fd);
    return refuse(folder, err);
}

/* Whether an error means that something else is in the place of a folder or file. */
static bool is_in_the_way(int os)
{
    return os == ELOOP || os == EXDEV || os == ENOTDIR || os == EISDIR || os == ENOTEMPTY;
}

/* Open the folder of a path, creating it if necessary; *name gets the last component. */
static int open_folder(const struct extract_dir *root, const char *path, const char **name,
                       struct err *err)
{
    int fd = fcntl(root->fd, F_DUPFD_CLOEXEC, 3);
    const char *why = safe_name_refused(path);
    const char *top = root->top;
    const char *slash;

    if (why) {
        file_close(&fd);
        return err_set(err, ERR_FORMAT, "%s", why);
    }
    while (fd >= 0 && (slash = strchr(path, '/'))) {
        char part[PATH_COMPONENT_MAX + 1];
        int next;

        (void)snprintf(part, sizeof(part), "%.*s",
                       top ? PATH_COMPONENT_MAX : (int)(slash - path), top ? top : path);
        top = NULL;
        if (mkdirat(fd, part, root->folder_mode) < 0 && errno != EEXIST)
            break;
        next = file_beneath(fd, part, O_PATH | O_DIRECTORY, false);
        if (next < 0)
            break;
        file_close(&fd);
        fd = next;
        path = slash + 1;
    }
    if (fd < 0 || strchr(path, '/')) {
        (void)err_sys(err, "cannot create the folder");
        if (err && is_in_the_way(err->os))
            (void)err_set(err, ERR_FORMAT, "a link or file is in the place of a folder");
        file_close(&fd);
        return -1;
    }
    *name = path;
    return fd;
}

/* A temporary name in the folder of the file. */
static void set_temp(char temp[48])
{
    static atomic_uint counter;

    (void)snprintf(temp, 48, ".skyarc-%ld-%u", (long)getpid(), atomic_fetch_add(&counter, 1));
}

/* Rename temp to its final name. */
static int rename_to(int dir, const char *temp, const char *name, bool force, struct err *err)
{
    struct stat st;
    bool folder;
    int why;

    if (renameat2(dir, temp, dir, name, force ? 0 : RENAME_NOREPLACE) == 0)
        return 0;
    why = errno;
    /* in a sandbox, a folder at the file's place gives EACCES */
    folder = fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
    if (why == EEXIST || folder || is_in_the_way(why))
        return refuse(folder || why != EEXIST, err);
    errno = why;
    return err_sys(err, "cannot rename");
}

int extract_dir_begin(const struct extract_dir *root, struct extract_dir_file *file,
                      const char *path, struct err *err)
{
    *file = (struct extract_dir_file){ .dir = -1, .fd = -1 };
    file->dir = open_folder(root, path, &file->name, err);
    if (file->dir < 0)
        return -1;
    set_temp(file->temp);
    file->fd = openat(file->dir, file->temp,
                      O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file->fd >= 0)
        return 0;
    file->temp[0] = '\0';
    return err_sys(err, "cannot create a file");
}

int extract_dir_commit(struct extract_dir_file *file, int64_t mtime, unsigned mode, bool force,
                       struct err *err)
{
    struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = (time_t)mtime } };
    int fd = file->fd;
    struct stat st;

    if (fstat(fd, &st) < 0)
        return err_sys(err, "cannot examine");
    if (fchmod(fd, mode) < 0)
        return err_sys(err, "cannot set permissions");
    if (futimens(fd, times) < 0)
        return err_sys(err, "cannot set the modification time");
    file->fd = -1;
    if (close(fd) < 0)
        return err_sys(err, "cannot close");
    if (rename_to(file->dir, file->temp, file->name, force, err) < 0)
        return -1;
    file->id = (struct extract_dir_id){ st.st_dev, st.st_ino };
    file->temp[0] = '\0';
    return 0;
}

void extract_dir_abort(struct extract_dir_file *file)
{
    if (file->temp[0])
        (void)unlinkat(file->dir, file->temp, 0);
    file->temp[0] = '\0';
    file_close(&file->fd);
    file_close(&file->dir);
}

int extract_dir_link(const struct extract_dir *root, const char *path, const char *target,
                     const struct extract_dir_id *id, bool force, struct err *err)
{
    char shown[EXTRACT_DIR_SHOWN];
    const char *name;
    const char *from_name;
    char temp[48];
    struct stat st;
    int to = open_folder(root, path, &name, err);
    int from = to < 0 ? -1 : open_folder(root, target, &from_name, err);
    int rc = -1;

    if (from < 0)
        goto out;
    set_temp(temp);
    if (linkat(from, from_name, to, temp, 0) < 0) {
        (void)err_sys(err, "cannot link to '%.200s'", extract_dir_shown(root, target, shown));
        goto out;
    }
    if (fstatat(to, temp, &st, AT_SYMLINK_NOFOLLOW) < 0)
        (void)err_sys(err, "cannot examine");
    else if (st.st_dev != id->device || st.st_ino != id->inode)
        (void)err_set(err, ERR_MISMATCH, "'%.200s' was replaced by another file",
                      extract_dir_shown(root, target, shown));
    else
        rc = rename_to(to, temp, name, force, err);
    /* also after rename, which does nothing if both names are the same file */
    (void)unlinkat(to, temp, 0);
out:
    file_close(&to);
    file_close(&from);
    return rc;
}

bool extract_dir_must_copy(struct err *err)
{
    if (err->os != EMLINK && err->os != EPERM && err->os != EOPNOTSUPP)
        return false;
    err_clear(err);
    return true;
}

/* The path of what is being visited; level is the number of folders above it. */
struct place {
    char path[SAFE_NAME_PATH_MAX + 1];
    size_t len;
    unsigned level;
};

static int walk_folder(const struct extract_dir_walker *walker, int dir, const char *name,
                       struct place *at, struct err *err);

/* Visit one entry of a directory. */
static int walk_entry(const struct extract_dir_walker *walker, int dir, const char *name,
                      struct place *at, struct err *err)
{
    size_t before = at->len;
    struct stat st;
    int n;
    int rc;

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return 0;
    n = snprintf(at->path + before, sizeof(at->path) - before, "%s%s", before ? "/" : "", name);
    if (n < 0 || (size_t)n >= sizeof(at->path) - before || at->level > SAFE_NAME_DEPTH_MAX)
        return err_set(err, ERR_LIMIT, "a path is too long or has too many folders");
    at->len += (size_t)n;
    pulse_beat(BEAT_READ);
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        rc = err_sys(err, "cannot examine '%.200s'", at->path);
    else if (S_ISDIR(st.st_mode))
        rc = walk_folder(walker, dir, name, at, err);
    else
        rc = walker->file(walker->ctx, dir, at->path, &st, err);
    at->len = before;
    at->path[before] = '\0';
    return rc;
}

/* Visit the entries of a directory; the descriptor stays open. */
static int walk_entries(const struct extract_dir_walker *walker, int fd, struct place *at,
                        struct err *err)
{
    int again = openat(fd, ".", OPEN_FOLDER);
    DIR *entries = again < 0 ? NULL : fdopendir(again);
    struct dirent *entry;
    int rc = 0;

    if (!entries) {
        rc = err_sys(err, "cannot read the directory '%.200s'", at->path);
        file_close(&again);
        return rc;
    }
    at->level++;
    for (errno = 0; rc == 0 && (entry = readdir(entries)); errno = rc == 0 ? 0 : errno)
        rc = walk_entry(walker, fd, entry->d_name, at, err);
    if (rc == 0 && errno)
        rc = err_sys(err, "cannot read the directory '%.200s'", at->path);
    at->level--;
    (void)closedir(entries);
    return rc;
}

static int walk_folder(const struct extract_dir_walker *walker, int dir, const char *name,
                       struct place *at, struct err *err)
{
    int fd = openat(dir, name, OPEN_FOLDER);
    struct stat st;
    int rc;

    if (fd < 0 || fstat(fd, &st) < 0) {
        rc = err_sys(err, "cannot open the directory '%.200s'", at->path);
        file_close(&fd);
        return rc;
    }
    rc = walker->enter(walker->ctx, fd, &st);
    if (rc > 0)
        rc = walk_entries(walker, fd, at, err);
    if (rc == 0)
        rc = walker->leave(walker->ctx, dir, name, fd, err);
    file_close(&fd);
    return rc;
}

int extract_dir_enter(void *ctx, int fd, const struct stat *st)
{
    (void)ctx;
    (void)fd;
    (void)st;
    return 1;
}

int extract_dir_leave(void *ctx, int dir, const char *name, int fd, struct err *err)
{
    (void)ctx;
    (void)dir;
    (void)name;
    (void)fd;
    (void)err;
    return 0;
}

int extract_dir_walk(int fd, const struct extract_dir_walker *walker, struct err *err)
{
    struct place at = { .len = 0 };

    return walk_entries(walker, fd, &at, err);
}
