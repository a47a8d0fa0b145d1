/* SPDX-License-Identifier: MIT */
/* output_file: an output in a temporary directory, and a reader of its zstd frames. */
#ifndef OUTPUT_FILE_H
#define OUTPUT_FILE_H

#include "base/buf.h"
#include "base/file.h"
#include "format/seek.h"
#include "unit.h"
#include "writer/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

static char output_dir[64];
static char output_path[128];
static struct output *output_made;

/* A cmocka setup: an empty output that was started. */
static int output_set_up(void **state)
{
    (void)state;
    (void)snprintf(output_dir, sizeof(output_dir), "/tmp/skyarc-output-XXXXXX");
    if (!mkdtemp(output_dir))
        return -1;
    (void)snprintf(output_path, sizeof(output_path), "%s/out", output_dir);
    output_made = output_open(output_path, false, 0600, false, true, stop_never(), NULL);
    return output_made ? output_start(output_made, 0, NULL, NULL) : -1;
}

/* A cmocka teardown. */
static int output_tear_down(void **state)
{
    (void)state;
    output_free(output_made, false);
    (void)unlink(output_path);
    return rmdir(output_dir);
}

/* Finish the file, and append what it holds to a fresh buffer: its bytes, or its frames'
 * content, each as long as the seek table says. */
static inline void output_read(const struct seek *seek, enum frame_codec codec,
                               struct buf *plain)
{
    static unsigned char frame[1 << 20];
    uint8_t sha256[SHA256_SIZE];
    struct buf bytes;
    size_t at = 0;
    size_t i;

    buf_init(&bytes, 1 << 26);
    buf_init(plain, 1 << 26);
    assert_int_equal(output_commit(output_made, sha256, NULL), 0);
    assert_int_equal(file_load(output_path, stop_never(), &bytes, NULL), 0);
    for (i = 0; i < seek->count; i++) {
        const struct seek_row *row = &seek->rows[i];

        assert_true(at + row->coded <= bytes.len);
        if (codec == FRAME_NONE) {
            assert_int_equal(row->coded, row->plain);
            assert_int_equal(buf_put(plain, bytes.data + at, row->coded, NULL), 0);
        } else {
            assert_int_equal(ZSTD_decompress(frame, sizeof(frame), bytes.data + at, row->coded),
                             row->plain);
            assert_int_equal(buf_put(plain, frame, row->plain, NULL), 0);
        }
        at += row->coded;
    }
    assert_int_equal(at, bytes.len);
    buf_clear(&bytes);
}

#endif
