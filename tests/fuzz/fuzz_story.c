/* SPDX-License-Identifier: MIT */
/*
 * Story of a run: from any records, steps are numbered and in order, and their texts are UTF-8
 * and bounded; a run does not differ from itself.
 */
#include "base/clock.h"
#include "base/text.h"
#include "fuzz.h"
#include "story/contrast.h"

#include <string.h>

#define WORDS_MAX 4096
#define TITLE_MAX 600

static void check_text(const char *text, size_t max)
{
    size_t len = strlen(text);
    size_t i;
    size_t n;

    FUZZ_CHECK(len < max);
    for (i = 0; i < len; i += n) {
        n = text_utf8_next(text + i, len - i);
        FUZZ_CHECK(n > 0);
    }
}

static void check_steps(const struct run_story *story)
{
    int64_t last = INT64_MIN;
    size_t i;

    for (i = 0; i < run_story_steps(story); i++) {
        const struct story_step *step = run_story_step(story, i);

        FUZZ_CHECK(step->number == i + 1);
        check_text(step->title, TITLE_MAX);
        check_text(step->does, WORDS_MAX);
        check_text(step->on, WORDS_MAX);
        FUZZ_CHECK((step->from_us == CLOCK_NONE) == (step->to_us == CLOCK_NONE));
        FUZZ_CHECK(step->from_us <= step->to_us);
        FUZZ_CHECK(step->from_us == CLOCK_NONE || step->from_us >= last);
        last = step->from_us == CLOCK_NONE ? last : step->from_us;
        FUZZ_CHECK(contrast_of(step, step) == CONTRAST_NONE && !contrast_pictures(step, step));
    }
    FUZZ_CHECK(contrast_first(story, story) == run_story_steps(story));
}

static void check_facts(const struct run_facts *facts)
{
    size_t i;

    FUZZ_CHECK(facts->run_id && facts->status && facts->title && facts->failure_reason);
    for (i = 0; i < RUN_STORY_ERRORS; i++) {
        FUZZ_CHECK((facts->first_errors[i] != NULL) == (i < facts->errors));
        FUZZ_CHECK(!facts->first_errors[i] || strlen(facts->first_errors[i]) <= 400);
    }
}

/* Add an artifact of each of two steps: one that records of the corpus have, and another. */
static int add_artifacts(struct run_story *story)
{
    static const struct manifest_read_artifact rows[] = {
        { .path = "p", .step_id = "stp_1", .artifact_type = "screenshot_final" },
        { .path = "q",
          .step_id = "stp_9",
          .artifact_type = "llm_response",
          .created_at = "2026-01-20T11:52:20" },
    };

    return run_story_artifact(story, &rows[0], NULL) < 0 ||
                   run_story_artifact(story, &rows[1], NULL) < 0
               ? -1
               : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        const char *path;
        const char *type;
    } files[] = { { "run.json", NULL },       { "steps-1.json", NULL },
                  { "actions-1.json", NULL }, { "timeline.json", NULL },
                  { "q", "llm_response" },    { "l", "skyvern_log" },
                  { "actions-2.json", NULL }, { "other.json", NULL } };
    const char *text = (const char *)data;
    struct run_story *story = run_story_new(NULL);
    /* its first byte says of which files the others are the text */
    unsigned which = size ? data[0] : 0;
    struct err err;
    size_t i;
    int rc = story && size ? add_artifacts(story) : -1;

    if (rc == 0 && run_story_row(story, MANIFEST_READ_RUNS, text + 1, size - 1, &err) < 0)
        FUZZ_CHECK(err.kind == ERR_FORMAT || err.kind == ERR_LIMIT);
    for (i = 0; rc == 0 && i < sizeof(files) / sizeof(*files); i++) {
        if (which >> i & 1)
            rc = run_story_text(story, files[i].path, files[i].type, text + 1, size - 1, &err);
    }
    if (rc == 0)
        rc = run_story_settle(story, &err);
    if (rc == 0) {
        check_steps(story);
        check_facts(run_story_facts(story));
    }
    run_story_free(story);
    return 0;
}
