/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "base/mem.h"
#include "cli/confine.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "cmdutil/source.h"
#include "reader/fetchone.h"

struct cat_args {
    struct command_args common;
    struct confine_args confine;
};

static const struct cat_args cat_defaults = { .common = { 0 } };

static const struct opt_group cat_groups[] = {
    { "Safety", confine_opts, OPT_AT(cat_args, confine) },
    { NULL, NULL, 0 },
};

/* Print one file. Returns an exit status, EXIT_DAMAGED if the content does not match the
 * manifest, or -1. */
static int put_one(const char *archive, const char *what, struct err *err)
{
    if (fetchone(archive, what, api_client_put_raw, NULL, err) == 0)
        return EXIT_DONE;
    if (err->kind != ERR_MISMATCH)
        return -1;
    log_line(LOG_ERROR, "%s", err->text);
    return EXIT_DAMAGED;
}

/* All archives are known before the first is read, so that the sandbox can allow only these. */
static int cat_main(void *args_in, int count, char *const *operands, struct err *err)
{
    const struct cat_args *args = args_in;
    struct confine confine;
    char **archives;
    int rc = EXIT_DONE;
    int known = 0;
    int i;

    if (count < 2)
        return err_set(err, ERR_USAGE, "expected an archive and a path or artifact ID in it");
    archives = mem_array((size_t)count, sizeof(*archives), err);
    if (!archives)
        return -1;
    confine_begin(&confine, &args->confine, 0);
    while (known + 1 < count &&
           (archives[known] = source_of_artifact(operands[0], operands[known + 1], err)))
        confine_read(&confine, archives[known++]);
    confine_enter(&confine);
    for (i = 0; rc == EXIT_DONE && i < known; i++)
        rc = put_one(archives[i], operands[i + 1], err);
    if (rc == EXIT_DONE && known + 1 < count) /* err says why no archive was found for the
                                               * next operand */
        rc = -1;
    while (known)
        mem_free(archives[--known]);
    mem_free(archives);
    return rc;
}

const struct command cmd_cat = {
    .name = "cat",
    .args = "ARCHIVE|DIR PATH|ARTIFACT_ID...",
    .section = COMMAND_OPEN,
    .brief = "write files of an archive to standard output",
    .about =
        "Writes files of an archive to standard output, each named by its path or its "
        "artifact ID. For a duplicate stored as a hard link, the content of the link's target "
        "is written. If the archive has an index, only the frames that contain the file are "
        "read. In a directory of skyarc sync, the catalog finds the artifact's volume. Exit "
        "status 4 if the content does not match the manifest.",
    .examples = "skyarc cat run.tar.zst a_123 > shot.png\n"
                "skyarc cat run.tar.zst manifest.json\n"
                "skyarc cat /srv/skyarc a_123 > shot.png\n",
    .exits = "0    written\n"
             "1    the archive cannot be read, or has no such file\n"
             "4    the content does not match the manifest\n",
    .groups = cat_groups,
    .size = sizeof(struct cat_args),
    .defaults = &cat_defaults,
    .run = cat_main,
};
