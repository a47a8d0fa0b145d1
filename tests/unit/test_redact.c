/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "redact/redact.h"
#include "redact/secret_names.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

#define KEY "sk-key/1+2"

static const struct redact all = { KEY, false, NULL };
static const struct redact raw = { KEY, true, NULL };

struct sample {
    const char *from;
    const char *to; /* NULL: the same */
};

/* Running text, and URLs in it. */
static const struct sample texts[] = {
    /* signatures and other parts of URLs */
    { "https://h/p?expiry=1&kid=k&sig=abc", "https://h/p?expiry=1&kid=k&sig=***" },
    { "see https://h/p?X-Amz-Signature=a&b=c, then",
      "see https://h/p?X-Amz-Signature=***&b=c, then" },
    { "https://b.s3/k?AWSAccessKeyId=A&Signature=s%2Bs&Expires=9",
      "https://b.s3/k?AWSAccessKeyId=***&Signature=***&Expires=9" },
    { "https://h/p?X-Amz-Credential=a/b&X-Amz-Security-Token=t&X-Goog-Signature=g",
      "https://h/p?X-Amz-Credential=***&X-Amz-Security-Token=***&X-Goog-Signature=***" },
    { "https://h/p?GoogleAccessId=a@b&Key-Pair-Id=K&Policy=p_~",
      "https://h/p?GoogleAccessId=***&Key-Pair-Id=***&Policy=***" },
    { "https://h/p?q-sign-algorithm=sha1&q-ak=A&q-signature=s",
      "https://h/p?q-sign-algorithm=sha1&q-ak=***&q-signature=***" },
    { "https://h/p?sign=abc&t=1&sign_type=MD5", "https://h/p?sign=***&t=1&sign_type=MD5" },
    { "https://h/p?sas=sv%3D1%26x&blobSas=abc&sassy=1",
      "https://h/p?sas=***&blobSas=***&sassy=1" },
    { "https://h/p?hdnea=st=1~exp=2~acl=/*~hmac=ab", "https://h/p?hdnea=***" },
    { "https://h/p?hmac=a&auth=b&secret=c&jwt=d&token=e",
      "https://h/p?hmac=***&auth=***&secret=***&jwt=***&token=***" },
    { "https://h/p?code=a&key=b&state=CA", "https://h/p?code=***&key=***&state=CA" },
    { "https://h/p?PASSWORD=a%26b&x=1#top", "https://h/p?PASSWORD=***&x=1#top" },
    { "https://h/p;sig=a/b;v=2?x=1", "https://h/p;sig=***;v=2?x=1" },
    { "https://h/p;jsessionid=AB12?x=1", "https://h/p;jsessionid=***" },
    { "https://h/cb#access_token=abc&token_type=bearer",
      "https://h/cb#access_token=***&token_type=bearer" },
    { "https://h/#/cb?code=abc", "https://h/#/cb?code=***" },
    { "/v1/x?sig=abc and //h/y?a=1&sig=abc", "/v1/x?sig=*** and //h/y?a=1&sig=***" },
    { "x?user[password]=abc&user%5Bpassword%5D=abc",
      "x?user[password]=***&user%5Bpassword%5D=***" },
    { "x?login[code]=abc&a[b][key]=abc&x%5Bhdnea%5D=abc&a[page]=2&code[]=abc&key[0]=abc",
      "x?login[code]=***&a[b][key]=***&x%5Bhdnea%5D=***&a[page]=2&code[]=***&key[0]=***" },
    { "sig=abc&expires=1", "sig=***&expires=1" },
    { "code=abc&state=1", "code=***&state=1" },
    { "<a href=\"https://h/p?a=1&amp;sig=abc&amp;b=2\">",
      "<a href=\"https://h/p?a=1&amp;sig=***&amp;b=2\">" },
    { "https://h/p?a&#x3D;1&sig&#61;abc", "https://h/p?a&#x3D;1&sig&#61;***" },
    { "https://h/p?%73ig=abc", "https://h/p?%73ig=***" },
    /* encoded once, twice, thrice; by JSON */
    { "https://h/?to=https%3A%2F%2Fb%2Fx%3Fsig%3Dabc%26v%3D1&z=1",
      "https://h/?to=https%3A%2F%2Fb%2Fx%3Fsig%3D***%26v%3D1&z=1" },
    { "https://h/?to=https%253a%252f%252fb%252fx%253fSIG%253dabc%2526v=1",
      "https://h/?to=https%253a%252f%252fb%252fx%253fSIG%253d***%2526v=1" },
    { "a%25252Fx%25253Fsig%25253Dabc%252526b", "a%25252Fx%25253Fsig%25253D***%252526b" },
    { "https%3A%2F%2Fuser%3Apass%40host%2Fp", "https%3A%2F%2F***%40host%2Fp" },
    { "http:\\/\\/u:p@h\\/x?a=1\\u0026sig=x\"", "http:\\/\\/***@h\\/x?a=1\\u0026sig=***\"" },
    { "{\\\"u\\\":\\\"http:\\\\/\\\\/u:p@h\\\\/x?sig=ab\\\"} ...",
      "{\\\"u\\\":\\\"http:\\\\/\\\\/***@h\\\\/x?sig=***\\\"} ..." },
    { "https://h/?s=%7B%22token%22%3A%22abc%22%7D",
      "https://h/?s=%7B%22token%22%3A%22***%22%7D" },
    /* user and password */
    { "https://user:password@host/path", "https://***@host/path" },
    { "https://ghp_abc@github.com/o/r", "https://***@github.com/o/r" },
    { "//user:p@ssw@rd@host/x, wss://a%40b:c@h:1?x", "//***@host/x, wss://***@h:1?x" },
    { "postgres://u:p@db/x redis://:pw@h", "postgres://***@db/x redis://***@h" },
    { "http://user:p/ss#w?rd@proxy:3128", "http://***@proxy:3128" },
    { "curl -x bob:hunter2@10.0.0.1:3128 x", "curl -x ***@10.0.0.1:3128 x" },
    { "proxy=bob:hunter2@proxy.lan:3128", "proxy=***@proxy.lan:3128" },
    { "HTTPS://U:P@H", "HTTPS://***@H" },
    { "http:///u:p@h", "http:///***@h" },
    /* in sentences, headers and other notations */
    { "Authorization: Bearer abc.def\nHost: h", "Authorization: ***\nHost: h" },
    { "curl -H 'X-API-Key: abc' -H \"Cookie: a=b; c=d\" u",
      "curl -H 'X-API-Key: ***' -H \"Cookie: ***\" u" },
    { "authorization=Bearer abc.def.ghi next", "authorization=*** next" },
    { "AUTH_TOKEN=basic\tdXNlcjpwYXNz==", "AUTH_TOKEN=***" },
    { "curl -H authorization=Bearer\\ abcdefgh12 x", "curl -H authorization=*** x" },
    { "https://h/?authorization=Bearer abcdefgh12", "https://h/?authorization=***" },
    { "token=basic size=123456789", "token=*** size=123456789" },
    { "sent Bearer abcdef0123456789 and Basic dXNlcjpwYXNz.", "sent Bearer *** and Basic ***" },
    { "log in as bob, password: hunter2 and password=it's then",
      "log in as bob, password: *** and password=*** then" },
    { "token = \"a b\" ; client_secret: 'x y'", "token = \"***\" ; client_secret: '***'" },
    { "said {'password': 'x\"y', 'n': 1} so", "said {'password': '***', 'n': 1} so" },
    { "bad {\"token\": \"abc\", \"pin\": 1,, \"otp\": 123456}",
      "bad {\"token\": \"***\", \"pin\": 1,, \"otp\": ***}" },
    { "bad {\"extra_http_headers\": {\"X-A\": \"b\"}, ,",
      "bad {\"extra_http_headers\": {***}, ," },
    { "bad [{\"name\": \"Authorization\", \"value\": \"x\"}, {\"name\": \"a\", \"value\": "
      "\"x\"},,",
      "bad [{\"name\": \"Authorization\", \"value\": \"***\"}, {\"name\": \"a\", \"value\": "
      "\"x\"},," },
    { "a eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln b", "a *** b" },
    { "line\\ntoken=abc\\nsig=abc end", "line\\ntoken=*** end" },
    { "otpauth://totp/Bob?secret=JBSWY3DP&issuer=x", "otpauth://***" },
    { "https://hooks.slack.com/services/T0/B0/xyz now",
      "https://hooks.slack.com/services/*** now" },
    { "https://discord.com/api/webhooks/1/abc?wait=1", "https://discord.com/api/webhooks/***" },
    { "https://x.webhook.office.com/webhookb2/abc",
      "https://x.webhook.office.com/webhookb2/***" },
    /* the key itself */
    { "it is " KEY "!", "it is ***!" },
    { "sk-key%2F1%2b2 sk-key\\/1+2 sk\\u002dkey/1+2 sk-key&#x2f;1+2", "*** *** *** ***" },
    { "path\\sk-key/1+2" KEY, "path\\******" },
    { "x?sig=a" KEY "b&c=" KEY, "x?sig=***&c=***" },
    { "bad {'x.sig': abc, 'a.sig': Ab1, 'sig': No such, \"a.sig\": \"No such\"}",
      "bad {'x.sig': ***, 'a.sig': ***, 'sig': *** such, \"a.sig\": \"***\"}" },
    { "got 'a.sig=No such', signature=No and {'signature': No such}",
      "got 'a.sig=*** such', signature=*** and {'signature': *** such}" },
    /* what stays */
    { "cannot open 'a.tar.zst.sig': No such file or directory", NULL },
    { "cannot open x.sig: No such file or directory", NULL },
    { "'x.sig': Permission denied; \"x.sig\": Is a directory", NULL },
    { "<input type=\"password\" placeholder=\"Password: \" class=\"x\"><b title='apikey:'>",
      NULL },
    { "press any key: the code is in the policy; auth token, no secret", NULL },
    { "key=value, code=12 and policy=strict", NULL },
    { "https://h/p?page=2&design=sig&sort_key=price&search_key=milk", NULL },
    { "https://h/a//b@2x.png?size=1, s3://b/k@1, file:///x/a@b", NULL },
    { "mail bob@example.com or mailto:bob@example.com; medium.com/@bob", NULL },
    { "https://h:8080/p?a=b#c ssh://git@github.com/o/r https://[::1]:80/a@b", NULL },
    { "input_tokens: 12, token_type=bearer, max_tokens=5, token_count=7", NULL },
    { "uses Bearer authentication and Basic Authentication", NULL },
    { "The Cookie: banner was closed. Keys: a, b. Secret santa: yes", NULL },
    { "12:30 <a@b> x:y http://[::1]/ http://h", NULL },
    { "sig=___", NULL },
    { "", NULL },
    { "%", NULL },
    { "%25", NULL },
    { "\\\\\\", NULL },
    { "sig=", NULL },
    { "//", NULL },
    { "http://@h/", NULL },
};

/* Documents. */
static const struct sample documents[] = {
    { "{\"u\": \"https://h/p?expiry=1&sig=abc\", \"v\" : 1.50}",
      "{\"u\": \"https://h/p?expiry=1&sig=***\", \"v\" : 1.50}" },
    { "[\"https:\\/\\/h\\/p?a=1\\u0026sig=x\\u0026b\\u00e9\"]",
      "[\"https:\\/\\/h\\/p?a=1\\u0026sig=***\\u0026b\\u00e9\"]" },
    { "[\"a\\/b\\u00e9\\ud83d\\ude00\\ud83d\\u0000 ?sig=\\u00e9x\"]",
      "[\"a\\/b\\u00e9\\ud83d\\ude00\\ud83d\\u0000 ?sig=***\"]" },
    { "{\"k " KEY "\": \"sk\\u002dkey\\/1+2\"}", "{\"k ***\": \"***\"}" },
    { "{\"sas\": \"sv=1\", \"sign\": \"minus\"}", "{\"sas\": \"***\", \"sign\": \"minus\"}" },
    { "{\"https://h/?sig=abc\": 1}", "{\"https://h/?sig=***\": 1}" },
    /* documents in strings */
    { "[\"{\\\"u\\\":\\\"https://h/p?Signature=x\\\"}\"]",
      "[\"{\\\"u\\\":\\\"https://h/p?Signature=***\\\"}\"]" },
    { "[\"{\\\"a\\\":\\\"{\\\\\\\"token\\\\\\\":\\\\\\\"x\\\\\\\",\\\\\\\"otp\\\\\\\":12}\\\"}"
      "\"]",
      "[\"{\\\"a\\\":\\\"{\\\\\\\"token\\\\\\\":\\\\\\\"***\\\\\\\",\\\\\\\"otp\\\\\\\":"
      "\\\\\\\"***\\\\\\\"}\\\"}\"]" },
    { "[\"\\\"{\\\\\\\"jwt\\\\\\\":\\\\\\\"x\\\\\\\"}\\\"\"]",
      "[\"\\\"{\\\\\\\"jwt\\\\\\\":\\\\\\\"***\\\\\\\"}\\\"\"]" },
    { "[\"[\\\"password\\\", {\\\"password\\\": \\\"it\\\\'s\\\"}]\"]",
      "[\"[\\\"password\\\", {\\\"password\\\": \\\"***\\\"}]\"]" },
    /* a run's request */
    { "{\"run_request\":{\"prompt\":\"p\",\"extra_http_headers\":{\"X-A\":\"b\","
      "\"Authorization\":\"Basic x\",\"n\":1,\"t\":true},\"max_steps\":3}}",
      "{\"run_request\":{\"prompt\":\"p\",\"extra_http_headers\":{\"X-A\":\"***\","
      "\"Authorization\":\"***\",\"n\":\"***\",\"t\":true},\"max_steps\":3}}" },
    { "{\"extra_http_headers\":\"{\\\"X-A\\\": \\\"b\\\"}\"}",
      "{\"extra_http_headers\":\"***\"}" },
    { "{\"totp_identifier\":\"bob@x\",\"totp_url\":\"https://h/otp/"
      "1?user=bob&x=1#y\",\"totp_seed\":\"JB\",\"totp\":123456}",
      "{\"totp_identifier\":\"***\",\"totp_url\":\"https://h/otp/"
      "1?***\",\"totp_seed\":\"***\",\"totp\":\"***\"}" },
    { "{\"totp_url\":\"otpauth://totp/B?secret=JB\"}", "{\"totp_url\":\"otpauth://***?***\"}" },
    { "{\"browser_address\":\"wss://u:p@h:9222/devtools/browser/1?apiKey=x\"}",
      "{\"browser_address\":\"wss://***@h:9222/devtools/browser/1?***\"}" },
    { "{\"proxy\":\"bob:pw@h\",\"proxy_url\":\"http:\\/\\/bob:p?w@h:1/"
      "\",\"proxy_location\":\"RESIDENTIAL\"}",
      "{\"proxy\":\"***@h\",\"proxy_url\":\"http:\\/\\/***@h:1/"
      "\",\"proxy_location\":\"RESIDENTIAL\"}" },
    { "{\"proxy\":{\"server\":\"http://h:1\",\"username\":\"bob\",\"password\":\"pw\"}}",
      "{\"proxy\":{\"server\":\"http://h:1\",\"username\":\"bob\",\"password\":\"***\"}}" },
    { "{\"webhook_url\":\"https://u:p@h/hook/1?a=1\",\"webhook_callback_url\":\"https://h/"
      "x?b\"}",
      "{\"webhook_url\":\"https://***@h/hook/1?***\",\"webhook_callback_url\":\"https://h/"
      "x?***\"}" },
    /* members */
    { "{\"PassWord\":\"x\",\"api-key\":\"x\",\"Authorization\":\"x\",\"cookie\":\"a=b\",\"set-"
      "cookie\":[\"a=b\",\"c=d\"]}",
      "{\"PassWord\":\"***\",\"api-key\":\"***\",\"Authorization\":\"***\",\"cookie\":\"***\","
      "\"set-cookie\":[\"***\",\"***\"]}" },
    { "{\"tok\\u0065n\":\"x\",\"password\":1234,\"password2\":\"\",\"secret\":null,\"requires_"
      "auth\":false}",
      "{\"tok\\u0065n\":\"***\",\"password\":\"***\",\"password2\":\"\",\"secret\":null,"
      "\"requires_auth\":false}" },
    { "{\"cookies\":[{\"name\":\"a\",\"value\":\"b\",\"expires\":1}],\"credentials\":{\"user\":"
      "\"u\",\"n\":{\"x\":\"y\"}}}",
      "{\"cookies\":[{\"name\":\"***\",\"value\":\"***\",\"expires\":1}],\"credentials\":{"
      "\"user\":\"***\",\"n\":{\"x\":\"***\"}}}" },
    { "[{\"name\":\"Authorization\",\"value\":\"x\"},{\"value\":5,\"key\":\"password\",\"id\":"
      "\"i\"},{\"name\":\"Accept\",\"value\":\"x\"}]",
      "[{\"name\":\"Authorization\",\"value\":\"***\"},{\"value\":\"***\",\"key\":\"password\","
      "\"id\":\"i\"},{\"name\":\"Accept\",\"value\":\"x\"}]" },
    { "{\"n\":{\"token\":{\"value\":\"x\"}},\"after\":\"y\"}",
      "{\"n\":{\"token\":{\"value\":\"***\"}},\"after\":\"y\"}" },
    { "\"?sig=abc\"", "\"?sig=***\"" },
    /* not redacted */
    { "{\"key\":\"a\",\"code\":\"b\",\"policy\":\"c\",\"session_id\":\"pbs_1\",\"input_token_"
      "count\":5,\"prompt_tokens\":7}",
      NULL },
    { "{\"error_code_mapping\":{\"wrong_password\":\"the password is "
      "wrong\",\"bad_token\":\"x\"}}",
      NULL },
    { "{\"data_extraction_schema\":{\"type\":\"object\",\"properties\":{\"token\":{\"type\":"
      "\"string\",\"description\":\"d\"}}}}",
      NULL },
    { "{\"properties\":{\"password\":{\"description\":\"d\",\"type\":\"string\"}}}", NULL },
    { "{\"credential_id\":\"cred_1\",\"seed\":42,\"browser_session_id\":\"pbs_1\"}", NULL },
    { "{\"artifact_id\":\"a_1\",\"bundle_key\":\"x.png\",\"checksum\":\"ab\",\"uri\":\"s3://b/"
      "k\"}",
      NULL },
    { "  [ ] ", NULL },
    { "\"\"", NULL },
    { "12", NULL },
};

/* The key alone. */
static const struct sample raws[] = {
    { "{\"u\":\"https://u:p@h/?sig=abc\",\"password\":\"" KEY "\"}",
      "{\"u\":\"https://u:p@h/?sig=abc\",\"password\":\"***\"}" },
    { "[\"{\\\"a\\\":\\\"sk-key\\\\/1+2\\\"}\"]", "[\"{\\\"a\\\":\\\"***\\\"}\"]" },
};

static int run(struct buf *out, const char *from, const struct redact *what, bool json)
{
    buf_init(out, redact_room(strlen(from)));
    return json ? redact_json(out, from, strlen(from), what, NULL)
                : redact_text(out, from, strlen(from), what, NULL);
}

static size_t check(const struct sample *samples, size_t count, const struct redact *what,
                    bool json)
{
    size_t wrong = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        const char *to = samples[i].to ? samples[i].to : samples[i].from;
        struct buf once;
        struct buf twice;
        bool good =
            run(&once, samples[i].from, what, json) == 0 && strcmp(buf_text(&once), to) == 0;
        bool stays =
            run(&twice, buf_text(&once), what, json) == 0 && strcmp(buf_text(&twice), to) == 0;

        if (!good || !stays) {
            print_error("  from %s\n    to %s\nwanted %s\n%s %s\n", samples[i].from,
                        buf_text(&once), to, good ? " again" : "",
                        good ? buf_text(&twice) : "");
            wrong++;
        }
        buf_clear(&once);
        buf_clear(&twice);
    }
    return wrong;
}

#define CHECK(samples, what, json)                                                             \
    assert_int_equal(check(samples, sizeof(samples) / sizeof(*(samples)), what, json), 0)

static void test_texts(void **state)
{
    (void)state;
    CHECK(texts, &all, false);
}

static void test_documents(void **state)
{
    struct buf out;

    (void)state;
    CHECK(documents, &all, true);
    CHECK(documents, &all, false); /* a text that is a JSON document is redacted as one */
    assert_int_equal(run(&out, "[1", &all, true), -1);
    buf_clear(&out);
}

static void test_raw(void **state)
{
    (void)state;
    CHECK(raws, &raw, true);
}

/* A key of digits may stand in a number. */
static void test_numbers(void **state)
{
    static const struct redact digits = { "12345678", false, NULL };
    static const struct sample samples[] = {
        { "{\"a\":123456789,\"b\":1}", "{\"a\":\"***\",\"b\":1}" },
        { "[\"[123456789]\"]", "[\"[\\\"***\\\"]\"]" },
    };

    (void)state;
    CHECK(samples, &digits, true);
}

static void test_names(void **state)
{
    (void)state;
    assert_true(secret_name_of("xAmzSignature", 13) & IN_TEXT);
    assert_true(secret_name_of("AWSAccessKeyId", 14) & IN_TEXT);
    assert_true(secret_name_of("urlSig", 6) & IN_TEXT);
    assert_false(secret_name_of("design", 6));
    assert_false(secret_name_of("signature_version", 17));
    assert_false(secret_name_of("", 0));
}

static void test_copy_and_line(void **state)
{
    struct region *region = region_new(NULL);
    const char *plain = "nothing here";
    char line[24] = "x http://u:p@h/?sig=a";
    char full[] = "hm?hm=ab";

    (void)state;
    assert_ptr_equal(redact_copy(plain, &all, region), plain);
    assert_null(redact_copy(NULL, &all, region));
    assert_string_equal(redact_copy("?sig=abc", &all, region), "?sig=***");
    assert_string_equal(redact_copy("?sig=abc" KEY, &raw, region), "?sig=abc***");
    assert_string_equal(redact_copy("{\"otp\": 1}", &all, region), "{\"otp\": \"***\"}");
    redact_line(line, sizeof(line));
    assert_string_equal(line, "x http://***@h/?sig=***");
    redact_line(full, sizeof(full)); /* the mask is longer than what it stands for */
    assert_string_equal(full, "hm?hm=**");
    region_free(region);
}

/* Many repetitions: the time must not be quadratic. */
static void test_linear(void **state)
{
    static const char *const pieces[] = {
        "http://a:b", "\\",       "%25",     "%",    "//a:",
        "eyJ.",       "@",        "a:b@c:",  "&#x",  "sig=\"",
        "{\"",        "Bearer a", "token:",  "[\"",  "&a",
        "password: ", "\\\\\\\"", "sk-key/", "?key", "\"token\":{",
        "%2525",      "https://", ";",       "'a",   "\"http_headers\":{[",
        "Cookie:",
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        size_t len = strlen(pieces[i]);
        struct buf text;
        struct buf out;

        buf_init(&text, (size_t)2 << 20);
        while (text.len < (size_t)1 << 20)
            assert_int_equal(buf_add(&text, pieces[i], len, NULL), 0);
        buf_init(&out, redact_room(text.len));
        assert_int_equal(redact_text(&out, buf_text(&text), text.len, &all, NULL), 0);
        buf_clear(&text);
        buf_clear(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),  cmocka_unit_test(test_documents),
        cmocka_unit_test(test_raw),    cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_names),  cmocka_unit_test(test_copy_and_line),
        cmocka_unit_test(test_linear),
    };

    return RUN(tests);
}
