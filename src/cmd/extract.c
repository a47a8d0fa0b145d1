/* SPDX-License-Identifier: MIT */
#include "reader/extract.h"

#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/confine.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "cmdutil/selector.h"
#include "reader/archive_reader.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct extract_args {
    struct command_args common;
    struct selector_args selector;
    struct confine_args confine;
    const char *dir;
    unsigned mode;
    bool force;
    bool keep_going;
};

static const struct extract_args extract_defaults = { .dir = ".", .mode = 0600 };

/* clang-format off */
static const struct opt extract_opts[] = {
    { 'C', "directory",  "DIR", OPT_TEXT, OPT_AT(extract_args, dir),        "extract into this directory; it is created if it does not exist", 0, 0, NULL, false, NULL },
    { 'f', "force",      NULL,  OPT_FLAG, OPT_AT(extract_args, force),      "replace existing files", 0, 0, NULL, false, NULL },
    { 0,   "mode",       "MODE", OPT_MODE, OPT_AT(extract_args, mode),      "permissions of the files, octal (default 0600)", 0, 0, NULL, false, NULL },
    { 'k', "keep-going", NULL,  OPT_FLAG, OPT_AT(extract_args, keep_going), "if the archive is damaged, extract the readable files and list the lost ones (exit status 4)", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt_group extract_groups[] = {
    { "What",  selector_opts,    OPT_AT(extract_args, selector) },
    { "Where", extract_opts, 0 },
    { "Safety", confine_opts, OPT_AT(extract_args, confine) },
    { "Progress", progress_opts, 0 },
    { NULL, NULL, 0 },
};
/* clang-format on */

struct extraction {
    struct selector selector;
    const char *archive;
    struct pace pace;
    size_t kept;
};

static bool on_wanted(void *ctx, const char *path, const struct manifest_read_artifact *row)
{
    const struct extraction *e = ctx;
    const char *below = strchr(path, '/');

    return row ? selector_artifact(&e->selector, row)
               : selector_file(&e->selector, below ? below + 1 : path);
}

static void on_lost(void *ctx, const char *path, const char *why)
{
    (void)ctx;
    if (path)
        log_line(LOG_ERROR, "lost: '%.600s': %s", path, why);
    else
        log_line(LOG_ERROR, "lost: %s", why);
}

static void on_kept(void *ctx, const char *path)
{
    struct extraction *e = ctx;

    if (!e->kept++)
        log_line(LOG_WARNING, "'%.600s' exists and was not replaced; --force replaces it",
                 path);
    else
        log_line(LOG_INFO, "'%.600s' exists and was not replaced", path);
}

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
    struct extraction *e = ctx;

    progress_show_read(&e->pace,
                       &(struct progress_read){ "extracting", e->archive, done, total });
}

static int report(const struct extract_args *args, const struct extract_result *r,
                  struct err *err)
{
    struct jsonw *w;
    char size[TEXT_SIZE_MAX];
    int rc;

    if (!args->common.json) {
        log_line(LOG_INFO, "%llu files and %llu links extracted, %s; %llu existed, %llu lost",
                 (unsigned long long)r->files, (unsigned long long)r->links,
                 text_size(size, r->bytes), (unsigned long long)r->kept,
                 (unsigned long long)r->lost);
        return 0;
    }
    w = mem_new(sizeof(*w), err);
    if (!w)
        return -1;
    jsonw_init(w, api_client_put, NULL);
    jsonw_object(w, NULL, JSONW_LINES);
    jsonw_u64(w, "files", r->files);
    jsonw_u64(w, "links", r->links);
    jsonw_u64(w, "bytes", r->bytes);
    jsonw_u64(w, "existing", r->kept);
    jsonw_u64(w, "lost", r->lost);
    jsonw_bool(w, "indexed", r->indexed);
    jsonw_close(w);
    rc = jsonw_end(w, err);
    mem_free(w);
    return rc;
}

/* Allow only the archive to be read and the directory to be written. */
static void confine_to(const struct extract_args *args, const char *archive)
{
    struct confine confine;

    confine_begin(&confine, &args->confine, 0);
    confine_read(&confine, archive);
    (void)mkdir(args->dir, 0777); /* opening the directory later reports the error */
    confine_write(&confine, args->dir);
    confine_enter(&confine);
}

/* The exit status of an extraction; says what the archive has if nothing was selected. */
static int status_of(const struct selector *selector, const char *archive,
                     const struct extract_result *r, int rc, struct err *err)
{
    if (rc < 0 && (err->kind == ERR_MISMATCH || err->kind == ERR_FORMAT) &&
        !archive_reader_foreign(archive)) {
        log_line(LOG_ERROR, "%s", err->text);
        return EXIT_DAMAGED;
    }
    if (rc < 0)
        return api_client_status(err);
    if (r->lost)
        return EXIT_DAMAGED;
    if (selector_narrows(selector) && !r->files && !r->links && !r->kept)
        return selector_nothing(selector, archive, err);
    return selector_unmatched(selector) ? EXIT_INCOMPLETE : EXIT_DONE;
}

static int extract_main(void *args_in, int count, char *const *operands, struct err *err)
{
    const struct extract_args *args = args_in;
    struct extraction e = { .kept = 0 };
    struct extract_opts opts = { .dir = args->dir,
                                 .mode = args->mode,
                                 .force = args->force,
                                 .keep_going = args->keep_going,
                                 .wanted = on_wanted,
                                 .lost = on_lost,
                                 .kept = on_kept,
                                 .stop = signals_stopping(),
                                 .watcher = { on_progress, &e },
                                 .ctx = &e };
    struct extract_result result = { 0 };
    int rc = count < 1 ? err_set(err, ERR_USAGE, "no archive given") : 0;

    if (rc == 0)
        rc = selector_init(&e.selector, &args->selector, operands + 1, count - 1, err);
    if (rc == 0)
        rc = signals_setup(err);
    if (rc == 0) {
        confine_to(args, operands[0]);
        e.archive = operands[0];
        progress_begin(&args->common);
        rc = extract_run(operands[0], &opts, &result, err);
        progress_end();
    }
    if (rc == 0 && result.kept > 1)
        log_line(LOG_WARNING, "%llu files existed and were not replaced",
                 (unsigned long long)result.kept);
    if (rc == 0)
        rc = report(args, &result, err);
    if (rc == 0 && result.lost && !args->keep_going)
        log_line(LOG_ERROR, "the archive is damaged; --keep-going extracts the readable files");
    rc = status_of(&e.selector, operands[0], &result, rc, err);
    selector_clear(&e.selector);
    return rc;
}

const struct command cmd_extract = {
    .name = "extract",
    .args = "ARCHIVE [PATTERN...]",
    .brief = "extract files from an archive",
    .about =
        "Extracts all files of an archive, or those selected by type, run and path (shell "
        "patterns; a folder selects all files below it). The size and digest of each file are "
        "checked against the manifest before the file gets its name. Files that the manifest "
        "does not name are refused, as are names that begin with a dot or lead out of the "
        "directory. Hard links are restored if their target is extracted; nothing is ever "
        "written outside the directory. Exit status 1 if nothing is selected, 3 if a "
        "pattern or a run selects nothing, 4 if a file was lost or refused. With "
        "--keep-going, if the manifest is lost, the files below data/ are extracted unchecked, "
        "with a warning.",
    .groups = extract_groups,
    .size = sizeof(struct extract_args),
    .defaults = &extract_defaults,
    .run = extract_main,
};
