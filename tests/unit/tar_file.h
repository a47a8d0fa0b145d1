/* SPDX-License-Identifier: MIT */
/* tar_file: the path of a tar in a temporary directory, and a reader of its entries. */
#ifndef TAR_FILE_H
#define TAR_FILE_H

#include "base/buf.h"
#include "base/file.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char tar_dir[64];
static char tar_path[128];

/* A cmocka setup: an empty directory, and the tar's path. */
static int tar_set_up(void **state)
{
    (void)state;
    (void)snprintf(tar_dir, sizeof(tar_dir), "/tmp/skyarc-tar-XXXXXX");
    if (!mkdtemp(tar_dir))
        return -1;
    (void)snprintf(tar_path, sizeof(tar_path), "%s/t.tar", tar_dir);
    return 0;
}

/* A cmocka teardown; fails if anything but the tar is left. */
static int tar_tear_down(void **state)
{
    (void)state;
    (void)unlink(tar_path);
    return rmdir(tar_dir);
}

/* An entry of a tar in memory. */
struct tar_entry {
    const char *path;
    const char *link; /* the target of a hard link, or NULL */
    const char *content;
    size_t size;
};

/* Read the tar into a fresh buffer. */
static inline void tar_load(struct buf *tar)
{
    buf_init(tar, 1 << 28);
    assert_int_equal(file_load(tar_path, stop_never(), tar, NULL), 0);
}

/* The entry at *at, which is advanced; false: the tar ends there. Names of one header only. */
static inline bool tar_next(const struct buf *tar, size_t *at, struct tar_entry *entry)
{
    const char *head = tar->data + *at;

    *entry = (struct tar_entry){ 0 };
    if (*at + 512 > tar->len || !*head)
        return false;
    assert_memory_equal(head + 257, "ustar", 5);
    *entry = (struct tar_entry){ .path = head,
                                 .link = head[156] == '1' ? head + 157 : NULL,
                                 .content = head + 512,
                                 .size = (size_t)strtoull(head + 124, NULL, 8) };
    *at += 512 + (entry->size + 511) / 512 * 512;
    assert_true(*at <= tar->len);
    return true;
}

#endif
