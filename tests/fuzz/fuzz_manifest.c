/* SPDX-License-Identifier: MIT */
/* manifest.json read piece by piece: the same rows, whatever the size of the pieces. */
#include "base/mem.h"
#include "format/manifest_read.h"
#include "fuzz.h"

#include <string.h>

struct count {
    size_t rows;
    size_t bytes;
};

static int on_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    struct count *count = ctx;
    struct region *region = region_new(err);
    struct manifest_read_artifact artifact;
    struct manifest_read_name name;
    struct manifest_read_run run;
    struct manifest_read_missing missing;
    struct manifest_filter filter;

    FUZZ_CHECK(strlen(text) <= len);
    count->rows++;
    count->bytes += len;
    if (section == MANIFEST_READ_ARTIFACTS &&
        manifest_read_artifact(&artifact, text, len, region, NULL) == 0)
        FUZZ_CHECK(artifact.path && artifact.run_id);
    if ((section == MANIFEST_READ_DOCUMENTS || section == MANIFEST_READ_PREVIOUS) &&
        manifest_read_name(&name, section, text, len, region, NULL) == 0)
        FUZZ_CHECK(name.name);
    if (section == MANIFEST_READ_RUNS && manifest_read_run(&run, text, len, region, NULL) == 0)
        FUZZ_CHECK(run.run_id);
    if (section == MANIFEST_READ_MISSING &&
        manifest_read_missing(&missing, text, len, region, NULL) == 0)
        FUZZ_CHECK(missing.run_id && missing.reason);
    if (section == MANIFEST_READ_FILTER &&
        manifest_read_filter(&filter, text, len, region, NULL) == 0)
        FUZZ_CHECK(filter.types && filter.excluded && filter.names && filter.steps);
    region_free(region);
    return 0;
}

static int feed(const char *data, size_t size, size_t piece, struct count *count)
{
    struct manifest_read rows;
    size_t at;
    int rc = 0;

    *count = (struct count){ 0 };
    manifest_read_init(&rows, on_row, count);
    for (at = 0; rc == 0 && at < size; at += piece)
        rc = manifest_read_feed(&rows, data + at, size - at < piece ? size - at : piece, NULL);
    if (rc == 0)
        rc = manifest_read_end(&rows, NULL);
    manifest_read_clear(&rows);
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
