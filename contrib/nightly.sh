#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Sync every night at SYNC_HOUR (UTC), for a container without cron: contrib/compose.yaml runs it. The exit status of
# the last sync is in DEST/.status, its metrics are in DEST/metrics/skyarc.prom. With SYNC_ONCE=1: sync now, and end
# with its exit status.
set -u
umask 077
dest=${SYNC_DEST:-/archive}
child=
trap '[ -z "$child" ] || kill -TERM "$child" 2>/dev/null; [ -z "$child" ] || wait "$child"; exit 143' TERM INT

# Run a command that a signal can end: a shell waits for its child before it looks at signals.
run() {
    "$@" &
    child=$!
    wait "$child"
    status=$?
    child=
}

mkdir -p "$dest/metrics" "${TMPDIR:-/var/tmp}"
while :; do
    if [ "${SYNC_ONCE-}" != 1 ]; then
        now=$(date -u +%s)
        run sleep $(((86400 + ${SYNC_HOUR:-2} * 3600 - now % 86400 - 1) % 86400 + 1))
    fi
    run skyarc sync -v --dest "$dest" --lock-wait 10m --metrics "$dest/metrics/skyarc.prom"
    echo "$status" >"$dest/.status.new" && mv "$dest/.status.new" "$dest/.status"
    if [ "${SYNC_ONCE-}" = 1 ]; then
        exit "$status"
    fi
done
