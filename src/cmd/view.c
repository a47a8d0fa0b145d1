/* SPDX-License-Identifier: MIT */
#include "api/run.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "cli/browser.h"
#include "cli/confine.h"
#include "cli/signals.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "cmdutil/source.h"
#include "reader/archive_reader.h"
#include "storage/range_file.h"
#include "sync/catch_up.h"
#include "viewer/http_server.h"
#include "viewer/library.h"
#include "viewer/site.h"
#include "volumes/volume_store.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 1000 /* interval at which the idle time is looked at */

struct view_args {
    struct command_args common;
    struct source_args bucket;
    struct confine_args confine;
    uint64_t port;
    uint64_t idle;
    bool no_open;
};

static const struct view_args view_defaults = { .idle = 3600000 };

/* clang-format off */
static const struct opt view_opts[] = {
    { 0, "port",    "N",    OPT_NUMBER,   OPT_AT(view_args, port),    "listen on this port of 127.0.0.1 (default 0: any free port)", 0, 65535, NULL, false, NULL },
    { 0, "no-open", NULL,   OPT_FLAG,     OPT_AT(view_args, no_open), "print the URL, but do not open the browser", 0, 0, NULL, false, NULL },
    { 0, "idle",    "TIME", OPT_DURATION, OPT_AT(view_args, idle),    "end after this time without a request (default 1h; 0: never)", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt_group view_groups[] = {
    { "View", view_opts, 0 },
    { "Bucket", source_opts, OPT_AT(view_args, bucket) },
    { "Safety", confine_opts, OPT_AT(view_args, confine) },
    { NULL, NULL, 0 },
};
/* clang-format on */

struct viewing {
    const struct view_args *args;
    char *operand;
    const char *run_id; /* or NULL */
    struct source source;
    struct served_place place;
    struct volume_store store; /* of a directory */
    struct library library;
    struct http_server *server;
    char *temp_dir; /* a private directory for temporary files */
    char *landing;
};

/* Create the private directory. */
static int make_temp_dir(struct viewing *v, struct err *err)
{
    v->temp_dir = mem_format(err, "%s/skyarc-view-XXXXXX", file_temp_dir());
    if (!v->temp_dir)
        return -1;
    if (mkdtemp(v->temp_dir))
        return 0;
    (void)err_sys(err, "cannot create a directory in '%s'", file_temp_dir());
    mem_free(v->temp_dir);
    v->temp_dir = NULL;
    return -1;
}

/* Find the archives, or open the catalog of a directory. */
static int find_library(struct viewing *v, struct err *err)
{
    struct opt_list runs = { .at = &v->run_id, .count = v->run_id != NULL };
    bool dir = source_is_dir(v->operand);

    path_trim(v->operand);
    served_place_init(&v->place, v->temp_dir, signals_stopping());
    if (!dir && !range_file_remote(v->operand) && access(v->operand, R_OK) < 0)
        return err_sys(err, "cannot read '%s'", v->operand);
    if ((!dir || v->run_id) && source_find(&v->source, v->operand, &runs, err) < 0)
        return -1;
    if (dir && (volume_store_open_place(&v->store, v->operand, err) < 0 ||
                catch_up(&v->store, signals_stopping(), err) < 0))
        return -1;
    v->library = (struct library){ .title = path_base(v->operand),
                                   .place = &v->place,
                                   .store = dir ? &v->store : NULL,
                                   .archives = v->source.paths,
                                   .archive_count = v->source.count };
    return library_open(&v->library, err);
}

/* Allow only the archives to be read, and temporary files to be written. */
static void confine_to(const struct viewing *v)
{
    struct confine confine;
    unsigned flags = CONFINE_SERVE | source_flags(range_file_remote(v->operand));
    size_t i;

    source_confine_begin(&confine, &v->args->confine, flags);
    if (v->library.store)
        confine_read(&confine, v->store.dir);
    for (i = 0; i < v->source.count; i++)
        confine_read(&confine, v->source.paths[i]);
    confine_write(&confine, v->temp_dir);
    confine_read(&confine, v->temp_dir);
    confine_rmdir(&confine, file_temp_dir());
    confine_enter(&confine);
}

static int count_run(void *ctx, enum manifest_read_section section, const char *text,
                     size_t len, struct err *err)
{
    size_t *count = ctx;

    (void)text;
    (void)len;
    (void)err;
    *count += section == MANIFEST_READ_RUNS;
    return 0;
}

/* Check that there is something to show, before the URL is printed. */
static int check_runs(struct viewing *v, struct err *err)
{
    size_t count = 0;

    if (source_names(&v->source, err) < 0)
        return -1;
    v->library.run_ids = v->source.runs.at;
    v->library.run_count = v->source.runs.count;
    if (library_runs(&v->library, count_run, &count, err) < 0)
        return -1;
    if (v->run_id && (!count || !run_id_valid(v->source.runs.at[0])))
        return err_set(err, ERR_NOT_FOUND, "'%s' has no run '%.200s'", v->operand, v->run_id);
    v->landing =
        v->run_id ? mem_format(err, "./#%s", v->source.runs.at[0]) : mem_copy("./", err);
    return v->landing ? 0 : -1;
}

static int print_url(const struct viewing *v, struct err *err)
{
    struct jsonw *w;
    int rc;

    if (!v->args->common.json) {
        (void)printf("%s\n", http_server_url(v->server));
        return fflush(stdout) == EOF ? err_sys(err, "cannot write to standard output") : 0;
    }
    w = mem_new(sizeof(*w), err);
    if (!w)
        return -1;
    jsonw_init(w, api_client_put, NULL);
    jsonw_object(w, NULL, JSONW_LINES);
    jsonw_text(w, "url", http_server_url(v->server));
    jsonw_close(w);
    rc = jsonw_end(w, err);
    mem_free(w);
    return rc == 0 && fflush(stdout) == EOF ? err_sys(err, "cannot write to standard output")
                                            : rc;
}

/* Start the browser, before the sandbox, in which no program can be started. Its request waits
 * until the server answers. */
static void open_browser(const struct viewing *v)
{
    struct err why;

    if (v->args->no_open)
        return;
    if (browser_open(v->temp_dir, http_server_url(v->server), &why) < 0)
        log_line(LOG_INFO, "the browser was not opened: %s", why.text);
}

/* Wait until a signal asks to stop, or nobody has looked for the idle time. */
static void serve(const struct viewing *v)
{
    struct pollfd fd = { .fd = signals_fd(), .events = POLLIN };

    while (!signals_stop()) {
        uint64_t now = clock_mono();
        uint64_t used = http_server_used(v->server);

        if (v->args->idle && now > used && now - used >= v->args->idle) {
            log_line(LOG_INFO, "ended: nothing was asked for during the time of --idle");
            return;
        }
        (void)poll(&fd, 1, LOOK_MS);
    }
}

static void clear(struct viewing *v)
{
    http_server_free(v->server);
    library_close(&v->library);
    volume_store_close(&v->store);
    if (v->place.temp_dir)
        served_place_clear(&v->place);
    source_clear(&v->source);
    if (v->temp_dir) {
        browser_forget(v->temp_dir);
        if (unlinkat(AT_FDCWD, v->temp_dir, AT_REMOVEDIR) < 0) /* as the sandbox allows it */
            log_line(LOG_INFO, "cannot remove '%s': %s", v->temp_dir, strerror(errno));
    }
    mem_free(v->temp_dir);
    mem_free(v->landing);
}

static int view_main(void *args_in, int count, char *const *operands, struct err *err)
{
    char here[] = ".";
    struct viewing v = { .args = args_in,
                         .operand = count ? operands[0] : here,
                         .run_id = count > 1 ? operands[1] : NULL };
    int rc = count > 2
                 ? err_set(err, ERR_USAGE, "expected an archive or a directory, and a run")
                 : signals_setup(err);

    source_use(&v.args->bucket);
    mem_steady();
    if (rc == 0)
        rc = make_temp_dir(&v, err);
    if (rc == 0)
        rc = find_library(&v, err);
    if (rc == 0) {
        v.server = http_server_bind((unsigned)v.args->port, err);
        rc = v.server ? 0 : -1;
    }
    if (rc == 0) {
        open_browser(&v);
        confine_to(&v);
        rc = check_runs(&v, err);
    }
    if (rc == 0)
        rc = http_server_start(v.server, v.landing, site_get, &v.library, err);
    if (rc == 0)
        rc = print_url(&v, err);
    if (rc == 0)
        serve(&v);
    clear(&v);
    if (rc < 0 && err_is_damage(err) && !archive_reader_foreign(v.operand)) {
        log_line(LOG_ERROR, "%s", err->text);
        return EXIT_DAMAGED;
    }
    return rc < 0 ? -1 : EXIT_DONE;
}

const struct command cmd_view = {
    .name = "view",
    .args = "[ARCHIVE|DIR] [RUN_ID]",
    .section = COMMAND_OPEN,
    .brief = "look at archives in a browser, without extracting them",
    .about =
        "Serves the view of an archive, or of all runs of a directory of skyarc sync (default: "
        "the current directory), to browsers on this machine, until Ctrl-C or --idle. Prints "
        "its URL, and opens the browser if there is a desktop. The data of a run, and each "
        "file, is read from the archive when it is asked for: nothing is extracted, and "
        "recordings can be played from any place. The "
        "URL contains a random token, without which nothing is shown; other users and web "
        "pages "
        "cannot read anything. With a run's ID, shows only this run. With --json, prints the "
        "URL as JSON.",
    .examples = "skyarc view run.tar.zst\n"
                "skyarc view /srv/skyarc tsk_123\n",
    .exits = "0    ended by Ctrl-C (SIGINT, SIGTERM, SIGHUP) or --idle\n"
             "1    the archive cannot be read, or has no such run\n"
             "4    the manifest or an index is damaged\n",
    .groups = view_groups,
    .size = sizeof(struct view_args),
    .defaults = &view_defaults,
    .run = view_main,
};
