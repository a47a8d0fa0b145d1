/* SPDX-License-Identifier: MIT */
#include "cli/browser.h"

#include "base/file.h"
#include "base/mem.h"
#include "cli/child.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME       "open.html"
#define TIMEOUT_MS 10000

/* The browser goes on in the background, and is not waited for. */
#define COMMAND                                                                                \
    "command -v xdg-open >/dev/null || exit 127; xdg-open \"$SKYARC_PAGE\" >/dev/null 2>&1 &"

/* What xdg-open needs to find the desktop and its browser. */
static const char *const variables[] = { "DISPLAY",
                                         "WAYLAND_DISPLAY",
                                         "XAUTHORITY",
                                         "XDG_RUNTIME_DIR",
                                         "XDG_CURRENT_DESKTOP",
                                         "XDG_DATA_DIRS",
                                         "DBUS_SESSION_BUS_ADDRESS",
                                         "BROWSER",
                                         "KDE_SESSION_VERSION",
                                         "DESKTOP_SESSION" };
#define VARIABLES (sizeof(variables) / sizeof(*variables))

static bool has_desktop(void)
{
    return getenv("DISPLAY") || getenv("WAYLAND_DISPLAY") || getenv("BROWSER");
}

/* Write the file that leads to the URL. */
static int write_page(const char *path, const char *url, struct err *err)
{
    char *text = mem_format(err,
                            "<!DOCTYPE html>\n<meta charset=\"utf-8\"><title>skyarc</title>"
                            "<meta http-equiv=\"refresh\" content=\"0;url=%s\">\n",
                            url);
    int rc = text ? file_put(path, text, strlen(text), 0600, err) : -1;

    mem_free(text);
    return rc;
}

static int run(const char *path, struct err *err)
{
    struct child_opts opts = { .command = COMMAND, .timeout = TIMEOUT_MS };
    char *env[VARIABLES + 2] = { NULL };
    size_t count = 0;
    size_t i;
    int rc;

    env[count] = mem_format(err, "SKYARC_PAGE=%s", path);
    rc = env[count] ? (count++, 0) : -1;
    for (i = 0; rc == 0 && i < VARIABLES; i++) {
        const char *value = getenv(variables[i]);

        if (!value)
            continue;
        env[count] = mem_format(err, "%s=%s", variables[i], value);
        rc = env[count] ? (count++, 0) : -1;
    }
    opts.env = env;
    if (rc == 0)
        rc = child_run(&opts, err);
    while (count)
        mem_free(env[--count]);
    return rc;
}

int browser_open(const char *dir, const char *url, struct err *err)
{
    char *path;
    int rc = -1;

    if (!has_desktop())
        return err_set(err, ERR_NOT_FOUND, "there is no desktop to open a browser on");
    path = mem_format(err, "%s/" NAME, dir);
    if (path && write_page(path, url, err) == 0)
        rc = run(path, err);
    mem_free(path);
    return rc;
}

void browser_forget(const char *dir)
{
    char *path = mem_format(NULL, "%s/" NAME, dir);

    if (path)
        (void)unlink(path);
    mem_free(path);
}
