/* SPDX-License-Identifier: MIT */
/*
 * tasks: the tasks of a plan of one run, for the tests of task, completion, transfer and fetch.
 */
#ifndef TASKS_H
#define TASKS_H

#include "api/kind.h"
#include "base/clock.h"
#include "fetch/task.h"
#include "unit.h"

#include <string.h>

#define URL_OF(host, id) "https://" host "/" id "?sig=x"

struct fixture {
    struct api api;
    struct engine *engine;
    struct listed_run run;
    struct listing listing;
    struct plan *plan;
    struct tasks *tasks;
};

/* A plan of the rows of a list in JSON, and its tasks. */
static inline void fixture_make(struct fixture *f, const char *json)
{
    struct engine_opts engine = { .agent = "test", .jobs = 1 };
    struct tasks_opts opts = { .api = &f->api, .retries = 2, .deadline = UINT64_MAX };
    size_t i;

    *f = (struct fixture){ .run = { .id = "wr_1" } };
    assert_int_equal(api_init(&f->api, "https://api.test", NULL, NULL), 0);
    assert_int_equal(artifact_list_parse(&f->run.list, json, strlen(json), NULL), 0);
    f->listing = (struct listing){ .runs = &f->run, .count = 1, .api = &f->api };
    f->engine = engine_new(&engine, NULL);
    f->plan = plan_new(true, NULL);
    for (i = 0; i < f->run.list.count; i++) {
        const struct artifact *a = &f->run.list.rows[i];

        if (a->bundle_key)
            assert_int_equal(plan_bundle_row(f->plan, 0, a->uri, NULL, NULL), 0);
    }
    for (i = 0; i < f->run.list.count; i++) {
        const struct artifact *a = &f->run.list.rows[i];
        const struct kind *kind = a->artifact_type ? kind_find(a->artifact_type) : NULL;
        struct plan_artifact what = { .run_id = "wr_1",
                                      .artifact_id = a->artifact_id,
                                      .type = a->artifact_type,
                                      .ext = kind ? kind->ext : NULL,
                                      .uri = a->uri,
                                      .bundle_key = a->bundle_key,
                                      .checksum = a->checksum,
                                      .file_size = a->file_size,
                                      .sized = a->sized,
                                      .created_us = CLOCK_NONE };

        assert_int_equal(plan_add(f->plan, &what, 0, i, NULL, NULL), 0);
    }
    plan_choose(f->plan, BUNDLE_MEMBERS);
    opts.engine = f->engine;
    opts.listing = &f->listing;
    opts.plan = f->plan;
    f->tasks = tasks_new(&opts, NULL);
    assert_non_null(f->tasks);
}

static inline void fixture_clear(struct fixture *f)
{
    tasks_free(f->tasks);
    plan_free(f->plan);
    engine_free(f->engine);
    artifact_list_clear(&f->run.list);
    api_clear(&f->api);
}

static inline struct task *fixture_task(struct fixture *f, size_t i)
{
    return tasks_of(f->tasks, plan_at(f->plan, i));
}

/* Start a task's attempt, and settle it with this verdict. */
static inline struct task_step fixture_settle(struct fixture *f, struct task *task,
                                              enum fetch_route_step step, enum reason reason)
{
    struct request request = { .status = 500, .retry_after = BACKOFF_UNSAID };
    struct task_attempt attempt = { .request = &request, .verdict = { step, reason, false } };

    task_start(f->tasks, task);
    assert_int_equal(task->state, TASK_RUNNING);
    return task_settle(f->tasks, task, &attempt);
}

#endif
