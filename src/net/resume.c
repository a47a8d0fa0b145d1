/* SPDX-License-Identifier: MIT */
#include "net/resume.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define UNKNOWN "?" /* a validator that cannot be compared */

static bool is_comparable(const struct validators *seen)
{
    return strcmp(seen->tag, UNKNOWN) != 0 && strcmp(seen->date, UNKNOWN) != 0;
}

/* Without a checksum, a range is useless if no response's validators can be the same. */
bool resume_possible(const struct resume *resume)
{
    return resume->from && (resume->judged || is_comparable(&resume->seen)) &&
           (resume->total == RESUME_UNSAID || resume->from < resume->total) &&
           (*resume_tag(resume) || resume->judged || resume->total != RESUME_UNSAID);
}

void validators_tag(struct validators *seen, const char *etag)
{
    size_t len = strlen(etag);
    size_t skip = strncmp(etag, "W/", 2) == 0 ? 2 : 0;
    bool good = len >= skip + 2 && len < RESUME_TAG_MAX && etag[skip] == '"' &&
                etag[len - 1] == '"' && !*seen->tag;
    size_t i;

    for (i = skip; good && i < len; i++) /* the tag may be sent back in If-Range */
        good = (unsigned char)etag[i] > ' ' && (unsigned char)etag[i] < 127;
    if (good)
        memcpy(seen->tag, etag, len + 1);
    else
        memcpy(seen->tag, UNKNOWN, sizeof(UNKNOWN));
}

void validators_date(struct validators *seen, const char *date)
{
    size_t len = strlen(date);
    bool good =
        len && len < sizeof(seen->date) && (!*seen->date || strcmp(seen->date, date) == 0);

    if (good)
        memcpy(seen->date, date, len + 1);
    else
        memcpy(seen->date, UNKNOWN, sizeof(UNKNOWN));
}

const char *resume_tag(const struct resume *resume)
{
    return resume->same_host && *resume->seen.tag == '"' ? resume->seen.tag : "";
}

/*
 * Whether the validators are those of the partial download. A 206 may omit Last-Modified (RFC
 * 9110, 15.3.7); the download then starts over, because the body may have changed as well.
 * nginx, S3 and Skyvern repeat their validators.
 */
static bool same_version(const struct resume *resume, const struct validators *seen)
{
    const struct validators *here = &resume->seen;

    if (!resume->same_host) /* validators of different hosts are not comparable */
        return resume->judged;
    return is_comparable(here) && strcmp(here->tag, seen->tag) == 0 &&
           strcmp(here->date, seen->date) == 0;
}

/* Parse digits; false if there are none, or too many. */
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

bool resume_parse(const char *range, uint64_t *first, uint64_t *last, uint64_t *total)
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

    return resume_parse(range, &first, &last, &total) ? last + 1 : RESUME_UNSAID;
}

bool resume_right(const struct resume *resume, const char *range, const struct validators *seen)
{
    uint64_t first;
    uint64_t last;
    uint64_t total;

    if (!resume->from || !resume_parse(range, &first, &last, &total) || first != resume->from ||
        last < first)
        return false;
    if (total != RESUME_UNSAID && last + 1 != total) /* not up to the end */
        return false;
    if (!same_version(resume, seen))
        return false;
    if (resume->total != RESUME_UNSAID && last + 1 != resume->total)
        return false;
    return *resume_tag(resume) || resume->judged || resume->total != RESUME_UNSAID;
}
