/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "cmd/commands.h"
#include "job/talk.h"
#include "open/fetchone.h"

#include <string.h>

struct cat_args {
    struct command_args common;
};

static const struct cat_args cat_defaults = { .common = { 0 } };

static const struct opt_group cat_groups[] = { { NULL, NULL, 0 } };

static int cat_main(void *args_in, int count, char *const *operands, struct err *err)
{
    int i;

    (void)args_in;
    if (count < 2)
        return err_set(err, ERR_USAGE,
                       "an archive, and a path or artifact ID in it are wanted");
    for (i = 1; i < count; i++) {
        if (fetchone(operands[0], operands[i], talk_put_raw, NULL, err) < 0)
            return err->kind == ERR_MISMATCH
                       ? (log_line(LOG_ERROR, "%s", err->text), EXIT_DAMAGED)
                       : -1;
    }
    return EXIT_DONE;
}

const struct command cmd_cat = {
    .name = "cat",
    .args = "ARCHIVE PATH|ARTIFACT_ID...",
    .brief = "one file of an archive, to standard output",
    .about =
        "Writes files of an archive to standard output, each named by its path or by its "
        "artifact's ID. A duplicate that is a hard link gives the content that it leads to. "
        "With the archive's index only the frames that hold it are read. Exit status 4 when "
        "the content is not what the manifest says.",
    .groups = cat_groups,
    .size = sizeof(struct cat_args),
    .defaults = &cat_defaults,
    .run = cat_main,
};
