/* SPDX-License-Identifier: MIT */
#include "story/contrast_json.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "story/contrast.h"

#include <string.h>

static void put_us(struct jsonw *w, const char *name, int64_t us)
{
    char text[CLOCK_TEXT_MAX];

    jsonw_text(w, name, us == CLOCK_NONE ? NULL : clock_format(text, us / 1000, CLOCK_RFC3339));
}

static const char *or_null(const char *text)
{
    return text && *text ? text : NULL;
}

static void put_step(struct jsonw *w, const char *name, const struct story_step *step)
{
    if (!step) {
        jsonw_null(w, name);
        return;
    }
    jsonw_object(w, name, JSONW_INLINE);
    jsonw_text(w, "step_id", step->id);
    jsonw_text(w, "status", or_null(step->status));
    jsonw_text(w, "title", or_null(step->title));
    jsonw_text(w, "actions", or_null(step->does));
    jsonw_text(w, "elements", or_null(step->on));
    put_us(w, "started_at", step->from_us);
    jsonw_text(w, "screenshot", step->picture);
    jsonw_close(w);
}

static void put_run(struct jsonw *w, const char *name, const struct run_story *story)
{
    const struct run_facts *facts = run_story_facts(story);

    jsonw_object(w, name, JSONW_LINES);
    jsonw_text(w, "run_id", facts->run_id);
    jsonw_text(w, "status", or_null(facts->status));
    jsonw_text(w, "title", or_null(facts->title));
    put_us(w, "created_at", facts->created_us);
    put_us(w, "finished_at", facts->finished_us);
    jsonw_text(w, "failure_reason", or_null(facts->failure_reason));
    jsonw_u64(w, "log_errors", facts->errors);
    jsonw_close(w);
}

int contrast_json(const struct run_story *run, const struct run_story *other, put_fn *put,
                  void *ctx, struct err *err)
{
    size_t first = contrast_first(run, other);
    size_t count = contrast_steps(run, other);
    const char *a = run_story_facts(run)->output;
    const char *b = run_story_facts(other)->output;
    struct jsonw *w = jsonw_new(put, ctx, err);
    size_t i;

    if (!w)
        return -1;
    jsonw_object(w, NULL, JSONW_LINES);
    put_run(w, "run", run);
    put_run(w, "other", other);
    if (first == count)
        jsonw_null(w, "first_difference");
    else
        jsonw_u64(w, "first_difference", first + 1);
    jsonw_bool(w, "outputs_differ", strcmp(a ? a : "", b ? b : "") != 0);
    jsonw_array(w, "compared", JSONW_LINES);
    for (i = 0; i < count; i++) {
        const struct story_step *x = run_story_step(run, i);
        const struct story_step *y = run_story_step(other, i);

        jsonw_object(w, NULL, JSONW_LINES);
        jsonw_u64(w, "number", i + 1);
        jsonw_text(w, "difference", contrast_word(contrast_at(run, other, i)));
        jsonw_bool(w, "screenshots_differ", contrast_pictures(x, y));
        put_step(w, "step", x);
        put_step(w, "other_step", y);
        jsonw_close(w);
    }
    jsonw_close(w);
    jsonw_close(w);
    return jsonw_finish(w, err);
}
