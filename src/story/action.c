/* SPDX-License-Identifier: MIT */
#include "story/action.h"

#include "base/clock.h"
#include "base/json.h"

#include <stdlib.h>

#define DEEP 64 /* levels of nested blocks */

/* Members of an object that say the same; the first one that says anything counts. */
struct synonyms {
    const char *names[4]; /* the last is NULL */
};

/* The first of some members that is a text or a number, as text in *out; "": none. */
static int get_text(const char **out, struct json_value object, struct synonyms members,
                    struct region *region, struct err *err)
{
    size_t i;

    *out = "";
    for (i = 0; !**out && members.names[i]; i++) {
        struct json_value v = json_get(object, members.names[i]);
        char *text = NULL;
        size_t len;
        const char *raw = json_raw(v, &len);

        if (json_string(v, region, &text, err) < 0)
            return -1;
        if (json_type(v) == JSON_NUMBER && !(text = region_copy(region, raw, len, err)))
            return -1;
        if (text)
            *out = text;
    }
    return 0;
}

static int add(struct actions *actions, struct json_value object, const char *step_id,
               struct err *err)
{
    static const struct synonyms step = { { "step_id" } };
    static const struct synonyms type = { { "action_type" } };
    static const struct synonyms element = { { "element_id", "id" } };
    static const struct synonyms why = { { "intention", "user_detail_query", "reasoning" } };
    static const struct synonyms time = { { "started_at", "created_at" } };
    struct region *region = actions->region;
    struct action action = { .step_id = step_id };
    const char *at;

    if (json_type(object) != JSON_OBJECT)
        return 0;
    if (mem_room(&actions->at, &actions->cap, actions->count, sizeof(*actions->at), ACTIONS_MAX,
                 err) < 0)
        return -1;
    if ((!step_id && get_text(&action.step_id, object, step, region, err) < 0) ||
        get_text(&action.type, object, type, region, err) < 0 ||
        get_text(&action.element, object, element, region, err) < 0 ||
        get_text(&action.why, object, why, region, err) < 0 ||
        get_text(&at, object, time, region, err) < 0)
        return -1;
    action.at_us = clock_us(at);
    (void)json_u64(json_get(object, "step_order"), &action.step_order);
    (void)json_u64(json_get(object, "action_order"), &action.action_order);
    actions->at[actions->count++] = action;
    return 0;
}

static int add_all(struct actions *actions, struct json_value array, const char *step_id,
                   struct err *err)
{
    struct json_value v = { 0 };
    int rc = 0;

    while (rc == 0 && json_type(array) == JSON_ARRAY &&
           json_type(v = json_next(array, v)) != JSON_ABSENT)
        rc = add(actions, v, step_id, err);
    return rc;
}

/* Add the actions of blocks and of those within them; the service sends the newest first. */
static int add_blocks(struct actions *actions, struct json_value items, unsigned depth,
                      struct err *err)
{
    struct json_value v = { 0 };
    int rc = 0;

    while (rc == 0 && depth < DEEP && json_type(items) == JSON_ARRAY &&
           json_type(v = json_next(items, v)) != JSON_ABSENT) {
        rc = add_all(actions, json_get(json_get(v, "block"), "actions"), NULL, err);
        if (rc == 0)
            rc = add_blocks(actions, json_get(v, "children"), depth + 1, err);
    }
    return rc;
}

int actions_add_record(struct actions *actions, const char *text, size_t len, struct err *err)
{
    struct json *doc = json_parse(text, len, err);
    int rc = doc ? add_all(actions, json_root(doc), NULL, err) : -1;

    json_free(doc);
    return rc;
}

static void swap(struct action *a, struct action *b)
{
    struct action c = *a;

    *a = *b;
    *b = c;
}

int actions_add_timeline(struct actions *actions, const char *text, size_t len, struct err *err)
{
    struct json *doc = json_parse(text, len, err);
    size_t from = actions->count;
    size_t to;
    int rc = doc ? add_blocks(actions, json_root(doc), 0, err) : -1;

    for (to = actions->count; rc == 0 && from + 1 < to; from++)
        swap(&actions->at[from], &actions->at[--to]);
    json_free(doc);
    return rc;
}

int actions_add_answer(struct actions *actions, const char *step_id, const char *text,
                       size_t len, struct err *err)
{
    struct err why;
    struct json *doc = json_parse(text, len, &why);
    int rc = doc ? add_all(actions, json_get(json_root(doc), "actions"), step_id, err) : 0;

    if (!doc && why.kind == ERR_MEMORY) {
        *err = why;
        rc = -1;
    }
    json_free(doc);
    return rc;
}

static int by_place(const void *a_in, const void *b_in)
{
    const struct action *a = a_in;
    const struct action *b = b_in;

    if (a->step_order != b->step_order)
        return a->step_order < b->step_order ? -1 : 1;
    if (a->action_order != b->action_order)
        return a->action_order < b->action_order ? -1 : 1;
    return a->added < b->added ? -1 : a->added > b->added;
}

void actions_sort(struct actions *actions)
{
    size_t i;

    for (i = 0; i < actions->count; i++)
        actions->at[i].added = i;
    if (actions->count)
        qsort(actions->at, actions->count, sizeof(*actions->at), by_place);
}

void actions_clear(struct actions *actions)
{
    mem_free(actions->at);
    actions->at = NULL;
    actions->count = 0;
    actions->cap = 0;
}
