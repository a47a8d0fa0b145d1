/* SPDX-License-Identifier: MIT */
#include "format/bag.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

int bag_line(put_fn *put, void *ctx, const uint8_t sha256[SHA256_SIZE], const char *path,
             struct err *err)
{
    char head[SHA256_TEXT + 2];

    text_hex(head, sha256, SHA256_SIZE);
    memcpy(head + SHA256_TEXT - 1, "  ", 3);
    if (put(ctx, head, SHA256_TEXT + 1, err) < 0 || put(ctx, path, strlen(path), err) < 0)
        return -1;
    return put(ctx, "\n", 1, err);
}

int bag_info(put_fn *put, void *ctx, const struct bag_info *info, struct err *err)
{
    char text[2048];
    char date[CLOCK_TEXT_MAX];
    char source[512];
    int len = snprintf(text, sizeof(text),
                       "Bag-Software-Agent: %s\nBagging-Date: %s\nExternal-Identifier: %s\n"
                       "External-Description: artifacts of Skyvern runs, from %s\n"
                       "Payload-Oxum: %llu.%llu\n",
                       info->software, clock_format(date, info->made, CLOCK_DATE), info->name,
                       text_shown(source, sizeof(source), info->source),
                       (unsigned long long)info->bytes, (unsigned long long)info->files);

    if (put(ctx, text, (size_t)len, err) < 0)
        return -1;
    if (!info->previous)
        return 0;
    len = snprintf(text, sizeof(text), BAG_PREVIOUS ": %s\n" BAG_PREVIOUS_SHA256 ": %s\n",
                   text_shown(source, sizeof(source), info->previous), info->previous_sha256);
    return put(ctx, text, (size_t)len, err);
}
