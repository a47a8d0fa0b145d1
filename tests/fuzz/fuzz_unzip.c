/* SPDX-License-Identifier: MIT */
/* Reading an untrusted ZIP, within all limits. */
#include "format/unzip.h"
#include "fuzz.h"

#include <string.h>

#define MOST 100000

struct bytes {
    const uint8_t *data;
    size_t size;
};

static ssize_t read_at(void *ctx, void *to, size_t len, uint64_t at, struct err *err)
{
    const struct bytes *bytes = ctx;

    (void)err;
    if (at >= bytes->size)
        return 0;
    len = bytes->size - at < len ? bytes->size - (size_t)at : len;
    memcpy(to, bytes->data + at, len);
    return (ssize_t)len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes bytes = { data, size };
    struct unzip_source source = { read_at, &bytes, size };
    struct err err;
    struct unzip *unzip = unzip_open(&source, MOST, &err);
    const char *name;
    char room[4096];

    if (!unzip)
        return 0;
    while ((name = unzip_next(unzip, &err))) {
        uint64_t all = 0;
        ssize_t n;

        FUZZ_CHECK(unzip_has(unzip, name));
        while ((n = unzip_read(unzip, room, sizeof(room), &err)) > 0)
            all += (uint64_t)n;
        FUZZ_CHECK(all <= MOST + sizeof(room));
        if (n < 0)
            break;
    }
    unzip_free(unzip);
    return 0;
}
