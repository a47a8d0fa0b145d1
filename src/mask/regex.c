/* SPDX-License-Identifier: MIT */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "mask/regex.h"

#include "base/mem.h"
#include "base/text.h"

#include <pcre2.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define STEPS_MAX  1000000 /* of one match */
#define DEPTH_MAX  10000
#define HEAP_MAX   (32U << 10) /* KiB */
#define REASON_MAX 128

/*
 * PCRE2 counts steps anew for each place at which a match may begin, so that an expression
 * which takes some at each place of a large text is not limited by them. Therefore it is called
 * for a window of places at a time, and the time is looked at in between. Windows grow while
 * they are quick.
 */
#define WINDOW_MIN   ((size_t)64)
#define WINDOW_BEGIN ((size_t)4096)
#define WINDOW_MAX   ((size_t)16 << 20)
#define QUICK_US     10000
#define SLOW_US      50000
#define TIME_MAX_S   10 /* of computing, on one text */

struct regex {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *limits;
    bool literal;
    /* the part of the text that is valid UTF-8, and is searched */
    size_t begin;
    size_t end;
    size_t window; /* places */
    uint64_t spent_us;
};

void regex_free(struct regex *regex)
{
    if (!regex)
        return;
    pcre2_match_context_free(regex->limits);
    pcre2_match_data_free(regex->match);
    pcre2_code_free(regex->code);
    mem_free(regex);
}

static int reason(int code, const char *what, enum err_kind kind, struct err *err)
{
    PCRE2_UCHAR text[REASON_MAX];

    if (pcre2_get_error_message(code, text, sizeof(text)) < 0)
        text[0] = '\0';
    return err_set(err, kind, "%s: %s", what, (const char *)text);
}

struct regex *regex_new(const char *text, bool literal, struct err *err)
{
    struct regex *regex;
    PCRE2_SIZE at;
    int code;

    if (!*text || strlen(text) > REGEX_TEXT_MAX) {
        (void)err_set(err, ERR_USAGE, "the expression is empty, or longer than %zu",
                      REGEX_TEXT_MAX);
        return NULL;
    }
    regex = mem_new(sizeof(*regex), err);
    if (!regex)
        return NULL;
    regex->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
                                PCRE2_USE_OFFSET_LIMIT | (literal ? PCRE2_LITERAL : PCRE2_UTF),
                                &code, &at, NULL);
    if (!regex->code) {
        (void)reason(code, "the expression cannot be compiled", ERR_USAGE, err);
        regex_free(regex);
        return NULL;
    }
    regex->literal = literal;
    regex->match = pcre2_match_data_create_from_pattern(regex->code, NULL);
    regex->limits = pcre2_match_context_create(NULL);
    if (!regex->match || !regex->limits) {
        (void)err_set(err, ERR_MEMORY, "out of memory");
        regex_free(regex);
        return NULL;
    }
    (void)pcre2_set_match_limit(regex->limits, STEPS_MAX);
    (void)pcre2_set_depth_limit(regex->limits, DEPTH_MAX);
    (void)pcre2_set_heap_limit(regex->limits, HEAP_MAX);
    return regex;
}

/* The time that this thread has computed. */
static uint64_t computed_us(void)
{
    struct timespec now;

    return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) < 0
               ? 0
               : (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Find the next part that is valid UTF-8, from `at` on; false: there is none. */
static bool next_part(struct regex *regex, const char *text, size_t len, size_t at)
{
    size_t n = 0;

    if (regex->literal) {
        regex->begin = 0;
        regex->end = len;
        return at < len;
    }
    while (at < len && !(n = text_utf8_next(text + at, len - at)))
        at++;
    regex->begin = at;
    while (at < len && (n = text_utf8_next(text + at, len - at)))
        at += n;
    regex->end = at;
    return regex->begin < regex->end;
}

/* Search a window of the part from *at on; *at is set behind it if nothing was found. Returns
 * as pcre2_match. */
static int search(struct regex *regex, const char *text, size_t len, size_t *at)
{
    const char *part = text + regex->begin;
    size_t from = *at - regex->begin;
    size_t last = from + regex->window - 1;
    uint32_t options = PCRE2_NOTEMPTY | PCRE2_NO_UTF_CHECK;
    uint64_t began = computed_us();
    uint64_t took;
    int count;

    options |= regex->begin ? PCRE2_NOTBOL : 0;
    options |= regex->end < len ? PCRE2_NOTEOL : 0;
    (void)pcre2_set_offset_limit(regex->limits, last);
    count = pcre2_match(regex->code, (PCRE2_SPTR)part, regex->end - regex->begin, from, options,
                        regex->match, regex->limits);
    took = computed_us() - began;
    regex->spent_us += took;
    if (took > SLOW_US && regex->window > WINDOW_MIN)
        regex->window /= 4;
    else if (took < QUICK_US && regex->window < WINDOW_MAX)
        regex->window *= 2;
    if (count != PCRE2_ERROR_NOMATCH)
        return count;
    *at = regex->begin + last + 1;
    if (*at > regex->end)
        *at = regex->end;
    while (!regex->literal && *at < regex->end && ((unsigned char)text[*at] & 0xC0) == 0x80)
        ++*at;
    return count;
}

int regex_next(struct regex *regex, const char *text, size_t len, size_t *at, size_t *from,
               size_t *to, struct err *err)
{
    if (*at == 0) { /* another text */
        regex->begin = regex->end = 0;
        regex->window = WINDOW_BEGIN;
        regex->spent_us = 0;
    }
    for (;;) {
        const PCRE2_SIZE *place = pcre2_get_ovector_pointer(regex->match);
        int count;
        int group;

        if (*at >= regex->end) {
            if (!next_part(regex, text, len, *at))
                return 0;
            *at = *at > regex->begin ? *at : regex->begin;
        }
        if (regex->spent_us > (uint64_t)TIME_MAX_S * 1000000)
            return err_set(err, ERR_LIMIT,
                           "the expression takes too long on a text: more than %d s of "
                           "computing",
                           TIME_MAX_S);
        count = search(regex, text, len, at);
        if (count == PCRE2_ERROR_NOMATCH)
            continue;
        if (count == PCRE2_ERROR_NOMEMORY)
            return err_set(err, ERR_MEMORY, "out of memory");
        if (count < 0)
            return reason(count, "the expression takes too long on a text", ERR_LIMIT, err);
        group = count > 1 && place[2] != PCRE2_UNSET && place[3] > place[2] ? 1 : 0;
        *from = regex->begin + place[2 * group];
        *to = regex->begin + place[2 * group + 1];
        *at = regex->begin + place[1] > *at ? regex->begin + place[1] : *at + 1;
        while (!regex->literal && *at < regex->end && ((unsigned char)text[*at] & 0xC0) == 0x80)
            ++*at;
        if (*to > *from) /* not so, if \K is in an assertion */
            return 1;
    }
}
