/* SPDX-License-Identifier: MIT */
#include "api/timeline.h"

#include "api/run.h"
#include "base/json.h"

#include <string.h>

/* State of a timeline's traversal. */
struct walk {
    struct timeline *timeline; /* its lists are `found`, until they are copied */
    const char *found[2][TIMELINE_MAX];
    const char *id;
    const char *other;
};

/* Copy a valid ID; NULL for anything else. */
static int id_of(const char **out, struct json_value v, struct region *region, struct err *err)
{
    char *text;

    *out = NULL;
    if (json_string(v, region, &text, err) < 0)
        return -1;
    if (text && run_id_valid(text))
        *out = text;
    return 0;
}

/* Add an ID to a list, without duplicates. */
static void add(struct timeline *t, const char **list, size_t *count, const char *id)
{
    size_t i;

    for (i = 0; i < *count; i++) {
        if (strcmp(list[i], id) == 0)
            return;
    }
    if (*count == TIMELINE_MAX)
        t->cut = true;
    else
        list[(*count)++] = id;
}

static bool is_own(const struct walk *w, const char *id)
{
    return strcmp(id, w->id) == 0 || (w->other && strcmp(id, w->other) == 0);
}

/* Add a workflow run to the children if it is another run; *own: it is this run, or none. */
static int note_run(struct walk *w, struct json_value v, bool *own, struct err *err)
{
    struct timeline *t = w->timeline;
    const char *id;

    if (id_of(&id, v, t->region, err) < 0)
        return -1;
    *own = !id || is_own(w, id);
    if (!*own)
        add(t, t->children, &t->child_count, id);
    return 0;
}

static int note_block(struct walk *w, struct json_value block, struct err *err)
{
    struct timeline *t = w->timeline;
    struct json_value output = json_get(block, "output");
    const char *task;
    bool own;
    bool ignored;

    /* the output of other block types may come from a hostile page */
    if (!json_is(json_get(block, "block_type"), "workflow_trigger"))
        output = (struct json_value){ 0 };
    if (note_run(w, json_get(block, "workflow_run_id"), &own, err) < 0 ||
        note_run(w, json_get(block, "block_workflow_run_id"), &ignored, err) < 0 ||
        note_run(w, json_get(output, "workflow_run_id"), &ignored, err) < 0 ||
        id_of(&task, json_get(block, "task_id"), t->region, err) < 0)
        return -1;
    if (task && own)
        add(t, t->tasks, &t->task_count, task);
    return 0;
}

/* Depth is bounded by JSON_DEPTH_MAX. */
static int walk(struct walk *w, struct json_value list, struct err *err)
{
    struct json_value v = { 0 };

    if (json_type(list) != JSON_ARRAY)
        return 0;
    while ((v = json_next(list, v)).doc) {
        if (note_block(w, json_get(v, "block"), err) < 0 ||
            walk(w, json_get(v, "children"), err) < 0)
            return -1;
    }
    return 0;
}

static struct json *parse(const char *text, size_t len, struct err *err)
{
    struct json *doc = json_parse(text, len, err);

    if (doc && json_type(json_root(doc)) != JSON_ARRAY) {
        (void)err_set(err, ERR_FORMAT, "the timeline is not a JSON array");
        json_free(doc);
        doc = NULL;
    }
    return doc;
}

/* Copy a list into the timeline's region. */
static int keep(struct timeline *t, const char ***list, size_t count, struct err *err)
{
    const char **kept = region_take(t->region, (count + 1) * sizeof(*kept), err);

    if (!kept)
        return -1;
    memcpy(kept, *list, count * sizeof(*kept));
    *list = kept;
    return 0;
}

int timeline_parse(struct timeline *timeline, const char *json, size_t len, const char *id,
                   const char *other, struct err *err)
{
    struct timeline made = { .region = region_new(err) };
    struct walk *w = made.region ? mem_new(sizeof(*w), err) : NULL;
    struct json *doc = w ? parse(json, len, err) : NULL;
    int rc = -1;

    if (!doc)
        goto out;
    w->timeline = &made;
    w->id = id;
    w->other = other;
    made.children = w->found[0];
    made.tasks = w->found[1];
    if (walk(w, json_root(doc), err) < 0 ||
        keep(&made, &made.children, made.child_count, err) < 0 ||
        keep(&made, &made.tasks, made.task_count, err) < 0)
        goto out;
    *timeline = made;
    made.region = NULL;
    rc = 0;
out:
    region_free(made.region);
    json_free(doc);
    mem_free(w);
    return rc;
}

/* Set *other to the other name of run id, if a thought names both. */
static int other_of_thought(const char **other, struct json_value thought, const char *id,
                            struct region *region, struct err *err)
{
    struct json_value task = json_get(thought, "task_id");
    const char *names[2];

    if (json_type(task) != JSON_STRING)
        task = json_get(thought, "observer_cruise_id");
    if (id_of(&names[0], task, region, err) < 0 ||
        id_of(&names[1], json_get(thought, "workflow_run_id"), region, err) < 0)
        return -1;
    if (names[0] && names[1] && strcmp(names[0], id) == 0)
        *other = names[1];
    else if (names[0] && names[1] && strcmp(names[1], id) == 0)
        *other = names[0];
    return 0;
}

int timeline_other(const char **other, const char *json, size_t len, const char *id,
                   struct region *region, struct err *err)
{
    struct json *doc = parse(json, len, err);
    struct json_value v = { 0 };
    const char *all = NULL; /* the workflow run of all blocks so far */
    bool mixed = false;
    int rc = doc ? 0 : -1;

    *other = NULL;
    while (rc == 0 && !*other && (v = json_next(json_root(doc), v)).doc) {
        const char *run;

        rc = other_of_thought(other, json_get(v, "thought"), id, region, err);
        if (rc == 0)
            rc = id_of(&run, json_get(json_get(v, "block"), "workflow_run_id"), region, err);
        if (rc < 0 || !run)
            continue;
        mixed = mixed || (all && strcmp(all, run) != 0);
        all = run;
    }
    if (rc == 0 && !*other && !mixed && all && strcmp(all, id) != 0)
        *other = all;
    json_free(doc);
    return rc;
}

void timeline_clear(struct timeline *timeline)
{
    region_free(timeline->region);
    *timeline = (struct timeline){ 0 };
}
