/* SPDX-License-Identifier: MIT */
#include "cmdutil/selector.h"

#include "api/kind_tally.h"
#include "api/run.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/text.h"
#include "format/container.h"
#include "format/payload_path.h"
#include "format/tagfile.h"
#include "reader/archive_reader.h"
#include "reader/manifest_scan.h"

#include <fnmatch.h>
#include <string.h>
#include <unistd.h>

#define SURVEY_RUNS 3 /* run IDs that a message names */

/* clang-format off */
const struct opt selector_opts[] = {
    { 'r', "run",          "ID",   OPT_LIST, OPT_AT(selector_args, run),          "only artifacts of this run, named by its ID or the URL of its page; may be repeated", 0, 0, NULL, false, NULL },
    OPT_END,
};
/* clang-format on */

int selector_init(struct selector *selector, const struct selector_args *args,
                  char *const *patterns, int count, struct err *err)
{
    struct filter_args what = args->filter;
    int i;

    for (i = 0; i < count; i++)
        path_trim(patterns[i]); /* shells complete a folder with a slash */
    selector->runs = &args->run;
    selector->patterns = patterns;
    selector->count = count;
    selector->strict = !what.allow_unknown;
    what.allow_unknown = true; /* selector_check looks whether the archive has the type */
    selector->hits = mem_array((size_t)count + args->run.count, sizeof(*selector->hits), err);
    if (!selector->hits)
        return -1;
    return filter_fill(&selector->filter, &what, err);
}

/* The types that this program does not know, and which of them an archive has. */
struct unknown_types {
    const struct kind_filter *kinds;
    bool *seen;
};

static int on_unknown_type(void *ctx, enum manifest_read_section section, const char *text,
                           size_t len, struct err *err)
{
    struct unknown_types *unknown_types = ctx;
    struct manifest_read_artifact a;
    struct region *region;
    size_t i;
    int rc;

    if (section != MANIFEST_READ_ARTIFACTS)
        return 0;
    region = region_new(err);
    rc = region ? manifest_read_artifact(&a, text, len, region, err) : -1;
    for (i = 0; rc == 0 && a.artifact_type && i < unknown_types->kinds->unknown_count; i++)
        unknown_types->seen[i] =
            unknown_types->seen[i] ||
            strcmp(unknown_types->kinds->unknown_types[i], a.artifact_type) == 0;
    region_free(region);
    return rc;
}

int selector_check(const struct selector *selector, const char *const *archives, size_t count,
                   struct err *err)
{
    struct unknown_types unknown_types = { .kinds = &selector->filter.kinds };
    size_t types = selector->strict ? unknown_types.kinds->unknown_count : 0;
    size_t i;
    int rc = 0;

    if (!types)
        return 0;
    unknown_types.seen = mem_array(types, sizeof(*unknown_types.seen), err);
    if (!unknown_types.seen)
        return -1;
    for (i = 0; rc == 0 && i < count; i++) {
        struct archive_reader reader = { 0 };

        rc = archive_reader_open(&reader, archives[i], err);
        if (rc == 0)
            rc = manifest_scan(&reader, on_unknown_type, &unknown_types, NULL, err);
        archive_reader_close(&reader);
    }
    for (i = 0; rc == 0 && i < types; i++) {
        if (!unknown_types.seen[i])
            rc = filter_refuse_type(unknown_types.kinds->unknown_types[i], err);
    }
    mem_free(unknown_types.seen);
    return rc;
}

void selector_clear(struct selector *selector)
{
    artifact_filter_clear(&selector->filter);
    mem_free(selector->hits);
    selector->hits = NULL;
}

bool selector_narrows(const struct selector *selector)
{
    return selector->count || selector->runs->count ||
           artifact_filter_narrows(&selector->filter);
}

bool selector_literal(const struct selector *selector)
{
    int i;

    for (i = 0; i < selector->count; i++) {
        const char *pattern = selector_name(selector, i);

        if (strpbrk(pattern, "*?[\\") || strcmp(pattern, "data") == 0)
            return false;
    }
    return selector->count && !selector->runs->count;
}

/* The part of a pattern below the archive's top directory, if it begins with that, as the
 * entries of the archive do; else NULL. */
static const char *below_top(const char *pattern)
{
    size_t len = strcspn(pattern, "/*?[\\");
    const char *below = len && pattern[len] == '/' ? pattern + len + 1 : "";

    return strcmp(below, "data") == 0 || payload_path_is(below) || strcmp(below, "view") == 0 ||
                   strncmp(below, "view/", 5) == 0 || strcmp(below, TAGFILE_VIEW) == 0 ||
                   strcmp(below, TAGFILE_REQUESTS) == 0 || (*below && tagfile_find(below) >= 0)
               ? below
               : NULL;
}

const char *selector_name(const struct selector *selector, int i)
{
    const char *pattern = selector->patterns[i];
    const char *below = below_top(pattern);

    return below && !payload_path_is(pattern) ? below : pattern;
}

/* Whether pattern i matches the whole path, or a folder above it, or is the artifact's ID
 * (NULL: the file is no artifact). */
static bool matches_one(const struct selector *selector, int i, const char *path,
                        const char *id)
{
    const char *below = below_top(selector->patterns[i]);

    return fnmatch(selector->patterns[i], path, FNM_LEADING_DIR) == 0 ||
           (below && fnmatch(below, path, FNM_LEADING_DIR) == 0) ||
           (id && strcmp(selector->patterns[i], id) == 0);
}

static bool matches(const struct selector *selector, const char *path, const char *id)
{
    int i;

    for (i = 0; i < selector->count; i++) {
        if (matches_one(selector, i, path, id))
            return true;
    }
    return !selector->count;
}

/* Note which patterns have selected a file. */
static void note_path(const struct selector *selector, const char *path, const char *id)
{
    int i;

    for (i = 0; i < selector->count; i++) {
        if (matches_one(selector, i, path, id))
            atomic_store(&selector->hits[i], true);
    }
}

/* Whether artifacts of a run are wanted; notes that the archive has some. */
static bool of_run(const struct selector *selector, const char *run_id)
{
    size_t i;

    for (i = 0; i < selector->runs->count; i++) {
        if (strcmp(selector->runs->at[i], run_id) != 0)
            continue;
        atomic_store(&selector->hits[(size_t)selector->count + i], true);
        return true;
    }
    return !selector->runs->count;
}

static bool passes(const struct selector *selector, const struct manifest_read_artifact *a)
{
    const struct artifact_facts facts = { .type = a->artifact_type,
                                          .name = a->path,
                                          .other_name = a->bundle_key ? a->bundle_key : a->uri,
                                          .step_id = a->step_id,
                                          .uri = a->uri,
                                          .created_at = a->created_at,
                                          .size = a->size,
                                          .sized = true };

    return artifact_filter_match(&selector->filter, &facts);
}

bool selector_artifact(const struct selector *selector,
                       const struct manifest_read_artifact *artifact)
{
    bool selected = of_run(selector, artifact->run_id) && passes(selector, artifact) &&
                    matches(selector, artifact->path, artifact->artifact_id);

    if (selected)
        note_path(selector, artifact->path, artifact->artifact_id);
    return selected;
}

bool selector_file(const struct selector *selector, const char *path)
{
    bool selected =
        !selector_narrows(selector) || (selector->count && matches(selector, path, NULL));

    if (selected)
        note_path(selector, path, NULL);
    return selected;
}

/*
 * Whether a pattern is probably the name of a second archive: an existing file named like one.
 */
static bool is_archive(const char *pattern)
{
    return container_stem(path_base(pattern)) && access(pattern, F_OK) == 0;
}

size_t selector_unmatched(const struct selector *selector)
{
    char shown[256];
    size_t runs = selector->runs->count;
    size_t all = (size_t)selector->count + runs;
    size_t unmatched = 0;
    size_t i;

    for (i = 0; i < all; i++) {
        bool pattern = i < (size_t)selector->count;
        const char *what =
            pattern ? selector->patterns[i] : selector->runs->at[i - (size_t)selector->count];

        if (atomic_load(&selector->hits[i]))
            continue;
        unmatched++;
        log_line(LOG_WARNING, "%s '%s'%s",
                 pattern ? "nothing matches" : "the archive has no artifact of run",
                 text_shown(shown, sizeof(shown), what),
                 pattern && is_archive(what) ? "; one archive is read at a time" : "");
    }
    return unmatched;
}

/* What an archive has, for those whose selection matches nothing. */
struct survey {
    struct kind_tally tally;
    char runs[SURVEY_RUNS][RUN_ID_MAX + 1];
    size_t run_count;
    bool more_runs;
    char path[128]; /* the first artifact's */
};

static void note_run(struct survey *survey, const char *run_id)
{
    size_t i;

    for (i = 0; i < survey->run_count; i++) {
        if (strcmp(survey->runs[i], run_id) == 0)
            return;
    }
    if (i == SURVEY_RUNS) {
        survey->more_runs = true;
        return;
    }
    (void)text_shown(survey->runs[i], sizeof(survey->runs[i]), run_id);
    survey->run_count++;
}

static int survey_row(void *ctx, enum manifest_read_section section, const char *text,
                      size_t len, struct err *err)
{
    struct survey *survey = ctx;
    struct manifest_read_artifact a;
    struct region *region;
    int rc;

    if (section != MANIFEST_READ_ARTIFACTS)
        return 0;
    region = region_new(err);
    rc = region ? manifest_read_artifact(&a, text, len, region, err) : -1;
    if (rc == 0) {
        kind_tally_add(&survey->tally, a.artifact_type);
        note_run(survey, a.run_id);
        if (!*survey->path)
            (void)text_shown(survey->path, sizeof(survey->path), a.path);
    }
    region_free(region);
    return rc;
}

int selector_nothing(const struct selector *selector, const char *archive, struct err *err)
{
    struct archive_reader reader = { 0 };
    struct survey survey = { .run_count = 0 };
    char types[KIND_TALLY_TEXT];
    char shown[128];
    size_t i;
    int rc = archive_reader_open(&reader, archive, err);

    if (rc == 0)
        rc = manifest_scan(&reader, survey_row, &survey, NULL, err);
    archive_reader_close(&reader);
    (void)text_shown(shown, sizeof(shown), archive);
    if (rc < 0)
        return err_wrap(err, "nothing in '%s' is selected", shown);
    (void)err_set(err, ERR_NOT_FOUND, "nothing in '%s' matches the selection", shown);
    for (i = 0; i < (size_t)selector->count; i++) {
        if (!is_archive(selector->patterns[i]))
            continue;
        return err_hint(err, "'%s' is a pattern here, as one archive is read at a time",
                        text_shown(shown, sizeof(shown), selector->patterns[i]));
    }
    (void)err_hint(err, "the archive has: %s", kind_tally_text(&survey.tally, types));
    for (i = 0; selector->runs->count && i < survey.run_count; i++)
        (void)err_hint(err, "run %s%s", survey.runs[i],
                       survey.more_runs && i + 1 == SURVEY_RUNS ? " and others" : "");
    if ((selector->count || selector->filter.name_count) && *survey.path)
        (void)err_hint(err, "a path is, for example, '%s'", survey.path);
    return -1;
}
