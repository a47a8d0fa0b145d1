/* SPDX-License-Identifier: MIT */
#include "attest/tsp.h"

#include "base/file.h"
#include "base/mem.h"

#include <limits.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ts.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define AUTH_LEVEL 2 /* of certificates: 112 bits; see SSL_CTX_set_security_level(3) */

struct tsp_trust {
    STACK_OF(X509) * certs;
};

/* Fill err with libcrypto's last error. */
static int fail(struct err *err, enum err_kind kind, const char *what)
{
    const char *data = NULL;
    int flags = 0;
    unsigned long code = ERR_peek_last_error_all(NULL, NULL, NULL, &data, &flags);
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    bool more = data && *data && (flags & ERR_TXT_STRING);

    (void)err_set(err, kind, "%s%s%.100s%s%.200s", what, reason ? ": " : "",
                  reason ? reason : "", more ? ": " : "", more ? data : "");
    ERR_clear_error();
    return -1;
}

/* Certificates are not encrypted: nobody is asked for a pass phrase. */
static int no_phrase(char *out, int size, int writing, void *ctx)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)ctx;
    return -1;
}

struct tsp_trust *tsp_trust_read(const char *text, size_t len, struct err *err)
{
    struct tsp_trust *trust = mem_new(sizeof(*trust), err);
    BIO *bio = trust ? BIO_new_mem_buf(text, (int)(len < INT_MAX ? len : INT_MAX)) : NULL;
    unsigned long last;
    X509 *cert;

    ERR_clear_error();
    if (trust)
        trust->certs = sk_X509_new_null();
    while (bio && trust->certs && (cert = PEM_read_bio_X509(bio, NULL, no_phrase, NULL))) {
        if (!sk_X509_push(trust->certs, cert)) {
            X509_free(cert);
            break;
        }
    }
    last = ERR_peek_last_error();
    (void)BIO_free(bio);
    if (!trust)
        return NULL;
    if (ERR_GET_REASON(last) != PEM_R_NO_START_LINE)
        (void)fail(err, ERR_FORMAT, "malformed certificate");
    else if (sk_X509_num(trust->certs) < 1)
        (void)err_set(err, ERR_FORMAT,
                      "no certificate in PEM format found (of another format it is made by "
                      "'openssl x509 -inform der')");
    else {
        ERR_clear_error();
        return trust;
    }
    ERR_clear_error();
    tsp_trust_free(trust);
    return NULL;
}

int tsp_trust_load(const char *path, struct stop stop, struct tsp_trust **trust,
                   struct err *err)
{
    struct buf text;

    *trust = NULL;
    buf_init(&text, TSP_CA_MAX);
    if (file_load(path, stop, &text, err) == 0) {
        *trust = tsp_trust_read(buf_text(&text), text.len, err);
        if (!*trust)
            (void)err_wrap(err, "'%s'", path);
    }
    buf_clear(&text);
    return *trust ? 0 : -1;
}

void tsp_trust_free(struct tsp_trust *trust)
{
    if (!trust)
        return;
    sk_X509_pop_free(trust->certs, X509_free);
    mem_free(trust);
}

char *tsp_path(const char *archive, unsigned number, struct err *err)
{
    return number < 2 ? mem_format(err, "%s" TSP_SUFFIX, archive)
                      : mem_format(err, "%s.%u" TSP_SUFFIX, archive, number);
}

char *tsp_base(const char *response, struct err *err)
{
    size_t len = strlen(response);
    size_t n = strlen(TSP_SUFFIX);

    if (len > n && strcmp(response + len - n, TSP_SUFFIX) == 0)
        return mem_format(err, "%.*s", (int)(len - n), response);
    (void)err_set(err, ERR_USAGE, "'%s' does not end with " TSP_SUFFIX, response);
    return NULL;
}

int tsp_nonce(uint8_t nonce[TSP_NONCE], struct err *err)
{
    if (RAND_bytes(nonce, TSP_NONCE) != 1)
        return fail(err, ERR_SYSTEM, "no random number");
    nonce[0] = (uint8_t)((nonce[0] & 0x7f) | 0x40); /* of a constant length in DER */
    return 0;
}

static ASN1_INTEGER *nonce_integer(const uint8_t nonce[TSP_NONCE])
{
    BIGNUM *number = BN_bin2bn(nonce, TSP_NONCE, NULL);
    ASN1_INTEGER *out = number ? BN_to_ASN1_INTEGER(number, NULL) : NULL;

    BN_free(number);
    return out;
}

/* Set the digest of a request. */
static bool set_imprint(TS_REQ *request, const uint8_t sha256[SHA256_SIZE])
{
    uint8_t digest[SHA256_SIZE];
    TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
    X509_ALGOR *algorithm = X509_ALGOR_new();
    bool done;

    memcpy(digest, sha256, sizeof(digest));
    done = imprint && algorithm &&
           X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_sha256), V_ASN1_NULL, NULL) &&
           TS_MSG_IMPRINT_set_algo(imprint, algorithm) &&
           TS_MSG_IMPRINT_set_msg(imprint, digest, SHA256_SIZE) &&
           TS_REQ_set_msg_imprint(request, imprint);
    X509_ALGOR_free(algorithm); /* the setters copy */
    TS_MSG_IMPRINT_free(imprint);
    return done;
}

int tsp_request(const uint8_t sha256[SHA256_SIZE], const uint8_t nonce[TSP_NONCE],
                struct buf *out, struct err *err)
{
    TS_REQ *request = TS_REQ_new();
    ASN1_INTEGER *number = nonce_integer(nonce);
    uint8_t *der = NULL;
    int len = -1;
    int rc;

    if (request && number && TS_REQ_set_version(request, 1) && set_imprint(request, sha256) &&
        TS_REQ_set_nonce(request, number) && TS_REQ_set_cert_req(request, 1))
        len = i2d_TS_REQ(request, &der);
    rc = len > 0 ? buf_add(out, der, (size_t)len, err)
                 : fail(err, ERR_SYSTEM, "cannot make a request for a time stamp");
    OPENSSL_free(der);
    ASN1_INTEGER_free(number);
    TS_REQ_free(request);
    return rc;
}

/* A store with the certificates that are trusted, as of the time of the stamp. */
static X509_STORE *make_store(const struct tsp_trust *trust, const PKCS7 *token, time_t at)
{
    const STACK_OF(X509) *certs = trust ? trust->certs : token->d.sign->cert;
    X509_STORE *store = X509_STORE_new();
    X509_VERIFY_PARAM *param = store ? X509_STORE_get0_param(store) : NULL;
    bool done = param != NULL;
    int i;

    if (param) {
        X509_VERIFY_PARAM_set_time(param, at);
        X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
        /* without a trust, its own certificate is enough */
        done = X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    }
    for (i = 0; done && i < sk_X509_num(certs); i++)
        done = X509_STORE_add_cert(store, sk_X509_value(certs, i));
    if (done)
        return store;
    X509_STORE_free(store);
    return NULL;
}

/* The time of a stamp in seconds since 1970. */
static int time_of(const TS_TST_INFO *info, time_t *at, struct err *err)
{
    struct tm parts;

    if (!TS_TST_INFO_get_time(info) || !ASN1_TIME_to_tm(TS_TST_INFO_get_time(info), &parts))
        return err_set(err, ERR_FORMAT, "the time stamp has no valid time");
    *at = timegm(&parts);
    return 0;
}

/* Whether the stamp is of the wanted digest, and answers the request. */
static int check_content(TS_TST_INFO *info, const struct tsp_wanted *wanted, struct err *err)
{
    TS_MSG_IMPRINT *imprint = TS_TST_INFO_get_msg_imprint(info);
    const ASN1_OCTET_STRING *digest = imprint ? TS_MSG_IMPRINT_get_msg(imprint) : NULL;
    const ASN1_OBJECT *algorithm = NULL;
    ASN1_INTEGER *nonce;
    bool same;

    if (imprint && TS_MSG_IMPRINT_get_algo(imprint))
        X509_ALGOR_get0(&algorithm, NULL, NULL, TS_MSG_IMPRINT_get_algo(imprint));
    if (!digest || OBJ_obj2nid(algorithm) != NID_sha256 ||
        ASN1_STRING_length(digest) != SHA256_SIZE ||
        memcmp(ASN1_STRING_get0_data(digest), wanted->sha256, SHA256_SIZE) != 0)
        return err_set(err, ERR_MISMATCH, "the time stamp is of another digest");
    if (!wanted->nonce)
        return 0;
    nonce = nonce_integer(wanted->nonce);
    if (!nonce)
        return err_set(err, ERR_MEMORY, "out of memory");
    same = TS_TST_INFO_get_nonce(info) &&
           ASN1_INTEGER_cmp(TS_TST_INFO_get_nonce(info), nonce) == 0;
    ASN1_INTEGER_free(nonce);
    return same ? 0
                : err_set(err, ERR_MISMATCH,
                          "the time stamp has another nonce: it answers another request");
}

/* Whether the token itself is signed by a digest of which nobody can make collisions. */
static bool is_strong(const PKCS7 *token)
{
    const STACK_OF(PKCS7_SIGNER_INFO) *signers = token->d.sign->signer_info;
    int nid = sk_PKCS7_SIGNER_INFO_num(signers) == 1
                  ? OBJ_obj2nid(sk_PKCS7_SIGNER_INFO_value(signers, 0)->digest_alg->algorithm)
                  : NID_undef;

    return nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512 || nid == NID_sha3_256 ||
           nid == NID_sha3_384 || nid == NID_sha3_512;
}

/*
 * Verify the signature, the version, and that the authority is the one that the stamp names.
 *
 * store    is freed
 * signer   gets the signer's certificate, to be freed
 */
static bool verify(PKCS7 *token, X509_STORE *store, X509 **signer)
{
    TS_VERIFY_CTX *ctx = TS_VERIFY_CTX_new();
    bool valid;

    if (!ctx) {
        X509_STORE_free(store);
        return false;
    }
    (void)TS_VERIFY_CTX_set_flags(ctx, TS_VFY_VERSION | TS_VFY_SIGNER | TS_VFY_SIGNATURE);
    (void)TS_VERIFY_CTX_set_store(ctx, store);
    valid = TS_RESP_verify_token(ctx, token) == 1 &&
            TS_RESP_verify_signature(token, NULL, store, signer) == 1;
    TS_VERIFY_CTX_free(ctx);
    return valid;
}

static int check_signature(PKCS7 *token, TS_TST_INFO *info, const struct tsp_trust *trust,
                           struct tsp_stamp *stamp, struct err *err)
{
    X509_STORE *store = NULL;
    X509 *signer = NULL;
    BIO *name = NULL;
    time_t at = 0;
    int rc = -1;

    if (time_of(info, &at, err) < 0)
        return -1;
    store = make_store(trust, token, at);
    name = BIO_new(BIO_s_mem());
    if (!store || !name) {
        (void)fail(err, ERR_SYSTEM, "cannot verify a time stamp");
        X509_STORE_free(store);
    } else if (!is_strong(token)) {
        (void)err_set(err, ERR_MISMATCH, "the time stamp is signed with a weak digest");
        X509_STORE_free(store);
    } else if (!verify(token, store, &signer)) {
        (void)fail(err, ERR_MISMATCH, "the signature of the time stamp is not valid");
    } else {
        int len = X509_NAME_print_ex(name, X509_get_subject_name(signer), 0, XN_FLAG_RFC2253);

        stamp->at_ms = (int64_t)at * 1000;
        len = len > 0 ? BIO_read(name, stamp->who, TSP_WHO_MAX - 1) : 0;
        stamp->who[len > 0 ? len : 0] = '\0';
        rc = 0;
    }
    X509_free(signer);
    (void)BIO_free(name);
    return rc;
}

/* The name of the reason for a refusal (RFC 3161, PKIFailureInfo), or "". */
static const char *failure_of(const TS_STATUS_INFO *info)
{
    static const struct {
        int bit;
        const char *name;
    } names[] = {
        { 0, ": badAlg" },
        { 2, ": badRequest" },
        { 5, ": badDataFormat" },
        { 14, ": timeNotAvailable" },
        { 15, ": unacceptedPolicy" },
        { 16, ": unacceptedExtension" },
        { 17, ": addInfoNotAvailable" },
        { 25, ": systemFailure" },
    };
    const ASN1_BIT_STRING *bits = TS_STATUS_INFO_get0_failure_info(info);
    size_t i;

    for (i = 0; bits && i < sizeof(names) / sizeof(*names); i++) {
        if (ASN1_BIT_STRING_get_bit(bits, names[i].bit))
            return names[i].name;
    }
    return "";
}

/* What the authority says if it gives no time stamp. */
static int check_status(TS_RESP *response, struct err *err)
{
    TS_STATUS_INFO *info = TS_RESP_get_status_info(response);
    const ASN1_INTEGER *status = info ? TS_STATUS_INFO_get0_status(info) : NULL;
    const STACK_OF(ASN1_UTF8STRING) *texts = info ? TS_STATUS_INFO_get0_text(info) : NULL;
    int64_t value = -1;

    if (!status || !ASN1_INTEGER_get_int64(&value, status))
        return err_set(err, ERR_FORMAT, "the response has no status");
    if (value == TS_STATUS_GRANTED || value == TS_STATUS_GRANTED_WITH_MODS)
        return 0;
    if (texts && sk_ASN1_UTF8STRING_num(texts) > 0) {
        const ASN1_UTF8STRING *text = sk_ASN1_UTF8STRING_value(texts, 0);

        return err_set(err, ERR_DENIED, "the authority refused: %.*s",
                       ASN1_STRING_length(text) < 200 ? ASN1_STRING_length(text) : 200,
                       (const char *)ASN1_STRING_get0_data(text));
    }
    return err_set(err, ERR_DENIED, "the authority refused (status %lld%s)", (long long)value,
                   failure_of(info));
}

int tsp_check(const void *response, size_t len, const struct tsp_wanted *wanted,
              struct tsp_stamp *stamp, struct err *err)
{
    const unsigned char *at = response;
    TS_RESP *resp = len <= TSP_FILE_MAX ? d2i_TS_RESP(NULL, &at, (long)len) : NULL;
    PKCS7 *token;
    TS_TST_INFO *info;
    int rc = -1;

    *stamp = (struct tsp_stamp){ 0 };
    if (!resp || at != (const unsigned char *)response + len) {
        (void)err_set(err, ERR_FORMAT, "not a response of a time-stamping authority");
    } else if (check_status(resp, err) == 0) {
        token = TS_RESP_get_token(resp);
        info = TS_RESP_get_tst_info(resp);
        if (!token || !info)
            (void)err_set(err, ERR_FORMAT, "the response has no time stamp");
        else if (check_content(info, wanted, err) == 0)
            rc = check_signature(token, info, wanted->trust, stamp, err);
    }
    TS_RESP_free(resp);
    ERR_clear_error();
    return rc;
}
