/* SPDX-License-Identifier: MIT */
#include "viewer/site.h"

#include "api/run.h"
#include "base/log.h"
#include "base/path.h"
#include "viewer/live_page.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TEXT "text/plain; charset=utf-8"

/* The page has its own policy in a meta element, in which this cannot be said. */
#define POLICY_PAGE "frame-ancestors 'none'"
#define POLICY_DATA "default-src 'none'; frame-ancestors 'none'"
#define POLICY_FILE                                                                            \
    "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; "                          \
    "style-src 'unsafe-inline'; frame-ancestors 'self'"

/* Ends of names, and the media types that they are sent with; others are downloads. */
static const struct media {
    const char *ending;
    const char *type;
} medias[] = {
    { ".png", "image/png" }, { ".jpg", "image/jpeg" },  { ".jpeg", "image/jpeg" },
    { ".gif", "image/gif" }, { ".webp", "image/webp" }, { ".webm", "video/webm" },
    { ".mp4", "video/mp4" }, { ".mp3", "audio/mpeg" },  { ".wav", "audio/wav" },
    { ".ogg", "audio/ogg" }, { ".txt", TEXT },          { ".log", TEXT },
    { ".json", TEXT },       { ".jsonl", TEXT },        { ".csv", TEXT },
    { ".md", TEXT },         { ".html", TEXT },         { ".htm", TEXT },
    { ".xml", TEXT },        { ".svg", TEXT },          { ".har", TEXT },
    { ".js", TEXT },         { ".css", TEXT },
};

/* The media type of a file by its name; download: browsers are not to show it. */
static const char *site_media_type(const char *path, bool *download)
{
    size_t i;

    *download = false;
    for (i = 0; i < sizeof(medias) / sizeof(*medias); i++) {
        if (path_ends(path, medias[i].ending))
            return medias[i].type;
    }
    *download = true;
    return "application/octet-stream";
}

/* Answer with an error. */
static void fail(struct http_answer *answer, const char *path, const struct err *err)
{
    answer->status = err->kind == ERR_NOT_FOUND ? 404 : 500;
    (void)snprintf(answer->text, sizeof(answer->text), "%.250s\n", err->text);
    if (answer->status == 500)
        log_line(LOG_WARNING, "cannot show '%.600s': %s", path, err->text);
}

static void set_not_found(struct http_answer *answer)
{
    answer->status = 404;
    (void)snprintf(answer->text, sizeof(answer->text), "not found\n");
}

/* What is made for a request. */
struct making {
    struct library *library;
    const char *what;    /* the run's ID, the text that is searched, or what messages call it */
    enum page_part part; /* of the run's data */
};

static int make_index(void *ctx, put_fn *put, void *put_ctx, struct err *err)
{
    const struct making *making = ctx;

    return live_page_index(making->library, put, put_ctx, err);
}

static int make_about(void *ctx, put_fn *put, void *put_ctx, struct err *err)
{
    const struct making *making = ctx;

    return live_page_about(making->library, put, put_ctx, err);
}

static int make_run(void *ctx, put_fn *put, void *put_ctx, struct err *err)
{
    const struct making *making = ctx;

    return live_page_run(making->library, making->what, making->part, put, put_ctx, err);
}

static int make_search(void *ctx, put_fn *put, void *put_ctx, struct err *err)
{
    const struct making *making = ctx;

    return live_page_search(making->library, making->what, put, put_ctx, err);
}

/* Answer with what `make` writes. */
static void answer_made(file_maker *make, struct making *making, struct http_answer *answer)
{
    struct library *library = making->library;
    bool page = make == make_index;
    struct err err;

    answer->media_type = page ? "text/html; charset=utf-8" : "application/json";
    answer->policy = page ? POLICY_PAGE : POLICY_DATA;
    answer->file = served_file_make(library->place, make, making, &err);
    if (!answer->file)
        fail(answer, making->what, &err);
}

/* The length of the run's ID that a path begins with, which `end` follows; 0: none. */
static size_t take_id(char id[RUN_ID_MAX + 1], const char *path, const char *end)
{
    const char *found = strstr(path, end);
    size_t len = found ? (size_t)(found - path) : 0;

    if (!len || len > RUN_ID_MAX)
        return 0;
    (void)snprintf(id, RUN_ID_MAX + 1, "%.*s", (int)len, path);
    return run_id_valid(id) ? len : 0;
}

/* Answer with a part of a run's data; path: below /view/. The lock is taken before the turn to
 * decode (viewer/served_file), so that files are served while another run waits. */
static void answer_run(struct library *library, const char *path, struct http_answer *answer)
{
    static const char *const ends[PAGE_PARTS] = { ".json", "/lines.json", "/texts.json" };
    char id[RUN_ID_MAX + 1];
    struct making making = { .library = library, .what = id };
    size_t len = 0;
    int part;

    for (part = 0; !len && part < PAGE_PARTS; part++) {
        len = take_id(id, path, ends[part]);
        if (len && strcmp(path + len, ends[part]) != 0)
            len = 0;
        making.part = (enum page_part)part;
    }
    if (!len) {
        set_not_found(answer);
        return;
    }
    (void)pthread_mutex_lock(&library->making);
    answer_made(make_run, &making, answer);
    (void)pthread_mutex_unlock(&library->making);
}

/* A file being searched in the archives that may have it. */
struct file_search_in {
    const char *path;
    struct served_place *place;
    struct served_file *file;
};

/* Open the file, if this archive has it; a library_archive_fn. */
static int open_in(void *ctx, const char *archive, struct err *err)
{
    struct file_search_in *search = ctx;

    search->file = served_file_open(archive, search->path, search->place, err);
    if (search->file)
        return 1;
    return err->kind == ERR_NOT_FOUND ? 0 : -1;
}

static void answer_file(struct library *library, const char *path, struct http_answer *answer)
{
    struct file_search_in search = { .path = path, .place = library->place };
    char id[RUN_ID_MAX + 1];
    struct err err;
    int rc = 0;

    err_clear(&err);
    if (take_id(id, path + strlen("data/"), "/") && library_shows(library, id))
        rc = library_archives(library, id, open_in, &search, &err);
    if (rc < 0) {
        fail(answer, path, &err);
    } else if (rc == 0) {
        set_not_found(answer);
    } else {
        answer->file = search.file;
        answer->policy = POLICY_FILE;
        answer->media_type = site_media_type(path, &answer->download);
    }
}

void site_get(void *ctx, const char *path, const char *query, struct http_answer *answer)
{
    struct library *library = ctx;

    if (strcmp(path, "/") == 0)
        answer_made(make_index, &(struct making){ library, "the page", 0 }, answer);
    else if (strcmp(path, "/about") == 0)
        answer_made(make_about, &(struct making){ library, "the totals", 0 }, answer);
    else if (strcmp(path, "/search") == 0 && query && *query)
        answer_made(make_search, &(struct making){ library, query, 0 }, answer);
    else if (strncmp(path, "/view/", 6) == 0)
        answer_run(library, path + 6, answer);
    else if (strncmp(path, "/data/", 6) == 0)
        answer_file(library, path + 1, answer);
    else
        set_not_found(answer);
}
