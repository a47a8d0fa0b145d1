/* SPDX-License-Identifier: MIT */
#include "cli/colour.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RED    "\033[31m"
#define GREEN  "\033[32m"
#define YELLOW "\033[33m"
#define CYAN   "\033[36m"

static const struct {
    const char *status;
    const char *colour;
} statuses[] = {
    { "completed", GREEN }, { "failed", RED },      { "terminated", RED },
    { "timed_out", RED },   { "canceled", YELLOW }, { "created", CYAN },
    { "queued", CYAN },     { "running", CYAN },    { "paused", CYAN },
};

bool colour_possible(void)
{
    const char *no = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return !(no && *no) && term && *term && strcmp(term, "dumb") != 0 && isatty(STDOUT_FILENO);
}

const char *colour_of_status(const char *status)
{
    size_t i;

    for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (strcmp(statuses[i].status, status) == 0)
            return statuses[i].colour;
    }
    return "";
}

void colour_print_status(const char *status)
{
    const char *colour = colour_possible() ? colour_of_status(status) : "";

    (void)printf("%s%s%s", colour, status, *colour ? COLOUR_END : "");
}
