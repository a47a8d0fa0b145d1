/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/confine.h"
#include "cli/signals.h"
#include "cli/table.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "cmdutil/idlist.h"
#include "cmdutil/source.h"
#include "format/sniff.h"
#include "reader/archive_reader.h"
#include "redact/redact.h"
#include "storage/range_file.h"
#include "story/contrast.h"
#include "story/contrast_json.h"
#include "viewer/run_visit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CLEANED_MAX ((size_t)64 << 20) /* bytes of a redacted text */
#define TITLE_WIDTH 16                 /* columns of a step that remain on narrow terminals */

struct diff_args {
    struct command_args common;
    struct source_args bucket;
    struct confine_args confine;
    bool exit_code;
};

static const struct diff_args diff_defaults = { .common = { 0 } };

/* clang-format off */
static const struct opt diff_opts[] = {
    { 0, "exit-code", NULL, OPT_FLAG, OPT_AT(diff_args, exit_code), "exit with 3 if a step differs", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt_group diff_groups[] = {
    { "Comparison", diff_opts, 0 },
    { "Bucket", source_opts, OPT_AT(diff_args, bucket) },
    { "Safety", confine_opts, OPT_AT(diff_args, confine) },
    { NULL, NULL, 0 },
};
/* clang-format on */

/* Where one of the two runs is. */
struct compared_run {
    struct source *sources; /* one of each operand */
    size_t source_count;
    const char **paths; /* of the archives that can have it, the newest last */
    size_t path_count;
    size_t path_cap;
};

/* What is compared. */
struct comparison {
    struct compared_run runs[2];
    struct run_story *stories[2];
    struct served_place place;
    struct library library;
    bool left_out; /* something could not be read, which was logged */
};

/* Gets what is read of a run. */
struct telling {
    struct run_story *story;
    struct buf cleaned;
};

/* Redact a text of an archive, as it can be of any origin. */
static int clean(struct telling *telling, const char *text, size_t len, struct err *err)
{
    buf_reset(&telling->cleaned);
    return redact_untrusted(&telling->cleaned, text, len, err);
}

static int on_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    struct telling *t = ctx;

    return clean(t, text, len, err) < 0
               ? -1
               : run_story_row(t->story, section, buf_text(&t->cleaned), t->cleaned.len, err);
}

static int on_artifact(void *ctx, const struct manifest_read_artifact *row, struct err *err)
{
    const struct telling *t = ctx;

    return run_story_artifact(t->story, row, err);
}

/* Records as a whole, the beginnings of logs and of what models answered. */
static size_t wants(const struct page_file *file)
{
    const char *type = file->type ? file->type : "";
    size_t len = strlen(type);
    bool log = len > 4 && strcmp(type + len - 4, "_log") == 0;

    if (!file->media_type)
        return page_wants(file);
    if (!log && !sniff_type_is_answer(type))
        return 0;
    return file->size < RUN_STORY_TEXT_MAX ? (size_t)file->size : RUN_STORY_TEXT_MAX;
}

/* Of the files that are wanted, all are read. */
static bool reads(void *ctx, const struct page_file *file)
{
    (void)ctx;
    (void)file;
    return true;
}

static int on_text(void *ctx, const struct page_file *file, const char *bytes, size_t len,
                   struct err *err)
{
    struct telling *t = ctx;

    return clean(t, bytes, len, err) < 0
               ? -1
               : run_story_text(t->story, file->path, file->media_type ? file->type : NULL,
                                buf_text(&t->cleaned), t->cleaned.len, err);
}

/* Read one run, by the ID that an archive has for it. */
static int read_run(struct comparison *c, const char *run_id, struct run_story **story,
                    struct err *err)
{
    struct telling telling = { .story = run_story_new(err) };
    const struct run_visitor visitor = { &telling, on_row, on_artifact, wants, on_text, reads };
    int rc;

    if (!telling.story)
        return -1;
    buf_init(&telling.cleaned, CLEANED_MAX);
    rc = run_visit(&c->library, run_id, &visitor, err);
    if (rc > 0)
        c->left_out = true;
    if (rc >= 0)
        rc = run_story_settle(telling.story, err);
    buf_clear(&telling.cleaned);
    if (rc < 0)
        run_story_free(telling.story);
    else
        *story = telling.story;
    return rc;
}

/* Read the nth of the two runs: an archive may have it under its other ID. */
static int read_nth(struct comparison *c, size_t nth, struct err *err)
{
    const struct compared_run *run = &c->runs[nth];
    size_t i;
    int rc = 0;

    for (i = 0; rc == 0 && i < run->source_count; i++)
        rc = source_names(&run->sources[i], err);
    if (rc < 0)
        return -1;
    c->library.archives = run->paths;
    c->library.archive_count = run->path_count;
    for (i = 0, rc = -1; i < run->source_count; i++) {
        if (!run->sources[i].runs.count) /* the directory does not have the run */
            continue;
        rc = read_run(c, run->sources[i].runs.at[0], &c->stories[nth], err);
        if (rc == 0 || err->kind != ERR_NOT_FOUND)
            break;
    }
    return rc;
}

/* Add an archive to those that are read, once: several operands can name it. */
static int add_path(struct compared_run *run, const char *path, struct err *err)
{
    size_t i;

    for (i = 0; i < run->path_count; i++) {
        if (strcmp(run->paths[i], path) == 0)
            return 0;
    }
    if (mem_room(&run->paths, &run->path_cap, run->path_count, sizeof(*run->paths),
                 LIBRARY_VOLUMES, err) < 0)
        return -1;
    run->paths[run->path_count++] = path;
    return 0;
}

/* Find the archives of an operand that can have a run: 1; 0: its directory does not have it. */
static int find_archives(struct compared_run *run, char *operand, const struct opt_list *id,
                         struct err *err)
{
    struct source *source = &run->sources[run->source_count++];
    size_t i;

    if (!source_is_dir(operand) && !range_file_remote(operand) && access(operand, R_OK) < 0)
        return err_sys(err, "cannot read '%s'", operand);
    if (source_find(source, operand, id, err) < 0)
        return source->unknown ? 0 : -1;
    for (i = 0; i < source->count; i++) {
        if (add_path(run, source->paths[i], err) < 0)
            return -1;
    }
    return 1;
}

/* Find the archives of a run, of which each operand may have some. */
static int find_run(struct compared_run *run, const char *run_id, char *const *operands,
                    size_t count, struct err *err)
{
    const struct opt_list id = { .at = &run_id, .count = 1 };
    bool found = false;
    size_t i;
    int rc = 0;

    run->sources = mem_array(count, sizeof(*run->sources), err);
    if (!run->sources)
        return -1;
    for (i = 0; rc >= 0 && i < count; i++) {
        rc = find_archives(run, operands[i], &id, err);
        found = found || rc > 0;
    }
    return rc < 0 || !found ? -1 : 0;
}

static void confine_to(const struct comparison *c, const struct diff_args *args)
{
    struct confine confine;
    bool remote = false;
    size_t nth;
    size_t i;

    for (nth = 0; nth < 2; nth++) {
        for (i = 0; i < c->runs[nth].path_count; i++)
            remote = remote || range_file_remote(c->runs[nth].paths[i]);
    }
    source_confine_begin(&confine, &args->confine, source_flags(remote));
    for (nth = 0; nth < 2; nth++) {
        for (i = 0; i < c->runs[nth].path_count; i++)
            confine_read(&confine, c->runs[nth].paths[i]);
    }
    confine_enter(&confine);
}

/* How long a run took; "" if that is not known. */
static const char *took(char out[TEXT_SIZE_MAX], int64_t from_us, int64_t to_us)
{
    *out = '\0';
    if (from_us != CLOCK_NONE && to_us != CLOCK_NONE && to_us >= from_us)
        (void)text_duration(out, (uint64_t)(to_us - from_us) / 1000);
    return out;
}

/* The text of a fact, in its memory or that of the run. */
static const char *fact_text(const struct run_facts *facts, size_t which, char room[80])
{
    switch (which) {
    case 0:
        return facts->status;
    case 1:
        return facts->created_us == CLOCK_NONE
                   ? ""
                   : clock_format(room, facts->created_us / 1000, CLOCK_RFC3339);
    case 2:
        return took(room,
                    facts->started_us == CLOCK_NONE ? facts->created_us : facts->started_us,
                    facts->finished_us);
    case 3:
        (void)snprintf(room, 80, "%llu", (unsigned long long)facts->errors);
        return room;
    default:
        return facts->output ? facts->output : "";
    }
}

/* Print what is known of the runs as wholes. */
static int print_facts(const struct comparison *c, struct err *err)
{
    static const char *const names[] = { "status", "created", "took", "errors", "output" };
    const struct run_facts *a = run_story_facts(c->stories[0]);
    const struct run_facts *b = run_story_facts(c->stories[1]);
    const struct table_column columns[] = { { "RUN", TABLE_TEXT, 0, 0 },
                                            { a->run_id, TABLE_TEXT, TITLE_WIDTH, 0 },
                                            { b->run_id, TABLE_TEXT, TITLE_WIDTH, 0 },
                                            { NULL, TABLE_TEXT, 0, 0 } };
    struct table table = { 0 };
    size_t i;
    int rc = table_init(&table, columns, err);

    for (i = 0; rc == 0 && i < sizeof(names) / sizeof(*names); i++) {
        char room[2][80];
        const char *x = fact_text(a, i, room[0]);
        const char *y = fact_text(b, i, room[1]);
        const char *cells[TABLE_COLUMNS] = { names[i], *x ? x : NULL, *y ? y : NULL };

        if (*x || *y)
            rc = table_row(&table, cells, err);
    }
    if (rc == 0)
        table_print(&table, stdout);
    table_clear(&table);
    return rc;
}

/* A step in words: what was done, or that nothing is known of it. */
static const char *step_text(const struct story_step *step, char room[600])
{
    const char *none;

    if (!step)
        return NULL;
    none = step->actions_known ? "(no action)" : "(actions not recorded)";
    (void)snprintf(room, 600, "%.500s%s%.40s%s", *step->title ? step->title : none,
                   *step->status ? " (" : "", step->status, *step->status ? ")" : "");
    return room;
}

static int print_steps(const struct comparison *c, struct err *err)
{
    const struct table_column columns[] = {
        { "STEP", TABLE_NUMBER, 0, 0 },
        { run_story_facts(c->stories[0])->run_id, TABLE_TEXT, TITLE_WIDTH, 0 },
        { run_story_facts(c->stories[1])->run_id, TABLE_TEXT, TITLE_WIDTH, 0 },
        { "DIFFERENCE", TABLE_TEXT, 0, 0 },
        { NULL, TABLE_TEXT, 0, 0 }
    };
    struct table table = { 0 };
    size_t count = contrast_steps(c->stories[0], c->stories[1]);
    size_t i;
    int rc = table_init(&table, columns, err);

    for (i = 0; rc == 0 && i < count; i++) {
        const struct story_step *a = run_story_step(c->stories[0], i);
        const struct story_step *b = run_story_step(c->stories[1], i);
        enum contrast contrast = contrast_at(c->stories[0], c->stories[1], i);
        char number[24];
        char room[2][600];
        const char *cells[TABLE_COLUMNS] = { number, step_text(a, room[0]),
                                             step_text(b, room[1]),
                                             contrast ? contrast_text(contrast) : "" };

        (void)snprintf(number, sizeof(number), "%zu", i + 1);
        rc = table_row(&table, cells, err);
    }
    if (rc == 0)
        table_print(&table, stdout);
    table_clear(&table);
    return rc;
}

/* Print why a run failed, and the first errors of its logs. */
static void print_errors(const struct run_facts *facts)
{
    char shown[4000];
    size_t i;

    if (*facts->failure_reason)
        (void)printf("\nWhy %s failed: %s\n", facts->run_id,
                     text_shown(shown, sizeof(shown), facts->failure_reason));
    if (!facts->errors)
        return;
    (void)printf("\nFirst errors in the logs of %s:\n", facts->run_id);
    for (i = 0; i < RUN_STORY_ERRORS && facts->first_errors[i]; i++)
        (void)printf("  %s\n", text_shown(shown, sizeof(shown), facts->first_errors[i]));
}

/* Print where the runs part, with what differs there as a whole: the table has it shortened,
 * and only the first action of a step. */
static void print_first(const struct comparison *c, size_t first)
{
    enum contrast contrast = contrast_at(c->stories[0], c->stories[1], first);
    char shown[4000];
    size_t nth;

    (void)printf("\nThe first step that differs is step %zu: %s.\n", first + 1,
                 contrast_text(contrast));
    for (nth = 0; contrast != CONTRAST_ONLY && nth < 2; nth++) {
        const struct story_step *step = run_story_step(c->stories[nth], first);
        const char *text = contrast == CONTRAST_ACTIONS   ? step->does
                           : contrast == CONTRAST_ELEMENT ? step->on
                                                          : step->status;

        (void)printf("  %s: %s\n", run_story_facts(c->stories[nth])->run_id,
                     *text ? text_shown(shown, sizeof(shown), text) : "-");
    }
}

/* Print the first step that differs, or that none does, and how many cannot be compared. */
static void print_verdict(const struct comparison *c)
{
    size_t count = contrast_steps(c->stories[0], c->stories[1]);
    size_t first = contrast_first(c->stories[0], c->stories[1]);
    size_t unknown = contrast_unknown(c->stories[0], c->stories[1]);

    if (!count)
        (void)puts("Neither run has a step in its archive.");
    else if (first < count)
        print_first(c, first);
    else
        (void)printf("\nNo step differs in %s.\n", unknown
                                                       ? "what is recorded of both runs"
                                                       : "its actions, elements and status");
    if (unknown)
        (void)printf("Of %zu of %zu steps, something is not recorded of one run.\n", unknown,
                     count);
}

static int print_text(const struct comparison *c, struct err *err)
{
    if (print_facts(c, err) < 0)
        return -1;
    (void)putchar('\n');
    if (contrast_steps(c->stories[0], c->stories[1]) && print_steps(c, err) < 0)
        return -1;
    print_verdict(c);
    print_errors(run_story_facts(c->stories[0]));
    if (strcmp(run_story_facts(c->stories[0])->run_id, run_story_facts(c->stories[1])->run_id))
        print_errors(run_story_facts(c->stories[1]));
    return 0;
}

static int compare(struct comparison *c, const struct diff_args *args, struct err *err)
{
    if (read_nth(c, 0, err) < 0 || read_nth(c, 1, err) < 0 ||
        (args->common.json
             ? contrast_json(c->stories[0], c->stories[1], api_client_put, NULL, err)
             : print_text(c, err)) < 0)
        return -1;
    if (c->left_out) {
        log_line(LOG_ERROR, "the comparison lacks what could not be read");
        return EXIT_DAMAGED;
    }
    return args->exit_code && contrast_first(c->stories[0], c->stories[1]) <
                                  contrast_steps(c->stories[0], c->stories[1])
               ? EXIT_INCOMPLETE
               : EXIT_DONE;
}

/* Check an operand that is to name a run, so that the message has its place. */
static int check_run(const char *operand, int number, struct err *err)
{
    struct idlist ids = { 0 };
    char where[32];
    int rc;

    (void)snprintf(where, sizeof(where), "argument %d", number);
    rc = idlist_add(&ids, operand, where, err);
    idlist_clear(&ids);
    return rc;
}

static void clear(struct comparison *c)
{
    size_t nth;

    library_close(&c->library);
    served_place_clear(&c->place);
    for (nth = 0; nth < 2; nth++) {
        struct compared_run *run = &c->runs[nth];

        run_story_free(c->stories[nth]);
        while (run->source_count)
            source_clear(&run->sources[--run->source_count]);
        mem_free(run->sources);
        mem_free(run->paths);
    }
}

static int diff_main(void *args_in, int count, char *const *operands, struct err *err)
{
    char place[] = ".";
    char *here[] = { place };
    struct comparison c = { 0 };
    int archives = count - 2;
    size_t nth;
    int rc = count < 2 ? err_set(err, ERR_USAGE, "expected two runs") : signals_setup(err);

    source_use(&((const struct diff_args *)args_in)->bucket);
    served_place_init(&c.place, file_temp_dir(), signals_stopping());
    for (nth = 0; rc == 0 && nth < 2; nth++)
        rc = check_run(operands[archives + (int)nth], archives + (int)nth + 1, err);
    for (nth = 0; rc == 0 && nth < 2; nth++)
        rc = find_run(&c.runs[nth], operands[archives + (int)nth], archives ? operands : here,
                      archives ? (size_t)archives : 1, err);
    c.library = (struct library){ .title = "", .place = &c.place };
    if (rc == 0)
        rc = library_open(&c.library, err);
    if (rc == 0) {
        confine_to(&c, args_in);
        rc = compare(&c, args_in, err);
    }
    clear(&c);
    if (rc < 0 && err_is_damage(err) && (!archives || !archive_reader_foreign(operands[0]))) {
        log_line(LOG_ERROR, "%s", err->text);
        return EXIT_DAMAGED;
    }
    return rc;
}

const struct command cmd_diff = {
    .name = "diff",
    .args = "[ARCHIVE|DIR]... RUN_ID RUN_ID",
    .section = COMMAND_OPEN,
    .brief = "compare two archived runs, step by step",
    .about =
        "Compares two runs of archives, or of a directory of skyarc sync (default: the current "
        "directory), such as a failed run and the last good one of the same workflow: status, "
        "times, failure reason and output, then the steps beside each other, and which step is "
        "the first that differs in its actions, in the elements that they were done to, or in "
        "its status. Steps are compared by their numbers. What is not recorded of one of the "
        "runs is told, and is no difference. Of what several archives have of a run, the last "
        "archive given counts, or the newest of a directory. Errors are lines of "
        "the logs with a word such as error, in the first 256 KiB of each log. `skyarc view` "
        "shows the same with screenshots and their differences.",
    .examples = "skyarc diff runs.tar.zst tsk_failed tsk_good\n"
                "skyarc diff monday.tar.zst tuesday.tar.zst wr_1 wr_2\n"
                "skyarc diff /srv/skyarc wr_1 wr_2\n",
    .exits = "0    compared\n"
             "1    an archive cannot be read, or has no such run\n"
             "3    with --exit-code: a step differs\n"
             "4    an archive is damaged: what could be read was compared\n",
    .groups = diff_groups,
    .size = sizeof(struct diff_args),
    .defaults = &diff_defaults,
    .run = diff_main,
};
