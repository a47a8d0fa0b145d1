/* SPDX-License-Identifier: MIT */
#include "mask/rules.h"

#include "base/json.h"

#include <string.h>

#define MASK_HEAD "[redacted:"
#define HEAD_LEN  (sizeof(MASK_HEAD) - 1)

static const char *const known_names[RULE_OWN] = {
    [RULE_COOKIES] = "cookies",     [RULE_HEADERS] = "headers",
    [RULE_FIELDS] = "fields",       [RULE_URLS] = "urls",
    [RULE_EMAILS] = "emails",       [RULE_CARDS] = "cards",
    [RULE_TOKENS] = "tokens",       [RULE_TYPED] = "typed",
    [RULE_DIGESTS] = "digests",     [RULE_UNMASKABLE] = "unmaskable",
    [RULE_TOO_LARGE] = "too-large", [RULE_LEFTOVER] = "leftover",
};

struct rules *rules_default(struct err *err)
{
    struct rules *rules = mem_new(sizeof(*rules), err);
    unsigned i;

    if (!rules)
        return NULL;
    rules->region = region_new(err);
    if (!rules->region) {
        rules_free(rules);
        return NULL;
    }
    for (i = 0; i < RULE_OWN; i++) {
        rules->names[i] = known_names[i];
        rules->on[i] = true;
    }
    rules->count = RULE_OWN;
    return rules;
}

void rules_free(struct rules *rules)
{
    size_t i;

    if (!rules)
        return;
    for (i = 0; i < rules->pattern_count; i++)
        regex_free(rules->patterns[i].regex);
    region_free(rules->region);
    mem_free(rules);
}

/* Refuse members that are not among these names, and repeated ones. */
static int check_members(struct json_value object, const char *const *names, const char *where,
                         struct err *err)
{
    struct json_value v = { 0 };
    unsigned seen = 0;

    if (json_type(object) != JSON_OBJECT)
        return err_set(err, ERR_USAGE, "%s: expected an object", where);
    while ((v = json_next(object, v)).doc) {
        size_t len;
        const char *raw = json_raw(json_key(v), &len);
        unsigned i = 0;

        while (names[i] && !json_is(json_key(v), names[i]))
            i++;
        if (!names[i])
            return err_set(err, ERR_USAGE, "%s: unknown member '%.*s'", where,
                           (int)(len < 60 ? len : 60), raw);
        if (seen >> i & 1)
            return err_set(err, ERR_USAGE, "%s: two members '%s'", where, names[i]);
        seen |= 1U << i;
    }
    return 0;
}

static int read_text(struct rules *rules, struct json_value v, const char *where,
                     const char **out, struct err *err)
{
    char *text = NULL;

    if (json_string(v, rules->region, &text, err) < 0)
        return -1;
    if (!text || !*text)
        return err_set(err, ERR_USAGE, "%s: expected a text that is not empty", where);
    *out = text;
    return 0;
}

static int read_list(struct rules *rules, struct json_value list, const char *where,
                     struct rules_list *out, struct err *err)
{
    struct json_value v = { 0 };

    if (json_type(list) == JSON_ABSENT)
        return 0;
    if (json_type(list) != JSON_ARRAY || !json_count(list))
        return err_set(err, ERR_USAGE, "%s: expected an array that is not empty", where);
    while ((v = json_next(list, v)).doc) {
        if (out->count == RULES_LIST_MAX)
            return err_set(err, ERR_USAGE, "%s: more than %d texts", where, RULES_LIST_MAX);
        if (read_text(rules, v, where, &out->at[out->count], err) < 0)
            return -1;
        out->count++;
    }
    return 0;
}

/* The rule with a name; rules->count if there is none. */
static unsigned find_rule(const struct rules *rules, const char *name)
{
    unsigned i = 0;

    while (i < rules->count && strcmp(rules->names[i], name) != 0)
        i++;
    return i;
}

/* Add a rule of the file, by its member "name"; rules of several members may share a name. */
static int add_rule(struct rules *rules, struct json_value object, const char *where,
                    unsigned *rule, struct err *err)
{
    const char *name;

    if (read_text(rules, json_get(object, "name"), where, &name, err) < 0)
        return err_wrap(err, "the name of a rule");
    if (strlen(name) > RULES_NAME_MAX ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != strlen(name))
        return err_set(err, ERR_USAGE,
                       "%s: the name '%.60s' is not of up to %d small letters, digits, - and _",
                       where, name, RULES_NAME_MAX);
    *rule = find_rule(rules, name);
    if (*rule < RULE_OWN)
        return err_set(err, ERR_USAGE, "%s: '%s' is the name of a default rule", where, name);
    if (*rule < rules->count)
        return 0;
    if (rules->count == RULES_MAX)
        return err_set(err, ERR_USAGE, "more than %d rules", RULES_MAX - RULE_OWN);
    rules->names[rules->count] = name;
    rules->on[rules->count] = true;
    rules->count++;
    return 0;
}

static int add_remove(struct rules *rules, struct json_value v, struct err *err)
{
    static const char *const names[] = { "name", "types", "names", "steps", NULL };
    struct rules_remove *remove = region_take(rules->region, sizeof(*remove), err);

    if (!remove)
        return -1;
    *remove = (struct rules_remove){ 0 };
    if (check_members(v, names, "remove", err) < 0 ||
        add_rule(rules, v, "remove", &remove->rule, err) < 0 ||
        read_list(rules, json_get(v, "types"), "remove: types", &remove->types, err) < 0 ||
        read_list(rules, json_get(v, "names"), "remove: names", &remove->names, err) < 0 ||
        read_list(rules, json_get(v, "steps"), "remove: steps", &remove->steps, err) < 0)
        return -1;
    if (!remove->types.count && !remove->names.count && !remove->steps.count)
        return err_set(err, ERR_USAGE, "remove: the rule '%s' names no types, names or steps",
                       rules->names[remove->rule]);
    rules->removes[rules->remove_count++] = remove;
    return 0;
}

static int add_path(struct rules *rules, struct json_value v, struct err *err)
{
    static const char *const names[] = { "name", "path", "types", NULL };
    struct rules_path *path = region_take(rules->region, sizeof(*path), err);
    const char *text;

    if (!path)
        return -1;
    *path = (struct rules_path){ 0 };
    if (check_members(v, names, "paths", err) < 0 ||
        add_rule(rules, v, "paths", &path->rule, err) < 0 ||
        read_text(rules, json_get(v, "path"), "paths: path", &text, err) < 0 ||
        read_list(rules, json_get(v, "types"), "paths: types", &path->types, err) < 0)
        return -1;
    rules->paths[rules->path_count++] = path;
    return json_path_parse(&path->path, text, rules->region, err);
}

static int add_expression(struct rules *rules, struct json_value v, const char *member,
                          bool literal, struct err *err)
{
    const char *const names[] = { "name", member, NULL };
    struct rules_pattern *pattern = &rules->patterns[rules->pattern_count];
    const char *where = literal ? "words" : "patterns";
    const char *text;

    if (check_members(v, names, where, err) < 0 ||
        add_rule(rules, v, where, &pattern->rule, err) < 0 ||
        read_text(rules, json_get(v, member), member, &text, err) < 0)
        return -1;
    pattern->regex = regex_new(text, literal, err);
    if (!pattern->regex)
        return err_wrap(err, "the rule '%s'", rules->names[pattern->rule]);
    rules->pattern_count++;
    return 0;
}

static int add_pattern(struct rules *rules, struct json_value v, struct err *err)
{
    return add_expression(rules, v, "regex", false, err);
}

static int add_word(struct rules *rules, struct json_value v, struct err *err)
{
    return add_expression(rules, v, "text", true, err);
}

typedef int add_fn(struct rules *rules, struct json_value v, struct err *err);

/* Add the members of an array; have: the number of such rules so far. */
static int add_all(struct rules *rules, struct json_value root, const char *name, add_fn *add,
                   const size_t *have, struct err *err)
{
    struct json_value list = json_get(root, name);
    struct json_value v = { 0 };

    if (json_type(list) != JSON_ARRAY && json_type(list) != JSON_ABSENT)
        return err_set(err, ERR_USAGE, "%s: expected an array", name);
    while ((v = json_next(list, v)).doc) {
        if (*have == RULES_MAX)
            return err_set(err, ERR_USAGE, "%s: more than %d rules", name, RULES_MAX);
        if (add(rules, v, err) < 0)
            return -1;
    }
    return 0;
}

/* Turn the default rules on or off. */
static int read_base(struct rules *rules, struct json_value root, struct err *err)
{
    struct json_value base = json_get(root, "base");
    struct rules_list off = { .count = 0 };
    unsigned i;

    if (json_type(base) != JSON_ABSENT && !json_is(base, "default") && !json_is(base, "none"))
        return err_set(err, ERR_USAGE, "base: expected \"default\" or \"none\"");
    for (i = 0; json_is(base, "none") && i < RULE_UNMASKABLE; i++)
        rules->on[i] = false;
    if (read_list(rules, json_get(root, "off"), "off", &off, err) < 0)
        return -1;
    for (i = 0; i < off.count; i++) {
        unsigned rule = find_rule(rules, off.at[i]);

        if (rule >= RULE_UNMASKABLE)
            return err_set(err, ERR_USAGE, "off: '%.60s' is not a default rule that masks",
                           off.at[i]);
        rules->on[rule] = false;
    }
    return 0;
}

static int read_rules(struct rules *rules, struct json_value root, struct err *err)
{
    static const char *const names[] = { "skyarc_rules", "base",     "off",   "keep", "remove",
                                         "paths",        "patterns", "words", NULL };
    uint64_t version;

    if (check_members(root, names, "the rules", err) < 0)
        return -1;
    if (!json_u64(json_get(root, "skyarc_rules"), &version) || version != 1)
        return err_set(err, ERR_USAGE, "expected \"skyarc_rules\": 1");
    if (read_base(rules, root, err) < 0 ||
        read_list(rules, json_get(root, "keep"), "keep", &rules->keep, err) < 0 ||
        add_all(rules, root, "remove", add_remove, &rules->remove_count, err) < 0 ||
        add_all(rules, root, "paths", add_path, &rules->path_count, err) < 0 ||
        add_all(rules, root, "patterns", add_pattern, &rules->pattern_count, err) < 0)
        return -1;
    return add_all(rules, root, "words", add_word, &rules->pattern_count, err);
}

struct rules *rules_parse(const char *text, size_t len, struct err *err)
{
    struct json *doc = json_parse(text, len, err);
    struct rules *rules = doc ? rules_default(err) : NULL;

    if (!doc && err && err->kind == ERR_FORMAT)
        err->kind = ERR_USAGE;
    if (rules && read_rules(rules, json_root(doc), err) < 0) {
        rules_free(rules);
        rules = NULL;
    }
    json_free(doc);
    return rules;
}

/* The length of a mask at the beginning of a text; 0: there is none. */
static size_t mask_len(const struct rules *rules, const char *text, size_t len)
{
    const char *end;
    size_t name;
    unsigned i;

    if (len < HEAD_LEN || memcmp(text, MASK_HEAD, HEAD_LEN) != 0)
        return 0;
    end = memchr(text + HEAD_LEN, ']',
                 len - HEAD_LEN < RULES_NAME_MAX + 1 ? len - HEAD_LEN : RULES_NAME_MAX + 1);
    if (!end)
        return 0;
    name = (size_t)(end - text) - HEAD_LEN;
    for (i = 0; i < rules->count; i++) {
        if (strlen(rules->names[i]) == name &&
            memcmp(rules->names[i], text + HEAD_LEN, name) == 0)
            return HEAD_LEN + name + 1;
    }
    return 0;
}

bool rules_mask_at(const struct rules *rules, const char *text, size_t len, size_t at,
                   size_t *from, size_t *to)
{
    size_t most = HEAD_LEN + RULES_NAME_MAX;
    size_t i = at;

    for (;; i--) {
        size_t mask = text[i] == '[' ? mask_len(rules, text + i, len - i) : 0;

        if (mask && i + mask > at) {
            *from = i;
            *to = i + mask;
            return true;
        }
        if (i == 0 || at - i == most)
            return false;
    }
}

int rules_put_mask(const struct rules *rules, unsigned rule, struct buf *out, struct err *err)
{
    return buf_addf(out, err, MASK_HEAD "%s]", rules->names[rule]);
}
