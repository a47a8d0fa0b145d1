/* SPDX-License-Identifier: MIT */
#include "api/kind.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <string.h>

#define FILTER_MAX 1000

static const char all[] = "all"; /* every type, known or not */

/* clang-format off */
const struct kind kinds[] = {
    { "recording",                     "recordings",  "webm" },
    { "session_replay",                "recordings",  "mp4"  },
    { "audio",                         "recordings",  "webm" },
    { "screenshot_pre_submit",         "screenshots", "png"  },
    { "screenshot",                    "screenshots", "png"  },
    { "screenshot_action",             "screenshots", "png"  },
    { "screenshot_final",              "screenshots", "png"  },
    { "screenshot_llm",                "screenshots", "png"  },
    { "screenshot_proxy",              "screenshots", "png"  },
    { "html_pre_submit",               "html",        "html" },
    { "html",                          "html",        "html" },
    { "html_scrape",                   "html",        "html" },
    { "html_action",                   "html",        "html" },
    { "har",                           "network",     "har"  },
    { "trace",                         "trace",       "zip"  },
    { "pdf",                           "files",       "pdf"  },
    { "script_file",                   "files",       NULL   },
    { "download",                      "files",       NULL   },
    { "browser_console_log",           "logs",        "log"  },
    { "browser_session_action_log",    "logs",        "log"  },
    { "skyvern_log",                   "logs",        "log"  },
    { "skyvern_log_raw",               "logs",        "json" },
    { "llm_prompt",                    "llm",         "txt"  },
    { "llm_request",                   "llm",         "json" },
    { "llm_response",                  "llm",         "json" },
    { "llm_response_parsed",           "llm",         "json" },
    { "llm_response_rendered",         "llm",         "json" },
    { "visible_elements_tree",         "dom",         "json" },
    { "visible_elements_tree_trimmed", "dom",         "json" },
    { "visible_elements_tree_in_prompt", "dom",       "txt"  },
    { "visible_elements_id_css_map",   "dom",         "json" },
    { "visible_elements_id_frame_map", "dom",         "json" },
    { "visible_elements_id_xpath_map", "dom",         "json" },
    { "hashed_href_map",               "dom",         "json" },
    { "step_archive",                  "bundles",     "zip"  },
    { "task_archive",                  "bundles",     "zip"  },
    { "eval_score",                    "evals",       "json" },
    { "eval_trajectory",               "evals",       "json" },
    { "eval_rubrics",                  "evals",       "json" },
    { "unknown",                       "unknown",     NULL   },
    { NULL, NULL, NULL },
};
/* clang-format on */

const struct kind *kind_find(const char *type)
{
    const struct kind *kind;

    for (kind = kinds; type && kind->type; kind++) {
        if (strcmp(kind->type, type) == 0)
            return kind;
    }
    return NULL;
}

bool kind_is_bundle(const struct kind *kind)
{
    return kind && strcmp(kind->group, "bundles") == 0;
}

static bool listed(char *const *names, size_t count, const char *name)
{
    size_t i;

    for (i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

/* Add a type to a list, once. */
static int add(char ***names, size_t *count, const char *type, struct err *err)
{
    char **grown;

    if (listed(*names, *count, type))
        return 0;
    if (*count >= FILTER_MAX)
        return err_set(err, ERR_USAGE, "more than %d types", FILTER_MAX);
    grown = mem_resize(*names, *count + 1, sizeof(**names), err);
    if (!grown)
        return -1;
    *names = grown;
    grown[*count] = mem_copy(type, err);
    if (!grown[*count])
        return -1;
    (*count)++;
    return 0;
}

static void clear_names(char ***names, size_t *count)
{
    while (*count)
        mem_free((*names)[--*count]);
    mem_free(*names);
    *names = NULL;
}

/* Add all types: excluded ones are recorded as such, wanted ones need no condition. */
static int add_all(struct kind_filter *filter, bool unwanted, struct err *err)
{
    if (unwanted)
        return add(&filter->unwanted, &filter->unwanted_count, all, err);
    clear_names(&filter->wanted, &filter->wanted_count);
    filter->unknown = false;
    filter->all = true;
    return 0;
}

static int add_name(struct kind_filter *filter, const char *name, bool unwanted,
                    const char **unknown_name, struct err *err)
{
    char ***names = unwanted ? &filter->unwanted : &filter->wanted;
    size_t *count = unwanted ? &filter->unwanted_count : &filter->wanted_count;
    bool wanted_already = !unwanted && filter->all;
    bool found = false;
    const struct kind *kind;
    size_t i;

    if (strcmp(name, all) == 0)
        return add_all(filter, unwanted, err);
    for (kind = kinds; kind->type; kind++) {
        if (strcmp(kind->group, name) != 0 && strcmp(kind->type, name) != 0)
            continue;
        found = true;
        if (!wanted_already && add(names, count, kind->type, err) < 0)
            return -1;
    }
    if (found)
        return 0;
    if ((!wanted_already && add(names, count, name, err) < 0) ||
        add(&filter->unknown_types, &filter->unknown_count, name, err) < 0)
        return -1;
    filter->unknown = filter->unknown || (!unwanted && !wanted_already);
    for (i = 0; unknown_name && !*unknown_name; i++) {
        if (strcmp(filter->unknown_types[i], name) == 0)
            *unknown_name = filter->unknown_types[i];
    }
    return 0;
}

int kind_filter_add(struct kind_filter *filter, const char *list, bool unwanted,
                    const char **unknown_name, struct err *err)
{
    char name[128];

    if (unknown_name)
        *unknown_name = NULL;
    while (*list) {
        size_t len = strcspn(list, ",");
        size_t used = 0;
        size_t i;

        for (i = 0; i < len; i++) {
            if (isspace((unsigned char)list[i]))
                continue;
            if (used + 1 >= sizeof(name) ||
                (!isalnum((unsigned char)list[i]) && list[i] != '_' && list[i] != '-'))
                return err_set(err, ERR_USAGE, "invalid artifact type '%.*s'", (int)len, list);
            name[used++] = list[i] == '-' ? '_' : (char)tolower((unsigned char)list[i]);
        }
        name[used] = '\0';
        if (used && add_name(filter, name, unwanted, unknown_name, err) < 0)
            return -1;
        list += len;
        if (*list == ',')
            list++;
    }
    return 0;
}

bool kind_filter_narrows(const struct kind_filter *filter)
{
    return filter->wanted_count || filter->unwanted_count;
}

bool kind_filter_match(const struct kind_filter *filter, const char *type)
{
    if (!type || !*type) /* nobody knows: it may be what is asked for */
        return !listed(filter->unwanted, filter->unwanted_count, all);
    if (listed(filter->unwanted, filter->unwanted_count, type) ||
        listed(filter->unwanted, filter->unwanted_count, all))
        return false;
    return !filter->wanted_count || listed(filter->wanted, filter->wanted_count, type);
}

const char *kind_nearest(const char *name)
{
    struct text_nearest nearest = text_nearest(name);
    const struct kind *kind;

    for (kind = kinds; kind->type; kind++) {
        text_nearer(&nearest, kind->type);
        text_nearer(&nearest, kind->group);
    }
    return nearest.best;
}

void kind_filter_clear(struct kind_filter *filter)
{
    clear_names(&filter->wanted, &filter->wanted_count);
    clear_names(&filter->unwanted, &filter->unwanted_count);
    clear_names(&filter->unknown_types, &filter->unknown_count);
    *filter = (struct kind_filter){ 0 };
}
