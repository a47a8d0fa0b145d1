/* SPDX-License-Identifier: MIT */
/* Reading an untrusted archive: its end, its index, its manifest, every entry. */
#include "base/file.h"
#include "fuzz.h"
#include "reader/verify.h"

#include <stdio.h>
#include <unistd.h>

static void on_damage(void *ctx, const struct verify_damage *damage)
{
    (void)ctx;
    FUZZ_CHECK(damage->what && *damage->what);
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
    (void)close(fd);
    return 0;
}
