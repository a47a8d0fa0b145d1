/* SPDX-License-Identifier: MIT */
#include "story/contrast.h"

#include <string.h>

static const struct {
    const char *word;
    const char *text;
} names[] = {
    [CONTRAST_NONE] = { NULL, "" },
    [CONTRAST_ACTIONS] = { "actions", "other actions" },
    [CONTRAST_ELEMENT] = { "element", "another element" },
    [CONTRAST_STATUS] = { "status", "another status" },
    [CONTRAST_ONLY] = { "only", "only in one run" },
    [CONTRAST_UNKNOWN] = { "unknown", "not recorded of one run" },
};

const char *contrast_text(enum contrast contrast)
{
    return names[contrast].text;
}

const char *contrast_word(enum contrast contrast)
{
    return names[contrast].word;
}

enum contrast contrast_of(const struct story_step *a, const struct story_step *b)
{
    bool unknown = false;

    if (!a || !b)
        return a || b ? CONTRAST_ONLY : CONTRAST_NONE;
    if (strcmp(a->does, b->does) != 0) {
        if (a->actions_known && b->actions_known)
            return CONTRAST_ACTIONS;
        unknown = true;
    }
    if (strcmp(a->on, b->on) != 0) {
        if (a->elements_known && b->elements_known)
            return CONTRAST_ELEMENT;
        unknown = true;
    }
    if (strcmp(a->status, b->status) != 0) {
        if (*a->status && *b->status)
            return CONTRAST_STATUS;
        unknown = true;
    }
    return unknown ? CONTRAST_UNKNOWN : CONTRAST_NONE;
}

enum contrast contrast_at(const struct run_story *a, const struct run_story *b, size_t i)
{
    enum contrast contrast = contrast_of(run_story_step(a, i), run_story_step(b, i));

    return contrast == CONTRAST_ONLY && (!run_story_steps(a) || !run_story_steps(b))
               ? CONTRAST_UNKNOWN
               : contrast;
}

bool contrast_pictures(const struct story_step *a, const struct story_step *b)
{
    return a && b && a->picture && b->picture &&
           memcmp(a->picture_sha256, b->picture_sha256, SHA256_SIZE) != 0;
}

size_t contrast_steps(const struct run_story *a, const struct run_story *b)
{
    return run_story_steps(a) > run_story_steps(b) ? run_story_steps(a) : run_story_steps(b);
}

size_t contrast_first(const struct run_story *a, const struct run_story *b)
{
    size_t count = contrast_steps(a, b);
    size_t i = 0;

    for (; i < count; i++) {
        enum contrast contrast = contrast_at(a, b, i);

        if (contrast != CONTRAST_NONE && contrast != CONTRAST_UNKNOWN)
            break;
    }
    return i;
}

size_t contrast_unknown(const struct run_story *a, const struct run_story *b)
{
    size_t count = contrast_steps(a, b);
    size_t unknown = 0;
    size_t i;

    for (i = 0; i < count; i++)
        unknown += contrast_at(a, b, i) == CONTRAST_UNKNOWN;
    return unknown;
}
