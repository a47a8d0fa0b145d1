/* SPDX-License-Identifier: MIT */
#include "api/reason.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *word;
    bool final;
} reasons[REASON_COUNT] = {
    [REASON_NONE] = { NULL, false },
    [REASON_RUN_NOT_FOUND] = { "run-not-found", false },
    [REASON_DENIED] = { "denied", false },
    [REASON_GONE] = { "gone", true },
    [REASON_ARCHIVED] = { "archived", true },
    [REASON_RATE_LIMITED] = { "rate-limited", false },
    [REASON_SERVER_ERROR] = { "server-error", false },
    [REASON_HTTP_ERROR] = { "http-error", false },
    [REASON_NETWORK_ERROR] = { "network-error", false },
    [REASON_LENGTH_MISMATCH] = { "length-mismatch", false },
    [REASON_TOO_LARGE] = { "too-large", true },
    [REASON_TOO_SLOW] = { "too-slow", false },
    [REASON_TIMEOUT] = { "timeout", false },
    [REASON_NO_SPACE] = { "no-space", false },
    [REASON_NO_URL] = { "no-url", false },
    [REASON_NOT_IN_BUNDLE] = { "not-in-bundle", true },
    [REASON_BAD_ANSWER] = { "bad-answer", false },
    [REASON_NOT_OFFERED] = { "not-offered", false },
    [REASON_NOT_FETCHED] = { "not-fetched", false },
    [REASON_CHECKSUM_MISMATCH] = { "checksum-mismatch", false },
    [REASON_SUSPECT_CONTENT] = { "suspect-content", false },
    [REASON_CHANGED] = { "changed", false },
};

const char *reason_word(enum reason reason)
{
    return reasons[reason].word;
}

bool reason_is_final(enum reason reason)
{
    return reasons[reason].final;
}

bool reason_is_passing(enum reason reason)
{
    return !reason_is_final(reason) && reason != REASON_NO_URL;
}

bool reason_word_is_final(const char *word)
{
    size_t i;

    for (i = REASON_NONE + 1; i < REASON_COUNT; i++) {
        if (strcmp(reasons[i].word, word) == 0)
            return reasons[i].final;
    }
    return false;
}
