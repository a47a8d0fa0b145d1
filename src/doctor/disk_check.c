/* SPDX-License-Identifier: MIT */
#include "doctor/disk_check.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define NIGHTS      7                   /* nights for which there should be space */
#define LEAST       ((uint64_t)1 << 30) /* free space that is enough if no night is known */
#define BLOCK       4096                /* alignment of direct I/O */
#define DIRECTORIES ".skyarc-doctor-XXXXXX"

#define LOCAL "use a local file system, or one that has POSIX semantics"

/* Write to a file with O_DIRECT: 0, or an errno. */
static int try_direct(int dir)
{
    static _Alignas(BLOCK) const char block[BLOCK];
    int fd = openat(dir, "direct", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_DIRECT, 0600);
    struct err err = { 0 };
    int rc = fd < 0 ? errno : 0;

    if (!rc && file_write(fd, block, sizeof(block), &err) < 0)
        rc = err.os;
    file_close(&fd);
    (void)unlinkat(dir, "direct", 0);
    return rc;
}

/* Whether a second descriptor is refused a lock that a first one holds: 1, 0, or -1. */
static int try_flock(int dir)
{
    int one = openat(dir, "a", O_RDWR | O_CLOEXEC);
    int two = openat(dir, "a", O_RDWR | O_CLOEXEC);
    int rc = -1;

    if (one >= 0 && two >= 0 && flock(one, LOCK_EX | LOCK_NB) == 0)
        rc = flock(two, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    file_close(&one);
    file_close(&two);
    return rc;
}

/* Share the blocks of file a with a new file: 0, or an errno. */
static int try_reflink(int dir)
{
    int from = openat(dir, "a", O_RDONLY | O_CLOEXEC);
    int to = openat(dir, "clone", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int rc = from < 0 || to < 0 || ioctl(to, FICLONE, from) < 0 ? errno : 0;

    file_close(&from);
    file_close(&to);
    (void)unlinkat(dir, "clone", 0);
    return rc;
}

/* Write and flush file a: 0, or -1 with errno. */
static int write_file(int dir)
{
    static const char block[BLOCK];
    int fd = openat(dir, "a", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    struct err err = { 0 };
    int rc = fd < 0 ? -1 : 0;

    if (rc == 0 && file_write(fd, block, sizeof(block), &err) < 0) {
        errno = err.os;
        rc = -1;
    }
    if (rc == 0)
        rc = file_sync(fd);
    file_close(&fd);
    return rc;
}

/* Make the tests that change files, in an open directory of their own. */
static void check_files(const char *dir, int fd, struct findings *findings)
{
    int rc;

    if (write_file(fd) < 0) {
        finding_add(findings, "directory", FINDING_ERROR, "free space, or use another disk",
                    "cannot write to '%s': %s", dir, strerror(errno));
        return;
    }
    finding_add(findings, "directory", FINDING_OK, NULL, "'%s' can be written to", dir);
    if (renameat(fd, "a", fd, "b") < 0 || linkat(fd, "b", fd, "a", 0) < 0 || fsync(fd) < 0)
        finding_add(findings, "rename", FINDING_ERROR, LOCAL,
                    "files cannot be renamed, linked or flushed there: %s", strerror(errno));
    else
        finding_add(findings, "rename", FINDING_OK, NULL, "renames, hard links and fsync work");
    rc = try_flock(fd);
    if (rc > 0)
        finding_add(findings, "flock", FINDING_OK, NULL, "locks exclude each other");
    else
        finding_add(findings, "flock", FINDING_ERROR, LOCAL,
                    rc < 0 ? "flock does not work there, so that two syncs could collide"
                           : "flock has no effect there, so that two syncs could collide");
    rc = try_direct(fd);
    finding_add(findings, "direct-io", FINDING_OK, NULL,
                rc ? "not available (%s): archives are written through the page cache"
                   : "available%s",
                rc ? strerror(rc) : "");
    rc = try_reflink(fd);
    finding_add(findings, "reflink", FINDING_OK, NULL,
                rc ? "not available (%s): copies take space" : "available%s",
                rc ? strerror(rc) : "");
}

void disk_check(const char *dir, struct findings *findings)
{
    char *path = mem_format(NULL, "%s/" DIRECTORIES, dir);
    int fd = -1;

    if (!path || !mkdtemp(path)) {
        finding_add(findings, "directory", FINDING_ERROR,
                    "make it writable for this user, and its file system not read-only",
                    "cannot write to '%s': %s", dir, strerror(path ? errno : ENOMEM));
        mem_free(path);
        return;
    }
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        check_files(dir, fd, findings);
        (void)unlinkat(fd, "a", 0);
        (void)unlinkat(fd, "b", 0);
    }
    file_close(&fd);
    if (rmdir(path) < 0)
        finding_add(findings, "directory", FINDING_WARNING, "remove it",
                    "cannot remove '%s': %s", path, strerror(errno));
    mem_free(path);
}

void disk_check_space(const char *dir, uint64_t night, struct findings *findings)
{
    struct statvfs fs;
    char room[TEXT_SIZE_MAX];
    char size[TEXT_SIZE_MAX];
    uint64_t free_bytes;

    if (statvfs(dir, &fs) < 0) {
        finding_add(findings, "space", FINDING_WARNING, NULL,
                    "the free space of '%s' is not known: %s", dir, strerror(errno));
        return;
    }
    free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    (void)text_size(room, free_bytes);
    if (fs.f_files && !fs.f_favail)
        finding_add(findings, "space", FINDING_ERROR, "delete files, or use another disk",
                    "no inode is free");
    else if (night)
        finding_add(
            findings, "space",
            free_bytes < night            ? FINDING_ERROR
            : free_bytes < NIGHTS * night ? FINDING_WARNING
                                          : FINDING_OK,
            free_bytes < NIGHTS * night ? "make space: skyarc prune, or a larger disk" : NULL,
            "%s free; the largest of the last nights took %s", room, text_size(size, night));
    else
        finding_add(findings, "space", free_bytes < LEAST ? FINDING_WARNING : FINDING_OK,
                    free_bytes < LEAST ? "make space, or use a larger disk" : NULL, "%s free",
                    room);
}

void disk_check_temp(struct findings *findings)
{
    const char *dir = file_temp_dir();
    char room[TEXT_SIZE_MAX];
    struct statvfs fs;
    struct err err = { 0 };
    int fd = file_temp(dir, &err);

    if (fd < 0)
        finding_add(findings, "temp", FINDING_ERROR, "set TMPDIR to a directory on a disk",
                    "no temporary files: %s", err.text);
    else if (fstatvfs(fd, &fs) < 0)
        finding_add(findings, "temp", FINDING_OK, NULL, "'%s'", dir);
    else
        finding_add(findings, "temp",
                    (uint64_t)fs.f_bavail * fs.f_frsize < LEAST ? FINDING_WARNING : FINDING_OK,
                    (uint64_t)fs.f_bavail * fs.f_frsize < LEAST
                        ? "set TMPDIR, or --spool-dir, to a directory with more space"
                        : NULL,
                    "'%s', %s free", dir, text_size(room, (uint64_t)fs.f_bavail * fs.f_frsize));
    file_close(&fd);
}
