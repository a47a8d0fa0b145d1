/* SPDX-License-Identifier: MIT */
#include "story/run_story.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/hashmap.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/text.h"
#include "format/sniff.h"
#include "format/tagfile.h"
#include "story/action.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX ((size_t)4096) /* bytes of the types or elements of a step */
#define WORDS_MIN ((size_t)32)   /* bytes of their first memory */
#define WORD_MAX  200            /* bytes of a type or element in a title */
#define WHY_MAX   90             /* bytes of a reason in a title */
#define LINE_MAX  400            /* bytes of a line that are kept */

struct run_story {
    struct region *region;
    struct run_facts facts;
    struct hashmap *by_id;   /* step ID -> struct story_step */
    struct hashmap *by_path; /* path of a model's answer -> step ID */
    struct story_step **steps;
    size_t count;
    size_t cap;
    size_t recorded;        /* steps of which there is a record */
    struct actions actions; /* of records */
    struct actions blocks;  /* of the timeline: used if records have none */
    struct actions answers; /* of models: used for a step that has no other */
};

struct run_story *run_story_new(struct err *err)
{
    struct run_story *story = mem_new(sizeof(*story), err);

    if (!story)
        return NULL;
    story->region = region_new(err);
    story->by_id = story->region ? hashmap_new(err) : NULL;
    story->by_path = story->by_id ? hashmap_new(err) : NULL;
    if (!story->by_path) {
        run_story_free(story);
        return NULL;
    }
    story->actions.region = story->region;
    story->blocks.region = story->region;
    story->answers.region = story->region;
    story->facts = (struct run_facts){ .run_id = "",
                                       .status = "",
                                       .title = "",
                                       .failure_reason = "",
                                       .created_us = CLOCK_NONE,
                                       .started_us = CLOCK_NONE,
                                       .finished_us = CLOCK_NONE };
    return story;
}

void run_story_free(struct run_story *story)
{
    if (!story)
        return;
    hashmap_free(story->by_id);
    hashmap_free(story->by_path);
    actions_clear(&story->actions);
    actions_clear(&story->blocks);
    actions_clear(&story->answers);
    mem_free(story->steps);
    region_free(story->region);
    mem_free(story);
}

/* The step with this ID, which is added if it is new. */
static struct story_step *step_of(struct run_story *story, const char *id, struct err *err)
{
    struct story_step *step = hashmap_get(story->by_id, id, strlen(id));

    if (step)
        return step;
    if (mem_room(&story->steps, &story->cap, story->count, sizeof(*story->steps),
                 RUN_STORY_STEPS_MAX, err) < 0)
        return NULL;
    step = region_take(story->region, sizeof(*step), err);
    if (!step)
        return NULL;
    *step = (struct story_step){ .id = region_text(story->region, id, err),
                                 .status = "",
                                 .title = "",
                                 .does = "",
                                 .on = "",
                                 .from_us = CLOCK_NONE,
                                 .to_us = CLOCK_NONE,
                                 .picture_us = CLOCK_NONE,
                                 .added = story->count };
    if (!step->id || hashmap_add(story->by_id, step->id, strlen(id), step, err) < 0)
        return NULL;
    story->steps[story->count++] = step;
    return step;
}

/* Let a step last until a time, and begin no later. */
static void touch(struct story_step *step, int64_t at_us)
{
    if (at_us == CLOCK_NONE)
        return;
    if (step->from_us == CLOCK_NONE || at_us < step->from_us)
        step->from_us = at_us;
    if (step->to_us == CLOCK_NONE || at_us > step->to_us)
        step->to_us = at_us;
}

static int copy(struct run_story *story, const char **to, const char *text, struct err *err)
{
    char *copied = text ? region_text(story->region, text, err) : NULL;

    if (text && !copied)
        return -1;
    if (copied)
        *to = copied;
    return 0;
}

int run_story_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    struct run_story *story = ctx;
    struct run_facts *facts = &story->facts;
    struct manifest_read_run row;

    if (section != MANIFEST_READ_RUNS || *facts->run_id) /* the newest archive's row counts */
        return 0;
    if (manifest_read_run(&row, text, len, story->region, err) < 0 ||
        copy(story, &facts->run_id, row.run_id, err) < 0 ||
        copy(story, &facts->status, row.status, err) < 0 ||
        copy(story, &facts->title, row.title, err) < 0 ||
        copy(story, &facts->failure_reason, row.failure_reason, err) < 0 ||
        copy(story, &facts->output, row.output, err) < 0)
        return -1;
    facts->created_us = clock_us(row.created_at);
    facts->finished_us = clock_us(row.finished_at);
    return 0;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

int run_story_artifact(void *ctx, const struct manifest_read_artifact *row, struct err *err)
{
    struct run_story *story = ctx;
    struct story_step *step;
    int64_t at = clock_us(row->created_at);
    char *path;

    if (!row->step_id || !*row->step_id)
        return 0;
    step = step_of(story, row->step_id, err);
    if (!step)
        return -1;
    touch(step, at);
    if (!row->artifact_type)
        return 0;
    if (begins(row->artifact_type, "screenshot") &&
        (!step->picture || at >= step->picture_us)) { /* CLOCK_NONE is before any time */
        step->picture_us = at;
        memcpy(step->picture_sha256, row->sha256, SHA256_SIZE);
        return copy(story, &step->picture, row->path, err);
    }
    if (!sniff_type_is_answer(row->artifact_type))
        return 0;
    path = region_text(story->region, row->path, err);
    if (!path)
        return -1;
    return hashmap_get(story->by_path, path, strlen(path))
               ? 0
               : hashmap_add(story->by_path, path, strlen(path), step, err);
}

/* Add the steps of a record, steps-TASK.json. */
static int add_steps(struct run_story *story, const char *text, size_t len, struct err *err)
{
    struct json *doc = json_parse(text, len, err);
    struct json_value v = { 0 };
    int rc = doc ? 0 : -1;

    while (rc == 0 && json_type(json_root(doc)) == JSON_ARRAY &&
           json_type(v = json_next(json_root(doc), v)) != JSON_ABSENT) {
        const char *id = json_text(v, "step_id", story->region);
        const char *status = json_text(v, "status", story->region);
        const char *created = json_text(v, "created_at", story->region);
        struct story_step *step = id ? step_of(story, id, err) : NULL;

        if (id && !step)
            rc = -1;
        else if (step) {
            step->status = status ? status : "";
            touch(step, clock_us(created));
            if (!step->recorded)
                step->added = story->recorded++;
            step->recorded = true;
        }
    }
    json_free(doc);
    return rc;
}

/* Read the run's record. */
static int add_record(struct run_story *story, const char *text, size_t len, struct err *err)
{
    struct json *doc = json_parse(text, len, err);
    const char *started = doc ? json_text(json_root(doc), "started_at", story->region) : NULL;

    if (started)
        story->facts.started_us = clock_us(started);
    json_free(doc);
    return doc ? 0 : -1;
}

/* Whether a line has one of the words for an error. */
static bool is_error(const char *line, size_t len)
{
    static const char *const words[] = { "error", "severe", "critical", "fatal", "exception" };
    size_t at;
    size_t i;

    for (at = 0; at < len; at++) {
        if (at && isalnum((unsigned char)line[at - 1]))
            continue;
        for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
            size_t n = strlen(words[i]);

            if (len - at >= n && strncasecmp(line + at, words[i], n) == 0 &&
                (len - at == n || !isalnum((unsigned char)line[at + n])))
                return true;
        }
    }
    return false;
}

/* Keep a line of a log, without what a NUL would hide. */
static int keep_line(struct run_story *story, const char **out, const char *line, size_t len,
                     struct err *err)
{
    size_t kept = text_cut(line, len && line[len - 1] == '\r' ? len - 1 : len, LINE_MAX);
    char *copied = region_copy(story->region, line, kept, err);
    char *nul = copied;

    while (copied && (nul = memchr(nul, '\0', (size_t)(copied + kept - nul))))
        *nul = ' ';
    *out = copied;
    return copied ? 0 : -1;
}

/* Count the lines of errors, and keep the first ones. */
static int add_log(struct run_story *story, const char *text, size_t len, struct err *err)
{
    struct run_facts *facts = &story->facts;
    const char *end = text + len;

    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t n = (size_t)((stop ? stop : end) - text);

        if (is_error(text, n)) {
            if (facts->errors < RUN_STORY_ERRORS &&
                keep_line(story, &facts->first_errors[facts->errors], text, n, err) < 0)
                return -1;
            facts->errors++;
        }
        text = stop ? stop + 1 : end;
    }
    return 0;
}

/* Add what a model answered, unless a step has the actions of an answer already. */
static int add_answer(struct run_story *story, const char *path, const char *text, size_t len,
                      struct err *err)
{
    struct story_step *step = hashmap_get(story->by_path, path, strlen(path));
    size_t before = story->answers.count;

    if (!step || step->answered)
        return 0;
    if (actions_add_answer(&story->answers, step->id, text, len, err) < 0)
        return -1;
    step->answered = story->answers.count > before;
    return 0;
}

int run_story_text(struct run_story *story, const char *path, const char *type,
                   const char *bytes, size_t len, struct err *err)
{
    const char *name = path_base(path);
    struct err why;
    int rc = 0;

    if (sniff_type_is_answer(type))
        return add_answer(story, path, bytes, len, err);
    if (type)
        return add_log(story, bytes, len, err);
    err_clear(&why);
    if (strcmp(name, TAGFILE_RUN) == 0)
        rc = add_record(story, bytes, len, &why);
    else if (begins(name, "steps-"))
        rc = add_steps(story, bytes, len, &why);
    else if (begins(name, "actions-"))
        rc = actions_add_record(&story->actions, bytes, len, &why);
    else if (strcmp(name, "timeline.json") == 0)
        rc = actions_add_timeline(&story->blocks, bytes, len, &why);
    if (rc == 0 || why.kind == ERR_FORMAT) /* a record of another shape says nothing */
        return 0;
    *err = why;
    return -1;
}

/* Append a word to a list of words, whose memory doubles. */
static int add_word(struct run_story *story, struct story_words *list, const char *word,
                    struct err *err)
{
    size_t len = strnlen(word, WORDS_MAX);
    size_t size = list->size ? list->size : WORDS_MIN;
    char *text = list->text;

    if (!len || list->len + len + 2 > WORDS_MAX)
        return 0;
    while (size < list->len + len + 2)
        size *= 2;
    if (size > list->size) {
        text = region_take(story->region, size, err);
        if (!text)
            return -1;
        if (list->len)
            memcpy(text, list->text, list->len);
    }
    if (list->len)
        text[list->len++] = ' ';
    memcpy(text + list->len, word, len + 1);
    *list = (struct story_words){ text, list->len + len, size };
    return 0;
}

/* Name a step by its first action. */
static int name_step(struct run_story *story, struct story_step *step,
                     const struct action *action, struct err *err)
{
    size_t len = strlen(action->why);
    size_t cut = text_cut(action->why, len, WHY_MAX);
    struct buf title;
    char *copied = NULL;
    size_t i;
    int rc;

    buf_init(&title, WORDS_MAX);
    rc = buf_add(&title, action->type, text_cut(action->type, strlen(action->type), WORD_MAX),
                 err);
    if (rc == 0 && *action->element)
        rc = buf_adds(&title, " ", err);
    if (rc == 0)
        rc = buf_add(&title, action->element,
                     text_cut(action->element, strlen(action->element), WORD_MAX), err);
    for (i = 0; rc == 0 && i < title.len && title.data[i] != ' '; i++)
        title.data[i] = (char)toupper((unsigned char)title.data[i]);
    if (rc == 0 && len)
        rc = buf_addf(&title, err, ", \"%.*s%s\"", (int)cut, action->why,
                      cut < len ? "..." : "");
    if (rc == 0)
        copied = region_copy(story->region, title.data, title.len, err);
    buf_clear(&title);
    if (!copied)
        return -1;
    step->title = copied;
    return 0;
}

/* Give the steps their actions; only: to those that have none. */
static int give_actions(struct run_story *story, struct actions *actions, bool only,
                        struct err *err)
{
    size_t i;
    int rc = 0;

    for (i = 0; rc == 0 && only && i < story->count; i++)
        story->steps[i]->place = *story->steps[i]->title != '\0'; /* it has some already */
    actions_sort(actions);
    for (i = 0; rc == 0 && i < actions->count; i++) {
        const struct action *action = &actions->at[i];
        struct story_step *step =
            *action->step_id ? step_of(story, action->step_id, err) : NULL;

        if (!*action->step_id || (step && only && step->place))
            continue;
        rc = step ? 0 : -1;
        if (rc == 0 && !*step->title && *action->type)
            rc = name_step(story, step, action, err);
        if (rc == 0) {
            touch(step, action->at_us);
            rc = add_word(story, &step->types, action->type, err);
        }
        if (rc == 0)
            rc = add_word(story, &step->elements, action->element, err);
    }
    return rc;
}

static int by_time(const void *a_in, const void *b_in)
{
    const struct story_step *a = *(struct story_step *const *)a_in;
    const struct story_step *b = *(struct story_step *const *)b_in;

    if (a->place != b->place)
        return a->place < b->place ? -1 : 1;
    return a->added < b->added ? -1 : a->added > b->added;
}

/* The order of records; steps without one come after them, as they were added. */
static int by_record(const void *a_in, const void *b_in)
{
    const struct story_step *a = *(struct story_step *const *)a_in;
    const struct story_step *b = *(struct story_step *const *)b_in;

    if (a->recorded != b->recorded)
        return a->recorded ? -1 : 1;
    return a->added < b->added ? -1 : a->added > b->added;
}

/* Sort the steps: a step without a time takes that of the one before it. */
static void sort_steps(struct run_story *story)
{
    int64_t last = INT64_MIN;
    size_t i;

    qsort(story->steps, story->count, sizeof(*story->steps), by_record);
    for (i = 0; i < story->count; i++) {
        struct story_step *step = story->steps[i];

        step->place = step->from_us == CLOCK_NONE ? last : step->from_us;
        step->added = i;
        last = step->place;
    }
    qsort(story->steps, story->count, sizeof(*story->steps), by_time);
}

int run_story_settle(struct run_story *story, struct err *err)
{
    struct actions *told = story->actions.count ? &story->actions : &story->blocks;
    bool actions = false;
    bool elements = false;
    size_t i;

    if (give_actions(story, told, false, err) < 0 ||
        give_actions(story, &story->answers, true, err) < 0)
        return -1;
    if (story->count)
        sort_steps(story);
    for (i = 0; i < story->count; i++) {
        struct story_step *step = story->steps[i];

        step->number = (unsigned)i + 1;
        step->does = step->types.len ? step->types.text : "";
        step->on = step->elements.len ? step->elements.text : "";
        actions = actions || *step->does;
        elements = elements || *step->on;
    }
    for (i = 0; i < story->count; i++) {
        story->steps[i]->actions_known = actions;
        story->steps[i]->elements_known = elements;
    }
    return 0;
}

const struct run_facts *run_story_facts(const struct run_story *story)
{
    return &story->facts;
}

size_t run_story_steps(const struct run_story *story)
{
    return story->count;
}

const struct story_step *run_story_step(const struct run_story *story, size_t i)
{
    return i < story->count ? story->steps[i] : NULL;
}
