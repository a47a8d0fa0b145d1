/* SPDX-License-Identifier: MIT */
#include "sync/holding.h"

#include "base/log.h"
#include "catalog/audit_log.h"
#include "catalog/relation.h"
#include "catalog/volume_name.h"
#include "volumes/legal_hold.h"

#include <stdio.h>

/* The volumes that have a run which was ever held, or one that such a run has started: whether
 * one is held now, and how many entries of the log are about them. */
/* clang-format off */
static const char volumes_sql[] =
    "WITH RECURSIVE told(id, changes) AS MATERIALIZED ("
    "  SELECT " RELATION_NAME("l.run_id") ", count(*) FROM log l"
    "  WHERE l.what IN ('" AUDIT_LOG_HOLD "', '" AUDIT_LOG_RELEASE "') GROUP BY 1"
    "), family(id, root) AS ("
    "  SELECT id, id FROM told UNION SELECT run_id, run_id FROM holds"
    "  UNION SELECT pa.run_id, f.root FROM parents pa JOIN family f ON pa.parent_id = f.id"
    ") SELECT v.name, max(h.run_id IS NOT NULL), sum(coalesce(t.changes, 0)) FROM family f"
    "  JOIN runs r ON r.run_id = f.id JOIN volumes v ON v.id = r.volume"
    "  LEFT JOIN holds h ON h.run_id = f.root LEFT JOIN told t ON t.id = f.root"
    "  GROUP BY v.id ORDER BY v.name";
/* clang-format on */

/* Whether an error concerns one volume only. */
static bool passes(const struct err *err)
{
    return err->kind != ERR_CANCELLED && err->kind != ERR_MEMORY && err->kind != ERR_NET;
}

int holding_agree(struct db *catalog, const struct volume_store *store,
                  struct holding_result *out, struct err *err)
{
    struct legal_holds holds = { .store = store, .locks = -1 };
    struct sqlite3_stmt *sql;
    int rc;

    *out = (struct holding_result){ 0 };
    if (!volume_store_is_remote(store))
        return 0;
    sql = db_sql(catalog, volumes_sql, err);
    if (!sql)
        return -1;
    while ((rc = db_step(catalog, sql, err)) > 0) {
        bool on = db_column_number(sql, 1) > 0 || legal_hold_on_all(&holds);
        char name[VOLUME_NAME];
        struct err why = { 0 };

        (void)snprintf(name, sizeof(name), "%s", db_name(sql, 0));
        rc = legal_hold_want(&holds, name, on, db_column_number(sql, 2), &why);
        out->changed += rc > 0;
        if (rc < 0 && !passes(&why)) {
            *err = why;
            db_done(sql);
            break;
        }
        if (rc < 0) {
            out->refused++;
            log_line(LOG_ERROR,
                     on ? "volume '%s' has a held run and is not under legal hold: %s"
                        : "volume '%s' has no held run any more and is still under legal "
                          "hold: %s",
                     name, why.text);
        }
    }
    legal_hold_close(&holds);
    return rc < 0 ? -1 : 0;
}
