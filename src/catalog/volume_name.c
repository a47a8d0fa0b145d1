/* SPDX-License-Identifier: MIT */
#include "catalog/volume_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "skyarc-"

/* Whether a text consists of this many digits. */
static bool is_number(const char *text, size_t digits)
{
    return strlen(text) == digits && strspn(text, "0123456789") == digits;
}

/* The number after a mark ("-", "-r") at *at; 0: none, and *at is unchanged. */
static unsigned long take_number(const char **at, const char *mark)
{
    size_t len = strlen(mark);
    const char *digits = *at + len;
    size_t count = strncmp(*at, mark, len) == 0 ? strspn(digits, "0123456789") : 0;

    if (!count || count > 9 || *digits == '0')
        return 0;
    *at = digits + count;
    return strtoul(digits, NULL, 10);
}

/* Parse a name without its folders. */
static bool parse_base(struct volume_name *out, const char *base)
{
    const char *at = base + strlen(PREFIX);
    size_t stamp;

    if (strncmp(base, PREFIX, strlen(PREFIX)) != 0)
        return false;
    stamp = strspn(at, "0123456789TZ");
    if (!stamp || stamp >= sizeof(out->stamp))
        return false;
    memcpy(out->stamp, at, stamp);
    out->stamp[stamp] = '\0';
    at += stamp;
    out->number = take_number(&at, "-");
    out->number = out->number ? out->number : 1;
    (void)snprintf(out->stem, sizeof(out->stem), "%.*s", (int)(at - base), base);
    out->revision = take_number(&at, "-r");
    (void)snprintf(out->top, sizeof(out->top), "%.*s", (int)(at - base), base);
    if (strcmp(at, ".tar.zst") != 0 && strcmp(at, ".tar.gz") != 0 && strcmp(at, ".tar") != 0)
        return false;
    (void)snprintf(out->suffix, sizeof(out->suffix), "%s", at);
    return true;
}

bool volume_name_folder(const char *name, int depth)
{
    return is_number(name, depth ? 2 : 4);
}

bool volume_name_parse(struct volume_name *out, const char *name)
{
    char year[5] = { 0 };
    char month[3] = { 0 };
    char stem[VOLUME_NAME];

    *out = (struct volume_name){ .number = 1 };
    if (strlen(name) < 9 || strlen(name) >= VOLUME_NAME - 32 || name[4] != '/' ||
        name[7] != '/')
        return false;
    memcpy(year, name, 4);
    memcpy(month, name + 5, 2);
    if (!is_number(year, 4) || !is_number(month, 2) || !parse_base(out, name + 8))
        return false;
    (void)snprintf(stem, sizeof(stem), "%s/%s/%.200s", year, month, out->stem);
    memcpy(out->stem, stem, sizeof(stem));
    return true;
}

bool volume_name_before(char out[VOLUME_NAME], const char *text, const char *suffix)
{
    struct volume_name parts;
    size_t len = strlen(text);
    size_t n = strlen(suffix);

    if (len <= n || len - n >= VOLUME_NAME || strcmp(text + len - n, suffix) != 0)
        return false;
    memcpy(out, text, len - n);
    out[len - n] = '\0';
    return volume_name_parse(&parts, out);
}

void volume_name_revision(char out[VOLUME_NAME], const struct volume_name *name,
                          unsigned long revision)
{
    if (revision)
        (void)snprintf(out, VOLUME_NAME, "%.200s-r%lu%s", name->stem, revision, name->suffix);
    else
        (void)snprintf(out, VOLUME_NAME, "%.200s%s", name->stem, name->suffix);
}

static int order(unsigned long a, unsigned long b)
{
    return (a > b) - (a < b);
}

int volume_name_compare(const char *a, const char *b)
{
    struct volume_name x;
    struct volume_name y;
    int by;

    if (!volume_name_parse(&x, a) || !volume_name_parse(&y, b))
        return strcmp(a, b);
    by = strcmp(x.stamp, y.stamp);
    by = by ? by : order(x.number, y.number);
    by = by ? by : order(x.revision, y.revision);
    return by ? by : strcmp(a, b);
}
