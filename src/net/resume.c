/* SPDX-License-Identifier: MIT */
#include "net/resume.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

bool resume_possible(const struct resume *resume)
{
    return resume->from && (resume->total == RESUME_UNSAID || resume->from < resume->total) &&
           (*resume->tag || resume->judged || resume->total != RESUME_UNSAID);
}

void resume_tag(char out[RESUME_TAG_MAX], const char *etag)
{
    size_t len = strlen(etag);
    bool strong = len >= 2 && len < RESUME_TAG_MAX && etag[0] == '"' && etag[len - 1] == '"';
    size_t i;

    out[0] = '\0';
    for (i = 0; strong && i < len; i++) /* it will stand in a header of ours */
        strong = (unsigned char)etag[i] > ' ' && (unsigned char)etag[i] < 127;
    if (strong)
        memcpy(out, etag, len + 1);
}

/* Read digits; false when there are none, or too many. */
static bool number(const char **at, uint64_t *out)
{
    const char *c = *at;

    *out = 0;
    for (; isdigit((unsigned char)*c); c++) {
        uint64_t digit = (uint64_t)(*c - '0');

        if (*out > (UINT64_MAX - 1 - digit) / 10)
            return false;
        *out = *out * 10 + digit;
    }
    if (c == *at)
        return false;
    *at = c;
    return true;
}

/* "bytes FIRST-LAST/TOTAL", where TOTAL may be "*". */
static bool parse(const char *range, uint64_t *first, uint64_t *last, uint64_t *total)
{
    if (strncasecmp(range, "bytes ", 6) != 0)
        return false;
    range += 6;
    if (!number(&range, first) || *range++ != '-' || !number(&range, last) || *range++ != '/')
        return false;
    *total = RESUME_UNSAID;
    if (strcmp(range, "*") == 0)
        return true;
    return number(&range, total) && !*range;
}

bool resume_right(const struct resume *resume, const char *range, const char *etag)
{
    char tag[RESUME_TAG_MAX];
    uint64_t first;
    uint64_t last;
    uint64_t total;
    bool same;

    if (!resume->from || !parse(range, &first, &last, &total) || first != resume->from ||
        last < first)
        return false;
    if (total != RESUME_UNSAID && last + 1 != total) /* we asked for all of the rest */
        return false;
    resume_tag(tag, etag);
    if (*resume->tag && *tag && strcmp(resume->tag, tag) != 0)
        return false;
    if (resume->total != RESUME_UNSAID && last + 1 != resume->total)
        return false;
    same = *resume->tag && *tag;
    return same || resume->judged || resume->total != RESUME_UNSAID;
}
