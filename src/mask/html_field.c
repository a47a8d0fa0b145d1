/* SPDX-License-Identifier: MIT */
#include "mask/html_field.h"

#include "redact/secret_names.h"

#include <string.h>
#include <strings.h>

struct attribute {
    struct html_part name;
    struct html_part value;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool part_is(const char *text, struct html_part part, const char *word)
{
    return part.to - part.from == strlen(word) &&
           strncasecmp(text + part.from, word, part.to - part.from) == 0;
}

bool html_field_is_secret(const char *name, size_t len)
{
    static const char word[] = "password";
    size_t i;

    if (secret_name_of(name, len) & (IN_MEMBER | IN_TEXT))
        return true;
    for (i = 0; i + sizeof(word) - 1 <= len; i++) {
        if (strncasecmp(name + i, word, sizeof(word) - 1) == 0)
            return true;
    }
    return (len == 6 && strncasecmp(name, "cc-csc", 6) == 0) ||
           (len == 9 && strncasecmp(name, "cc-number", 9) == 0) ||
           (len == 13 && strncasecmp(name, "one-time-code", 13) == 0);
}

/* Read a value from at on; returns where reading goes on. */
static size_t read_value(const char *text, size_t end, size_t at, struct html_part *value)
{
    char quote;

    while (at < end && is_space(text[at]))
        at++;
    if (at == end)
        return at;
    quote = text[at];
    if (quote == '"' || quote == '\'') {
        const char *close = memchr(text + at + 1, quote, end - at - 1);

        if (close) {
            value->from = at + 1;
            value->to = (size_t)(close - text);
            return value->to + 1;
        }
        at++; /* a quote that is not closed: the value is a word */
    }
    value->from = at;
    while (at < end && !is_space(text[at]) && text[at] != '>' && text[at] != '<')
        at++;
    value->to = at;
    return at;
}

/* Read the next attribute of a tag; returns where reading goes on, or 0 at the tag's end. */
static size_t read_attribute(const char *text, size_t end, size_t at, struct attribute *out)
{
    *out = (struct attribute){ { 0, 0 }, { 0, 0 } };
    while (at < end && (is_space(text[at]) || text[at] == '/'))
        at++;
    if (at == end || text[at] == '>' || text[at] == '<')
        return 0;
    out->name.from = at;
    while (at < end && !is_space(text[at]) && !strchr("<>=/", text[at] ? text[at] : '<'))
        at++;
    out->name.to = at > out->name.from ? at : at + 1; /* a '=' alone */
    at = out->name.to;
    while (at < end && is_space(text[at]))
        at++;
    return at < end && text[at] == '=' ? read_value(text, end, at + 1, &out->value) : at;
}

/* Read an <input> from behind its name on; whether it is password-like. */
static bool read_input(const char *text, size_t end, size_t at, struct html_field *field)
{
    struct attribute a;
    bool secret = false;

    *field = (struct html_field){ 0 };
    while ((at = read_attribute(text, end, at, &a)) != 0) {
        size_t len = a.value.to - a.value.from;

        if (part_is(text, a.name, "value"))
            field->value = a.value;
        else if (part_is(text, a.name, "type"))
            secret = secret || part_is(text, a.value, "password");
        else if (part_is(text, a.name, "unique_id"))
            field->unique_id = a.value;
        else if (part_is(text, a.name, "name") || part_is(text, a.name, "id") ||
                 part_is(text, a.name, "autocomplete"))
            secret = secret || html_field_is_secret(text + a.value.from, len);
        if (part_is(text, a.name, "id"))
            field->id = a.value;
    }
    return secret;
}

int html_field_find(const char *text, size_t len, html_field_fn *fn, void *ctx, struct err *err)
{
    static const char name[] = "<input";
    const char *at = memchr(text, '<', len);

    for (; at; at = memchr(at + 1, '<', len - (size_t)(at + 1 - text))) {
        size_t from = (size_t)(at - text);
        size_t room = len - from < HTML_TAG_MAX ? len - from : HTML_TAG_MAX;
        struct html_field field;

        if (room <= sizeof(name) - 1 || strncasecmp(at, name, sizeof(name) - 1) != 0 ||
            (!is_space(at[sizeof(name) - 1]) && at[sizeof(name) - 1] != '/'))
            continue;
        if (read_input(text, from + room, from + sizeof(name) - 1, &field) &&
            fn(ctx, &field, err) < 0)
            return -1;
    }
    return 0;
}
