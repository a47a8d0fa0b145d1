/* SPDX-License-Identifier: MIT */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "mask/regex.h"

#include "base/mem.h"

#include <pcre2.h>
#include <string.h>

#define STEPS_MAX  1000000 /* of one match */
#define DEPTH_MAX  10000
#define HEAP_MAX   (32U << 10) /* KiB */
#define REASON_MAX 128

struct regex {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *limits;
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
                                literal ? PCRE2_LITERAL : PCRE2_MATCH_INVALID_UTF | PCRE2_UTF,
                                &code, &at, NULL);
    if (!regex->code) {
        (void)reason(code, "the expression cannot be compiled", ERR_USAGE, err);
        regex_free(regex);
        return NULL;
    }
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

int regex_next(struct regex *regex, const char *text, size_t len, size_t *at, size_t *from,
               size_t *to, struct err *err)
{
    while (*at < len) {
        int count = pcre2_match(regex->code, (PCRE2_SPTR)text, len, *at, PCRE2_NOTEMPTY,
                                regex->match, regex->limits);
        const PCRE2_SIZE *place = pcre2_get_ovector_pointer(regex->match);
        int group = count > 1 && place[2] != PCRE2_UNSET && place[3] > place[2] ? 1 : 0;

        if (count == PCRE2_ERROR_NOMATCH)
            return 0;
        if (count == PCRE2_ERROR_NOMEMORY)
            return err_set(err, ERR_MEMORY, "out of memory");
        if (count < 0)
            return reason(count, "the expression takes too long on a text", ERR_LIMIT, err);
        *at = place[1] > *at ? place[1] : *at + 1;
        *from = place[2 * group];
        *to = place[2 * group + 1];
        if (*to > *from) /* not so, if \K is in an assertion */
            return 1;
    }
    return 0;
}
