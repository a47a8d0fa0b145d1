/* SPDX-License-Identifier: MIT */
/* Feed a target with the files named, and with every beginning of each, without an engine. */
#include "base/buf.h"
#include "base/file.h"
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An exact copy, so that a sanitizer sees one byte too far. */
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
        if (file_load(argv[i], &buf, &err) < 0) {
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
