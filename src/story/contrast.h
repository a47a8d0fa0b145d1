/* SPDX-License-Identifier: MIT */
/*
 * contrast: how two runs differ, step by step.
 *
 * Steps are compared by their numbers: what was done, to what, and how it ended. Whether their
 * last screenshots differ is told beside it, and makes no step different: clocks and texts of
 * pages change from run to run.
 *
 * What one run did, and the other has no record of, is no difference: it is not known.
 *
 * Errors   none
 * Owns     nothing
 * Threads  any
 */
#ifndef STORY_CONTRAST_H
#define STORY_CONTRAST_H

#include "story/run_story.h"

#include <stdbool.h>
#include <stddef.h>

/* How a step of one run differs from that of another. */
enum contrast {
    CONTRAST_NONE,
    CONTRAST_ACTIONS, /* other actions */
    CONTRAST_ELEMENT, /* the same, on another element */
    CONTRAST_STATUS,  /* the same, with another end */
    CONTRAST_ONLY,    /* only one of the runs has the step */
    CONTRAST_UNKNOWN  /* not recorded of one of the runs; all else is the same */
};

/* In words, such as "other actions"; of CONTRAST_NONE "". */
const char *contrast_text(enum contrast contrast);

/* The word for JSON, such as "actions"; of CONTRAST_NONE NULL. */
const char *contrast_word(enum contrast contrast);

/* Compare two steps; NULL: the run has no such step. */
enum contrast contrast_of(const struct story_step *a, const struct story_step *b);

/* Compare step i, from 0 on, of two runs; steps are not recorded of a run that has none. */
enum contrast contrast_at(const struct run_story *a, const struct run_story *b, size_t i);

/* Whether both have a last screenshot, and their bytes differ. */
bool contrast_pictures(const struct story_step *a, const struct story_step *b);

/* The number of steps of the run that has more. */
size_t contrast_steps(const struct run_story *a, const struct run_story *b);

/* The first step, from 0 on, in which two runs differ; the number of steps of the longer one:
 * none. A step that is not recorded of one run is passed over. */
size_t contrast_first(const struct run_story *a, const struct run_story *b);

/* The number of steps with CONTRAST_UNKNOWN. */
size_t contrast_unknown(const struct run_story *a, const struct run_story *b);

#endif
