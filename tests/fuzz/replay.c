/* SPDX-License-Identifier: MIT */
/* Run a target on files, and on every prefix of each file, without a fuzzing engine. */
#include "base/buf.h"
#include "base/file.h"
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A copy of exactly this size, so that a sanitizer detects a read beyond its end. */
static void feed(const char *bytes, size_t len)
{
    uint8_t *copy = calloc(1, len ? len : 1);

    if (len)
        memcpy(copy, bytes, len);
    (void)LLVMFuzzerTestOneInput(copy, len);
    free(copy);
}

int main(int argc, char **argv)
{
    int i;

    feed("", 0);
    for (i = 1; i < argc; i++) {
        struct buf buf;
        struct err err;
        size_t len;

        buf_init(&buf, (size_t)16 << 20);
        if (file_load(argv[i], stop_never(), &buf, &err) < 0) {
            (void)fprintf(stderr, "%s\n", err.text);
            return 1;
        }
        for (len = buf.len; len > 0; len -= len / 16 + 1)
            feed(buf_text(&buf), len);
        buf_clear(&buf);
    }
    (void)printf("%d files replayed\n", argc - 1);
    return 0;
}
