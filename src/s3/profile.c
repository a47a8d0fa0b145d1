/* SPDX-License-Identifier: MIT */
#include "s3/profile.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS_MAX 64

struct setting {
    char *key;
    char *value;
};

struct profile {
    char *name;
    bool found; /* in one of the files */
    struct setting settings[SETTINGS_MAX];
    size_t count;
};

struct profile *profile_new(const char *name, struct err *err)
{
    struct profile *profile = mem_new(sizeof(*profile), err);

    if (!profile)
        return NULL;
    profile->name = mem_copy(name, err);
    if (profile->name)
        return profile;
    mem_free(profile);
    return NULL;
}

void profile_free(struct profile *profile)
{
    size_t i;

    if (!profile)
        return;
    for (i = 0; i < profile->count; i++) {
        explicit_bzero(profile->settings[i].value, strlen(profile->settings[i].value));
        mem_free(profile->settings[i].value);
        mem_free(profile->settings[i].key);
    }
    mem_free(profile->name);
    mem_free(profile);
}

const char *profile_name(const struct profile *profile)
{
    return profile->name;
}

const char *profile_get(const struct profile *profile, const char *key)
{
    size_t i;

    for (i = 0; i < profile->count; i++) {
        if (strcmp(profile->settings[i].key, key) == 0)
            return *profile->settings[i].value ? profile->settings[i].value : NULL;
    }
    return NULL;
}

/* A part of a line, without blanks around it. */
struct span {
    const char *text;
    size_t len;
};

static struct span trimmed(const char *text, size_t len)
{
    while (len && isspace((unsigned char)*text)) {
        text++;
        len--;
    }
    while (len && isspace((unsigned char)text[len - 1]))
        len--;
    return (struct span){ text, len };
}

/* Whether a section's title is that of the profile: "[name]", or "[profile name]". */
static bool is_title(const struct profile *profile, struct span title)
{
    static const char word[] = "profile";
    size_t len = strlen(word);

    if (title.len > len && strncmp(title.text, word, len) == 0 &&
        isspace((unsigned char)title.text[len]))
        title = trimmed(title.text + len, title.len - len);
    return title.len == strlen(profile->name) &&
           memcmp(title.text, profile->name, title.len) == 0;
}

/* Add a setting, unless it is there already. */
static int add(struct profile *profile, struct span under, struct span key, struct span value,
               struct err *err)
{
    struct setting *setting = &profile->settings[profile->count];
    char *name = mem_format(err, "%.*s%s%.*s", (int)under.len, under.text, under.len ? "." : "",
                            (int)key.len, key.text);

    if (!name)
        return -1;
    if (profile_get(profile, name)) {
        mem_free(name);
        return 0;
    }
    if (profile->count == SETTINGS_MAX) {
        mem_free(name);
        return err_set(err, ERR_LIMIT, "more than %d settings in a profile", SETTINGS_MAX);
    }
    setting->key = name;
    setting->value = mem_format(err, "%.*s", (int)value.len, value.text);
    if (!setting->value) {
        mem_free(name);
        return -1;
    }
    profile->count++;
    return 0;
}

int profile_parse(struct profile *profile, const char *text, const char *file, struct err *err)
{
    struct span under = { "", 0 }; /* the setting that indented lines belong to */
    bool ours = false;
    unsigned number = 0;

    for (; *text; text += *text == '\n') {
        size_t len = strcspn(text, "\n");
        struct span line = trimmed(text, len);
        bool indented = len && isspace((unsigned char)*text);
        const char *equals = memchr(line.text, '=', line.len);

        text += len;
        number++;
        if (!line.len || *line.text == '#' || *line.text == ';')
            continue;
        if (*line.text == '[') {
            if (line.text[line.len - 1] != ']')
                return err_set(err, ERR_FORMAT, "'%s', line %u: ']' is missing", file, number);
            ours = is_title(profile, trimmed(line.text + 1, line.len - 2));
            profile->found |= ours;
            under.len = 0;
        } else if (!equals) {
            return err_set(err, ERR_FORMAT, "'%s', line %u: '=' is missing", file, number);
        } else if (ours) {
            struct span key = trimmed(line.text, (size_t)(equals - line.text));
            struct span value =
                trimmed(equals + 1, line.len - (size_t)(equals + 1 - line.text));

            if (!indented)
                under = value.len ? (struct span){ "", 0 } : key;
            if (value.len &&
                add(profile, indented ? under : (struct span){ "", 0 }, key, value, err) < 0)
                return -1;
        }
    }
    return 0;
}

/* Read one of the files, if it exists. */
static int load(struct profile *profile, const char *variable, const char *name,
                struct stop stop, struct err *err)
{
    const char *named = getenv(variable);
    const char *home = getenv("HOME");
    char *path = named && *named ? mem_copy(named, err)
                                 : mem_format(err, "%s/.aws/%s", home ? home : "", name);
    struct buf text;
    struct err why = { 0 };
    int rc = -1;

    buf_init(&text, PROFILE_FILE_MAX);
    if (path && file_load(path, stop, &text, &why) == 0)
        rc = profile_parse(profile, buf_text(&text), path, err);
    else if (path && why.kind == ERR_SYSTEM && (why.os == ENOENT || why.os == ENOTDIR))
        rc = 0;
    else if (path && err)
        *err = why;
    if (text.data)
        explicit_bzero(text.data, text.cap);
    buf_clear(&text);
    mem_free(path);
    return rc;
}

struct profile *profile_load(const char *name, struct stop stop, struct err *err)
{
    const char *variable = getenv("AWS_PROFILE");
    struct profile *profile;

    if (!name && variable && *variable)
        name = variable;
    profile = profile_new(name ? name : "default", err);
    if (!profile)
        return NULL;
    if (load(profile, "AWS_SHARED_CREDENTIALS_FILE", "credentials", stop, err) == 0 &&
        load(profile, "AWS_CONFIG_FILE", "config", stop, err) == 0) {
        if (profile->found || !name)
            return profile;
        (void)err_set(err, ERR_NOT_FOUND,
                      "there is no profile '%s' in AWS's configuration files", name);
    }
    profile_free(profile);
    return NULL;
}
