/* SPDX-License-Identifier: MIT */
#include "cmdutil/idlist.h"

#include "api/run.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/signals.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define IDS_MAX  1000000
#define FILE_MAX ((size_t)64 << 20)

/* The path of a URL, whose scheme may be left out, or the path in its fragment ("/#/runs/ID");
 * NULL: the text is no URL. */
static const char *path_of_url(const char *text)
{
    const char *scheme = strstr(text, "://");
    const char *host = scheme ? scheme + 3 : text;
    size_t len = strcspn(host, "/?#");
    size_t i;

    for (i = 0; !scheme && i < len && host[i] != '.' && host[i] != ':'; i++)
        ;
    if (host[len] != '/' || i == len)
        return NULL;
    return host + len + (strncmp(host + len, "/#/", 3) == 0 ? 2 : 0);
}

/*
 * The run ID in the URL of a run's page: the part after /runs/ or /tasks/, or a part that
 * begins like a run ID, as in /workflows/wpid_1/wr_2/overview. The text itself if it is no such
 * URL.
 */
static const char *id_of_page(const char *text, char out[RUN_ID_MAX + 1])
{
    const char *part = path_of_url(text);
    bool named = false; /* the part before says that this one is an ID */

    while (part && *part == '/') {
        size_t len = strcspn(++part, "/?#");

        if (len && len <= RUN_ID_MAX &&
            (named || strncmp(part, "wr_", 3) == 0 || strncmp(part, "tsk_", 4) == 0)) {
            memcpy(out, part, len);
            out[len] = '\0';
            return out;
        }
        named = (len == 4 && memcmp(part, "runs", len) == 0) ||
                (len == 5 && memcmp(part, "tasks", len) == 0);
        part += len;
    }
    return text;
}

int idlist_add(struct idlist *list, const char *text, const char *where, struct err *err)
{
    char page[RUN_ID_MAX + 1];
    const char *id = id_of_page(text, page);
    char shown[80];
    size_t i;

    if (!run_id_valid(id)) {
        (void)err_set(err, ERR_USAGE, "%s: '%s' is not a run ID", where,
                      text_shown(shown, sizeof(shown), text));
        return err_hint(err, "run IDs consist of letters, digits, '_' and '-', such as "
                             "tsk_123; the URL of a run's page is accepted, too");
    }
    for (i = 0; i < list->count; i++) {
        if (strcmp(list->ids[i], id) == 0)
            return 0;
    }
    if (mem_room(&list->ids, &list->cap, list->count, sizeof(char *), IDS_MAX, err) < 0)
        return -1;
    list->ids[list->count] = mem_copy(id, err);
    if (!list->ids[list->count])
        return -1;
    list->count++;
    return 0;
}

int idlist_option(struct idlist *list, const struct opt_list *option, struct err *err)
{
    size_t i;

    for (i = 0; i < option->count; i++) {
        if (idlist_add(list, option->at[i], "--run", err) < 0)
            return -1;
    }
    return 0;
}

int idlist_load(struct idlist *list, const char *path, struct err *err)
{
    struct buf text;
    char *line;
    char *next;
    unsigned n = 0;
    int rc;

    buf_init(&text, FILE_MAX);
    rc = file_load(path, signals_stopping(), &text, err);
    if (rc == 0 && text.len && memchr(text.data, '\0', text.len))
        rc = err_set(err, ERR_USAGE, "'%.200s' has a NUL byte: it is not a list of run IDs",
                     path);
    for (line = text.data; rc == 0 && line; line = next) {
        char where[300];
        char *comment;

        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        n++;
        line += strspn(line, " \t\r");
        comment = strstr(line, strstr(line, "://") ? " #" : "#"); /* URLs may have fragments */
        if (comment)
            *comment = '\0';
        while (*line && strchr(" \t\r", line[strlen(line) - 1]))
            line[strlen(line) - 1] = '\0';
        (void)snprintf(where, sizeof(where), "'%.200s', line %u", path, n);
        if (*line)
            rc = idlist_add(list, line, where, err);
    }
    buf_clear(&text);
    return rc;
}

int idlist_collect(struct idlist *list, int count, char *const *operands,
                   const struct opt_list *files, struct err *err)
{
    char where[32];
    size_t k;
    int i;

    for (i = 0; i < count; i++) {
        (void)snprintf(where, sizeof(where), "argument %d", i + 1);
        if (idlist_add(list, operands[i], where, err) < 0)
            return -1;
    }
    for (k = 0; k < files->count; k++) {
        if (idlist_load(list, files->at[k], err) < 0)
            return -1;
    }
    if (list->count)
        return 0;
    if (!files->count)
        return err_set(err, ERR_USAGE, "no run ID given");
    log_line(LOG_WARNING, "the input has no run ID: nothing to do");
    return 0;
}

void idlist_clear(struct idlist *list)
{
    while (list->count)
        mem_free(list->ids[--list->count]);
    mem_free(list->ids);
    *list = (struct idlist){ 0 };
}
