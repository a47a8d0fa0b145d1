/* SPDX-License-Identifier: MIT */
#include "pull/mount_index.h"

#include "base/file.h"
#include "base/mem.h"
#include "reader/archive_reader.h"
#include "reader/entry_reader.h"

#include <sys/stat.h>

static int add_entries(struct ratarmount *index, struct entry_reader *entries, struct err *err)
{
    struct entry_reader_entry entry;
    int rc;

    while ((rc = entry_reader_next(entries, &entry, err)) > 0) {
        struct ratarmount_file file = { .path = entry.path,
                                        .target = entry.target,
                                        .header = entry.offset,
                                        .data = entry.data,
                                        .size = entry.target ? 0 : entry.size,
                                        .mtime = entry.mtime };
        const char *why = entry_reader_refused(&entry);

        if (why || entry.kind == ENTRY_READER_DIR)
            return err_set(err, ERR_FORMAT, "cannot index '%.200s': %s", entry.path,
                           why ? why : "a directory");
        if (ratarmount_add(index, &file, err) < 0)
            return -1;
    }
    return rc;
}

static int fill(struct ratarmount *index, struct archive_reader *reader, struct err *err)
{
    struct entry_reader *entries;
    struct stat st;
    int rc;

    if (reader->codec != FRAME_ZSTD || !reader->indexed)
        return err_set(err, ERR_USAGE,
                       "'%.600s' is no .tar.zst of skyarc; ratarmount's index can be written "
                       "beside one only",
                       reader->path);
    if (fstat(reader->file.fd, &st) < 0)
        return err_sys(err, "cannot examine '%.600s'", reader->path);
    entries = entry_reader_open(reader, 0, UINT64_MAX, err);
    rc = entries ? add_entries(index, entries, err) : -1;
    if (rc == 0)
        rc = ratarmount_end(index, &reader->seek, &reader->locator, &st, err);
    entry_reader_free(entries);
    return rc;
}

int mount_index_write(struct ratarmount *index, const char *archive, unsigned mode,
                      struct stop stop, struct err *err)
{
    char *path = mem_format(err, "%s" RATARMOUNT_SUFFIX, archive);
    struct archive_reader reader = { 0 };
    int rc = path ? archive_reader_open(&reader, archive, err) : -1;

    if (rc == 0) {
        archive_reader_watch(&reader, stop, archive_reader_unwatched());
        rc = fill(index, &reader, err);
    }
    if (rc == 0)
        rc = file_make(path, mode, ratarmount_write, index, err);
    archive_reader_close(&reader);
    mem_free(path);
    return rc;
}

int mount_index_write_like(struct ratarmount *index, const char *archive, struct stop stop,
                           struct err *err)
{
    struct stat st;

    if (stat(archive, &st) < 0)
        return err_sys(err, "cannot examine '%s'", archive);
    return mount_index_write(index, archive, st.st_mode & 0666, stop, err);
}
