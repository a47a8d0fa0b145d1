/* SPDX-License-Identifier: MIT */
#include "writer/journal.h"

#include "base/file.h"
#include "base/hashmap.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <unistd.h>

#define PIECE         ((size_t)256 << 10) /* bytes of the file read at a time */
#define NOTE          "request_log"       /* the member of a line that is a note */
#define JOURNAL_AHEAD ((size_t)64 << 10)  /* disk space reserved for further rows */

#define OUT_MAX  ((size_t)4 << 20) /* pending rows and notes */
#define OUT_MOST ((size_t)1 << 20) /* from here on, a note writes them first */

struct journal {
    char *path; /* NULL: only read */
    int fd;
    char *request;
    struct hmac *hmac; /* NULL: no MACs */
    struct region *region;
    struct hashmap *rows;
    const struct journal_row *first;
    const struct journal_row **last; /* where the next row is entered */
    const struct journal_note *notes;
    const struct journal_note **last_note;
    size_t whole; /* bytes of complete lines of this request */
    bool foreign; /* the first line is another request's */
    size_t end;   /* bytes written */
    size_t reserved;
    struct buf out;
};

static bool digest_of(struct json_value object, const char *key, uint8_t out[SHA256_SIZE])
{
    struct json_value v = json_get(object, key);
    char hex[SHA256_TEXT] = "";
    size_t len = 0;
    const char *raw = json_type(v) == JSON_STRING ? json_raw(v, &len) : NULL;

    if (!raw || len != SHA256_TEXT - 1)
        return false;
    memcpy(hex, raw, len);
    return text_unhex(out, SHA256_SIZE, hex) == 0;
}

/* Parse one line into a row; false if it is not a row. */
static bool read_row(struct journal *j, struct json_value v, struct journal_row *row)
{
    row->path = json_text(v, "path", j->region);
    row->run_id = json_text(v, "run_id", j->region);
    row->artifact_id = json_text(v, "artifact_id", j->region);
    row->via = json_text(v, "via", j->region);
    row->duplicate_of = json_text(v, "duplicate_of", j->region);
    row->listed = json_text(v, "listed", j->region);
    row->media_type = json_text(v, "media_type", j->region);
    row->notes = json_text(v, "notes", j->region);
    (void)json_u64(json_get(v, "http_status"), &row->http_status);
    (void)json_u64(json_get(v, "attempts"), &row->attempts);
    (void)json_u64(json_get(v, "fetched_at"), &row->fetched_at);
    (void)json_bool(json_get(v, "mismatch"), &row->mismatch);
    (void)json_bool(json_get(v, "beside_zip"), &row->beside_zip);
    row->encoded = digest_of(v, "encoded_sha256", row->encoded_sha256) &&
                   json_u64(json_get(v, "encoded_size"), &row->encoded_size);
    return row->path && row->run_id && row->artifact_id && row->via &&
           json_u64(json_get(v, "size"), &row->size) && digest_of(v, "sha256", row->sha256);
}

/* The MAC of a line's bytes and the request that it is part of. */
static bool mac_of(const struct journal *j, const char *line, size_t len, char hex[SHA256_TEXT])
{
    uint8_t mac[SHA256_SIZE];

    if (!j->hmac)
        return false;
    hmac_of(j->hmac, line, len, mac);
    text_hex(hex, mac, SHA256_SIZE);
    return true;
}

/* The length of a line without its MAC; *proven: whether the MAC is right. */
static size_t check_mac(const struct journal *j, const char *line, size_t len, bool *proven)
{
    char hex[SHA256_TEXT];
    size_t bare = len - (SHA256_TEXT - 1) - 1;

    *proven = false;
    if (len <= SHA256_TEXT || line[bare] != ' ' || line[len - 1] == '}')
        return len;
    *proven =
        mac_of(j, line, bare, hex) && CRYPTO_memcmp(hex, line + bare + 1, SHA256_TEXT - 1) == 0;
    return bare;
}

/* Keep a note; -1 only if out of memory. */
static int take_note(struct journal *j, const char *line, size_t len, struct err *err)
{
    struct journal_note *note = region_take(j->region, sizeof(*note), err);

    if (!note)
        return -1;
    note->json = region_copy(j->region, line, len, err);
    if (!note->json)
        return -1;
    note->len = len;
    *j->last_note = note;
    j->last_note = &note->next;
    return 0;
}

/* Add the row of one line; -1 only if out of memory: a line that is not a row is skipped. */
static int take_line(struct journal *j, const char *line, size_t len, struct err *err)
{
    bool proven;
    size_t bare = check_mac(j, line, len, &proven);
    struct json *doc = json_parse(line, bare, NULL);
    struct json_value note = doc ? json_get(json_root(doc), NOTE) : (struct json_value){ 0 };
    struct journal_row *row = doc ? region_take(j->region, sizeof(*row), err) : NULL;
    struct journal_row *there;
    int rc = doc && !row ? -1 : 0;

    if (row && json_type(note) == JSON_OBJECT) {
        const char *json = json_raw(note, &bare);

        rc = proven ? take_note(j, json, bare, err) : 0;
    } else if (row && json_type(json_root(doc)) == JSON_OBJECT &&
               read_row(j, json_root(doc), row)) {
        row->proven = proven;
        there = hashmap_get(j->rows, row->path, strlen(row->path));
        if (there) {
            row->next = there->next;
            *there = *row; /* it was archived again, since the first copy was lost */
        } else {
            rc = hashmap_add(j->rows, row->path, strlen(row->path), row, err);
            *j->last = row;
            j->last = &row->next;
        }
    }
    json_free(doc);
    return rc;
}

/* Whether the first line names the same request as ours. */
static bool same_request(const struct journal *j, const char *line, size_t len)
{
    return strlen(j->request) == len && memcmp(j->request, line, len) == 0;
}

/* Read the complete lines of a piece of the file, which begins with a line. */
static int read_lines(struct journal *j, const char *text, size_t len, struct err *err)
{
    const char *end;
    size_t n;

    for (; !j->foreign && (end = memchr(text, '\n', len)); text = end + 1, len -= n + 1) {
        n = (size_t)(end - text);
        if (!j->whole && !same_request(j, text, n))
            j->foreign = true;
        else if (j->whole && take_line(j, text, n, err) < 0)
            return -1;
        if (!j->foreign)
            j->whole += n + 1;
    }
    return 0;
}

/* Read the lines of a file, in pieces: its end may be torn. */
static int read_file(struct journal *j, int fd, struct pagefile *file, struct err *err)
{
    struct buf piece;
    size_t done;
    ssize_t n;
    int rc = 0;

    buf_init(&piece, JOURNAL_MAX);
    while (rc == 0 && !j->foreign) {
        char *room = buf_room(&piece, PIECE, err);

        n = room ? read(fd, room, PIECE) : -1;
        if (room && n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            rc = room ? err_sys(err, "cannot read") : -1;
        if (n <= 0)
            break;
        piece.len += (size_t)n;
        done = j->whole;
        rc = read_lines(j, piece.data, piece.len, err);
        done = j->whole - done;
        memmove(piece.data, piece.data + done, piece.len - done);
        piece.len -= done;
        pagefile_touch(file, 2 * done);
    }
    buf_clear(&piece);
    return rc;
}

static struct journal *new_journal(struct pagefile *file, const char *request, const char *key,
                                   struct err *err)
{
    struct journal *j = mem_new(sizeof(*j), err);

    if (!j)
        return NULL;
    j->fd = -1;
    buf_init(&j->out, OUT_MAX);
    j->last = &j->first;
    j->last_note = &j->notes;
    j->request = mem_copy(request, err);
    j->region = region_on(file, err);
    j->rows = hashmap_on(file, err);
    if (j->request && key)
        j->hmac = hmac_new(key, strlen(key), request, strlen(request) + 1, err);
    if (j->request && j->region && j->rows && (j->hmac || !key))
        return j;
    journal_free(j, false);
    return NULL;
}

struct journal *journal_parse(const char *text, size_t len, const char *request,
                              const char *key, struct err *err)
{
    struct journal *j = new_journal(NULL, request, key, err);

    if (j && read_lines(j, text, len, err) == 0)
        return j;
    journal_free(j, false);
    return NULL;
}

/*
 * Reserve disk space for the next rows, so that they can be written when the archive has filled
 * the disk. On file systems without reservation, rows may be lost then.
 */
static void reserve(struct journal *j)
{
    if (j->end + j->out.len + JOURNAL_AHEAD / 2 <= j->reserved)
        return;
    if (fallocate(j->fd, FALLOC_FL_KEEP_SIZE, (off_t)j->end,
                  (off_t)(j->out.len + JOURNAL_AHEAD)) == 0)
        j->reserved = j->end + j->out.len + JOURNAL_AHEAD;
}

/*
 * Truncate the journal after the valid lines of this request and seek to the end; an empty
 * journal gets its first line.
 */
static int begin(struct journal *j, struct err *err)
{
    if (ftruncate(j->fd, (off_t)j->whole) < 0 || lseek(j->fd, 0, SEEK_END) < 0)
        return err_sys(err, "cannot truncate '%s'", j->path);
    j->end = j->whole;
    reserve(j);
    if (j->whole)
        return 0;
    if (file_write(j->fd, j->request, strlen(j->request), err) < 0 ||
        file_write(j->fd, "\n", 1, err) < 0)
        return err_wrap(err, "'%s'", j->path);
    j->whole = j->end = strlen(j->request) + 1;
    return 0;
}

struct journal *journal_open(const char *path, const char *request, const char *key,
                             struct err *err)
{
    return journal_open_on(NULL, path, request, key, err);
}

struct journal *journal_open_on(struct pagefile *file, const char *path, const char *request,
                                const char *key, struct err *err)
{
    struct journal *j = new_journal(file, request, key, err);

    if (!j)
        return NULL;
    j->path = mem_copy(path, err);
    if (j->path)
        j->fd = file_open_own(path, err);
    if (j->fd >= 0 && read_file(j, j->fd, file, err) == 0) {
        if (begin(j, err) == 0)
            return j;
    } else if (j->fd >= 0) {
        (void)err_wrap(err, "'%s'", path);
    }
    journal_free(j, false);
    return NULL;
}

struct journal *journal_load_on(struct pagefile *file, const char *path, const char *request,
                                const char *key, struct err *err)
{
    struct journal *j = new_journal(file, request, key, err);
    int fd = j ? file_open_to_read(path, err) : -1;
    int rc = fd < 0 ? -1 : read_file(j, fd, file, err);

    file_close(&fd);
    if (rc == 0)
        return j;
    journal_free(j, false);
    return NULL;
}

bool journal_is_of(const char *path, const char *request)
{
    size_t len = strlen(request);
    char *line = mem_new(len + 1, NULL);
    int fd = line ? file_read_own(path) : -1;
    bool is = fd >= 0 && file_pread(fd, line, len + 1, 0, NULL) == 0 &&
              memcmp(line, request, len) == 0 && line[len] == '\n';

    file_close(&fd);
    mem_free(line);
    return is;
}

const struct journal_row *journal_find(const struct journal *j, const char *path)
{
    return hashmap_get(j->rows, path, strlen(path));
}

const struct journal_row *journal_first(const struct journal *j)
{
    return j->first;
}

static void put_row(struct jsonw *w, const struct journal_row *row)
{
    char hex[SHA256_TEXT];

    jsonw_object(w, NULL, JSONW_INLINE);
    jsonw_text(w, "path", row->path);
    jsonw_text(w, "run_id", row->run_id);
    jsonw_text(w, "artifact_id", row->artifact_id);
    jsonw_u64(w, "size", row->size);
    text_hex(hex, row->sha256, SHA256_SIZE);
    jsonw_text(w, "sha256", hex);
    jsonw_text(w, "via", row->via);
    jsonw_u64(w, "http_status", row->http_status);
    jsonw_u64(w, "attempts", row->attempts);
    jsonw_u64(w, "fetched_at", row->fetched_at);
    jsonw_bool(w, "mismatch", row->mismatch);
    if (row->beside_zip)
        jsonw_bool(w, "beside_zip", true);
    if (row->duplicate_of)
        jsonw_text(w, "duplicate_of", row->duplicate_of);
    if (row->listed)
        jsonw_text(w, "listed", row->listed);
    if (row->media_type)
        jsonw_text(w, "media_type", row->media_type);
    if (row->notes)
        jsonw_text(w, "notes", row->notes);
    if (row->encoded) {
        text_hex(hex, row->encoded_sha256, SHA256_SIZE);
        jsonw_u64(w, "encoded_size", row->encoded_size);
        jsonw_text(w, "encoded_sha256", hex);
    }
    jsonw_close(w);
}

int journal_flush(struct journal *j, struct err *err)
{
    int rc;

    reserve(j);
    rc = j->out.len ? file_write(j->fd, j->out.data, j->out.len, err) : 0;
    j->end += j->out.len;
    buf_reset(&j->out);
    return rc < 0 ? err_wrap(err, "'%s'", j->path) : 0;
}

/* End the line that begins at an offset of the pending bytes: its MAC, and its end. */
static int end_line(struct journal *j, size_t before, struct err *err)
{
    char hex[SHA256_TEXT];

    if (mac_of(j, j->out.data + before, j->out.len - before, hex) &&
        buf_addf(&j->out, err, " %s", hex) < 0)
        return -1;
    return buf_adds(&j->out, "\n", err);
}

const struct journal_note *journal_notes(const struct journal *j)
{
    return j->notes;
}

int journal_note(struct journal *j, const char *json, size_t len, struct err *err)
{
    size_t before;

    if (j->out.len > OUT_MOST && journal_flush(j, err) < 0)
        return -1;
    before = j->out.len;
    if (buf_adds(&j->out, "{\"" NOTE "\": ", err) == 0 &&
        buf_add(&j->out, json, len, err) == 0 && buf_adds(&j->out, "}", err) == 0 &&
        end_line(j, before, err) == 0)
        return 0;
    j->out.len = before;
    return -1;
}

int journal_add(struct journal *j, const struct journal_row *row, struct err *err)
{
    size_t before = j->out.len;
    struct jsonw w;

    jsonw_init(&w, buf_put, &j->out);
    put_row(&w, row);
    if (jsonw_end(&w, err) < 0)
        return -1;
    j->out.len--; /* the newline, which must follow the MAC */
    return end_line(j, before, err);
}

void journal_free(struct journal *j, bool remove)
{
    if (!j)
        return;
    if (j->fd >= 0 && remove)
        (void)unlink(j->path);
    file_close(&j->fd);
    buf_clear(&j->out);
    hashmap_free(j->rows);
    region_free(j->region);
    hmac_free(j->hmac);
    mem_free(j->request);
    mem_free(j->path);
    mem_free(j);
}
