/* SPDX-License-Identifier: MIT */
#include "cmdutil/report.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/text.h"
#include "cli/confine.h"
#include "cli/signals.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "format/extract_dir.h"
#include "format/tagfile.h"
#include "reader/extract.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SHOWN_MAX 2048

struct report_args {
    struct command_args common;
    struct confine_args confine;
    const char *output;
    unsigned mode;
    bool force;
};

static const struct report_args report_defaults = { .output = ".", .mode = 0600 };

/* clang-format off */
static const struct opt report_opts[] = {
    { 'o', "output", "FILE|DIR", OPT_TEXT, OPT_AT(report_args, output), "write only the page (a name that ends in .html; - is standard output), or extract all files into this directory, with the page (default: the current directory)", 0, 0, NULL, false, NULL },
    { 0,   "mode",   "MODE",     OPT_MODE, OPT_AT(report_args, mode),   "permissions of the files, octal (default 0600)", 0, 0, NULL, false, NULL },
    { 'f', "force",  NULL,       OPT_FLAG, OPT_AT(report_args, force),  "replace existing files", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt_group report_groups[] = {
    { "Where", report_opts, 0 },
    { "Safety", confine_opts, OPT_AT(report_args, confine) },
    { NULL, NULL, 0 },
};
/* clang-format on */

static bool on_wanted(void *ctx, const char *path, const struct manifest_read_artifact *row)
{
    const char *below = strchr(path, '/');

    (void)ctx;
    return row || !below || strcmp(below + 1, TAGFILE_VIEW) != 0; /* the new page replaces the
                                                                   * archived one */
}

static void on_lost(void *ctx, const char *path, const char *why)
{
    (void)ctx;
    log_line(LOG_ERROR, "lost: %s%s%s", path ? path : "", path ? ": " : "", why);
}

static void on_kept(void *ctx, const char *path)
{
    (void)ctx;
    log_line(LOG_INFO, "'%s' exists and was not replaced", path);
}

static int write_page(struct report *report, const char *path, const struct report_args *args,
                      struct err *err)
{
    if (!args->force && access(path, F_OK) == 0)
        return err_set(err, ERR_EXISTS, "'%s' exists; --force replaces it", path);
    return file_make(path, args->mode, report_write, report, err);
}

/* Write the page below a directory as extraction would: its path comes from the archive. */
static int place_page(struct report *report, const char *path, const struct report_args *args,
                      struct err *err)
{
    struct extract_dir root = { .fd = -1 };
    struct extract_dir_file file = { .dir = -1, .fd = -1 };
    int rc = extract_dir_open(&root, args->output, err);

    if (rc == 0 && !args->force && extract_dir_has(&root, path))
        rc = err_set(err, ERR_EXISTS, "the file exists; --force replaces it");
    if (rc == 0)
        rc = extract_dir_begin(&root, &file, path, err);
    if (rc == 0)
        rc = report_write(report, file_put_fd, &file.fd, err);
    if (rc == 0)
        rc = extract_dir_commit(&file, clock_wall() / 1000, args->mode, args->force, err);
    extract_dir_abort(&file);
    extract_dir_close(&root);
    return rc < 0 ? err_wrap(err, "'%s/%s'", args->output, path) : 0;
}

/* Extract everything and write the page beside the files; 1: a file was lost. */
static int write_dir(struct report *report, const char *archive, const struct report_args *args,
                     struct err *err)
{
    struct extract_opts opts = { .dir = args->output,
                                 .mode = args->mode,
                                 .force = args->force,
                                 .keep_going = true,
                                 .wanted = on_wanted,
                                 .lost = on_lost,
                                 .kept = on_kept,
                                 .stop = signals_stopping() };
    struct extract_result result = { 0 };
    char *path = mem_format(err, "%s/%s", report_top(report), TAGFILE_VIEW);
    char shown[PATH_SHOWN_MAX];
    int rc = path ? extract_run(archive, &opts, &result, err) : -1;

    if (rc == 0)
        rc = place_page(report, path, args, err);
    if (rc == 0 && !args->common.quiet)
        (void)printf("%s/%s\n", args->output, text_shown(shown, sizeof(shown), path));
    mem_free(path);
    return rc < 0 ? -1 : result.lost > 0;
}

static bool is_page(const char *output)
{
    size_t len = strlen(output);

    return (len > 5 && strcmp(output + len - 5, ".html") == 0) ||
           (len > 4 && strcmp(output + len - 4, ".htm") == 0);
}

/* Write the page to standard output, a file or a directory; 1: a file was lost. */
static int write_report(struct report *report, const char *archive,
                        const struct report_args *args, struct err *err)
{
    if (strcmp(args->output, "-") == 0)
        return report_write(report, api_client_put_raw, NULL, err);
    return is_page(args->output) ? write_page(report, args->output, args, err)
                                 : write_dir(report, archive, args, err);
}

/* Allow only the archive to be read and the page's directory to be written. */
static int confine_to(const struct report_args *args, const char *archive, struct err *err)
{
    struct confine confine;
    char *dir;

    confine_begin(&confine, &args->confine, 0);
    confine_read(&confine, archive);
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

static int report_main(void *args_in, int count, char *const *operands, struct err *err)
{
    const struct report_args *args = args_in;
    struct report *report = NULL;
    int rc = count == 1 ? signals_setup(err) : err_set(err, ERR_USAGE, "expected one archive");

    if (rc == 0) {
        report = report_new(file_temp_dir(), err);
        rc = report ? 0 : -1;
    }
    if (rc == 0)
        rc = confine_to(args, operands[0], err);
    if (rc == 0)
        rc = report_read(report, operands[0], signals_stopping(), err);
    if (rc == 0)
        rc = write_report(report, operands[0], args, err);
    report_free(report);
    if (rc < 0 && (err->kind == ERR_MISMATCH || err->kind == ERR_FORMAT)) {
        log_line(LOG_ERROR, "%s", err->text);
        return EXIT_DAMAGED;
    }
    return rc < 0 ? api_client_status(err) : rc ? EXIT_DAMAGED : EXIT_DONE;
}

const struct command cmd_report = {
    .name = "report",
    .args = "ARCHIVE",
    .brief = "create the offline view of an archive",
    .about =
        "Writes index.html, a view of an archive that any browser shows without a network: "
        "only the page, to be placed beside the extracted data/, or a directory with the page "
        "and all files of the archive. Archives written by pull contain the page, unless "
        "--no-report was given.",
    .groups = report_groups,
    .size = sizeof(struct report_args),
    .defaults = &report_defaults,
    .run = report_main,
};
