/* SPDX-License-Identifier: MIT */
/* manifest.json read piece by piece: the same rows however it is cut. */
#include "base/mem.h"
#include "format/manifest_read.h"
#include "fuzz.h"

#include <string.h>

struct count {
    size_t rows;
    size_t bytes;
};

static int on_row(void *ctx, enum rows_section section, const char *text, size_t len,
                  struct err *err)
{
    struct count *count = ctx;
    struct region *region = region_new(err);
    struct rows_artifact artifact;
    struct rows_name name;
    struct rows_run run;
    struct rows_missing missing;

    FUZZ_CHECK(strlen(text) <= len);
    count->rows++;
    count->bytes += len;
    if (section == ROWS_ARTIFACTS && rows_artifact(&artifact, text, len, region, NULL) == 0)
        FUZZ_CHECK(artifact.path && artifact.run_id);
    if ((section == ROWS_DOCUMENTS || section == ROWS_PREVIOUS) &&
        rows_name(&name, section, text, len, region, NULL) == 0)
        FUZZ_CHECK(name.name);
    if (section == ROWS_RUNS && rows_run(&run, text, len, region, NULL) == 0)
        FUZZ_CHECK(run.run_id);
    if (section == ROWS_MISSING && rows_missing(&missing, text, len, region, NULL) == 0)
        FUZZ_CHECK(missing.run_id && missing.reason);
    region_free(region);
    return 0;
}

static int feed(const char *data, size_t size, size_t piece, struct count *count)
{
    struct rows rows;
    size_t at;
    int rc = 0;

    *count = (struct count){ 0 };
    rows_init(&rows, on_row, count);
    for (at = 0; rc == 0 && at < size; at += piece)
        rc = rows_feed(&rows, data + at, size - at < piece ? size - at : piece, NULL);
    if (rc == 0)
        rc = rows_end(&rows, NULL);
    rows_clear(&rows);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct count whole;
    struct count cut;
    int first = feed((const char *)data, size, size + 1, &whole);
    int second = feed((const char *)data, size, 1 + size % 7, &cut);

    FUZZ_CHECK(first == second);
    FUZZ_CHECK(whole.rows == cut.rows && whole.bytes == cut.bytes);
    return 0;
}
