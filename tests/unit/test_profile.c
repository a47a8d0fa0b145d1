/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "credentials/profile.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static struct profile *parsed(const char *name, enum profile_file kind, const char *text)
{
    struct profile *profile = profile_new(name, NULL);
    struct err err = { 0 };

    assert_non_null(profile);
    if (profile_parse(profile, kind, text, "the file", &err) < 0)
        fail_msg("%s", err.text);
    return profile;
}

/* Check one setting of one profile in a text; want NULL: it is not set. */
static void check(const char *name, enum profile_file kind, const char *text, const char *key,
                  const char *want)
{
    struct profile *profile = parsed(name, kind, text);
    const char *got = profile_get(profile, key);

    if (want && !got)
        fail_msg("%s is not set by: %s", key, text);
    if (want)
        assert_string_equal(got, want);
    else
        assert_null(got);
    profile_free(profile);
}

static void test_titles(void **state)
{
    static const char text[] = "[default]\nregion=d\n[profile default2]\nregion=d2\n"
                               "[profile \"two words\"]\nregion=tw\n[bare]\nregion=b\n"
                               "[profile 'q']\nregion=q\n[ profile\tt ]\nregion=t\n"
                               "[profile mine] # a comment\nregion=m\n[profile a b]\nregion=ab";

    (void)state;
    check("default", PROFILE_CONFIG, text, "region", "d");
    check("default2", PROFILE_CONFIG, text, "region", "d2");
    check("two words", PROFILE_CONFIG, text, "region", "tw");
    check("q", PROFILE_CONFIG, text, "region", "q");
    check("t", PROFILE_CONFIG, text, "region", "t");
    check("mine", PROFILE_CONFIG, text, "region", "m");
    check("bare", PROFILE_CONFIG, text, "region", NULL);
    check("bare", PROFILE_CREDENTIALS, text, "region", "b");
    check("a b", PROFILE_CONFIG, text, "region", NULL);
    check("default2", PROFILE_CREDENTIALS, text, "region", NULL);
    check("profile default2", PROFILE_CREDENTIALS, text, "region", "d2");
    check("default", PROFILE_CONFIG, "[profile default]\nregion=x", "region", "x");
}

static void test_lines(void **state)
{
    (void)state;
    check("default", PROFILE_CREDENTIALS, "\xef\xbb\xbf[default]\r\nregion = a b \r\n",
          "region", "a b");
    check("default", PROFILE_CREDENTIALS, "[default]\nREGION: x=y:z", "region", "x=y:z");
    check("default", PROFILE_CREDENTIALS, "# c\n; c\n\n[default]\n #region = n\nregion=y",
          "region", "y");
    check("default", PROFILE_CREDENTIALS, "[default]\nregion=1\nregion=2\n", "region", "2");
    check("default", PROFILE_CREDENTIALS, "[default]\nregion=\n", "region", NULL);
    check("default", PROFILE_CREDENTIALS,
          "[default]\nregion=1\n[x]\nregion=3\n[default]\na=b\n", "a", "b");
    check("default", PROFILE_CREDENTIALS, "[default]\nregion = x # y\n", "region", "x # y");
    check("default", PROFILE_CREDENTIALS, "[default]\n  region = x\n  other = y\n", "other",
          "y");
    check("default", PROFILE_CREDENTIALS, "", "region", NULL);
}

static void test_nested(void **state)
{
    static const char text[] = "[default]\ns3 =\n  addressing_style = path\n\n  other = 1\n"
                               "region = x\n    addressing_style = not nested\nlast = y\n";

    (void)state;
    check("default", PROFILE_CONFIG, text, "s3.addressing_style", "path");
    check("default", PROFILE_CONFIG, text, "s3.other", "1");
    check("default", PROFILE_CONFIG, text, "region", "x");
    check("default", PROFILE_CONFIG, text, "region.addressing_style", NULL);
    check("default", PROFILE_CONFIG, text, "addressing_style", NULL);
    check("default", PROFILE_CONFIG, text, "last", "y");
    check("default", PROFILE_CONFIG, "[default]\n s3 =\n  a = 1\n region = x\n", "s3.a", "1");
    check("default", PROFILE_CONFIG, "[default]\n s3 =\n  a = 1\n region = x\n", "region", "x");
}

static void test_services(void **state)
{
    static const char text[] = "[services lab]\ns3 =\n  endpoint_url = http://lab\n[default]\n"
                               "services = lab\nendpoint_url = http://all\n"
                               "[services other]\ns3 =\n  endpoint_url = http://other\n";
    struct profile *profile = parsed("default", PROFILE_CONFIG, text);

    (void)state;
    assert_int_equal(profile_parse(profile, PROFILE_SERVICES, text, "f", NULL), 0);
    assert_string_equal(profile_get(profile, "services.s3.endpoint_url"), "http://lab");
    assert_string_equal(profile_get(profile, "endpoint_url"), "http://all");
    profile_free(profile);
}

/* Keys, secret and token are from one file. */
static void test_two_files(void **state)
{
    struct profile *profile = parsed("default", PROFILE_CREDENTIALS,
                                     "[default]\naws_access_key_id=I1\n"
                                     "aws_secret_access_key=S1\nregion=r1\n");

    (void)state;
    assert_int_equal(profile_parse(profile, PROFILE_CONFIG,
                                   "[default]\naws_access_key_id=I2\naws_secret_access_key=S2\n"
                                   "aws_session_token=T2\nregion=r2\nendpoint_url=http://x\n",
                                   "f", NULL),
                     0);
    assert_string_equal(profile_get(profile, "aws_access_key_id"), "I1");
    assert_string_equal(profile_get(profile, "aws_secret_access_key"), "S1");
    assert_null(profile_get(profile, "aws_session_token"));
    assert_string_equal(profile_get(profile, "region"), "r1");
    assert_string_equal(profile_get(profile, "endpoint_url"), "http://x");
    profile_free(profile);
}

static void test_bad_lines(void **state)
{
    static const struct {
        const char *text;
        const char *said;
    } bad[] = {
        { "[default]\nsecret\n", "'f', line 2: '=' is missing" },
        { "\n[default\n", "'f', line 2: ']' is missing" },
        { "secret = x\n", "'f', line 1: a section's title is missing" },
        { "[", "'f', line 1: ']' is missing" },
    };
    char many[80 * 12 + 20] = "[default]\n";
    struct err err = { 0 };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct profile *profile = profile_new("default", NULL);

        assert_int_equal(profile_parse(profile, PROFILE_CREDENTIALS, bad[i].text, "f", &err),
                         -1);
        assert_string_equal(err.text, bad[i].said);
        assert_int_equal(err.kind, ERR_FORMAT);
        profile_free(profile);
    }
    for (i = 0; i < 80; i++)
        (void)snprintf(many + strlen(many), sizeof(many) - strlen(many), "key%zu=1\n", i);
    {
        struct profile *profile = profile_new("default", NULL);

        assert_int_equal(profile_parse(profile, PROFILE_CREDENTIALS, many, "f", &err), -1);
        assert_int_equal(err.kind, ERR_LIMIT);
        profile_free(profile);
    }
}

static void put_file(const char *name, const char *text, size_t len)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void test_load(void **state)
{
    static const char nul[] = "[default]\nregion=x\0[lab]\n";
    struct err err = { 0 };
    struct profile *profile;

    (void)state;
    assert_int_equal(setenv("HOME", dir, 1), 0);
    assert_int_equal(setenv("AWS_SHARED_CREDENTIALS_FILE", "~/keys", 1), 0);
    put_file("keys", "[lab]\nregion=here\n", 18);
    profile = profile_load("lab", stop_never(), &err);
    assert_non_null(profile);
    assert_string_equal(profile_get(profile, "region"), "here");
    profile_free(profile);
    assert_null(profile_load("none", stop_never(), &err));
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    assert_int_equal(setenv("AWS_DEFAULT_PROFILE", "none", 1), 0);
    assert_null(profile_load(NULL, stop_never(), &err));
    assert_int_equal(setenv("AWS_PROFILE", "lab", 1), 0);
    profile = profile_load(NULL, stop_never(), &err);
    assert_non_null(profile);
    assert_string_equal(profile_name(profile), "lab");
    profile_free(profile);
    put_file("keys", nul, sizeof(nul) - 1);
    assert_null(profile_load("lab", stop_never(), &err));
    assert_non_null(strstr(err.text, "NUL bytes"));
    assert_int_equal(setenv("AWS_SHARED_CREDENTIALS_FILE", dir, 1), 0);
    assert_null(profile_load("lab", stop_never(), &err));
    assert_int_equal(err.kind, ERR_SYSTEM);
    assert_int_equal(setenv("AWS_SHARED_CREDENTIALS_FILE", "~/absent", 1), 0);
    profile = profile_load("default", stop_never(), &err);
    assert_non_null(profile);
    profile_free(profile);
}

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/skyarc-profile-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    char path[128];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/keys", dir);
    (void)unlink(path);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_titles),    cmocka_unit_test(test_lines),
        cmocka_unit_test(test_nested),    cmocka_unit_test(test_services),
        cmocka_unit_test(test_two_files), cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_load),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
