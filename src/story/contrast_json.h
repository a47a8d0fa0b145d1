/* SPDX-License-Identifier: MIT */
/*
 * contrast_json: how two runs differ, as JSON.
 *
 * Errors   ERR_MEMORY, and those of put
 * Owns     nothing
 * Threads  any
 * Source   docs/schemas/diff.json
 */
#ifndef STORY_CONTRAST_JSON_H
#define STORY_CONTRAST_JSON_H

#include "base/buf.h"
#include "base/err.h"
#include "story/run_story.h"

/* Write the comparison of two runs, of which each was settled. */
int contrast_json(const struct run_story *run, const struct run_story *other, put_fn *put,
                  void *ctx, struct err *err) MUST_CHECK;

#endif
