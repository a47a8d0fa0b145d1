/* SPDX-License-Identifier: MIT */
#include "cmdutil/report.h"

#include "base/file.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/text.h"
#include "cli/confine.h"
#include "cli/signals.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "cmdutil/selector.h"
#include "cmdutil/source.h"
#include "format/tagfile.h"
#include "reader/archive_reader.h"
#include "reader/extract.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SHOWN_MAX 2048

struct report_args {
    struct command_args common;
    struct source_args bucket;
    struct confine_args confine;
    struct opt_list run;
    const char *output;
    unsigned mode;
    bool force;
};

static const struct report_args report_defaults = { .output = ".", .mode = 0600 };

/* clang-format off */
static const struct opt report_opts[] = {
    { 'r', "run",    "ID",       OPT_LIST, OPT_AT(report_args, run),    "show only this run, named by its ID or the URL of its page; may be repeated", 0, 0, NULL, false, NULL },
    { 'o', "output", "FILE|DIR", OPT_TEXT, OPT_AT(report_args, output), "write only the page (a name that ends in .html; - is standard output), or extract all files into this directory, with the page (default: the current directory)", 0, 0, NULL, false, NULL },
    { 0,   "mode",   "MODE",     OPT_MODE, OPT_AT(report_args, mode),   "permissions of the files, octal (default 0600)", 0, 0, NULL, false, NULL },
    { 'f', "force",  NULL,       OPT_FLAG, OPT_AT(report_args, force),  "replace existing files", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt_group report_groups[] = {
    { "View", report_opts, 0 },
    { "Bucket", source_opts, OPT_AT(report_args, bucket) },
    { "Safety", confine_opts, OPT_AT(report_args, confine) },
    { NULL, NULL, 0 },
};
/* clang-format on */

/* Select everything, or everything of the runs; the new page replaces the archived one. */
static bool on_wanted(void *ctx, const char *path, const struct manifest_read_artifact *row)
{
    const struct opt_list *runs = ctx;
    const char *below = strchr(path, '/');
    size_t i;

    if (!runs->count)
        return row || !below || !tagfile_is_view(below + 1);
    for (i = 0; row && i < runs->count; i++) {
        if (strcmp(runs->at[i], row->run_id) == 0)
            return true;
    }
    return !row && below && report_is_of(runs, below + 1);
}

static void on_lost(void *ctx, const char *path, const char *why)
{
    (void)ctx;
    log_line(LOG_ERROR, "lost: %s%s%s", path ? path : "", path ? ": " : "", why);
}

static void on_kept(void *ctx, const char *path)
{
    (void)ctx;
    log_line(LOG_INFO, "'%s' exists and was not replaced; --force replaces it", path);
}

static int write_page(struct report *report, const char *path, const struct report_args *args,
                      struct err *err)
{
    if (!args->force && access(path, F_OK) == 0)
        return err_set(err, ERR_EXISTS, "'%s' exists; --force replaces it", path);
    return file_make(path, args->mode, report_write, report, err);
}

/* Extract everything and write the page beside the files; 1: a file was lost. */
static int write_dir(struct report *report, const char *archive, const struct report_args *args,
                     struct opt_list *runs, struct err *err)
{
    char folder[PATH_COMPONENT_MAX + 1];
    struct extract_opts opts = { .dir = args->output,
                                 .mode = args->mode,
                                 .force = args->force,
                                 .keep_going = true,
                                 .wanted = on_wanted,
                                 .lost = on_lost,
                                 .kept = on_kept,
                                 .stop = signals_stopping(),
                                 .watcher = archive_reader_unwatched(),
                                 .ctx = runs };
    struct extract_result result = { 0 };
    struct report_spot spot = { args->output, NULL, args->mode, args->force };
    char shown[PATH_SHOWN_MAX];
    int rc;

    opts.top = spot.top = source_folder(archive, folder, sizeof(folder));
    rc = extract_run(archive, &opts, &result, err);
    if (rc == 0)
        rc = report_place(report, &spot, err);
    if (rc == 0 && !args->common.quiet && !args->common.json)
        (void)printf("%s/%s/%s\n", args->output,
                     text_shown(shown, sizeof(shown), spot.top ? spot.top : report_top(report)),
                     TAGFILE_VIEW);
    return rc < 0 ? -1 : result.lost > 0;
}

static bool is_page(const char *output)
{
    return path_ends(output, ".html") || path_ends(output, ".htm");
}

/* Write the page to standard output, a file or a directory; 1: a file was lost. */
static int write_report(struct report *report, const char *archive,
                        const struct report_args *args, struct opt_list *runs, struct err *err)
{
    if (strcmp(args->output, "-") == 0)
        return report_write(report, api_client_put_raw, NULL, err);
    return is_page(args->output) ? write_page(report, args->output, args, err)
                                 : write_dir(report, archive, args, runs, err);
}

/* Allow only the archives to be read and the page's directory to be written. */
static int confine_to(const struct report_args *args, const struct source *source,
                      struct err *err)
{
    struct confine confine;
    char *dir;

    source_confine(&confine, &args->confine, source);
    if (strcmp(args->output, "-") != 0) {
        dir = is_page(args->output) ? path_dir(args->output) : mem_copy(args->output, err);
        if (!dir)
            return err_set(err, ERR_MEMORY, "out of memory");
        if (!is_page(args->output))
            (void)mkdir(dir, 0777); /* opening the directory later reports the error */
        confine_write(&confine, dir);
        mem_free(dir);
    }
    confine_enter(&confine);
    return 0;
}

/* Print where the page is, and whether the files beside it are whole, as JSON. */
static int print_json(const struct report *report, const char *archive,
                      const struct report_args *args, bool lost, struct err *err)
{
    char folder[PATH_COMPONENT_MAX + 1];
    const char *top = source_folder(archive, folder, sizeof(folder));
    struct jsonw *w = mem_new(sizeof(*w), err);
    char *page = is_page(args->output)
                     ? mem_copy(args->output, err)
                     : mem_format(err, "%s/%s/%s", args->output, top ? top : report_top(report),
                                  TAGFILE_VIEW);
    int rc = -1;

    if (w && page) {
        jsonw_init(w, api_client_put, NULL);
        jsonw_object(w, NULL, JSONW_LINES);
        jsonw_text(w, "page", page);
        jsonw_bool(w, "complete", !lost);
        jsonw_close(w);
        rc = jsonw_end(w, err);
    }
    mem_free(page);
    mem_free(w);
    return rc < 0 ? -1 : lost;
}

/*
 * Make the page of one archive; 1: a file was lost.
 *
 * unknown  NULL, or gets the number of runs that the archive has not, which are logged;
 *          ERR_NOT_FOUND, and nothing is written, if it has none of them
 */
static int report_one(struct report *report, const char *archive,
                      const struct report_args *args, struct opt_list *runs, size_t *unknown,
                      struct err *err)
{
    int rc = report_only(report, runs, err);

    if (rc == 0)
        rc = report_read(report, archive, signals_stopping(), err);
    if (rc == 0 && unknown && (*unknown = report_unmatched(report)) == runs->count &&
        runs->count)
        rc = selector_nothing(&(struct selector){ .runs = runs }, archive, err);
    if (rc == 0)
        rc = write_report(report, archive, args, runs, err);
    if (rc == 0 && report_lacks(report))
        rc = 1;
    if (rc >= 0 && args->common.json && strcmp(args->output, "-") != 0)
        rc = print_json(report, archive, args, rc > 0, err);
    return rc;
}

static int report_main(void *args_in, int count, char *const *operands, struct err *err)
{
    const struct report_args *args = args_in;
    struct report **reports = NULL;
    struct source source = { 0 };
    bool lost = false;
    size_t unknown = 0;
    size_t i;
    int rc = count == 1 ? signals_setup(err) : err_set(err, ERR_USAGE, "expected one archive");

    source_use(&args->bucket);
    if (rc == 0)
        rc = source_find(&source, operands[0], &args->run, err);
    if (rc == 0 && source.count > 1 &&
        (strcmp(args->output, "-") == 0 || is_page(args->output)))
        rc = err_set(err, ERR_USAGE,
                     "%zu volumes of '%s' have these runs: name a directory with --output",
                     source.count, operands[0]);
    if (rc == 0) {
        reports = mem_array(source.count, sizeof(struct report *), err);
        rc = reports ? 0 : -1;
    }
    for (i = 0; rc == 0 && i < source.count; i++) { /* before the sandbox: temporary files */
        reports[i] = report_new(file_temp_dir(), err);
        rc = reports[i] ? 0 : -1;
        if (rc == 0 && !is_page(args->output) && strcmp(args->output, "-") != 0)
            report_beside(reports[i], args->output, source.paths[i]);
    }
    if (rc == 0)
        rc = confine_to(args, &source, err);
    if (rc == 0)
        rc = source_names(&source, err);
    for (i = 0; rc >= 0 && i < source.count; i++) {
        /* with several volumes, each may lack some of the runs */
        size_t *unmatched = source.count == 1 ? &unknown : NULL;

        rc = report_one(reports[i], source.paths[i], args, &source.runs, unmatched, err);
        lost = lost || rc > 0;
    }
    for (i = 0; reports && i < source.count; i++)
        report_free(reports[i]);
    mem_free(reports);
    unknown += source.unknown;
    source_clear(&source);
    if (rc < 0 && err_is_damage(err) && !archive_reader_foreign(operands[0])) {
        log_line(LOG_ERROR, "%s", err->text);
        return EXIT_DAMAGED;
    }
    return rc < 0    ? api_client_status(err)
           : lost    ? EXIT_DAMAGED
           : unknown ? EXIT_INCOMPLETE
                     : EXIT_DONE;
}

const struct command cmd_report = {
    .name = "report",
    .args = "ARCHIVE|DIR",
    .section = COMMAND_OPEN,
    .brief = "create the offline view of an archive",
    .about =
        "Writes index.html, a view of an archive that any browser shows without a network: "
        "one page that has all its texts in it, to be placed beside the extracted data/, or a "
        "directory with the page, its sidecars (view/RUN_ID.js, loaded when a run is opened) "
        "and all files of the archive, in a folder named after the archive's file. With --run, "
        "only of these runs, and in a directory also of the archive's other runs that have "
        "files "
        "in the folder; an earlier view of chosen runs is then replaced. Of a directory of "
        "skyarc sync, --run finds the volumes. Exit status 1 if the archive has none of the "
        "runs, 3 if it lacks some of them. Archives "
        "written by pull contain the page, unless "
        "--no-report was given. With --json, prints the page's path, unless the page goes to "
        "standard output.",
    .examples = "skyarc report -o view run.tar.zst\n"
                "skyarc report -o run.html -r tsk_123 /srv/skyarc\n",
    .exits = "0    written\n"
             "1    failed, or the archive has none of the runs\n"
             "3    written, but the archive lacks some of the runs\n"
             "4    a file, or a text of the page, was lost\n",
    .groups = report_groups,
    .size = sizeof(struct report_args),
    .defaults = &report_defaults,
    .run = report_main,
};
