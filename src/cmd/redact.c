/* SPDX-License-Identifier: MIT */
#include "copy/copy.h"

#include "base/file.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/text.h"
#include "cli/confine.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/table.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "cmdutil/source.h"
#include "copy/copy_plan.h"
#include "fetch/budget.h"
#include "storage/range_file.h"
#include "storage/staging.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LINE_MAX_SHOWN 2048

struct redact_args {
    struct command_args common;
    struct confine_args confine;
    const char *output;
    const char *rules;
    const char *format;
    unsigned mode;
    bool dry_run;
    bool digests;
    bool no_report;
    bool force;
};

static const struct redact_args redact_defaults = { .rules = "default", .mode = 0600 };

/* clang-format off */
static const struct opt redact_opts[] = {
    { 'o', "output",    "COPY",    OPT_TEXT, OPT_AT(redact_args, output),    "name of the copy; with a slash at its end, of a directory that is written instead; or s3://BUCKET/KEY", 0, 0, NULL, false, NULL },
    { 0,   "rules",     "default|FILE", OPT_TEXT, OPT_AT(redact_args, rules), "what is taken out: the default rules, or those of a rules file (docs/redact.md)", 0, 0, NULL, false, NULL },
    { 'n', "dry-run",   NULL,      OPT_FLAG, OPT_AT(redact_args, dry_run),   "write nothing; count what would be taken out, by file and rule", 0, 0, NULL, false, NULL },
    { 0,   "digests",   NULL,      OPT_FLAG, OPT_AT(redact_args, digests),   "also name the digests of what was masked or left out; whoever has the copy can then guess short secrets, and try them", 0, 0, NULL, false, NULL },
    { 0,   "format",    "FORMAT",  OPT_TEXT, OPT_AT(redact_args, format),    "tar.zst, tar.gz, tar, zip or dir (default: from the copy's name)", 0, 0, NULL, false, NULL },
    { 0,   "no-report", NULL,      OPT_FLAG, OPT_AT(redact_args, no_report), "do not write index.html, the offline view", 0, 0, NULL, false, NULL },
    { 0,   "mode",      "MODE",    OPT_MODE, OPT_AT(redact_args, mode),      "permissions of the copy, octal (default 0600)", 0, 0, NULL, false, NULL },
    { 'f', "force",     NULL,      OPT_FLAG, OPT_AT(redact_args, force),     "replace an existing file or object", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt_group redact_groups[] = {
    { "Copy",     redact_opts, 0 },
    { "Safety",   confine_opts, OPT_AT(redact_args, confine) },
    { "Progress", progress_opts, 0 },
    { NULL, NULL, 0 },
};

static const struct table_column columns[] = {
    { "FILE", TABLE_TEXT, 16, 0 }, { "RULE", TABLE_TEXT, 0, 1 }, { "MASKS", TABLE_NUMBER, 0, 2 },
    { NULL, TABLE_TEXT, 0, 0 },
};
/* clang-format on */

struct redacting {
    const struct redact_args *args;
    const struct rules *rules;
    const char *archive;
    char *output;           /* NULL: nothing is written */
    const char *name;       /* what is named: the output, or the object's address */
    struct staging staging; /* if the copy is to be an object */
    bool remote;
    enum container format;
    char top[PATH_COMPONENT_MAX + 1];
    struct jsonw *json;
    struct table table;
    struct pace pace;
    struct err err; /* of the table */
};

static void put_counts(struct redacting *r, const uint64_t *counts)
{
    unsigned i;

    jsonw_array(r->json, "by_rule", JSONW_INLINE);
    for (i = 0; i < r->rules->count; i++) {
        if (!counts[i])
            continue;
        jsonw_object(r->json, NULL, JSONW_INLINE);
        jsonw_text(r->json, "rule", r->rules->names[i]);
        jsonw_u64(r->json, "masks", counts[i]);
        jsonw_close(r->json);
    }
    jsonw_close(r->json);
}

static void add_row(struct redacting *r, const char *path, const char *rule, const char *masks)
{
    const char *cells[TABLE_COLUMNS] = { path, rule, masks };

    if (table_row(&r->table, cells, &r->err) < 0)
        log_line(LOG_WARNING, "%s", r->err.text);
}

static void on_file(void *ctx, const struct copy_report *file)
{
    struct redacting *r = ctx;
    unsigned i;

    if (r->json) {
        jsonw_object(r->json, NULL, JSONW_INLINE);
        jsonw_text(r->json, "path", file->path);
        jsonw_text(r->json, "removed_by", file->removed);
        put_counts(r, file->counts);
        jsonw_close(r->json);
        return;
    }
    if (!r->args->dry_run)
        return;
    if (file->removed)
        add_row(r, file->path, file->removed, "left out");
    for (i = 0; !file->removed && i < r->rules->count; i++) {
        char masks[24];

        (void)snprintf(masks, sizeof(masks), "%llu", (unsigned long long)file->counts[i]);
        if (file->counts[i])
            add_row(r, file->path, r->rules->names[i], masks);
    }
}

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
    struct redacting *r = ctx;

    progress_show_read(&r->pace, &(struct progress_read){ "redacting", r->archive, done,
                                                          total > done ? total : done });
}

/* Choose the copy's format and top directory by its name. */
static int choose_output(struct redacting *r, struct err *err)
{
    const struct redact_args *args = r->args;
    size_t len = args->output ? strlen(args->output) : 0;
    bool directory = len && args->output[len - 1] == '/';
    char stem[PATH_COMPONENT_MAX + 1];
    struct stat from;
    struct stat to;

    if (args->dry_run)
        return 0;
    if (!len)
        return err_set(err, ERR_USAGE, "no name for the copy: give --output or --dry-run");
    r->remote = range_file_remote(args->output);
    if (strcmp(args->output, "-") == 0)
        return err_set(err, ERR_USAGE,
                       "--output: the copy is a file, a directory or an object");
    r->format = CONTAINER_DIR;
    if (args->format
            ? container_of_name(args->format, true, &r->format, err) < 0
            : !directory && container_of_name(args->output, false, &r->format, err) < 0)
        return err_wrap(err, args->format ? "--format" : "--output");
    if (directory && r->format != CONTAINER_DIR)
        return err_set(err, ERR_USAGE, "--output names a directory, --format a file");
    if (r->remote && r->format == CONTAINER_DIR)
        return err_set(err, ERR_USAGE,
                       "--output: a directory cannot be written to an object store");
    r->output = mem_copy(args->output, err);
    if (!r->output)
        return -1;
    path_trim(r->output);
    r->name = args->output;
    if (r->remote ? strcmp(args->output, r->archive) == 0
                  : stat(r->output, &to) == 0 && stat(r->archive, &from) == 0 &&
                        to.st_dev == from.st_dev && to.st_ino == from.st_ino)
        return err_set(err, ERR_USAGE, "the copy cannot replace its original");
    (void)path_safe(stem, path_base(r->output));
    len = r->format == CONTAINER_DIR ? 0 : container_stem(stem);
    if (len)
        stem[len] = '\0';
    (void)snprintf(r->top, sizeof(r->top), "%s", *stem ? stem : "copy");
    return 0;
}

static void on_sent(void *ctx, uint64_t done, uint64_t total)
{
    struct redacting *r = ctx;

    progress_show_read(&r->pace, &(struct progress_read){ "uploading", r->name, done, total });
}

/* Choose the local file that becomes the object; the bucket is asked whether it can. */
static int stage(struct redacting *r, struct err *err)
{
    char *path;

    r->staging.sent = on_sent;
    r->staging.ctx = r;
    if (staging_begin(&r->staging, r->name, NULL, r->args->force, err) < 0)
        return -1;
    path = mem_copy(r->staging.path, err);
    if (!path)
        return -1;
    mem_free(r->output);
    r->output = path;
    return 0;
}

static struct rules *load_rules(const char *name, struct err *err)
{
    struct rules *rules = NULL;
    struct buf text;

    if (strcmp(name, "default") == 0)
        return rules_default(err);
    buf_init(&text, RULES_FILE_MAX);
    if (file_load(name, signals_stopping(), &text, err) == 0) {
        rules = rules_parse(buf_text(&text), text.len, err);
        if (rules && copy_plan_check(rules, err) < 0) {
            rules_free(rules);
            rules = NULL;
        }
        if (!rules)
            (void)err_wrap(err, "'%s'", name);
    }
    buf_clear(&text);
    return rules;
}

/* Allow only the archive to be read, and the copy's directory to be written. */
static int confine_to(const struct redacting *r, const struct source *source, struct err *err)
{
    struct confine confine;
    char *dir = NULL;

    if (r->remote) { /* the network is needed, whatever is read */
        source_confine_begin(&confine, &r->args->confine, source_flags(true));
        confine_read(&confine, r->archive);
    } else {
        source_confine(&confine, &r->args->confine, source);
    }
    if (r->output) {
        dir = path_dir(r->output);
        if (!dir)
            return err_set(err, ERR_MEMORY, "out of memory");
        confine_read(&confine, dir);
        confine_write(&confine, dir);
        confine_rmdir(&confine, dir);
    }
    confine_enter(&confine);
    mem_free(dir);
    return 0;
}

static void put_summary(struct redacting *r, const struct copy_result *result)
{
    char hex[SHA256_TEXT];

    jsonw_close(r->json);
    jsonw_text(r->json, "copy", r->name);
    jsonw_bool(r->json, "dry_run", r->args->dry_run);
    text_hex(hex, result->original, SHA256_SIZE);
    jsonw_text(r->json, "original_manifest_sha256", hex);
    text_hex(hex, result->manifest, SHA256_SIZE);
    jsonw_text(r->json, "manifest_sha256", r->output ? hex : NULL);
    jsonw_u64(r->json, "files", result->files);
    jsonw_u64(r->json, "masked_files", result->changed);
    jsonw_u64(r->json, "removed_files", result->removed);
    put_counts(r, result->counts);
}

static void print_summary(struct redacting *r, const struct copy_result *result)
{
    char hex[SHA256_TEXT];
    char shown[LINE_MAX_SHOWN];
    unsigned i;

    for (i = 0; r->args->dry_run && i < r->rules->count; i++) {
        char masks[24];

        (void)snprintf(masks, sizeof(masks), "%llu", (unsigned long long)result->counts[i]);
        if (result->counts[i])
            add_row(r, "all files and the manifest", r->rules->names[i], masks);
    }
    table_print(&r->table, stdout);
    if (r->args->common.quiet)
        return;
    text_hex(hex, result->manifest, SHA256_SIZE);
    (void)printf("%s: %llu file%s masked, %llu left out, %llu unchanged%s%s\n",
                 text_shown(shown, sizeof(shown), r->name ? r->name : r->archive),
                 (unsigned long long)result->changed, text_plural(result->changed),
                 (unsigned long long)result->removed,
                 (unsigned long long)(result->files - result->changed - result->removed),
                 r->output ? ", manifest " : "; nothing was written", r->output ? hex : "");
}

/* Copy, and print what was done. */
static int copy_and_print(struct redacting *r, struct page *page, struct err *err)
{
    const struct copy_opts opts = { .from = r->archive,
                                    .to = r->output,
                                    .format = r->format,
                                    .top = r->top,
                                    .tool = TOOL_NAME,
                                    .rules = r->rules,
                                    .page = page,
                                    .mode = r->args->mode,
                                    .workers = budget_workers(),
                                    .force = r->args->force || r->remote,
                                    .digests = r->args->digests,
                                    .report = on_file,
                                    .ctx = r,
                                    .stop = signals_stopping(),
                                    .watcher = { on_progress, r } };
    struct copy_result result;
    int rc;

    if (r->json) {
        jsonw_init(r->json, api_client_put, NULL);
        jsonw_object(r->json, NULL, JSONW_LINES);
        jsonw_text(r->json, "archive", r->archive);
        jsonw_array(r->json, "rows", JSONW_LINES);
    }
    progress_begin(&r->args->common);
    rc = copy_run(&opts, &result, err);
    if (rc == 0 && r->remote && r->output)
        rc = staging_publish(&r->staging, "", err);
    progress_end();
    if (rc < 0)
        return -1;
    if (!r->json) {
        print_summary(r, &result);
        return 0;
    }
    put_summary(r, &result);
    jsonw_close(r->json);
    return jsonw_end(r->json, err);
}

static int redact_main(void *args_in, int count, char *const *operands, struct err *err)
{
    struct redacting r = { .args = args_in };
    const struct opt_list none = { .count = 0 };
    struct source source = { .count = 0 };
    struct rules *rules = NULL;
    struct page *page = NULL;
    int rc = count == 1 ? signals_setup(err) : err_set(err, ERR_USAGE, "expected one archive");

    if (rc == 0)
        rc = source_find(&source, operands[0], &none, err);
    if (rc == 0) {
        r.archive = source.paths[0];
        rc = choose_output(&r, err);
    }
    if (rc == 0) {
        rules = load_rules(r.args->rules, err);
        r.rules = rules;
        rc = rules ? table_init(&r.table, columns, err) : -1;
    }
    if (rc == 0 && r.remote && r.output)
        rc = stage(&r, err);
    if (rc == 0 && r.args->common.json) {
        r.json = mem_new(sizeof(*r.json), err);
        rc = r.json ? 0 : -1;
    }
    if (rc == 0 && r.output && !r.args->no_report) { /* before the sandbox: temporary files */
        page = page_new(file_temp_dir(), err);
        rc = page ? 0 : -1;
    }
    if (rc == 0)
        rc = confine_to(&r, &source, err);
    if (rc == 0)
        rc = copy_and_print(&r, page, err);
    staging_clear(&r.staging);
    page_free(page);
    mem_free(r.json);
    table_clear(&r.table);
    rules_free(rules);
    mem_free(r.output);
    source_clear(&source);
    if (rc < 0 && err_is_damage(err) && !archive_reader_foreign(operands[0])) {
        log_line(LOG_ERROR, "%s", err->text);
        return EXIT_DAMAGED;
    }
    return rc < 0 ? api_client_status(err) : EXIT_DONE;
}

const struct command cmd_redact = {
    .name = "redact",
    .args = "ARCHIVE",
    .section = COMMAND_OPEN,
    .brief = "copy an archive without secrets, for others",
    .about =
        "Writes a copy of an archive in which secrets are masked, as [redacted:RULE], and "
        "files that cannot be masked are left out: recordings, traces, ZIPs. The default rules "
        "take out cookies, authorization headers, password fields, tokens and signatures, "
        "e-mail addresses and card numbers; a rules file adds others, for values by JSON path, "
        "by regular expression, and screenshots of chosen steps. The copy's manifest names "
        "every file that was changed or left out, and verify COPY --original ARCHIVE proves "
        "that it is otherwise the original. What a rule does not recognize stays: look at the "
        "copy before you give it away. Pictures are not masked.",
    .examples = "skyarc redact run.tar.zst -o copy.tar.zst\n"
                "skyarc redact run.tar.zst -o s3://audits/for-others/copy.tar.zst\n"
                "skyarc redact run.tar.zst --rules rules.json --dry-run\n",
    .exits = "0    written, or counted\n"
             "1    failed; nothing was written\n"
             "4    the archive is damaged; nothing was written\n",
    .groups = redact_groups,
    .size = sizeof(struct redact_args),
    .defaults = &redact_defaults,
    .run = redact_main,
};
