/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/confine.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "cmdutil/source.h"
#include "reader/fetchone.h"
#include "storage/range_file.h"

#include <string.h>
#include <unistd.h>

struct cat_args {
    struct command_args common;
    struct source_args bucket;
    struct confine_args confine;
};

static const struct cat_args cat_defaults = { .common = { 0 } };

static const struct opt_group cat_groups[] = {
    { "Bucket", source_opts, OPT_AT(cat_args, bucket) },
    { "Safety", confine_opts, OPT_AT(cat_args, confine) },
    { NULL, NULL, 0 },
};

/* Whether bytes could control a terminal: all but text, tabs and ends of lines. A character cut
 * by the end of the bytes is text, and if more bytes came before, by the beginning. */
static bool is_binary(const char *bytes, size_t len, bool more)
{
    size_t i = 0;

    while (more && i < len && i < 3 && ((unsigned char)bytes[i] & 0xc0) == 0x80)
        i++;
    while (i < len) {
        size_t n = text_utf8_next(bytes + i, len - i);

        if (!n)
            return len - i >= 4 || ((unsigned char)bytes[i] & 0xc0) != 0xc0;
        if (text_invisible(bytes + i, n) && !strchr("\t\r\n", bytes[i]))
            return true;
        if (!bytes[i])
            return true;
        i += n;
    }
    return false;
}

/* Write to standard output; a terminal gets text only. A put_fn, ctx is whether bytes of the
 * file were written before. */
static int put(void *ctx, const void *bytes, size_t len, struct err *err)
{
    bool *more = ctx;

    if (isatty(STDOUT_FILENO) && is_binary(bytes, len, *more))
        return err_set(err, ERR_USAGE,
                       "refusing to write a binary file to a terminal; redirect the output, or "
                       "use 'skyarc extract'");
    *more = true;
    return api_client_put_raw(NULL, bytes, len, err);
}

/* Print one file. Returns an exit status, EXIT_DAMAGED if the content does not match the
 * manifest, or -1. */
static int put_one(const char *archive, const char *what, struct err *err)
{
    bool more = false;

    if (fetchone(archive, what, put, &more, err) == 0)
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

    source_use(&args->bucket);
    if (count < 2)
        return err_set(err, ERR_USAGE, "expected an archive and a path or artifact ID in it");
    archives = mem_array((size_t)count, sizeof(*archives), err);
    if (!archives)
        return -1;
    source_confine_begin(&confine, &args->confine,
                         source_flags(range_file_remote(operands[0])));
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
        "read; if it also has an index of names (tar.zst), the manifest is not read. A "
        "terminal gets "
        "text only: a file with control characters, such as an image, is "
        "refused there. In a directory of skyarc sync, the catalog finds the artifact's "
        "volume. Exit "
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
