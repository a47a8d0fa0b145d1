/* SPDX-License-Identifier: MIT */
#include "net/resume.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define TAG_UNKNOWN "?" /* there was one, which cannot be compared */

bool resume_possible(const struct resume *resume)
{
    return resume->from && (resume->total == RESUME_UNSAID || resume->from < resume->total) &&
           (*resume_tag(resume) || resume->judged || resume->total != RESUME_UNSAID);
}

void validators_tag(struct validators *seen, const char *etag)
{
    size_t len = strlen(etag);
    size_t skip = strncmp(etag, "W/", 2) == 0 ? 2 : 0;
    bool good = len >= skip + 2 && len < RESUME_TAG_MAX && etag[skip] == '"' &&
                etag[len - 1] == '"' && !*seen->tag;
    size_t i;

    for (i = skip; good && i < len; i++) /* it may stand in a header of ours */
        good = (unsigned char)etag[i] > ' ' && (unsigned char)etag[i] < 127;
    if (good)
        memcpy(seen->tag, etag, len + 1);
    else
        memcpy(seen->tag, TAG_UNKNOWN, sizeof(TAG_UNKNOWN));
}

void validators_date(struct validators *seen, const char *date)
{
    size_t len = strlen(date);

    len = len < sizeof(seen->date) ? len : sizeof(seen->date) - 1;
    memcpy(seen->date, date, len);
    seen->date[len] = '\0';
}

const char *resume_tag(const struct resume *resume)
{
    return resume->same_host && *resume->seen.tag == '"' ? resume->seen.tag : "";
}

/*
 * Whether the validators are those of what is here. A 206 may leave Last-Modified out (RFC
 * 9110, 15.3.7); we start over all the same, since a server that changes its mind may have
 * changed the body, too. nginx, S3 and Skyvern repeat what they said.
 */
static bool same_version(const struct resume *resume, const struct validators *seen)
{
    const struct validators *here = &resume->seen;

    if (!resume->same_host) /* another host's say nothing of what is here */
        return resume->judged;
    if (strcmp(here->tag, seen->tag) != 0 || strcmp(here->tag, TAG_UNKNOWN) == 0)
        return false;
    return strcmp(here->date, seen->date) == 0;
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

uint64_t resume_end(const char *range)
{
    uint64_t first;
    uint64_t last;
    uint64_t total;

    return parse(range, &first, &last, &total) ? last + 1 : RESUME_UNSAID;
}

bool resume_right(const struct resume *resume, const char *range, const struct validators *seen)
{
    uint64_t first;
    uint64_t last;
    uint64_t total;

    if (!resume->from || !parse(range, &first, &last, &total) || first != resume->from ||
        last < first)
        return false;
    if (total != RESUME_UNSAID && last + 1 != total) /* we asked for all of the rest */
        return false;
    if (!same_version(resume, seen))
        return false;
    if (resume->total != RESUME_UNSAID && last + 1 != resume->total)
        return false;
    return *resume_tag(resume) || resume->judged || resume->total != RESUME_UNSAID;
}
