/* SPDX-License-Identifier: MIT */
#include "cli/opt.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTS_MAX  100
/* milliseconds whose value in microseconds fits in int64_t */
#define AGO_MAX   ((uint64_t)INT64_MAX / 2000)
#define LIST_MAX  100000
#define LONG_BASE 1000 /* getopt_long's value for option i is LONG_BASE + i */

/* Drop the values of an earlier source. */
static void begin(const struct opt *opt, struct opt_list *list, enum opt_source source)
{
    if (source != list->source && opt->type == OPT_LIST)
        list->count = 0;
    while (source != list->source && list->count)
        mem_free((char *)(uintptr_t)list->at[--list->count]);
    list->source = source;
}

static int add(struct opt_list *list, const char *value, struct err *err)
{
    const char **grown;

    if (list->count >= LIST_MAX)
        return err_set(err, ERR_USAGE, "option given more than %d times", LIST_MAX);
    grown = mem_resize(list->at, list->count + 1, sizeof(*grown), err);
    if (!grown)
        return -1;
    list->at = grown;
    grown[list->count++] = value;
    return 0;
}

/* Add copies of the words between commas; a value without words is one empty word. */
static int add_words(struct opt_list *list, const char *value, struct err *err)
{
    size_t before = list->count;
    const char *at = value;

    while (*at || list->count == before) {
        size_t len;
        char *word;

        at += strspn(at, ",");
        len = strcspn(at, ",");
        if (!len && list->count > before)
            break;
        word = mem_format(err, "%.*s", (int)len, at);
        if (!word)
            return -1;
        if (add(list, word, err) < 0) {
            mem_free(word);
            return -1;
        }
        at += len;
    }
    return 0;
}

static int choose(const struct opt *opt, unsigned *out, const char *value, struct err *err)
{
    char all[200] = "";
    unsigned i;

    for (i = 0; opt->choices[i]; i++) {
        if (strcmp(opt->choices[i], value) == 0) {
            *out = i;
            return 0;
        }
        (void)snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? ", " : "",
                       opt->choices[i]);
    }
    return err_set(err, ERR_USAGE, "expected one of %s", all);
}

static int flag(bool *out, const char *value, struct err *err)
{
    static const char *const yes[] = { "1", "true", "yes", "on" };
    static const char *const no[] = { "0", "false", "no", "off", "" };
    size_t i;

    for (i = 0; value && i < sizeof(no) / sizeof(*no); i++) {
        if (strcmp(value, no[i]) == 0) {
            *out = false;
            return 0;
        }
    }
    for (i = 0; value && i < sizeof(yes) / sizeof(*yes); i++) {
        if (strcmp(value, yes[i]) == 0)
            value = NULL;
        if (!value)
            break;
    }
    *out = true;
    return value ? err_set(err, ERR_USAGE, "expected yes or no") : 0;
}

static int number(const struct opt *opt, uint64_t *out, const char *value, struct err *err)
{
    uint64_t n;

    if (text_u64(value, opt->max ? opt->max : UINT64_MAX, &n, err) < 0)
        return -1;
    if (n < opt->min)
        return err_set(err, ERR_USAGE, "expected at least %llu", (unsigned long long)opt->min);
    *out = n;
    return 0;
}

static int bytes(const struct opt *opt, uint64_t *out, const char *value, struct err *err)
{
    char least[TEXT_SIZE_MAX];
    char most[TEXT_SIZE_MAX];
    uint64_t n;

    if (text_parse_size(value, &n, err) < 0)
        return -1;
    if (opt->max && (n < opt->min || n > opt->max))
        return err_set(err, ERR_USAGE, "expected %s to %s", text_size(least, opt->min),
                       text_size(most, opt->max));
    *out = n;
    return 0;
}

int opt_when(int64_t *out, const char *value, struct err *err)
{
    uint64_t ago;

    *out = clock_us(value);
    if (*out != CLOCK_NONE)
        return 0;
    if (strchr("smhdw", value[strlen(value) - (*value != '\0')]) == NULL || !*value ||
        text_parse_duration(value, &ago, err) < 0 || ago > AGO_MAX)
        return err_set(err, ERR_USAGE,
                       "expected a date (2026-01-31), a time (2026-01-31T12:00Z) or "
                       "an age (7d, 12h)");
    *out = (clock_wall() - (int64_t)ago) * 1000;
    return 0;
}

static int mode(unsigned *out, const char *value, struct err *err)
{
    size_t digits = strspn(value, "01234567");
    unsigned long bits = digits && digits <= 4 && !value[digits] ? strtoul(value, NULL, 8) : 0;

    if (bits > 0777 || (bits & 0600) != 0600)
        return err_set(err, ERR_USAGE,
                       "expected octal permissions that let the owner read and "
                       "write, such as 0640");
    *out = (unsigned)bits;
    return 0;
}

/* Each time that the option is given counts; a value is a number of times, or yes or no. */
static int count(unsigned *out, const char *value, struct err *err)
{
    bool given = false;

    if (value && value[0] >= '0' && value[0] <= '9' && !value[1]) {
        *out = (unsigned)(value[0] - '0');
        return 0;
    }
    if (flag(&given, value, err) < 0)
        return err_set(err, ERR_USAGE, "expected yes, no or a number up to 9");
    *out = given ? *out + 1 : 0;
    return 0;
}

/* Convert value (NULL for a flag without one) to the option's type and store it at place. */
static int store(const struct opt *opt, void *place, const char *value, enum opt_source source,
                 struct err *err)
{
    switch (opt->type) {
    case OPT_FLAG:
        return flag(place, value, err);
    case OPT_COUNT:
        return count(place, value, err);
    case OPT_TEXT:
        *(const char **)place = value;
        return 0;
    case OPT_LIST:
        begin(opt, place, source);
        return add(place, value, err);
    case OPT_WORDS:
        begin(opt, place, source);
        return add_words(place, value, err);
    case OPT_NUMBER:
        return number(opt, place, value, err);
    case OPT_SIZE:
        return bytes(opt, place, value, err);
    case OPT_DURATION:
        return text_parse_duration(value, place, err);
    case OPT_WHEN:
        return opt_when(place, value, err);
    case OPT_MODE:
        return mode(place, value, err);
    case OPT_CHOICE:
        return choose(opt, place, value, err);
    }
    return 0;
}

static int set(const struct opt *opt, size_t base, void *args, const char *value,
               enum opt_source source, const char *how, struct err *err)
{
    struct err why;
    char shown[80];

    err_clear(&why);
    (void)text_shown(shown, sizeof(shown), value ? value : "");
    if (store(opt, (char *)args + base + opt->at, value, source, &why) == 0)
        return 0;
    return err_set(err, ERR_USAGE, "%s%s '%s': %s", how, opt->name, shown, why.text);
}

bool opt_set(const struct opt_group *groups, void *args, const char *name, const char *value,
             enum opt_source source, struct err *err)
{
    const struct opt *opt;

    for (; groups->title; groups++) {
        for (opt = groups->opts; opt->name; opt++) {
            if (strcmp(opt->name, name) != 0)
                continue;
            (void)set(opt, groups->base, args, value, source, "", err); /* err is set */
            return true;
        }
    }
    return false;
}

const struct opt *opt_find(const struct opt_group *groups, const char *name)
{
    const struct opt *opt;

    for (; groups->title; groups++) {
        for (opt = groups->opts; opt->name; opt++) {
            if (strcmp(opt->name, name) == 0)
                return opt;
        }
    }
    return NULL;
}

bool opt_known(const struct opt_group *groups, const char *name)
{
    return opt_find(groups, name) != NULL;
}

/* The option of a letter, NULL if there is none. */
static const struct opt *find_letter(const struct opt_group *groups, char letter)
{
    const struct opt *opt;

    for (; groups->title; groups++) {
        for (opt = groups->opts; opt->name; opt++) {
            if (opt->letter && opt->letter == letter)
                return opt;
        }
    }
    return NULL;
}

int opt_words(const struct opt_group *groups, const char *word)
{
    char name[OPT_VARIABLE_MAX];
    const struct opt *opt = NULL;

    if (strncmp(word, "--", 2) == 0) {
        (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
        opt = opt_find(groups, name);
        return !opt ? 0 : opt->arg && !strchr(word, '=') ? 2 : 1;
    }
    while (*word && *++word && (opt = find_letter(groups, *word)) && !opt->arg) {
    }
    return !opt ? 0 : opt->arg && !word[1] ? 2 : 1;
}

const char *opt_variable(char out[OPT_VARIABLE_MAX], const char *name)
{
    size_t i;

    (void)snprintf(out, OPT_VARIABLE_MAX, "SKYARC_%s", name);
    for (i = 7; out[i]; i++)
        out[i] = out[i] == '-' ? '_' : (char)toupper((unsigned char)out[i]);
    return out;
}

int opt_environment(const struct opt_group *groups, void *args, struct err *err)
{
    const struct opt *opt;

    for (; groups->title; groups++) {
        for (opt = groups->opts; opt->name; opt++) {
            char name[OPT_VARIABLE_MAX];
            const char *value;

            if (opt->config_only)
                continue;
            value = getenv(opt_variable(name, opt->name));
            if (!value && opt->env)
                value = getenv(opt->env);
            if (value && *value &&
                set(opt, groups->base, args, value, OPT_ENVIRONMENT, "environment, ", err) < 0)
                return -1;
        }
    }
    return 0;
}

/* The options in the form that getopt_long takes. */
struct forms {
    struct option longs[OPTS_MAX + 1];
    char shorts[3 * OPTS_MAX + 3];
    const struct opt *opts[OPTS_MAX];
    size_t bases[OPTS_MAX];
    int count;
};

static void make_forms(const struct opt_group *groups, struct forms *forms)
{
    const struct opt *opt;
    size_t used = 0;

    memset(forms, 0, sizeof(*forms));
    forms->shorts[used++] = ':'; /* tell a missing argument from an unknown option */
    for (; groups->title; groups++) {
        for (opt = groups->opts; opt->name && forms->count < OPTS_MAX; opt++) {
            int i = forms->count;

            forms->longs[i] =
                (struct option){ opt->name, opt->arg ? required_argument : no_argument, NULL,
                                 LONG_BASE + i };
            forms->opts[i] = opt;
            forms->bases[i] = groups->base;
            if (opt->letter) {
                forms->shorts[used++] = opt->letter;
                if (opt->arg)
                    forms->shorts[used++] = ':';
            }
            forms->count++;
        }
    }
}

/* The index of the option that getopt_long returned; -1: none. */
static int index_of(const struct forms *forms, int got)
{
    int i;

    if (got >= LONG_BASE)
        return got - LONG_BASE;
    for (i = 0; i < forms->count; i++) {
        if (forms->opts[i]->letter && forms->opts[i]->letter == got)
            return i;
    }
    return -1;
}

/* Report an unknown option, and suggest the nearest one. */
static int unknown(const struct forms *forms, const char *word, struct err *err)
{
    char shown[100];
    char name[64];
    struct text_nearest nearest;
    const char *whole = NULL; /* of an ambiguous abbreviation */
    int i;

    (void)text_shown(shown, sizeof(shown), word);
    if (strncmp(word, "--", 2) != 0) {
        shown[0] = '-';
        (void)snprintf(shown + 1, sizeof(shown) - 1, "%c", optopt);
        return err_set(err, ERR_USAGE, "unknown option '%s'", shown);
    }
    (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
    nearest = text_nearest(name);
    for (i = 0; i < forms->count; i++) {
        if (forms->opts[i]->config_only)
            continue;
        text_nearer(&nearest, forms->opts[i]->name);
        if (!whole && strlen(name) >= 2 &&
            strncmp(name, forms->opts[i]->name, strlen(name)) == 0)
            whole = forms->opts[i]->name;
    }
    (void)err_set(err, ERR_USAGE, "unknown option '%.*s'", (int)strcspn(shown, "="), shown);
    whole = whole ? whole : nearest.best;
    return whole ? err_hint(err, "did you mean '--%s'?", whole) : -1;
}

/*
 * Refuse an option of the configuration file. It is among the forms, so that its name is not
 * taken as an abbreviation of another: its value would be used, and shown, as something else.
 */
static int refuse(const struct opt *opt, struct err *err)
{
    (void)err_set(err, ERR_USAGE, "--%s may stand in the configuration file only", opt->name);
    return err_hint(err, "arguments of a command can be read by other users");
}

int opt_parse(const struct opt_group *groups, void *args, int argc, char **argv, int *operands,
              struct err *err)
{
    struct forms forms;
    int got;

    make_forms(groups, &forms);
    opterr = 0;
    optind = 0; /* restart getopt_long, also after an earlier parse */
    while ((got = getopt_long(argc, argv, forms.shorts, forms.longs, NULL)) != -1) {
        int i = index_of(&forms, got);

        if (got == ':' || got == '?' || i < 0) {
            const char *word = argv[optind - 1];
            int which = index_of(&forms, optopt);

            if (which >= 0 && forms.opts[which]->config_only)
                return refuse(forms.opts[which], err);
            if (got == ':' && which >= 0)
                return err_set(err, ERR_USAGE, "--%s needs an argument: %s",
                               forms.opts[which]->name, forms.opts[which]->arg);
            if (got == '?' && optopt >= LONG_BASE && which >= 0)
                return err_set(err, ERR_USAGE, "--%s takes no argument",
                               forms.opts[which]->name);
            return unknown(&forms, word, err);
        }
        if (forms.opts[i]->config_only)
            return refuse(forms.opts[i], err);
        if (set(forms.opts[i], forms.bases[i], args, optarg, OPT_COMMAND_LINE, "--", err) < 0)
            return -1;
    }
    *operands = optind;
    return 0;
}

void opt_clear(const struct opt_group *groups, void *args)
{
    const struct opt *opt;

    for (; groups->title; groups++) {
        for (opt = groups->opts; opt->name; opt++) {
            struct opt_list *list = (void *)((char *)args + groups->base + opt->at);

            if (opt->type != OPT_LIST && opt->type != OPT_WORDS)
                continue;
            while (opt->type == OPT_WORDS && list->count)
                mem_free((char *)(uintptr_t)list->at[--list->count]);
            mem_free(list->at);
            *list = (struct opt_list){ 0 };
        }
    }
}
