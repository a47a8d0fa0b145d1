/* SPDX-License-Identifier: MIT */
#include "sync/metrics.h"

#include "base/buf.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>

#define LAST_SUCCESS "skyarc_sync_last_success_timestamp_seconds"
#define FILE_MAX     ((size_t)64 << 10)

static int add(struct buf *out, const char *name, const char *help, double value,
               struct err *err)
{
    return buf_addf(out, err, "# HELP %s %s\n# TYPE %s gauge\n%s %.3f\n", name, help, name,
                    name, value);
}

/* The time of the last success in an existing file; 0: none. */
static double last_success(const char *path)
{
    struct buf old;
    struct err ignored;
    const char *at = NULL;
    double value = 0;

    buf_init(&old, FILE_MAX);
    if (file_load(path, stop_never(), &old, &ignored) == 0)
        at = strstr(buf_text(&old), "\n" LAST_SUCCESS " ");
    if (at)
        value = strtod(at + strlen("\n" LAST_SUCCESS " "), NULL);
    buf_clear(&old);
    return value;
}

int metrics_write(const char *path, const struct metrics *m, struct err *err)
{
    double success = m->ok ? (double)m->ended_ms / 1000 : last_success(path);
    double read = m->oldest_ms == INT64_MIN ? 0 : (double)m->oldest_ms / 1000;
    double oldest = m->oldest_us == INT64_MIN ? 0 : (double)m->oldest_us / 1e6;
    struct buf out;
    int rc = -1;

    buf_init(&out, FILE_MAX);
    if (add(&out, "skyarc_sync_last_run_timestamp_seconds", "Time of the end of the last sync.",
            (double)m->ended_ms / 1000, err) == 0 &&
        add(&out, LAST_SUCCESS, "Time of the last successful sync; 0: never.", success, err) ==
            0 &&
        add(&out, "skyarc_sync_success", "Whether the last sync succeeded.", m->ok, err) == 0 &&
        add(&out, "skyarc_sync_duration_seconds", "Duration of the last sync.",
            (double)m->elapsed / 1000, err) == 0 &&
        add(&out, "skyarc_sync_runs", "Runs that the last sync archived.", (double)m->runs,
            err) == 0 &&
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
            "Creation time of the oldest of these runs; 0: none.", oldest, err) == 0)
        rc = file_put(path, out.data, out.len, 0644, err);
    buf_clear(&out);
    return rc;
}
