/* SPDX-License-Identifier: MIT */
#include "cli/config.h"
#include "cli/opt.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct args {
    bool flag;
    unsigned count;
    const char *text;
    struct opt_list list;
    struct opt_list words;
    uint64_t number;
    uint64_t size;
    uint64_t time;
    unsigned choice;
};

static const char *const words[] = { "one", "two", NULL };

/* clang-format off */
static const struct opt opts[] = {
    { 'f', "flag",   NULL, OPT_FLAG,     OPT_AT(args, flag),   "", 0, 0,  NULL,  false, NULL },
    { 'c', "count",  NULL, OPT_COUNT,    OPT_AT(args, count),  "", 0, 0,  NULL,  false, NULL },
    { 't', "text",   "T",  OPT_TEXT,     OPT_AT(args, text),   "", 0, 0,  NULL,  false, "UNIT_TEXT" },
    { 'l', "list",   "L",  OPT_LIST,     OPT_AT(args, list),   "", 0, 0,  NULL,  false, NULL },
    { 0,   "words",  "L",  OPT_WORDS,    OPT_AT(args, words),  "", 0, 0,  NULL,  false, NULL },
    { 'n', "number", "N",  OPT_NUMBER,   OPT_AT(args, number), "", 1, 10, NULL,  false, NULL },
    { 0,   "size",   "S",  OPT_SIZE,     OPT_AT(args, size),   "", 0, 0,  NULL,  false, NULL },
    { 0,   "time",   "D",  OPT_DURATION, OPT_AT(args, time),   "", 0, 0,  NULL,  false, NULL },
    { 0,   "choice", "W",  OPT_CHOICE,   OPT_AT(args, choice), "", 0, 0,  words, false, NULL },
    { 0,   "secret", "X",  OPT_TEXT,     OPT_AT(args, text),   "", 0, 0,  NULL,  true,  NULL },
    OPT_END,
};
/* clang-format on */

static const struct opt_group groups[] = { { "All", opts, 0 }, { NULL, NULL, 0 } };

static int parse(struct args *args, int argc, const char *const *words_in, struct err *err)
{
    static char room[20][64]; /* options point into it after the call */
    char *argv[20];
    int first;
    int i;

    for (i = 0; i < argc; i++) {
        (void)snprintf(room[i], sizeof(room[i]), "%s", words_in[i]);
        argv[i] = room[i];
    }
    argv[argc] = NULL;
    memset(args, 0, sizeof(*args));
    i = opt_parse(groups, args, argc, argv, &first, err);
    if (i == 0)
        i = first;
    return i;
}

static void test_forms(void **state)
{
    static const char *const in[] = {
        "x",   "-fcc",      "run1",   "--text=a", "-l",           "p",  "--number", "7",
        "-lq", "--size=2k", "--time", "1m",       "--choice=two", "--", "-f"
    };
    struct args args;
    struct err err;

    (void)state;
    assert_int_equal(parse(&args, 15, in, &err), 13);
    assert_true(args.flag && args.count == 2 && args.number == 7 && args.size == 2048 &&
                args.time == 60000 && args.choice == 1);
    assert_string_equal(args.text, "a");
    assert_int_equal(args.list.count, 2);
    assert_string_equal(args.list.at[1], "q");
    opt_clear(groups, &args);
}

static void wrong(const char *word, const char *say)
{
    const char *const in[] = { "x", word };
    struct args args;
    struct err err;

    assert_int_equal(parse(&args, 2, in, &err), -1);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_non_null(strstr(err.text, say));
}

static void test_words(void **state)
{
    static const char *const in[] = { "x", "--words=a,bc,,d,", "--words", "e" };
    static const char *const empty[] = { "x", "--words=,", "--words=" };
    struct args args;
    struct err err;

    (void)state;
    assert_int_equal(parse(&args, 4, in, &err), 4);
    assert_int_equal(args.words.count, 4);
    assert_string_equal(args.words.at[0], "a");
    assert_string_equal(args.words.at[1], "bc");
    assert_string_equal(args.words.at[2], "d");
    assert_string_equal(args.words.at[3], "e");
    opt_clear(groups, &args);
    assert_int_equal(parse(&args, 3, empty, &err), 3);
    assert_int_equal(args.words.count, 2); /* so that a mistake is not taken for no filter */
    assert_string_equal(args.words.at[0], "");
    opt_clear(groups, &args);
    memset(&args, 0, sizeof(args));
    assert_true(opt_set(groups, &args, "words", "a,b", OPT_CONFIG, &err));
    assert_true(opt_set(groups, &args, "words", "c", OPT_ENVIRONMENT, &err));
    assert_int_equal(args.words.count, 1); /* a later source replaces all */
    assert_string_equal(args.words.at[0], "c");
    opt_clear(groups, &args);
}

static void test_mistakes(void **state)
{
    (void)state;
    wrong("--flog", "did you mean '--flag'?");
    wrong("--zzzzzz", "unknown option '--zzzzzz'");
    wrong("-Z", "unknown option '-Z'");
    wrong("--text", "needs an argument: T");
    wrong("-t", "needs an argument: T");
    wrong("--flag=maybe", "takes no argument");
    wrong("--number=0", "at least 1");
    wrong("--number=11", "at most 10");
    wrong("--size=big", "'big'");
    wrong("--choice=three", "one, two");
    wrong("--secret=x", "configuration file only");
    wrong("--secret", "configuration file only");
}

static void test_sources(void **state)
{
    struct args args = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_true(opt_set(groups, &args, "list", "a", OPT_CONFIG, &err));
    assert_true(opt_set(groups, &args, "list", "b", OPT_CONFIG, &err));
    assert_int_equal(args.list.count, 2);
    assert_true(opt_set(groups, &args, "list", "c", OPT_COMMAND_LINE, &err));
    assert_int_equal(args.list.count, 1); /* replaces the value of the file */
    assert_false(opt_set(groups, &args, "none", "c", OPT_CONFIG, &err));
    assert_true(opt_set(groups, &args, "count", "yes", OPT_CONFIG, &err));
    assert_int_equal(args.count, 1);
    assert_true(opt_set(groups, &args, "count", "no", OPT_ENVIRONMENT, &err));
    assert_int_equal(args.count, 0);
    assert_true(opt_set(groups, &args, "count", "2", OPT_ENVIRONMENT, &err));
    assert_int_equal(args.count, 2);
    assert_int_equal(err.kind, ERR_NONE);
    assert_true(opt_set(groups, &args, "count", "some", OPT_CONFIG, &err));
    assert_int_equal(err.kind, ERR_USAGE);
    assert_int_equal(args.count, 2);
    err_clear(&err);
    assert_true(opt_set(groups, &args, "flag", "maybe", OPT_CONFIG, &err));
    assert_int_equal(err.kind, ERR_USAGE);
    (void)setenv("UNIT_TEXT", "env", 1);
    (void)setenv("SKYARC_FLAG", "no", 1);
    args.flag = true;
    assert_int_equal(opt_environment(groups, &args, &err), 0);
    assert_string_equal(args.text, "env");
    assert_false(args.flag);
    opt_clear(groups, &args);
}

static bool nowhere(const void *ctx, const char *name)
{
    (void)ctx;
    (void)name;
    return false;
}

static int read_file(const char *text, size_t len, struct args *args, struct err *err)
{
    struct config config = { .secret = false };
    int rc;

    memset(args, 0, sizeof(*args));
    err_clear(err);
    buf_init(&config.text, 1000);
    assert_int_equal(buf_add(&config.text, text, len, err), 0);
    rc = config_parse(&config, "f", groups, args, nowhere, NULL, err);
    opt_clear(groups, args);
    config_clear(&config);
    return rc;
}

static void test_file(void **state)
{
    static const char cut[] = "number = 7\nflag = yes\0\ncount = 1\nnone = x\n";
    static const char good[] = "# x\n number=7 \r\n\nflag = yes";
    static const char stranger[] = "number = 7\nnone = x\n";
    struct args args;
    struct err err;

    (void)state;
    assert_int_equal(read_file(good, strlen(good), &args, &err), 0);
    assert_true(args.number == 7 && args.flag);
    assert_int_equal(read_file(stranger, strlen(stranger), &args, &err), -1);
    assert_string_equal(err.text, "'f', line 2: 'none' is not an option");
    assert_int_equal(read_file(cut, sizeof(cut) - 1, &args, &err), -1);
    assert_string_equal(err.text,
                        "'f' contains a NUL byte"); /* the operand after it would be lost */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),    cmocka_unit_test(test_words),
        cmocka_unit_test(test_mistakes), cmocka_unit_test(test_sources),
        cmocka_unit_test(test_file),
    };

    return RUN(tests);
}
