/* SPDX-License-Identifier: MIT */
#include "reader/extract.h"

#include "base/file.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/text.h"
#include "cli/confine.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "cmdutil/report.h"
#include "cmdutil/selector.h"
#include "cmdutil/source.h"
#include "reader/archive_reader.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FOLDER_SHOWN_MAX 4096

struct extract_args {
    struct command_args common;
    struct source_args bucket;
    struct selector_args selector;
    struct confine_args confine;
    const char *dir;
    unsigned mode;
    bool force;
    bool keep_going;
};

static const struct extract_args extract_defaults = { .selector = SELECTOR_DEFAULTS,
                                                      .dir = ".",
                                                      .mode = 0600 };

/* clang-format off */
static const struct opt extract_opts[] = {
    { 'C', "directory",  "DIR", OPT_TEXT, OPT_AT(extract_args, dir),        "extract into this directory; it is created if it does not exist", 0, 0, NULL, false, NULL },
    { 'f', "force",      NULL,  OPT_FLAG, OPT_AT(extract_args, force),      "replace existing files", 0, 0, NULL, false, NULL },
    { 0,   "mode",       "MODE", OPT_MODE, OPT_AT(extract_args, mode),      "permissions of the files, octal (default 0600)", 0, 0, NULL, false, NULL },
    { 'k', "keep-going", NULL,  OPT_FLAG, OPT_AT(extract_args, keep_going), "if the archive is damaged, extract the readable files and list the lost ones (exit status 4)", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt_group extract_groups[] = {
    { "What", filter_type_opts, OPT_AT(extract_args, selector.filter) },
    { "Filters", filter_opts, OPT_AT(extract_args, selector.filter) },
    { "Runs", selector_opts, OPT_AT(extract_args, selector) },
    { "Where", extract_opts, 0 },
    { "Bucket", source_opts, OPT_AT(extract_args, bucket) },
    { "Safety", confine_opts, OPT_AT(extract_args, confine) },
    { "Progress", progress_opts, 0 },
    { NULL, NULL, 0 },
};
/* clang-format on */

struct extraction {
    const struct extract_args *args;
    struct selector_args what;
    struct selector selector;
    struct source source;
    struct report **views; /* one for each archive, if runs are named and no paths */
    struct extract_result sum;
    char **folders;      /* one for each archive; NULL: nothing was extracted from it */
    const char *archive; /* the one being extracted */
    struct pace pace;
    size_t kept;
};

/* Whether only runs are selected: then their documents are selected, too. */
static bool is_whole_run(const struct extraction *e)
{
    return e->what.run.count && !artifact_filter_narrows(&e->selector.filter) &&
           !e->selector.count;
}

static bool on_wanted(void *ctx, const char *path, const struct manifest_read_artifact *row)
{
    const struct extraction *e = ctx;
    const char *below = strchr(path, '/');

    if (row)
        return selector_artifact(&e->selector, row);
    below = below ? below + 1 : path;
    return is_whole_run(e) ? report_is_of(&e->what.run, below)
                           : selector_file(&e->selector, below);
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

/* Print the result: the folders, and counts for the log; or one JSON document. */
static int print_result(const struct extraction *e, struct err *err)
{
    const struct extract_result *r = &e->sum;
    struct jsonw *w;
    char size[TEXT_SIZE_MAX];
    char shown[FOLDER_SHOWN_MAX];
    size_t i;
    int rc;

    if (!e->args->common.json) {
        log_line(LOG_INFO, "%llu file%s and %llu link%s extracted, %s; %llu existed, %llu lost",
                 (unsigned long long)r->files, text_plural(r->files),
                 (unsigned long long)r->links, text_plural(r->links), text_size(size, r->bytes),
                 (unsigned long long)r->kept, (unsigned long long)r->lost);
        for (i = 0; i < e->source.count && !e->args->common.quiet; i++) {
            if (e->folders[i])
                (void)printf("%s\n", text_shown(shown, sizeof(shown), e->folders[i]));
        }
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
    jsonw_array(w, "folders", JSONW_INLINE);
    for (i = 0; i < e->source.count; i++) {
        if (e->folders[i])
            jsonw_text(w, NULL, e->folders[i]);
    }
    jsonw_close(w);
    jsonw_close(w);
    rc = jsonw_end(w, err);
    mem_free(w);
    return rc;
}

/* Allow only the archives to be read and the directory to be written. */
static void confine_to(const struct extraction *e)
{
    const char *dir = e->args->dir;
    struct confine confine;

    source_confine(&confine, &e->args->confine, &e->source);
    (void)mkdir(dir, 0777); /* opening the directory later reports the error */
    confine_write(&confine, dir);
    confine_enter(&confine);
}

/* Write the view of the selected runs into the folder that was extracted. */
static int write_view(struct extraction *e, size_t n, const char *top, struct err *err)
{
    const struct report_spot spot = { e->args->dir, top, e->args->mode, e->args->force };

    if (report_only(e->views[n], &e->what.run, err) < 0 ||
        report_read(e->views[n], e->source.paths[n], signals_stopping(), err) < 0)
        return -1;
    if (report_place(e->views[n], &spot, err) == 0)
        return 0;
    if (err->kind != ERR_EXISTS)
        return -1;
    log_line(LOG_WARNING, "%s", err->text);
    return 0;
}

/* Extract one archive. */
static int extract_one(struct extraction *e, size_t n, struct err *err)
{
    const struct extract_args *args = e->args;
    char folder[PATH_COMPONENT_MAX + 1];
    struct extract_opts opts = { .dir = args->dir,
                                 .mode = args->mode,
                                 .force = args->force,
                                 .keep_going = args->keep_going,
                                 .wanted = on_wanted,
                                 .lost = on_lost,
                                 .kept = on_kept,
                                 .stop = signals_stopping(),
                                 .watcher = { on_progress, e },
                                 .ctx = e };
    struct extract_result r = { 0 };
    int rc;

    opts.top = source_folder(e->source.paths[n], folder, sizeof(folder));
    e->archive = e->source.paths[n];
    progress_begin(&args->common);
    rc = extract_run(e->archive, &opts, &r, err);
    progress_end();
    e->sum.files += r.files;
    e->sum.links += r.links;
    e->sum.bytes += r.bytes;
    e->sum.kept += r.kept;
    e->sum.lost += r.lost;
    e->sum.indexed = r.indexed && (n == 0 || e->sum.indexed);
    if (rc < 0 || !r.top[0] || (!r.files && !r.links && !r.kept))
        return rc;
    if (e->views && (!r.lost || args->keep_going))
        rc = write_view(e, n, r.top, err);
    e->folders[n] = strcmp(args->dir, ".") == 0 ? mem_copy(r.top, err)
                                                : mem_format(err, "%s/%s", args->dir, r.top);
    return e->folders[n] ? rc : -1;
}

/* Find the archives, and make what they need, before the sandbox is entered. */
static int prepare(struct extraction *e, int count, char *const *operands, struct err *err)
{
    size_t i;

    if (count < 1)
        return err_set(err, ERR_USAGE, "no archive given");
    e->what = e->args->selector;
    if (source_find(&e->source, operands[0], &e->what.run, err) < 0)
        return -1;
    e->what.run = e->source.runs;
    e->folders = mem_array(e->source.count, sizeof(char *), err);
    if (!e->folders ||
        selector_init(&e->selector, &e->what, operands + 1, count - 1, err) < 0 ||
        signals_setup(err) < 0)
        return -1;
    if (!e->what.run.count || e->selector.count)
        return 0;
    e->views = mem_array(e->source.count, sizeof(*e->views), err);
    for (i = 0; e->views && i < e->source.count; i++) {
        e->views[i] = report_new(file_temp_dir(), err);
        if (!e->views[i])
            return -1;
        report_beside(e->views[i], e->args->dir, e->source.paths[i]);
    }
    return e->views ? 0 : -1;
}

static void clear(struct extraction *e)
{
    size_t i;

    for (i = 0; i < e->source.count; i++) {
        if (e->folders)
            mem_free(e->folders[i]);
        if (e->views)
            report_free(e->views[i]);
    }
    mem_free(e->folders);
    mem_free(e->views);
    selector_clear(&e->selector);
    source_clear(&e->source);
}

/* The exit status of an extraction; says what the archive has if nothing was selected. */
static int status_of(const struct extraction *e, const char *operand, int rc, struct err *err)
{
    const char *archive = e->source.count ? e->source.paths[0] : operand;
    const struct extract_result *r = &e->sum;

    if (rc == 0 && r->lost && !e->args->keep_going)
        log_line(LOG_ERROR,
                 "not all files could be extracted; --keep-going extracts the others");
    if (rc < 0 && err_is_damage(err) && !archive_reader_foreign(archive)) {
        log_line(LOG_ERROR, "%s", err->text);
        return EXIT_DAMAGED;
    }
    if (rc < 0)
        return api_client_status(err);
    if (r->lost)
        return EXIT_DAMAGED;
    if (selector_narrows(&e->selector) && !r->files && !r->links && !r->kept)
        return selector_nothing(&e->selector, archive, err);
    return selector_unmatched(&e->selector) + e->source.unknown ? EXIT_INCOMPLETE : EXIT_DONE;
}

static int extract_main(void *args_in, int count, char *const *operands, struct err *err)
{
    struct extraction e = { .args = args_in };
    size_t i;
    int rc;

    source_use(&e.args->bucket);
    rc = prepare(&e, count, operands, err);
    if (rc == 0) {
        confine_to(&e);
        rc = source_names(&e.source, err);
        e.what.run = e.source.runs;
        if (rc == 0)
            rc = selector_check(&e.selector, e.source.paths, e.source.count, err);
    }
    for (i = 0; rc == 0 && i < e.source.count; i++)
        rc = extract_one(&e, i, err);
    if (rc == 0 && e.sum.kept > 1)
        log_line(LOG_WARNING, "%llu files existed and were not replaced",
                 (unsigned long long)e.sum.kept);
    if (rc == 0)
        rc = print_result(&e, err);
    rc = status_of(&e, count > 0 ? operands[0] : "", rc, err);
    clear(&e);
    return rc;
}

const struct command cmd_extract = {
    .name = "extract",
    .args = "ARCHIVE|DIR [PATTERN...]",
    .section = COMMAND_OPEN,
    .brief = "extract files from an archive",
    .about =
        "Extracts all files of an archive, or those selected by type, name, step, size, time, "
        "run and path (shell patterns; a folder selects all files below it; an artifact ID "
        "selects that artifact), into a folder "
        "named after the "
        "archive's "
        "file, and prints that folder. With --run, the folder gets a view (index.html) of "
        "these "
        "runs and of the archive's other runs that have files there; it replaces an earlier "
        "view of chosen runs, but not that of a whole archive. Of a directory of skyarc sync, "
        "extracts what the volumes have of the "
        "runs "
        "named by --run. The size and digest of each file are "
        "checked against the manifest before the file gets its name. Files that the manifest "
        "does not name are refused, as are names that begin with a dot or lead out of the "
        "directory. Hard links are restored if their target is extracted; nothing is ever "
        "written outside the directory. Exit status 1 if nothing is selected, 3 if a "
        "pattern or a run selects nothing, 4 if a file was lost or refused. With "
        "--keep-going, if the manifest is lost, the files below data/ are extracted unchecked, "
        "with a warning.",
    .examples = "skyarc extract run.tar.zst\n"
                "skyarc extract -C out -t screenshots run.tar.zst\n"
                "skyarc extract -r tsk_123 /srv/skyarc\n",
    .exits = "0    extracted\n"
             "1    failed, or nothing in the archive is selected\n"
             "3    extracted, but a pattern or a run selects nothing\n"
             "4    a file was lost or refused\n",
    .groups = extract_groups,
    .size = sizeof(struct extract_args),
    .defaults = &extract_defaults,
    .run = extract_main,
};
