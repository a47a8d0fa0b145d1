/* SPDX-License-Identifier: MIT */
#include "cmdutil/report.h"

#include "api/run.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "cmdutil/source.h"
#include "format/extract_dir.h"
#include "format/payload_path.h"
#include "format/tagfile.h"
#include "reader/archive_reader.h"
#include "reader/bag_stream.h"
#include "reader/entry_reader.h"
#include "reader/inventory.h"
#include "reader/manifest_scan.h"
#include "redact/redact.h"
#include "view/page.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct report {
    struct archive_reader reader;
    struct page *page;
    struct inventory *inventory; /* paths of artifacts, with their types */
    const struct opt_list *runs; /* NULL or none: all */
    bool *hits;                  /* which of the runs the archive has */
    const char *dir;             /* where the page will be placed; NULL: see report_beside */
    const char *top;             /* the folder in dir; NULL: the archive's top directory */
    char folder[PATH_COMPONENT_MAX + 1]; /* memory of top */
    struct extract_dir root;             /* dir, if runs is not empty */
    char last[RUN_ID_MAX + 1]; /* the run asked about last by has_files, and the answer */
    bool last_has;
    bool replace;    /* the page there is of chosen runs */
    size_t left_out; /* texts that the page lacks, since the archive is damaged */
};

bool report_is_of(const struct opt_list *runs, const char *path)
{
    size_t i;

    for (i = 0; i < runs->count; i++) {
        if (payload_path_below(path, runs->at[i]) != NULL)
            return true;
    }
    return false;
}

/* Whether files of a run are in the folder of the page. */
static bool has_files(struct report *r, const char *run_id)
{
    char path[PATH_COMPONENT_MAX + sizeof("/data/") + RUN_ID_MAX];

    if (r->root.fd < 0 || !run_id_valid(run_id))
        return false;
    if (strcmp(r->last, run_id) == 0)
        return r->last_has;
    (void)snprintf(path, sizeof(path), "%.*s/data/%s", PATH_COMPONENT_MAX,
                   r->top ? r->top : r->reader.top, run_id);
    (void)snprintf(r->last, sizeof(r->last), "%s", run_id);
    r->last_has = extract_dir_has(&r->root, path);
    return r->last_has;
}

/* Whether a run, or that of a document (NULL, and its path), is wanted. */
static bool is_chosen(struct report *r, const char *run_id, const char *path)
{
    char id[RUN_ID_MAX + 1];
    size_t len = 0;
    const char *own = run_id ? NULL : payload_path_run(path, &len);
    size_t i;

    for (i = 0; i < r->runs->count; i++) {
        if (run_id ? strcmp(run_id, r->runs->at[i]) == 0
                   : payload_path_below(path, r->runs->at[i]) != NULL) {
            r->hits[i] = true;
            return true;
        }
    }
    if (!run_id && (!own || len > RUN_ID_MAX))
        return false;
    (void)snprintf(id, sizeof(id), "%.*s", run_id ? RUN_ID_MAX : (int)len,
                   run_id ? run_id : own);
    return has_files(r, id);
}

/* Whether a row is of a wanted run: 1, 0, or -1. */
static int is_wanted(struct report *r, enum manifest_read_section section, const char *text,
                     size_t len, struct err *err)
{
    struct region *region = region_new(err);
    struct manifest_read_artifact artifact;
    struct manifest_read_missing missing;
    struct manifest_read_name name = { .name = "" };
    struct manifest_read_run run;
    const char *of = NULL;
    int rc = region ? 1 : -1;

    if (rc > 0 && section == MANIFEST_READ_RUNS) {
        rc = manifest_read_run(&run, text, len, region, err) < 0 ? -1 : 1;
        of = run.run_id;
    } else if (rc > 0 && section == MANIFEST_READ_ARTIFACTS) {
        rc = manifest_read_artifact(&artifact, text, len, region, err) < 0 ? -1 : 1;
        of = artifact.run_id;
    } else if (rc > 0 && section == MANIFEST_READ_MISSING) {
        rc = manifest_read_missing(&missing, text, len, region, err) < 0 ? -1 : 1;
        of = missing.run_id;
    } else if (rc > 0 && section == MANIFEST_READ_DOCUMENTS) {
        rc = manifest_read_name(&name, section, text, len, region, err) < 0 ? -1 : 1;
    }
    if (rc > 0)
        rc = is_chosen(r, of, name.name);
    region_free(region);
    return rc;
}

static int on_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    struct report *r = ctx;
    int wanted = r->runs && r->runs->count && section >= MANIFEST_READ_RUNS
                     ? is_wanted(r, section, text, len, err)
                     : 1;

    if (wanted <= 0)
        return wanted;
    if (inventory_add(r->inventory, section, text, len, err) < 0)
        return -1;
    return page_row(r->page, section, text, len, err);
}

/* A text being read into the page. */
struct reading {
    struct entry_reader *entries;
    struct sha256 *sha;
    uint64_t left;
    const uint8_t *want;
};

/* Read a part of a text for the page. A text that is read whole is compared with its digest
 * before its last bytes are returned; of a truncated text only the beginning is read. */
static ssize_t read_entry(void *ctx, void *bytes, size_t len, struct err *err)
{
    struct reading *reading = ctx;
    ssize_t n = entry_reader_read(reading->entries, bytes, len, err);
    uint8_t sha256[SHA256_SIZE];

    if (n <= 0)
        return n;
    sha256_add(reading->sha, bytes, (size_t)n);
    reading->left -= (uint64_t)n < reading->left ? (uint64_t)n : reading->left;
    if (reading->left)
        return n;
    sha256_end(reading->sha, sha256);
    return memcmp(sha256, reading->want, SHA256_SIZE) == 0
               ? n
               : err_set(err, ERR_MISMATCH, "its SHA-256 does not match the manifest");
}

/* Add one file to the page, if the page uses it; ERR_MISMATCH: the manifest has another size.
 * An entry_reader_file_fn. */
static int take(void *ctx, struct entry_reader *entries, const struct entry_reader_entry *entry,
                struct err *err)
{
    struct report *r = ctx;
    struct reading reading = { .entries = entries, .left = entry->size };
    struct inventory_row row;
    const char *path = archive_reader_below(&r->reader, entry->path);
    const char *media_type;
    struct page_file file;
    uint32_t number = INVENTORY_NONE;
    int rc;

    if (path)
        number = inventory_find(r->inventory, path);
    if (number == INVENTORY_NONE)
        return 0;
    inventory_get(r->inventory, number, &row);
    if (entry->size != row.size)
        return err_set(err, ERR_MISMATCH, "its size does not match the manifest");
    reading.want = row.sha256;
    reading.sha = sha256_new(err);
    if (!reading.sha)
        return -1;
    media_type = row.document ? NULL : row.media_type ? row.media_type : "";
    file = (struct page_file){ path, row.artifact_type, media_type, entry->size };
    rc = page_take(r->page, &file, read_entry, &reading, err);
    sha256_free(reading.sha);
    return rc;
}

static int read_texts(struct report *r, struct err *err)
{
    int rc = entry_reader_each_file(&r->reader, take, r, &r->left_out, err);

    if (rc < 0 && err_is_damage(err)) {
        log_line(LOG_WARNING, "the archive is damaged, the page lacks texts: %s", err->text);
        err_clear(err);
        r->left_out++;
        return 0;
    }
    return rc;
}

bool report_lacks(const struct report *report)
{
    return report->left_out > 0;
}

struct report *report_new(const char *dir, struct err *err)
{
    struct report *r = mem_new(sizeof(*r), err);

    if (!r)
        return NULL;
    r->root.fd = -1;
    r->page = page_new(dir, err);
    r->inventory = inventory_new(0, err);
    if (r->page)
        page_clean(r->page, redact_untrusted);
    if (r->page && r->inventory)
        return r;
    report_free(r);
    return NULL;
}

/* Whether a folder has a page of chosen runs, and is no bag. */
static bool has_chosen(const char *folder)
{
    char begin[PAGE_MARK_AT + 1] = "";
    char *page = mem_format(NULL, "%s/%s", folder, TAGFILE_VIEW);
    int fd = page && !bag_is(folder)
                 ? open(page, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
                 : -1;
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        pread(fd, begin, PAGE_MARK_AT, 0) < 0)
        begin[0] = '\0';
    file_close(&fd);
    mem_free(page);
    return strstr(begin, PAGE_MARK) != NULL;
}

void report_beside(struct report *r, const char *dir, const char *archive)
{
    char *folder;

    r->dir = dir;
    r->top = source_folder(archive, r->folder, sizeof(r->folder));
    folder = r->top ? mem_format(NULL, "%s/%s", dir, r->top) : NULL;
    r->replace = folder && has_chosen(folder);
    mem_free(folder);
}

int report_only(struct report *r, const struct opt_list *runs, struct err *err)
{
    r->runs = runs;
    if (!runs->count)
        return 0;
    page_mark(r->page);
    r->hits = mem_array(runs->count, sizeof(*r->hits), err);
    if (!r->hits)
        return -1;
    return r->dir ? extract_dir_open(&r->root, r->dir, err) : 0;
}

size_t report_unmatched(const struct report *r)
{
    size_t count = 0;
    size_t i;

    for (i = 0; r->runs && i < r->runs->count; i++)
        count += !r->hits[i];
    for (i = 0; count && count < r->runs->count && i < r->runs->count; i++) {
        if (!r->hits[i])
            log_line(LOG_WARNING, "the archive has no run '%.200s'", r->runs->at[i]);
    }
    return count;
}

int report_read(struct report *r, const char *archive, struct stop stop, struct err *err)
{
    if (archive_reader_open(&r->reader, archive, err) < 0)
        return -1;
    archive_reader_watch(&r->reader, stop, archive_reader_unwatched());
    if (manifest_scan(&r->reader, on_row, r, NULL, err) < 0 || read_texts(r, err) < 0)
        return -1;
    inventory_free(r->inventory); /* extracting, which may follow, has one of its own */
    r->inventory = NULL;
    return page_settle(r->page, err);
}

void report_free(struct report *r)
{
    if (!r)
        return;
    page_free(r->page);
    inventory_free(r->inventory);
    archive_reader_close(&r->reader);
    extract_dir_close(&r->root);
    mem_free(r->hits);
    mem_free(r);
}

const char *report_top(const struct report *r)
{
    return r->reader.top;
}

int report_write(void *ctx, put_fn *put, void *put_ctx, struct err *err)
{
    struct report *r = ctx;

    return page_write(r->page, r->reader.top, true, put, put_ctx, err);
}

/* Where the files of a view are placed. */
struct placing {
    struct report *report;
    const struct report_spot *spot;
    struct extract_dir root;
    bool force;
};

static int put_page(struct report *r, size_t n, put_fn *put, void *ctx, struct err *err)
{
    return n == page_sidecars(r->page)
               ? page_write(r->page, r->reader.top, false, put, ctx, err)
               : page_put_sidecar(r->page, n, put, ctx, err);
}

/* Place the nth sidecar, or, after the last, index.html. */
static int place(struct placing *p, size_t n, const char *name, struct err *err)
{
    struct extract_dir_file file = { .dir = -1, .fd = -1 };
    char *path = mem_format(err, "%s/%s", p->report->reader.top, name);
    int rc = path ? 0 : -1;

    if (rc == 0 && !p->force && extract_dir_has(&p->root, path))
        rc = err_set(err, ERR_EXISTS, "the file exists; --force replaces it");
    if (rc == 0)
        rc = extract_dir_begin(&p->root, &file, path, err);
    if (rc == 0)
        rc = put_page(p->report, n, file_put_fd, &file.fd, err);
    if (rc == 0)
        rc = extract_dir_commit(&file, clock_wall() / 1000, p->spot->mode, p->force, err);
    extract_dir_abort(&file);
    mem_free(path);
    return rc < 0 ? err_wrap(err, "'%s/%s/%s'", p->spot->dir,
                             p->spot->top ? p->spot->top : p->report->reader.top, name)
                  : 0;
}

/* Whether the page may be placed: it comes last, but nothing is written if it cannot be. */
static int check_page(const struct placing *p, struct err *err)
{
    char *path = mem_format(err, "%s/%s", p->report->reader.top, TAGFILE_VIEW);
    int rc = path ? 0 : -1;

    if (rc == 0 && !p->force && extract_dir_has(&p->root, path))
        rc = err_set(err, ERR_EXISTS, "'%s/%s/%s': the file exists; --force replaces it",
                     p->spot->dir, p->spot->top ? p->spot->top : p->report->reader.top,
                     TAGFILE_VIEW);
    mem_free(path);
    return rc;
}

int report_place(struct report *r, const struct report_spot *spot, struct err *err)
{
    struct placing p = { .report = r,
                         .spot = spot,
                         .root = { .fd = -1, .top = spot->top },
                         .force = spot->force || (r->replace && r->runs && r->runs->count) };
    struct page_sidecar sidecar;
    size_t i;
    int rc = extract_dir_open(&p.root, spot->dir, err);

    if (rc == 0)
        rc = check_page(&p, err);
    for (i = 0; rc == 0 && i < page_sidecars(r->page); i++) {
        if (page_sidecar(r->page, i, &sidecar))
            rc = place(&p, i, sidecar.path, err);
    }
    if (rc == 0)
        rc = place(&p, i, TAGFILE_VIEW, err);
    extract_dir_close(&p.root);
    return rc;
}
