/* SPDX-License-Identifier: MIT */
#include "attest/sshsig.h"

#include "base/mem.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SEED_SIZE 32
#define PUB_SIZE  32
#define SIG_SIZE  64
#define LINE      70
#define KEY_TYPE  "ssh-ed25519"
#define HASH      "sha512"
#define MAGIC     "SSHSIG"
#define KEY_MAGIC "openssh-key-v1"

struct sshsig_key {
    uint8_t seed[SEED_SIZE];
    uint8_t pub[PUB_SIZE];
};

/* A reader of SSH's wire format: big-endian numbers, and strings prefixed by their length. */
struct wire {
    const uint8_t *at;
    size_t left;
    bool bad;
};

static uint32_t get_u32(struct wire *w)
{
    uint32_t value = 0;
    int i;

    if (w->left < 4) {
        w->bad = true;
        return 0;
    }
    for (i = 0; i < 4; i++)
        value = value << 8 | w->at[i];
    w->at += 4;
    w->left -= 4;
    return value;
}

static struct wire get_string(struct wire *w)
{
    struct wire out = { NULL, get_u32(w), false };

    if (w->bad || out.left > w->left) {
        w->bad = true;
        return (struct wire){ (const uint8_t *)"", 0, true };
    }
    out.at = w->at;
    w->at += out.left;
    w->left -= out.left;
    return out;
}

static bool equals(const struct wire *w, const char *text)
{
    return !w->bad && w->left == strlen(text) && memcmp(w->at, text, w->left) == 0;
}

static int put_string(struct buf *out, const void *bytes, size_t len, struct err *err)
{
    uint8_t head[4] = { (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                        (uint8_t)len };

    return buf_add(out, head, 4, err) < 0 ? -1 : buf_add(out, bytes, len, err);
}

static int put_text(struct buf *out, const char *text, struct err *err)
{
    return put_string(out, text, strlen(text), err);
}

/* Decode base64 without blanks and line ends; out is initialised here. */
static int from_base64(const char *text, size_t len, struct buf *out, struct err *err)
{
    struct buf clean;
    size_t i;
    int n = -1;

    buf_init(&clean, len);
    buf_init(out, len + 4);
    for (i = 0; i < len; i++) {
        if (!strchr(" \t\r\n", text[i]) && buf_add(&clean, text + i, 1, err) < 0)
            goto out;
    }
    if (clean.len && clean.len % 4 == 0 && buf_room(out, clean.len, err))
        n = EVP_DecodeBlock((unsigned char *)out->data, (const unsigned char *)clean.data,
                            (int)clean.len);
    for (i = clean.len; n > 0 && i && clean.data[i - 1] == '=' && clean.len - i < 2; i--)
        n--; /* EVP_DecodeBlock counts the padding */
    if (n >= 0)
        out->len = (size_t)n;
    else
        (void)err_set(err, ERR_FORMAT, "bad base64");
out:
    if (clean.data)
        explicit_bzero(clean.data, clean.cap);
    buf_clear(&clean);
    return n < 0 ? -1 : 0;
}

/* Decode the base64 between two lines. */
static int unarmour(const char *text, const char *begin, const char *end, struct buf *out,
                    struct err *err)
{
    const char *from = strstr(text, begin);
    const char *to;

    if (from)
        from += strlen(begin); /* first, since begin and end may share dashes */
    to = from ? strstr(from, end) : NULL;
    if (!to)
        return err_set(err, ERR_FORMAT, "no line '%s', or no end of the block that it begins",
                       begin);
    return from_base64(from, (size_t)(to - from), out, err);
}

static int read_private(struct sshsig_key *key, struct wire all, struct err *err)
{
    struct wire cipher;
    struct wire secret;
    struct wire type;
    struct wire pub;
    struct wire pair;
    uint32_t check;

    if (all.left < sizeof(KEY_MAGIC) || memcmp(all.at, KEY_MAGIC, sizeof(KEY_MAGIC)) != 0)
        return err_set(err, ERR_FORMAT, "not an OpenSSH private key");
    all.at += sizeof(KEY_MAGIC);
    all.left -= sizeof(KEY_MAGIC);
    cipher = get_string(&all);
    (void)get_string(&all); /* kdf */
    (void)get_string(&all); /* kdf options */
    if (get_u32(&all) != 1)
        all.bad = true;
    (void)get_string(&all); /* public key */
    secret = get_string(&all);
    if (!all.bad && !equals(&cipher, "none"))
        return err_set(err, ERR_FORMAT,
                       "the key has a passphrase; unattended signing needs a key without one");
    check = get_u32(&secret);
    if (check != get_u32(&secret))
        secret.bad = true;
    type = get_string(&secret);
    if (!secret.bad && !equals(&type, KEY_TYPE))
        return err_set(err, ERR_FORMAT,
                       "not an Ed25519 key; create one with 'ssh-keygen -t ed25519'");
    pub = get_string(&secret);
    pair = get_string(&secret);
    if (all.bad || secret.bad || pub.left != PUB_SIZE || pair.left != SEED_SIZE + PUB_SIZE ||
        memcmp(pair.at + SEED_SIZE, pub.at, PUB_SIZE) != 0)
        return err_set(err, ERR_FORMAT, "the private key is damaged");
    memcpy(key->seed, pair.at, SEED_SIZE);
    memcpy(key->pub, pub.at, PUB_SIZE);
    return 0;
}

struct sshsig_key *sshsig_key_read(const char *text, size_t len, struct err *err)
{
    struct sshsig_key *key = mem_new(sizeof(*key), err);
    struct buf raw = { 0 };
    int rc = key && strlen(text) == len ? 0 : -1;

    if (key && rc < 0)
        (void)err_set(err, ERR_FORMAT, "not an OpenSSH private key");
    if (rc == 0)
        rc = unarmour(text, "-----BEGIN OPENSSH PRIVATE KEY-----",
                      "-----END OPENSSH PRIVATE KEY-----", &raw, err);
    if (rc == 0)
        rc = read_private(key, (struct wire){ (const uint8_t *)raw.data, raw.len, false }, err);
    if (raw.data)
        explicit_bzero(raw.data, raw.cap);
    buf_clear(&raw);
    if (rc == 0)
        return key;
    sshsig_key_free(key);
    return NULL;
}

void sshsig_key_free(struct sshsig_key *key)
{
    if (!key)
        return;
    explicit_bzero(key, sizeof(*key));
    mem_free(key);
}

/* Write the bytes that are signed instead of the message. */
static int put_signed(struct buf *out, const char *hash, const uint8_t *digest, size_t len,
                      struct err *err)
{
    if (buf_add(out, MAGIC, 6, err) < 0 || put_text(out, SSHSIG_NAMESPACE, err) < 0 ||
        put_text(out, "", err) < 0 || put_text(out, hash, err) < 0)
        return -1;
    return put_string(out, digest, len, err);
}

static int make_signature(const struct sshsig_key *key, const struct buf *message,
                          uint8_t out[SIG_SIZE], struct err *err)
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->seed, SEED_SIZE);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t len = SIG_SIZE;
    bool ok = pkey && ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
              EVP_DigestSign(ctx, out, &len, (const unsigned char *)message->data,
                             message->len) == 1 &&
              len == SIG_SIZE;

    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return ok ? 0 : err_set(err, ERR_SYSTEM, "libcrypto cannot sign");
}

static int put_public(struct buf *out, const uint8_t pub[PUB_SIZE], struct err *err)
{
    return put_text(out, KEY_TYPE, err) < 0 ? -1 : put_string(out, pub, PUB_SIZE, err);
}

static int armour(const struct buf *blob, struct buf *out, struct err *err)
{
    unsigned char *text = mem_new(4 * (blob->len / 3 + 1) + 1, err);
    size_t len;
    size_t at;
    int rc = -1;

    if (!text)
        return -1;
    len = (size_t)EVP_EncodeBlock(text, (const unsigned char *)blob->data, (int)blob->len);
    rc = buf_adds(out, "-----BEGIN SSH SIGNATURE-----\n", err);
    for (at = 0; rc == 0 && at < len; at += LINE)
        rc = buf_addf(out, err, "%.*s\n", (int)(len - at < LINE ? len - at : LINE),
                      (const char *)text + at);
    mem_free(text);
    return rc < 0 ? -1 : buf_adds(out, "-----END SSH SIGNATURE-----\n", err);
}

char *sshsig_path(const char *archive, struct err *err)
{
    return mem_format(err, "%s" SSHSIG_SUFFIX, archive);
}

int sshsig_sign(const struct sshsig_key *key, const uint8_t sha512[SHA512_SIZE],
                struct buf *out, struct err *err)
{
    static const uint8_t version[] = { 0, 0, 0, 1 };
    struct buf part;
    struct buf blob;
    uint8_t sig[SIG_SIZE];
    int rc = -1;

    buf_init(&part, 4096);
    buf_init(&blob, 4096);
    if (put_signed(&part, HASH, sha512, SHA512_SIZE, err) < 0 ||
        make_signature(key, &part, sig, err) < 0)
        goto out;
    buf_reset(&part);
    if (buf_add(&blob, MAGIC, 6, err) < 0 || buf_add(&blob, version, 4, err) < 0 ||
        put_public(&part, key->pub, err) < 0 ||
        put_string(&blob, part.data, part.len, err) < 0 ||
        put_text(&blob, SSHSIG_NAMESPACE, err) < 0 || put_text(&blob, "", err) < 0 ||
        put_text(&blob, HASH, err) < 0)
        goto out;
    buf_reset(&part);
    if (put_text(&part, KEY_TYPE, err) < 0 || put_string(&part, sig, SIG_SIZE, err) < 0 ||
        put_string(&blob, part.data, part.len, err) < 0)
        goto out;
    rc = armour(&blob, out, err);
out:
    buf_clear(&part);
    buf_clear(&blob);
    return rc;
}

/* Parse a signature into its public key and its bytes. */
static int read_signature(struct wire all, struct wire *pub, struct wire *sig, struct err *err)
{
    struct wire key;
    struct wire space;
    struct wire hash;
    struct wire blob;
    struct wire type;

    if (all.left < 6 || memcmp(all.at, MAGIC, 6) != 0)
        return err_set(err, ERR_FORMAT, "not an SSH signature");
    all.at += 6;
    all.left -= 6;
    if (get_u32(&all) != 1)
        return err_set(err, ERR_FORMAT, "unsupported version of the signature");
    key = get_string(&all);
    space = get_string(&all);
    (void)get_string(&all); /* reserved */
    hash = get_string(&all);
    blob = get_string(&all);
    type = get_string(&key);
    *pub = get_string(&key);
    if (!all.bad && !equals(&space, SSHSIG_NAMESPACE))
        return err_set(err, ERR_MISMATCH, "the signature's namespace is not '%s'",
                       SSHSIG_NAMESPACE);
    if (!key.bad && (!equals(&type, KEY_TYPE) || !equals(&hash, HASH)))
        return err_set(err, ERR_FORMAT, "not an Ed25519 signature with SHA-512");
    type = get_string(&blob);
    *sig = get_string(&blob);
    if (all.bad || key.bad || blob.bad || !equals(&type, KEY_TYPE) || pub->left != PUB_SIZE ||
        sig->left != SIG_SIZE)
        return err_set(err, ERR_FORMAT, "the signature is damaged");
    return 0;
}

static bool is_signed(const struct wire *pub, const struct wire *sig, const struct buf *message)
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, pub->at, PUB_SIZE);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = pkey && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
              EVP_DigestVerify(ctx, sig->at, SIG_SIZE, (const unsigned char *)message->data,
                               message->len) == 1;

    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return ok;
}

/* Whether a signer's options are empty, or namespaces="..." with ours. */
static bool options_allow(const char *options, size_t len)
{
    static const char name[] = "namespaces=\"";
    const char *at;
    const char *end = options + len;

    if (!len)
        return true;
    if (len < sizeof(name) || strncmp(options, name, sizeof(name) - 1) != 0 || end[-1] != '"')
        return false; /* an unknown option may forbid it */
    at = options + sizeof(name) - 1;
    end--;
    if (memchr(at, '"', (size_t)(end - at)))
        return false; /* further options follow */
    while (at < end) {
        size_t n = strcspn(at, ",\"");

        if ((n == 1 && *at == '*') ||
            (n == strlen(SSHSIG_NAMESPACE) && strncmp(at, SSHSIG_NAMESPACE, n) == 0))
            return true;
        at += n + 1;
    }
    return false;
}

/* Whether a line (principals [options] type key [comment]) has this key and allows it. */
static bool line_allows(const char *line, size_t len, const struct wire *pub, char *who)
{
    const char *type = memmem(line, len, KEY_TYPE " ", sizeof(KEY_TYPE));
    size_t who_len = strcspn(line, " \t");
    const char *options = line + who_len;
    size_t rest;
    struct buf key;
    struct wire wire;
    struct wire name;
    struct wire value;
    bool same = false;

    if (!type || *line == '#' || who_len >= len)
        return false;
    options += strspn(options, " \t");
    rest = type > options ? (size_t)(type - options) : 0;
    while (rest && strchr(" \t", options[rest - 1]))
        rest--;
    if (type < options || !options_allow(options, rest))
        return false;
    type += sizeof(KEY_TYPE);
    if (from_base64(type, strcspn(type, " \t\r\n"), &key, NULL) == 0) {
        wire = (struct wire){ (const uint8_t *)key.data, key.len, false };
        name = get_string(&wire);
        value = get_string(&wire);
        same = equals(&name, KEY_TYPE) && !wire.bad && value.left == PUB_SIZE &&
               memcmp(value.at, pub->at, PUB_SIZE) == 0;
    }
    buf_clear(&key);
    if (same)
        (void)snprintf(who, SSHSIG_WHO_MAX, "%.*s", (int)who_len, line);
    return same;
}

int sshsig_check(const char *signature, const char *signers, const uint8_t sha512[SHA512_SIZE],
                 char *who, struct err *err)
{
    struct buf raw = { 0 };
    struct buf message;
    struct wire pub;
    struct wire sig;
    int rc = -1;

    buf_init(&message, 4096);
    if (unarmour(signature, "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----",
                 &raw, err) < 0 ||
        read_signature((struct wire){ (const uint8_t *)raw.data, raw.len, false }, &pub, &sig,
                       err) < 0 ||
        put_signed(&message, HASH, sha512, SHA512_SIZE, err) < 0)
        goto out;
    if (!is_signed(&pub, &sig, &message)) {
        (void)err_set(err, ERR_MISMATCH, "the signature does not match the manifest");
        goto out;
    }
    while (rc < 0 && *signers) {
        size_t len = strcspn(signers, "\n");

        if (line_allows(signers, len, &pub, who))
            rc = 0;
        signers += len + (signers[len] == '\n');
    }
    if (rc < 0)
        (void)err_set(err, ERR_DENIED,
                      "the signature is valid, but its key is not among the allowed signers");
out:
    buf_clear(&raw);
    buf_clear(&message);
    return rc;
}
