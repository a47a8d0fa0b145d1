/* SPDX-License-Identifier: MIT */
#include "mask/json_path.h"

#include <string.h>

static bool is_name(char c)
{
    return c == '_' || c == '-' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

/* Read ['name'], [0] or [*]; returns the text behind it, or NULL. */
static const char *read_brackets(struct json_segment *segment, const char *at,
                                 struct region *region, struct err *err)
{
    char quote = at[1];
    const char *end;

    if (quote == '*') {
        segment->kind = JSON_SEGMENT_ANY;
        return at[2] == ']' ? at + 3 : NULL;
    }
    if (quote == '\'' || quote == '"') {
        end = strchr(at + 2, quote);
        if (!end || end[1] != ']')
            return NULL;
        segment->kind = JSON_SEGMENT_NAME;
        segment->name = region_copy(region, at + 2, (size_t)(end - at - 2), err);
        return segment->name ? end + 2 : NULL;
    }
    segment->kind = JSON_SEGMENT_INDEX;
    for (end = at + 1; *end >= '0' && *end <= '9' && end - at < 9; end++)
        segment->index = segment->index * 10 + (size_t)(*end - '0');
    return end > at + 1 && *end == ']' ? end + 1 : NULL;
}

/* Read one segment; returns the text behind it, or NULL. */
static const char *read_segment(struct json_segment *segment, const char *at,
                                struct region *region, struct err *err)
{
    const char *end;

    *segment = (struct json_segment){ .deep = at[0] == '.' && at[1] == '.' };
    if (at[0] == '[')
        return read_brackets(segment, at, region, err);
    if (at[0] != '.')
        return NULL;
    at += segment->deep ? 2 : 1;
    if (segment->deep && *at == '[')
        return read_brackets(segment, at, region, err);
    if (*at == '*') {
        segment->kind = JSON_SEGMENT_ANY;
        return at + 1;
    }
    for (end = at; is_name(*end);)
        end++;
    segment->kind = JSON_SEGMENT_NAME;
    segment->name = end > at ? region_copy(region, at, (size_t)(end - at), err) : NULL;
    return segment->name ? end : NULL;
}

int json_path_parse(struct json_path *path, const char *text, struct region *region,
                    struct err *err)
{
    const char *at = text + 1;

    path->count = 0;
    if (*text != '$')
        return err_set(err, ERR_USAGE, "the path '%.100s' does not begin with $", text);
    while (*at) {
        const char *next;

        if (path->count == JSON_PATH_MAX)
            return err_set(err, ERR_USAGE, "the path '%.100s' has more than %d segments", text,
                           JSON_PATH_MAX);
        next = read_segment(&path->segments[path->count], at, region, err);
        if (!next)
            return err_set(err, ERR_USAGE, "the path '%.100s' is malformed at '%.40s'", text,
                           at);
        path->count++;
        at = next;
    }
    return 0;
}

static bool is_step(const struct json_segment *segment, const struct json_step *step)
{
    switch (segment->kind) {
    case JSON_SEGMENT_ANY:
        return true;
    case JSON_SEGMENT_INDEX:
        return !step->key.doc && step->index == segment->index;
    case JSON_SEGMENT_NAME:
        return step->key.doc && json_is(step->key, segment->name);
    }
    return false;
}

/*
 * Which prefixes of the path the first steps match, as a set of bits, is followed step by step:
 * a path with many ".." takes no longer than another.
 */
bool json_path_match(const struct json_path *path, const struct json_step *steps, size_t count)
{
    uint64_t state = 1;
    size_t i;
    size_t s;

    for (i = 0; i < count && state; i++) {
        uint64_t next = 0;

        for (s = 0; s < path->count; s++) {
            if (!(state >> s & 1))
                continue;
            if (path->segments[s].deep)
                next |= UINT64_C(1) << s;
            if (is_step(&path->segments[s], &steps[i]))
                next |= UINT64_C(1) << (s + 1);
        }
        state = next;
    }
    return state >> path->count & 1;
}
