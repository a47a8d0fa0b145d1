/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "base/mem.h"
#include "catalog/contents.h"
#include "cli/confine.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "reader/fetchone.h"
#include "sync/volume_store.h"

#include <string.h>
#include <sys/stat.h>

struct cat_args {
    struct command_args common;
    struct confine_args confine;
};

static const struct cat_args cat_defaults = { .common = { 0 } };

static const struct opt_group cat_groups[] = {
    { "Safety", confine_opts, OPT_AT(cat_args, confine) },
    { NULL, NULL, 0 },
};

/* The archive that an artifact is in: the operand, or a volume of the directory that it is. */
static char *archive_of(const char *operand, const char *what, struct err *err)
{
    struct volume_store shelf = { operand };
    struct db *catalog;
    struct stat st;
    char name[256];
    char *path = NULL;

    if (stat(operand, &st) < 0 || !S_ISDIR(st.st_mode))
        return mem_copy(operand, err);
    catalog = db_open(operand, DB_READ, err);
    if (!catalog)
        return NULL;
    if (contents_volume_with(catalog, what, name, sizeof(name)))
        path = volume_store_read(&shelf, name, err);
    else
        (void)err_set(err, ERR_NOT_FOUND, "no volume in '%s' has artifact '%.200s'", operand,
                      what);
    db_free(catalog);
    return path;
}

/* One file; a status of its own for what is not as the manifest says, or -1. */
static int put_one(const char *archive, const char *what, struct err *err)
{
    if (fetchone(archive, what, api_client_put_raw, NULL, err) == 0)
        return EXIT_DONE;
    if (err->kind != ERR_MISMATCH)
        return -1;
    log_line(LOG_ERROR, "%s", err->text);
    return EXIT_DAMAGED;
}

/* Which archives are read is known before any is, so that none but those can be. */
static int cat_main(void *args_in, int count, char *const *operands, struct err *err)
{
    const struct cat_args *args = args_in;
    struct confine confine;
    char **archives;
    int rc = EXIT_DONE;
    int known = 0;
    int i;

    if (count < 2)
        return err_set(err, ERR_USAGE,
                       "an archive, and a path or artifact ID in it are wanted");
    archives = mem_array((size_t)count, sizeof(*archives), err);
    if (!archives)
        return -1;
    confine_begin(&confine, &args->confine, 0);
    while (known + 1 < count &&
           (archives[known] = archive_of(operands[0], operands[known + 1], err)))
        confine_read(&confine, archives[known++]);
    confine_enter(&confine);
    for (i = 0; rc == EXIT_DONE && i < known; i++)
        rc = put_one(archives[i], operands[i + 1], err);
    if (rc == EXIT_DONE && known + 1 < count) /* err says why the next one has no archive */
        rc = -1;
    while (known)
        mem_free(archives[--known]);
    mem_free(archives);
    return rc;
}

const struct command cmd_cat = {
    .name = "cat",
    .args = "ARCHIVE|DIR PATH|ARTIFACT_ID...",
    .brief = "one file of an archive, to standard output",
    .about =
        "Writes files of an archive to standard output, each named by its path or by its "
        "artifact's ID. A duplicate that is a hard link gives the content that it leads to. "
        "With the archive's index only the frames that hold it are read. In a directory of "
        "skyarc sync the catalog says which volume has the artifact. Exit status 4 when "
        "the content is not what the manifest says.",
    .groups = cat_groups,
    .size = sizeof(struct cat_args),
    .defaults = &cat_defaults,
    .run = cat_main,
};
