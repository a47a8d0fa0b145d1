/* SPDX-License-Identifier: MIT */
/*
 * Reading an untrusted archive: its end, its index, its manifest, every entry, files by name.
 */
#include "base/buf.h"
#include "base/file.h"
#include "fuzz.h"
#include "index/name_index.h"
#include "reader/fetchone.h"
#include "reader/named.h"
#include "reader/verify.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

static void on_damage(void *ctx, const struct verify_damage *damage)
{
    (void)ctx;
    FUZZ_CHECK(damage->what && *damage->what);
}

static int put_counted(void *ctx, const void *bytes, size_t len, struct err *err)
{
    uint64_t *count = ctx;

    (void)bytes;
    (void)err;
    *count += len;
    return 0;
}

static int on_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    (void)ctx;
    (void)err;
    FUZZ_CHECK(section == MANIFEST_READ_ARTIFACTS && len && text[0] == '{');
    return 0;
}

/* Look for a file and a row through the index of names, which is believed in nothing. */
static void look_up(const char *path)
{
    char a_path[] = "data/r1/html/notime_a_1.html";
    char an_id[] = "a_1";
    const char *const names[] = { a_path, an_id };
    const char *const files[] = { a_path, an_id, "data/r1/run.json" };
    struct named_file file;
    struct err err = { 0 };
    uint64_t count;
    uint64_t missing;
    int i;

    for (i = 0; i < 3; i++) {
        count = 0;
        if (named_put(path, files[i], files[i], put_counted, &count, &file, &err) > 0)
            FUZZ_CHECK(count == file.size);
        (void)(fetchone(path, i ? files[i] : "manifest-sha256.txt", put_counted, &count, &err) <
               0);
    }
    (void)(named_rows(path, names, 2, on_row, NULL, &missing, &err) > 0);
}

static int read_memory(void *ctx, void *bytes, size_t len, uint64_t at, struct err *err)
{
    const struct buf *data = ctx;

    if (at > data->len || len > data->len - at)
        return err_set(err, ERR_FORMAT, "too short");
    memcpy(bytes, data->data + at, len);
    return 0;
}

/* Make the checksums of the index's pages right, so that what is in them is looked at. */
static void reseal(int fd, const uint8_t *data, size_t size)
{
    struct seek_locator locator = { 0 };
    struct buf archive;
    uint64_t at;

    buf_init(&archive, size + 1);
    FUZZ_CHECK(buf_add(&archive, data, size, NULL) == 0);
    if (seek_names(&locator, read_memory, &archive, size, NULL) > 0) {
        for (at = locator.names_at + 8; at + NAME_INDEX_PAGE <= size; at += NAME_INDEX_PAGE) {
            uint64_t sum = XXH3_64bits(data + at + 16, NAME_INDEX_PAGE - 16);
            unsigned char le[8];
            unsigned i;

            for (i = 0; i < 8; i++)
                le[i] = (unsigned char)(sum >> (8 * i));
            FUZZ_CHECK(file_pwrite(fd, le, sizeof(le), at + 8, NULL) == 0);
        }
    }
    buf_clear(&archive);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct verify_opts opts = { .damage = on_damage,
                                .stop = stop_never(),
                                .watcher = archive_reader_unwatched() };
    struct verify_result result;
    struct err err = { 0 };
    int fd = file_temp("/tmp", NULL);
    char path[64];

    FUZZ_CHECK(fd >= 0 && file_write(fd, data, size, NULL) == 0);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    (void)(verify_run(path, &opts, &result, &err) == 0);
    look_up(path);
    reseal(fd, data, size);
    look_up(path);
    (void)close(fd);
    return 0;
}
