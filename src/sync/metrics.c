/* SPDX-License-Identifier: MIT */
#include "sync/metrics.h"

#include "base/buf.h"
#include "base/file.h"
#include "catalog/db.h"
#include "catalog/sync_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAST_SUCCESS "skyarc_sync_last_success_timestamp_seconds"
#define FILE_MAX     ((size_t)64 << 10)

#define LABEL_MAX (SHARD_TEXT_MAX + 16)

/* The file that is being made. */
struct sheet {
    struct buf text;
    char label[LABEL_MAX]; /* behind each metric's name, or "" */
};

/* Write the label of a shard; "" if it has all runs. */
static void set_label(char label[LABEL_MAX], const struct shard *shard)
{
    char text[SHARD_TEXT_MAX];

    label[0] = '\0';
    if (shard_divides(shard))
        (void)snprintf(label, LABEL_MAX, "{shard=\"%s\"}", shard_text(text, shard));
}

static int add(struct sheet *out, const char *name, const char *help, double value,
               struct err *err)
{
    return buf_addf(&out->text, err, "# HELP %s %s\n# TYPE %s gauge\n%s%s %.3f\n", name, help,
                    name, name, out->label, value);
}

/* The time of the last success in the catalog; 0: none, or the catalog cannot be read. */
static double last_done(const char *dir)
{
    struct sync_last last = { .done_ms = DB_UNKNOWN };
    struct err ignored;
    struct db *catalog = db_open(dir, DB_READ, &ignored);

    if (catalog && sync_log_last(catalog, &last, &ignored) < 0)
        last.done_ms = DB_UNKNOWN;
    db_free(catalog);
    return last.done_ms == DB_UNKNOWN ? 0 : (double)last.done_ms / 1000;
}

/* The time of the last success in an existing file, or in the catalog; 0: none. */
static double last_success(const char *path, const char *dir, const char *label)
{
    char line[LABEL_MAX + sizeof(LAST_SUCCESS) + 2];
    struct buf old;
    struct err ignored;
    const char *at = NULL;
    double value = 0;

    (void)snprintf(line, sizeof(line), "\n" LAST_SUCCESS "%s ", label);
    buf_init(&old, FILE_MAX);
    if (file_load(path, stop_never(), &old, &ignored) == 0)
        at = strstr(buf_text(&old), line);
    if (at)
        value = strtod(at + strlen(line), NULL);
    buf_clear(&old);
    return value > 0 ? value : last_done(dir);
}

int metrics_write(const char *path, const struct metrics *m, struct err *err)
{
    double read = m->oldest_ms == INT64_MIN ? 0 : (double)m->oldest_ms / 1000;
    double oldest = m->oldest_us == INT64_MIN ? 0 : (double)m->oldest_us / 1e6;
    double success;
    struct sheet out;
    int rc = -1;

    buf_init(&out.text, FILE_MAX);
    set_label(out.label, &m->shard);
    success = m->ok ? (double)m->ended_ms / 1000 : last_success(path, m->dir, out.label);
    if (add(&out, "skyarc_sync_last_run_timestamp_seconds", "Time of the end of the last sync.",
            (double)m->ended_ms / 1000, err) == 0 &&
        add(&out, LAST_SUCCESS, "Time of the last successful sync; 0: never.", success, err) ==
            0 &&
        add(&out, "skyarc_sync_success", "Whether the last sync succeeded.", m->ok, err) == 0 &&
        add(&out, "skyarc_sync_duration_seconds", "Duration of the last sync.",
            (double)m->elapsed / 1000, err) == 0 &&
        add(&out, "skyarc_sync_runs", "Runs that the last sync archived.", (double)m->runs,
            err) == 0 &&
        add(&out, "skyarc_sync_failed_runs",
            "Runs that the last sync could not list or fetch, and asks for again.",
            (double)m->failed, err) == 0 &&
        add(&out, "skyarc_sync_artifacts", "Artifacts that the last sync archived.",
            (double)m->artifacts, err) == 0 &&
        add(&out, "skyarc_sync_downloaded_bytes", "Bytes that the last sync downloaded.",
            (double)m->bytes, err) == 0 &&
        add(&out, "skyarc_sync_missing", "Artifacts that the last sync could not fetch.",
            (double)m->missing, err) == 0 &&
        add(&out, "skyarc_sync_damaged_volumes",
            "Volumes that the last sync found gone, damaged, unreadable or replaced.",
            (double)m->damaged, err) == 0 &&
        add(&out, "skyarc_sync_read_back_bytes",
            "Bytes of volumes that the last sync verified.", (double)m->read_bytes, err) == 0 &&
        add(&out, "skyarc_sync_oldest_read_back_timestamp_seconds",
            "Time at which the volume verified longest ago was verified; 0: never.", read,
            err) == 0 &&
        add(&out, "skyarc_sync_lost_runs",
            "Runs that lack artifacts of a lost volume which the service no longer has.",
            (double)m->lost, err) == 0 &&
        add(&out, "skyarc_sync_waiting_time_stamps", "Time stamps that volumes wait for.",
            (double)m->stamps_waiting, err) == 0 &&
        add(&out, "skyarc_sync_waiting_runs", "Runs that have ended and are not archived.",
            (double)m->waiting, err) == 0 &&
        add(&out, "skyarc_sync_oldest_waiting_run_timestamp_seconds",
            "Creation time of the oldest of these runs; 0: none.", oldest, err) == 0 &&
        add(&out, "skyarc_sync_other_shard_runs",
            "Runs of other shards in the lists that the last sync read.", (double)m->others,
            err) == 0 &&
        add(&out, "skyarc_sync_undecided_runs", "Runs whose shard is not known yet.",
            (double)m->undecided, err) == 0)
        rc = file_put(path, out.text.data, out.text.len, 0644, err);
    buf_clear(&out.text);
    return rc;
}
