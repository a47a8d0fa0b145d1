/* SPDX-License-Identifier: MIT */
/*
 * run_story: what one run did, step by step, from what an archive has of it: its row, the rows
 * of its artifacts, its records, and texts.
 *
 * The steps are in the order of time: of their records, artifacts and actions, the earliest
 * counts; a step without any time stays where its record is, or follows what was added before.
 *
 * Units    microseconds since 1970; CLOCK_NONE: not known
 * Errors   ERR_FORMAT, ERR_LIMIT, ERR_MEMORY
 * Owns     everything in it
 * Threads  one at a time
 * Source   docs/archive-format.md; Skyvern's calls of a task's steps and actions
 */
#ifndef STORY_RUN_STORY_H
#define STORY_RUN_STORY_H

#include "base/digest.h"
#include "base/err.h"
#include "format/manifest_read.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUN_STORY_STEPS_MAX ((size_t)100000)
#define RUN_STORY_ERRORS    8                   /* lines of errors that are kept */
#define RUN_STORY_TEXT_MAX  ((size_t)256 << 10) /* bytes of a log or an answer that are read */

/* Words of a step while the story is made. */
struct story_words {
    char *text;
    size_t len;
    size_t size; /* of the memory of text */
};

struct story_step {
    const char *id;
    unsigned number;    /* from 1 on */
    const char *status; /* "": not known */
    /* what was done, such as: CLICK row-12, "opens the invoice"; "": not known */
    const char *title;
    /* the types of its actions, and to which elements: of each as many as fit in 4 KiB;
     * "": none is known */
    const char *does;
    const char *on;
    /*
     * whether any action, and any element, of the run is known: then "" means none in this step
     */
    bool actions_known;
    bool elements_known;
    int64_t from_us;
    int64_t to_us;
    /* path of its last screenshot, one without a time only if there is no other; NULL: none */
    const char *picture;
    uint8_t picture_sha256[SHA256_SIZE];
    /* used while the story is made */
    int64_t picture_us;
    int64_t place;
    size_t added;
    bool recorded; /* the record of steps has it */
    bool answered; /* a model's answer told actions */
    struct story_words types;
    struct story_words elements;
};

struct run_story;

/* What is known of a run; texts are "" if not known. */
struct run_facts {
    const char *run_id;
    const char *status;
    const char *title;
    const char *failure_reason;
    const char *output; /* JSON, or NULL */
    int64_t created_us;
    int64_t started_us;
    int64_t finished_us;
    uint64_t errors; /* lines of errors in its logs, as far as they were read */
    /* the first of them, of which there may be fewer */
    const char *first_errors[RUN_STORY_ERRORS];
};

/* Create an empty story. */
struct run_story *run_story_new(struct err *err) MUST_CHECK;

/* Free a story; NULL is fine. */
void run_story_free(struct run_story *story);

/* Add the row of the run, or of something missing; a manifest_read_fn, ctx is the story. */
int run_story_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err) MUST_CHECK;

/* Add the row of an artifact. */
int run_story_artifact(void *ctx, const struct manifest_read_artifact *row,
                       struct err *err) MUST_CHECK;

/*
 * Add the first len bytes of a file, once; its row was added before if it is an artifact. Of a
 * step's answers of models the first one with actions counts: the service keeps an answer in
 * several forms.
 *
 * type  of the artifact; NULL: a document
 */
int run_story_text(struct run_story *story, const char *path, const char *type,
                   const char *bytes, size_t len, struct err *err) MUST_CHECK;

/* Put the steps in order, once, when everything was added. */
int run_story_settle(struct run_story *story, struct err *err) MUST_CHECK;

/* What is known of the run. */
const struct run_facts *run_story_facts(const struct run_story *story);

/* The number of its steps. */
size_t run_story_steps(const struct run_story *story);

/* Step i, from 0 on; NULL: there are fewer. */
const struct story_step *run_story_step(const struct run_story *story, size_t i);

#endif
