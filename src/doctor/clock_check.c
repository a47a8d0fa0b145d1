/* SPDX-License-Identifier: MIT */
#include "doctor/clock_check.h"

#include "base/text.h"

#define SKEW_WARNED_MS 30000 /* signed URLs and webhooks are judged by two clocks */

void clock_check(struct findings *findings, const char *check, const char *whose,
                 int64_t offset_ms)
{
    char text[TEXT_SIZE_MAX];
    uint64_t size = (uint64_t)(offset_ms < 0 ? -offset_ms : offset_ms);

    if (size < SKEW_WARNED_MS)
        finding_add(findings, check, FINDING_OK, NULL, "agrees with %s to %s", whose,
                    text_duration(text, size + CLOCK_CHECK_DATE_MS));
    else
        finding_add(findings, check, FINDING_WARNING,
                    "synchronise it (timedatectl set-ntp true), or the server's",
                    "this clock is %s %s %s", text_duration(text, size),
                    offset_ms > 0 ? "behind" : "ahead of", whose);
}
