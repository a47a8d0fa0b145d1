/* SPDX-License-Identifier: MIT */
#include "cli/exit.h"

enum exit_status exit_of(const struct err *err)
{
    if (err->kind == ERR_USAGE)
        return EXIT_USAGE;
    if (err->kind == ERR_BUSY || (err->kind == ERR_HTTP && err->http == 429))
        return EXIT_LATER;
    return EXIT_FAILED;
}
