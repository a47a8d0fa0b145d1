/* SPDX-License-Identifier: MIT */
#include "credentials/profile.h"

#include "base/buf.h"
#include "base/mem.h"
#include "credentials/key_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS_MAX 64

struct setting {
    char *key;
    char *value;
    unsigned file; /* number of the file that it is from */
};

struct profile {
    char *name;
    bool found;     /* in one of the files */
    bool keyed;     /* an earlier file has keys: those of later ones are ignored */
    bool once;      /* one of them can be read once only */
    unsigned files; /* files that were parsed */
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

static void forget(char *value)
{
    if (value)
        explicit_bzero(value, strlen(value));
    mem_free(value);
}

void profile_free(struct profile *profile)
{
    size_t i;

    if (!profile)
        return;
    for (i = 0; i < profile->count; i++) {
        forget(profile->settings[i].value);
        mem_free(profile->settings[i].key);
    }
    mem_free(profile->name);
    mem_free(profile);
}

const char *profile_name(const struct profile *profile)
{
    return profile->name;
}

bool profile_is_once(const struct profile *profile)
{
    return profile->once;
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

static bool is_text(struct span span, const char *text)
{
    return span.len == strlen(text) && memcmp(span.text, text, span.len) == 0;
}

/* Whether a title is a word and a name, which may be quoted: [profile "my name"]. */
static bool is_word_and_name(struct span title, const char *word, const char *name)
{
    size_t len = strlen(word);
    char quote;

    if (title.len <= len || memcmp(title.text, word, len) != 0 ||
        !isspace((unsigned char)title.text[len]))
        return false;
    title = trimmed(title.text + len, title.len - len);
    if (!title.len)
        return false;
    quote = *title.text;
    if (title.len >= 2 && (quote == '"' || quote == '\'') && title.text[title.len - 1] == quote)
        return is_text((struct span){ title.text + 1, title.len - 2 }, name);
    return !strpbrk(name, " \t\"'") && is_text(title, name);
}

/* Whether a section's title is the one that is looked for. */
static bool is_title(const struct profile *profile, enum profile_file kind, struct span title)
{
    const char *services;

    switch (kind) {
    case PROFILE_CREDENTIALS:
        return is_text(title, profile->name);
    case PROFILE_SERVICES:
        services = profile_get(profile, "services");
        return services && is_word_and_name(title, "services", services);
    case PROFILE_CONFIG:
        break;
    }
    return (strcmp(profile->name, "default") == 0 && is_text(title, "default")) ||
           is_word_and_name(title, "profile", profile->name);
}

/* Whether a setting is one of those that belong together: key, secret and token. */
static bool is_key(const char *name)
{
    return strcmp(name, "aws_access_key_id") == 0 ||
           strcmp(name, "aws_secret_access_key") == 0 ||
           strcmp(name, "aws_session_token") == 0 || strcmp(name, "aws_security_token") == 0;
}

static struct setting *find(struct profile *profile, const char *name)
{
    size_t i;

    for (i = 0; i < profile->count; i++) {
        if (strcmp(profile->settings[i].key, name) == 0)
            return &profile->settings[i];
    }
    return NULL;
}

/* Add a setting, which replaces one of the same file; takes the name over. */
static int add(struct profile *profile, char *name, struct span value, struct err *err)
{
    struct setting *setting = find(profile, name);
    char *text;

    if ((setting && setting->file != profile->files) || (profile->keyed && is_key(name))) {
        mem_free(name);
        return 0;
    }
    if (!setting && profile->count == SETTINGS_MAX) {
        mem_free(name);
        return err_set(err, ERR_LIMIT, "more than %d settings in a profile", SETTINGS_MAX);
    }
    text = mem_format(err, "%.*s", (int)value.len, value.text);
    if (!text) {
        mem_free(name);
        return -1;
    }
    if (setting) {
        forget(setting->value);
        mem_free(name);
        setting->value = text;
        return 0;
    }
    profile->settings[profile->count++] = (struct setting){ name, text, profile->files };
    return 0;
}

/*
 * The state of the parser. As in Python's configparser, which wrote many of these files, a line
 * that is indented deeper than the setting before it belongs to that setting.
 */
struct parser {
    struct profile *profile;
    enum profile_file kind;
    bool titled;       /* a section has begun */
    bool ours;         /* the one that is looked for */
    size_t indent;     /* of the last setting or title */
    struct span under; /* the last setting; "": none */
    bool nests;        /* it has no value of its own: nested settings may follow */
};

/* Add "name = value" of a section that is looked for, or one nested under another. */
static int take_setting(struct parser *p, struct span line, const char *equals, bool nested,
                        struct err *err)
{
    struct span key = trimmed(line.text, (size_t)(equals - line.text));
    struct span value = trimmed(equals + 1, line.len - (size_t)(equals + 1 - line.text));
    char *name;
    char *c;

    if (!nested) {
        p->under = key;
        p->nests = !value.len;
    }
    if (!p->ours || !value.len || !key.len)
        return 0;
    name = mem_format(err, "%s%.*s%s%.*s", p->kind == PROFILE_SERVICES ? "services." : "",
                      nested ? (int)p->under.len : 0, p->under.text, nested ? "." : "",
                      (int)key.len, key.text);
    for (c = name; c && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return name ? add(p->profile, name, value, err) : -1;
}

/* Begin a section; false if its title has no end. */
static bool take_title(struct parser *p, struct span line)
{
    const char *end = memrchr(line.text, ']', line.len);

    if (!end)
        return false;
    p->titled = true;
    p->ours =
        is_title(p->profile, p->kind, trimmed(line.text + 1, (size_t)(end - line.text - 1)));
    p->profile->found |= p->ours && p->kind != PROFILE_SERVICES;
    p->under.len = 0;
    return true;
}

/* Take a line that is neither empty nor a comment; returns what is missing in it, or NULL. */
static const char *take_line(struct parser *p, struct span line, size_t indent, int *rc,
                             struct err *err)
{
    const char *equals = memchr(line.text, '=', line.len);
    const char *colon = memchr(line.text, ':', line.len);
    bool nested = p->under.len && indent > p->indent;

    if (nested) { /* a value's second line is not read */
        if (equals && p->nests)
            *rc = take_setting(p, line, equals, true, err);
        return NULL;
    }
    p->indent = indent;
    if (*line.text == '[')
        return take_title(p, line) ? NULL : "']'";
    if (!p->titled)
        return "a section's title";
    if (!equals || (colon && colon < equals))
        equals = colon;
    if (!equals)
        return "'='";
    *rc = take_setting(p, line, equals, false, err);
    return NULL;
}

int profile_parse(struct profile *profile, enum profile_file kind, const char *text,
                  const char *file, struct err *err)
{
    static const char mark[] = "\xef\xbb\xbf"; /* byte order mark */
    struct parser p = { .profile = profile, .kind = kind, .under = { "", 0 } };
    unsigned number = 0;
    int rc = 0;

    profile->keyed =
        find(profile, "aws_access_key_id") || find(profile, "aws_secret_access_key");
    profile->files++;
    if (strncmp(text, mark, strlen(mark)) == 0)
        text += strlen(mark);
    for (; rc == 0 && *text; text += *text == '\n') {
        size_t len = strcspn(text, "\n");
        struct span line = trimmed(text, len);
        const char *missing;

        number++;
        missing = line.len && !strchr("#;", *line.text)
                      ? take_line(&p, line, (size_t)(line.text - text), &rc, err)
                      : NULL;
        text += len;
        if (missing)
            return err_set(err, ERR_FORMAT, "'%s', line %u: %s is missing", file, number,
                           missing);
    }
    return rc;
}

/* Read one of the files, if it exists and can be reached. */
static int load(struct profile *profile, const char *variable, const char *name, char **path,
                struct buf *text, struct stop stop, struct err *err)
{
    const char *named = getenv(variable);
    const char *home = getenv("HOME");
    struct err why = { 0 };
    bool absent;

    named = named && *named ? named : NULL;
    if (!named && (!home || !*home))
        return 0;
    *path = named ? mem_copy(named, err) : mem_format(err, "%s/.aws/%s", home, name);
    if (!*path)
        return -1;
    profile->once |= key_file_is_once(*path);
    if (key_file_load(*path, stop, text, &why) == 0)
        return 0;
    buf_reset(text);
    absent = why.os == ENOENT || why.os == ENOTDIR || (!named && why.os == EACCES);
    if (why.kind == ERR_SYSTEM && absent)
        return 0;
    if (err)
        *err = why;
    return -1;
}

/* Add what the files say of a profile. */
static int read_files(struct profile *profile, struct stop stop, struct err *err)
{
    struct buf text;
    char *credentials = NULL;
    char *config = NULL;
    int rc;

    buf_init_secret(&text, PROFILE_FILE_MAX);
    rc = load(profile, "AWS_SHARED_CREDENTIALS_FILE", "credentials", &credentials, &text, stop,
              err);
    if (rc == 0)
        rc = profile_parse(profile, PROFILE_CREDENTIALS, buf_text(&text), credentials, err);
    buf_reset(&text);
    if (rc == 0)
        rc = load(profile, "AWS_CONFIG_FILE", "config", &config, &text, stop, err);
    if (rc == 0)
        rc = profile_parse(profile, PROFILE_CONFIG, buf_text(&text), config, err);
    if (rc == 0 && profile_get(profile, "services"))
        rc = profile_parse(profile, PROFILE_SERVICES, buf_text(&text), config, err);
    buf_clear(&text);
    mem_free(credentials);
    mem_free(config);
    return rc;
}

/* The name of the profile that the environment chooses; NULL: none. */
static const char *chosen(void)
{
    const char *name = getenv("AWS_PROFILE");

    if (!name || !*name)
        name = getenv("AWS_DEFAULT_PROFILE");
    return name && *name ? name : NULL;
}

struct profile *profile_load(const char *name, struct stop stop, struct err *err)
{
    struct profile *profile;

    name = name ? name : chosen();
    profile = profile_new(name ? name : "default", err);
    if (!profile)
        return NULL;
    if (read_files(profile, stop, err) == 0) {
        if (profile->found || !name || strcmp(name, "default") == 0)
            return profile;
        (void)err_set(err, ERR_NOT_FOUND,
                      "there is no profile '%s' in AWS's configuration files", name);
    }
    profile_free(profile);
    return NULL;
}
