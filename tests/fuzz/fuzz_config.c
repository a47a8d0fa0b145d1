/* SPDX-License-Identifier: MIT */
/*
 * The configuration file: its values are within the options' limits and point into its text,
 * an error names a line, and nothing is read past the end.
 */
#include "base/clock.h"
#include "cli/config.h"
#include "fuzz.h"

#include <string.h>

struct args {
    bool flag;
    unsigned count;
    const char *text;
    struct opt_list list;
    uint64_t number;
    uint64_t size;
    uint64_t duration;
    int64_t when;
    unsigned mode;
    unsigned choice;
    const char *key;
};

static const char *const words[] = { "one", "two", "three", NULL };

/* clang-format off */
static const struct opt opts[] = {
    { 'f', "flag",     NULL,   OPT_FLAG,     OPT_AT(args, flag),     "", 0, 0, NULL,  false, NULL },
    { 0,   "count",    NULL,   OPT_COUNT,    OPT_AT(args, count),    "", 0, 0, NULL,  false, NULL },
    { 't', "text",     "TEXT", OPT_TEXT,     OPT_AT(args, text),     "", 0, 0, NULL,  false, NULL },
    { 0,   "list",     "LIST", OPT_LIST,     OPT_AT(args, list),     "", 0, 0, NULL,  false, NULL },
    { 0,   "number",   "N",    OPT_NUMBER,   OPT_AT(args, number),   "", 3, 77, NULL, false, NULL },
    { 0,   "size",     "SIZE", OPT_SIZE,     OPT_AT(args, size),     "", 0, 0, NULL,  false, NULL },
    { 0,   "duration", "TIME", OPT_DURATION, OPT_AT(args, duration), "", 0, 0, NULL,  false, NULL },
    { 0,   "when",     "WHEN", OPT_WHEN,     OPT_AT(args, when),     "", 0, 0, NULL,  false, NULL },
    { 0,   "mode",     "MODE", OPT_MODE,     OPT_AT(args, mode),     "", 0, 0, NULL,  false, NULL },
    { 0,   "choice",   "WORD", OPT_CHOICE,   OPT_AT(args, choice),   "", 0, 0, words, false, NULL },
    { 0,   "api-key",  "KEY",  OPT_TEXT,     OPT_AT(args, key),      "", 0, 0, NULL,  true,  NULL },
    OPT_END,
};
/* clang-format on */

static const struct opt_group groups[] = {
    { "Options", opts, 0 },
    { NULL, NULL, 0 },
};

static bool elsewhere(const void *ctx, const char *name)
{
    (void)ctx;
    return strcmp(name, "other") == 0;
}

/* Whether a value points into the file's text. */
static bool within(const struct config *config, const char *text)
{
    const char *end = config->text.data + config->text.len;

    return text >= config->text.data && text <= end && text + strlen(text) <= end;
}

static void check(const struct config *config, const struct args *args)
{
    size_t i;

    FUZZ_CHECK(!args->text || within(config, args->text));
    FUZZ_CHECK(!args->key || (within(config, args->key) && config->secret));
    for (i = 0; i < args->list.count; i++)
        FUZZ_CHECK(within(config, args->list.at[i]));
    FUZZ_CHECK(args->number == 5 || (args->number >= 3 && args->number <= 77));
    FUZZ_CHECK((args->mode & 0600) == 0600 && args->mode <= 0777);
    FUZZ_CHECK(args->choice < 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct args args = { .number = 5, .mode = 0600 };
    struct config config = { .secret = false };
    struct err err;
    int rc;

    err_clear(&err);
    buf_init(&config.text, (size_t)1 << 20);
    if (buf_add(&config.text, data, size, &err) == 0) {
        rc = config_parse(&config, "the file", groups, &args, elsewhere, NULL, &err);
        FUZZ_CHECK(rc == 0 || (err.kind && strstr(err.text, "'the file'")));
        FUZZ_CHECK(rc < 0 || !memchr(data, '\0', size));
        check(&config, &args);
    }
    opt_clear(groups, &args);
    config_clear(&config);
    return 0;
}
