/* SPDX-License-Identifier: MIT */
#include "mask/typed.h"

#include "base/hashmap.h"
#include "base/mem.h"

#include <string.h>

struct typed_text {
    const char *id;
    const char *text;
};

struct typed {
    struct region *region;
    struct hashmap *ids;
    size_t id_count;
    struct typed_text *texts;
    size_t count;
    size_t cap;
};

static const char *const id_names[] = { "element_id", "skyvern_element_id", "unique_id", "id",
                                        NULL };
static const char *const text_names[] = { "text", "input_text", "value", NULL };

struct typed *typed_new(struct err *err)
{
    struct typed *typed = mem_new(sizeof(*typed), err);

    if (!typed)
        return NULL;
    typed->region = region_new(err);
    typed->ids = hashmap_new(err);
    if (!typed->region || !typed->ids) {
        typed_free(typed);
        return NULL;
    }
    return typed;
}

void typed_free(struct typed *typed)
{
    if (!typed)
        return;
    mem_free(typed->texts);
    hashmap_free(typed->ids);
    region_free(typed->region);
    mem_free(typed);
}

int typed_add_id(struct typed *typed, const char *id, size_t len, struct err *err)
{
    if (!len || len > TYPED_ID_MAX || hashmap_get(typed->ids, id, len))
        return 0;
    if (typed->id_count == TYPED_MAX)
        return err_set(err, ERR_LIMIT, "more than %zu password fields", TYPED_MAX);
    typed->id_count++;
    return hashmap_add(typed->ids, id, len, typed, err);
}

/* The raw text of the first member with one of these names that is a string. */
static const char *find_string(struct json_value object, const char *const *names, size_t *len)
{
    for (; *names; names++) {
        struct json_value v = json_get(object, *names);

        if (json_type(v) == JSON_STRING)
            return json_raw(v, len);
    }
    *len = 0;
    return NULL;
}

static bool is_password(struct json_value attributes)
{
    return json_is(json_get(attributes, "type"), "password");
}

/* Whether an object describes a password field, or an action with its element. */
static bool describes(struct json_value object)
{
    struct json_value element = json_get(object, "skyvern_element_data");

    return is_password(object) || is_password(json_get(object, "attributes")) ||
           is_password(json_get(element, "attributes")) || is_password(element);
}

/* Whether an object is an action on an element. */
static bool is_action(struct json_value object)
{
    return json_type(json_get(object, "action_type")) == JSON_STRING ||
           json_type(json_get(object, "element_id")) == JSON_STRING ||
           json_type(json_get(object, "skyvern_element_id")) == JSON_STRING;
}

static int add_text(struct typed *typed, struct json_value text, const char *id, size_t len,
                    struct err *err)
{
    struct typed_text is = { .id = NULL };
    char *plain = NULL;

    if (json_string(text, typed->region, &plain, err) < 0)
        return -1;
    if (!plain || !*plain)
        return 0;
    if (mem_room(&typed->texts, &typed->cap, typed->count, sizeof(is), TYPED_MAX, err) < 0)
        return -1;
    is.text = plain;
    is.id = region_copy(typed->region, id, len, err);
    if (!is.id)
        return -1;
    typed->texts[typed->count++] = is;
    return 0;
}

int typed_see(struct typed *typed, struct json_value object, struct err *err)
{
    size_t len;
    const char *id = find_string(object, id_names, &len);
    size_t i;

    if (!id || !len || len > TYPED_ID_MAX)
        return 0;
    if (describes(object) && typed_add_id(typed, id, len, err) < 0)
        return -1;
    for (i = 0; text_names[i] && is_action(object); i++) {
        struct json_value text = json_get(object, text_names[i]);

        if (json_type(text) == JSON_STRING && add_text(typed, text, id, len, err) < 0)
            return -1;
    }
    return 0;
}

bool typed_has(const struct typed *typed, struct json_value object)
{
    size_t len;
    const char *id = find_string(object, id_names, &len);

    return describes(object) ||
           (id && len && is_action(object) && hashmap_get(typed->ids, id, len));
}

bool typed_is_text(struct json_value key)
{
    size_t i = 0;

    while (text_names[i] && !json_is(key, text_names[i]))
        i++;
    return text_names[i] != NULL;
}

int typed_secrets(const struct typed *typed, typed_fn *fn, void *ctx, struct err *err)
{
    size_t i;

    for (i = 0; i < typed->count; i++) {
        const struct typed_text *is = &typed->texts[i];

        if (hashmap_get(typed->ids, is->id, strlen(is->id)) &&
            fn(ctx, is->text, strlen(is->text), err) < 0)
            return -1;
    }
    return 0;
}
