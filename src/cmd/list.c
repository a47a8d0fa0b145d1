/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "base/text.h"
#include "cli/confine.h"
#include "cli/table.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "cmdutil/selector.h"
#include "cmdutil/source.h"
#include "reader/archive_reader.h"
#include "reader/manifest_scan.h"
#include "reader/named.h"
#include "redact/redact.h"

#include <stdio.h>

struct list_args {
    struct command_args common;
    struct source_args bucket;
    struct selector_args selector;
    struct confine_args confine;
};

static const struct list_args list_defaults = { .selector = SELECTOR_DEFAULTS };

/* clang-format off */
static const struct opt_group list_groups[] = {
    { "What", filter_type_opts, OPT_AT(list_args, selector.filter) },
    { "Filters", filter_opts, OPT_AT(list_args, selector.filter) },
    { "Runs", selector_opts, OPT_AT(list_args, selector) },
    { "Bucket", source_opts, OPT_AT(list_args, bucket) },
    { "Safety", confine_opts, OPT_AT(list_args, confine) },
    { NULL, NULL, 0 },
};

static const struct table_column columns[] = {
    { "ARTIFACT", TABLE_TEXT, TABLE_WHOLE, 0 }, { "TYPE", TABLE_TEXT, 8, 0 },
    { "SIZE", TABLE_NUMBER, 0, 0 }, { "CREATED", TABLE_TIME, 0, 2 },
    { "RUN", TABLE_TEXT, TABLE_WHOLE, 3 }, { "PATH", TABLE_TEXT, 16, 1 }, { NULL, TABLE_TEXT, 0, 0 },
};
/* clang-format on */

struct listing_of {
    const struct list_args *args;
    struct selector selector;
    struct table table;
    size_t missing;
    size_t shown;
};

/* Print a row of the manifest, redacted: archives of others may contain secrets. Paths are
 * not redacted: they are the names of the files. */
static int print_row(const struct listing_of *l, const char *text, size_t len, struct err *err)
{
    static const char *const paths[] = { "path", "duplicate_of", NULL };
    struct redact what = { NULL, false, paths };

    return api_client_redacted(l->shown ? ",\n" : "[\n", text, len, &what, err);
}

static int on_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    struct listing_of *l = ctx;
    struct manifest_read_artifact a;
    struct region *region;
    char size[TEXT_SIZE_MAX];
    int rc = 0;

    l->missing += section == MANIFEST_READ_MISSING;
    if (section != MANIFEST_READ_ARTIFACTS)
        return 0;
    region = region_new(err);
    if (!region || manifest_read_artifact(&a, text, len, region, err) < 0) {
        region_free(region);
        return -1;
    }
    if (selector_artifact(&l->selector, &a)) {
        const struct redact what = { NULL, false, NULL };
        const char *cells[TABLE_COLUMNS] = { a.artifact_id,
                                             redact_copy(a.artifact_type, &what, region),
                                             text_size(size, a.size),
                                             redact_copy(a.created_at, &what, region),
                                             a.run_id,
                                             a.path };

        if (l->args->common.json)
            rc = print_row(l, text, len, err);
        else
            rc = table_row(&l->table, cells, err);
        l->shown++;
    }
    region_free(region);
    return rc;
}

/* List the artifacts that are named, by the index of names: 1; 0 if it cannot be used. */
static int list_named(struct listing_of *l, const char *path, uint64_t *missing,
                      struct err *err)
{
    size_t count = (size_t)l->selector.count;
    const char **names = mem_array(count, sizeof(*names), err);
    size_t i;
    int rc = -1;

    for (i = 0; names && i < count; i++)
        names[i] = selector_name(&l->selector, (int)i);
    if (names)
        rc = named_rows(path, names, count, on_row, l, missing, err);
    mem_free(names);
    return rc;
}

/* List one archive. */
static int list_one(struct listing_of *l, const char *path, struct err *err)
{
    struct archive_reader box = { 0 };
    uint64_t missing = 0;
    int rc = selector_literal(&l->selector) ? list_named(l, path, &missing, err) : 0;

    if (rc) {
        l->missing += missing;
        return rc < 0 ? -1 : 0;
    }
    rc = archive_reader_open(&box, path, err);
    if (rc == 0)
        rc = manifest_scan(&box, on_row, l, NULL, err);
    archive_reader_close(&box);
    return rc;
}

static int list_main(void *args_in, int count, char *const *operands, struct err *err)
{
    struct listing_of l = { .args = args_in };
    struct selector_args what = l.args->selector;
    struct source source = { 0 };
    struct confine confine;
    size_t i;
    int rc = count < 1 ? err_set(err, ERR_USAGE, "no archive given") : 0;

    source_use(&l.args->bucket);
    if (rc == 0)
        rc = source_find(&source, operands[0], &what.run, err);
    what.run = source.runs;
    if (rc == 0)
        rc = selector_init(&l.selector, &what, operands + 1, count - 1, err);
    if (rc == 0)
        rc = table_init(&l.table, columns, err);
    if (rc == 0) {
        source_confine(&confine, &l.args->confine, &source);
        confine_enter(&confine);
        rc = source_names(&source, err);
        what.run = source.runs;
        if (rc == 0)
            rc = selector_check(&l.selector, source.paths, source.count, err);
    }
    for (i = 0; rc == 0 && i < source.count; i++)
        rc = list_one(&l, source.paths[i], err);
    if (rc == 0 && l.args->common.json)
        (void)fputs(l.shown ? "\n]\n" : "[]\n", stdout);
    else if (rc == 0)
        table_print(&l.table, stdout);
    if (rc == 0 && !l.shown && !l.args->common.json && !l.args->common.quiet &&
        !selector_narrows(&l.selector))
        table_none("no artifacts");
    if (rc == 0 && l.missing)
        log_line(LOG_WARNING,
                 "%zu artifact%s or run%s missing from this archive; its "
                 "manifest.json lists %s with the reason%s",
                 l.missing, text_plural(l.missing), l.missing == 1 ? " is" : "s are",
                 l.missing == 1 ? "it" : "them", text_plural(l.missing));
    if (rc == 0 && !l.shown && selector_narrows(&l.selector))
        rc = selector_nothing(&l.selector, source.paths[0], err);
    else if (rc == 0 && selector_unmatched(&l.selector) + source.unknown)
        rc = EXIT_INCOMPLETE;
    table_clear(&l.table);
    selector_clear(&l.selector);
    source_clear(&source);
    return rc;
}

const struct command cmd_list = {
    .name = "list",
    .args = "ARCHIVE|DIR [PATTERN...]",
    .section = COMMAND_OPEN,
    .brief = "list the artifacts in an archive",
    .about =
        "Lists all artifacts of an archive, or those selected by type, name, step, size, time, "
        "run and path (shell patterns; a folder selects all files below it; an artifact ID "
        "selects that artifact). Of a directory of "
        "skyarc sync, lists "
        "what the volumes have of the runs named by --run. On a terminal the table fits its "
        "width: "
        "columns are left out, texts are shortened in the middle, and times are ages; "
        "elsewhere nothing is cut, and times are in UTC. With --json, prints their rows of "
        "the manifest, in one array. Exit status 1 if nothing is selected, 3 if a pattern or a "
        "run selects nothing.",
    .examples = "skyarc list run.tar.zst\n"
                "skyarc list -t screenshots run.tar.zst 'data/tsk_123/*'\n"
                "skyarc list run.tar.zst a_123\n"
                "skyarc list -r tsk_123 /srv/skyarc\n",
    .exits = "0    listed\n"
             "1    the archive cannot be read, or nothing in it is selected\n"
             "3    listed, but a pattern or a run selects nothing\n",
    .groups = list_groups,
    .size = sizeof(struct list_args),
    .defaults = &list_defaults,
    .run = list_main,
};
