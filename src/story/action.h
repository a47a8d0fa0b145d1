/* SPDX-License-Identifier: MIT */
/*
 * action: what a run did to pages: click, input_text and so on, as the service or a model says.
 *
 * The service's records of actions name the step of each; where there are none, the blocks of
 * the timeline have actions; and what a model answered in a step says which it wanted.
 *
 * Errors   ERR_FORMAT if a text is not JSON; ERR_LIMIT for more than ACTIONS_MAX, and those of
 *          json; ERR_MEMORY
 * Owns     the array; texts are in the caller's region
 * Threads  one at a time
 * Source   Skyvern's calls /api/v1/tasks/ID/actions and /v1/runs/ID/timeline
 */
#ifndef STORY_ACTION_H
#define STORY_ACTION_H

#include "base/err.h"
#include "base/mem.h"

#include <stddef.h>
#include <stdint.h>

#define ACTIONS_MAX ((size_t)100000) /* of a run */

struct action {
    const char *step_id; /* "": not known */
    const char *type;    /* such as "click"; "": not known */
    const char *element; /* to what it was done; "": not known */
    const char *why;     /* the intention, or the reason; "": not known */
    int64_t at_us;       /* when it was begun; CLOCK_NONE: not known */
    uint64_t step_order;
    uint64_t action_order;
    size_t added; /* set by actions_sort */
};

struct actions {
    struct region *region; /* of the texts; the caller's */
    struct action *at;
    size_t count;
    size_t cap;
};

/* Add the actions of a record, actions-TASK.json. text: len bytes. */
int actions_add_record(struct actions *actions, const char *text, size_t len,
                       struct err *err) MUST_CHECK;

/* Add those of the blocks of a timeline, timeline.json, which has the newest first. */
int actions_add_timeline(struct actions *actions, const char *text, size_t len,
                         struct err *err) MUST_CHECK;

/* Add those that a model's answer wants in a step; an answer that is not JSON adds none. */
int actions_add_answer(struct actions *actions, const char *step_id, const char *text,
                       size_t len, struct err *err) MUST_CHECK;

/* Sort the actions by step and place in it; equal ones stay in the order of adding. */
void actions_sort(struct actions *actions);

/* Free the array; may be called twice. */
void actions_clear(struct actions *actions);

#endif
