/* SPDX-License-Identifier: MIT */
#include "credentials/credentials.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64];
static char file[128];

/* Unset all variables, and write the credentials file. */
static void start(const char *text)
{
    static const char *const names[] = {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_SECURITY_TOKEN",
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    };
    FILE *out = fopen(file, "w");
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(*names); i++)
        assert_int_equal(unsetenv(names[i]), 0);
    assert_int_equal(setenv("HOME", dir, 1), 0);
    assert_int_equal(setenv("AWS_SHARED_CREDENTIALS_FILE", file, 1), 0);
    assert_int_equal(setenv("AWS_EC2_METADATA_DISABLED", "TRUE", 1), 0);
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static void set(const char *name, const char *value)
{
    assert_int_equal(setenv(name, value, 1), 0);
}

static int get(struct keys *keys, struct err *err)
{
    struct credentials_opts opts = { .agent = "test", .stop = stop_never() };
    struct credentials *credentials = credentials_new(&opts, err);
    int rc;

    assert_non_null(credentials);
    err_clear(err);
    rc = credentials_get(credentials, NULL, keys, err);
    credentials_free(credentials);
    return rc;
}

static void expect(const char *id, const char *secret, const char *token)
{
    struct keys keys;
    struct err err = { 0 };

    if (get(&keys, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(keys.id, id);
    assert_string_equal(keys.secret, secret);
    assert_string_equal(keys.token, token);
    assert_true(keys.expires_ms == INT64_MAX);
}

static void expect_error(enum err_kind kind, const char *said)
{
    struct keys keys;
    struct err err = { 0 };

    assert_int_equal(get(&keys, &err), -1);
    if (!strstr(err.text, said))
        fail_msg("%s", err.text);
    assert_int_equal(err.kind, kind);
}

static void test_variables(void **state)
{
    (void)state;
    start("[default]\naws_access_key_id=F\naws_secret_access_key=FS\n");
    set("AWS_ACCESS_KEY_ID", "I");
    expect_error(ERR_FORMAT, "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
    set("AWS_SECRET_ACCESS_KEY", "geheim");
    expect("I", "geheim", "");
    set("AWS_SECURITY_TOKEN", "old");
    expect("I", "geheim", "old");
    set("AWS_SESSION_TOKEN", "new");
    expect("I", "geheim", "new");
    set("AWS_SECRET_ACCESS_KEY", "a b");
    expect_error(ERR_FORMAT, "the secret access key has a character that is not allowed");
    set("AWS_SECRET_ACCESS_KEY", "\xc3\xa4");
    expect_error(ERR_FORMAT, "not allowed");
    set("AWS_ACCESS_KEY_ID", "");
    expect_error(ERR_FORMAT, "AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not");
}

static void test_profiles(void **state)
{
    (void)state;
    start("[default]\naws_access_key_id=F\naws_secret_access_key=FS\n"
          "[lab]\naws_access_key_id=L\naws_secret_access_key=LS\naws_session_token=LT\n"
          "[half]\naws_access_key_id=H\n"
          "[role]\nrole_arn=arn\nsource_profile=lab\naws_access_key_id=R\n"
          "aws_secret_access_key=RS\n"
          "[process]\ncredential_process=/bin/true\n[empty]\nregion=x\n");
    expect("F", "FS", "");
    set("AWS_PROFILE", "lab");
    expect("L", "LS", "LT");
    set("AWS_PROFILE", "half");
    expect_error(ERR_FORMAT, "profile 'half': the profile has aws_access_key_id, but not");
    set("AWS_PROFILE", "role"); /* not with the keys that are to assume it */
    expect_error(ERR_FORMAT, "aws configure export-credentials");
    set("AWS_PROFILE", "process");
    expect_error(ERR_FORMAT, "aws configure export-credentials");
    set("AWS_PROFILE", "none");
    expect_error(ERR_NOT_FOUND, "there is no profile 'none'");
    set("AWS_PROFILE", "empty");
    expect_error(ERR_DENIED, "there are no credentials for the object store");
}

static void test_services(void **state)
{
    (void)state;
    start("");
    set("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent");
    expect_error(ERR_FORMAT, "AWS_ROLE_ARN is not");
    set("AWS_ROLE_ARN", "arn");
    expect_error(ERR_SYSTEM, "cannot exchange the web identity in '/nonexistent'");
    set("AWS_WEB_IDENTITY_TOKEN_FILE", file);
    expect_error(ERR_FORMAT, "it is empty");
    start("");
    set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.com/x");
    expect_error(ERR_FORMAT, "is neither an https URL nor on this machine");
    set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1@example.com/x");
    expect_error(ERR_FORMAT, "is neither an https URL nor on this machine");
    set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1.example.com:80/x");
    expect_error(ERR_FORMAT, "is neither an https URL nor on this machine");
    set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost:1/x");
    expect_error(ERR_NET, "the container's credentials");
}

/* Keys are asked for once, and again when the server refused them, but not for older ones. */
static void test_refused(void **state)
{
    struct credentials_opts opts = { .agent = "test", .stop = stop_never() };
    struct credentials *credentials = credentials_new(&opts, NULL);
    struct keys keys;
    struct err err = { 0 };

    (void)state;
    assert_non_null(credentials);
    start("[default]\naws_access_key_id=A\naws_secret_access_key=S\n");
    assert_int_equal(credentials_get(credentials, NULL, &keys, &err), 0);
    start("[default]\naws_access_key_id=B\naws_secret_access_key=S\n");
    assert_int_equal(credentials_get(credentials, NULL, &keys, &err), 0);
    assert_string_equal(keys.id, "A");
    assert_int_equal(credentials_get(credentials, "A", &keys, &err), 0);
    assert_string_equal(keys.id, "B");
    start("[default]\naws_access_key_id=C\naws_secret_access_key=S\n");
    assert_int_equal(credentials_get(credentials, "A", &keys, &err), 0);
    assert_string_equal(keys.id, "B");
    start("");
    assert_int_equal(credentials_get(credentials, "B", &keys, &err), -1);
    assert_int_equal(err.kind, ERR_DENIED);
    credentials_free(credentials);
}

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/skyarc-credentials-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(file, sizeof(file), "%s/keys", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    (void)unlink(file);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_variables),
        cmocka_unit_test(test_profiles),
        cmocka_unit_test(test_services),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
