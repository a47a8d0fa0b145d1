/* SPDX-License-Identifier: MIT */
#include "viewer/live_page.h"

#include "base/jsonw.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/text.h"
#include "reader/manifest_scan.h"
#include "redact/redact.h"
#include "viewer/run_visit.h"

#include <stdbool.h>

static struct page *new_page(const struct library *library, struct err *err)
{
    struct page *page = page_new(library->place->temp_dir, err);

    if (page) {
        page_clean(page, redact_untrusted);
        page_live(page);
    }
    return page;
}

int live_page_index(struct library *library, put_fn *put, void *ctx, struct err *err)
{
    struct page *page = new_page(library, err);
    int rc = page ? library_runs(library, page_row, page, err) : -1;

    if (rc == 0)
        rc = page_settle(page, err);
    if (rc == 0)
        rc = page_write(page, library->title, false, put, ctx, err);
    page_free(page);
    return rc;
}

/* Counts of artifacts; see live_page_about. */
struct counting {
    struct library *library;
    struct region *region;
    size_t rows;
    uint64_t artifacts;
    uint64_t bytes;
    uint64_t missing;
};

/* Count a row of the manifest, of the runs that are shown. */
static int count_row(void *ctx, enum manifest_read_section section, const char *text,
                     size_t len, struct err *err)
{
    struct counting *counting = ctx;
    struct manifest_read_artifact row;
    struct manifest_read_missing missing;

    if (section != MANIFEST_READ_ARTIFACTS && section != MANIFEST_READ_MISSING)
        return 0;
    if (region_renew(&counting->region, &counting->rows, err) < 0)
        return -1;
    if (section == MANIFEST_READ_MISSING) {
        if (manifest_read_missing(&missing, text, len, counting->region, err) < 0)
            return -1;
        counting->missing += library_shows(counting->library, missing.run_id);
        return 0;
    }
    if (manifest_read_artifact(&row, text, len, counting->region, err) < 0)
        return -1;
    if (library_shows(counting->library, row.run_id)) {
        counting->artifacts++;
        counting->bytes += row.size;
    }
    return 0;
}

/* Count an archive's rows, and write its name and the digest of its manifest. */
static int count_archive(struct counting *counting, const char *path, struct jsonw *w,
                         struct err *err)
{
    const struct stop stop = counting->library->place->stop;
    struct manifest_digests digests;
    char hex[SHA256_TEXT];

    if (manifest_scan_path(path, stop, count_row, counting, &digests, err) < 0)
        return -1;
    text_hex(hex, digests.sha256, SHA256_SIZE);
    jsonw_object(w, NULL, JSONW_INLINE);
    jsonw_text(w, "name", path_base(path));
    jsonw_text(w, "manifest_sha256", hex);
    jsonw_close(w);
    return 0;
}

int live_page_about(struct library *library, put_fn *put, void *ctx, struct err *err)
{
    struct counting counting = { .library = library };
    struct jsonw *w;
    size_t i;
    int rc = 0;

    if (library->store) /* nothing is known of the whole */
        return put(ctx, "{}\n", 3, err);
    w = mem_new(sizeof(*w), err);
    if (!w)
        return -1;
    jsonw_init(w, put, ctx);
    jsonw_object(w, NULL, JSONW_LINES);
    jsonw_array(w, "archives", JSONW_LINES);
    for (i = 0; rc == 0 && i < library->archive_count; i++)
        rc = count_archive(&counting, library->archives[i], w, err);
    jsonw_close(w);
    jsonw_u64(w, "artifacts", counting.artifacts);
    jsonw_u64(w, "bytes", counting.bytes);
    jsonw_u64(w, "missing", counting.missing);
    jsonw_close(w);
    if (rc == 0)
        rc = jsonw_end(w, err);
    mem_free(w);
    region_free(counting.region);
    return rc;
}

int live_page_search(struct library *library, const char *text, put_fn *put, void *ctx,
                     struct err *err)
{
    struct page *page = new_page(library, err);
    int rc = page ? library_search(library, text, page_row, page, err) : -1;

    if (rc == 0)
        rc = page_settle(page, err);
    if (rc == 0)
        rc = page_put_rows(page, put, ctx, err);
    page_free(page);
    return rc;
}

/* A part of a run's data being made. */
struct making_part {
    struct page *page;
    enum page_part part;
};

static int put_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                   struct err *err)
{
    const struct making_part *making = ctx;

    return page_row(making->page, section, text, len, err);
}

static int put_artifact(void *ctx, const struct manifest_read_artifact *row, struct err *err)
{
    const struct making_part *making = ctx;

    return making->part == PAGE_PART_RECORDS ? page_artifact(making->page, row, err) : 0;
}

static int put_text(void *ctx, const struct page_file *file, const char *bytes, size_t len,
                    struct err *err)
{
    const struct making_part *making = ctx;

    return page_text(making->page, file, bytes, len, err);
}

static bool is_of_part(void *ctx, const struct page_file *file)
{
    const struct making_part *making = ctx;

    return page_part_of(file) == making->part;
}

/* Write the JSON of the run, the only one that the page lists. */
static int put_run(struct page *page, put_fn *put, void *ctx, struct err *err)
{
    return page_settle(page, err) < 0 ? -1 : page_put_json(page, 0, put, ctx, err);
}

int live_page_run(struct library *library, const char *run_id, enum page_part part, put_fn *put,
                  void *ctx, struct err *err)
{
    struct making_part making = { new_page(library, err), part };
    const struct run_visitor visitor = { &making,         put_row,  put_artifact,
                                         page_live_wants, put_text, is_of_part };
    int rc = making.page ? run_visit(library, run_id, &visitor, err) : -1;

    if (rc >= 0)
        rc = put_run(making.page, put, ctx, err);
    page_free(making.page);
    return rc;
}
