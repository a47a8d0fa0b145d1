# SPDX-License-Identifier: MIT
"""The calls for the details of a run beyond its record and artifact list, for two server versions.

    "old"    before March 2026: a task v2 and its workflow run are one run, whose artifacts are listed
             only under the tsk_v2_ ID; the newer calls do not exist
    "today"  since then: the artifacts are listed only under the wr_ ID; all calls exist

A run's story is a dictionary: "alias" (its tsk_v2_ ID), "timeline", "workflow_run", "heal_episodes",
"fallback_episodes", "tags", "tag_history", "child" (True: started by another run; then only the workflow
calls find the run, and no list of runs has it). Artifacts with "task_id" and "loose" are listed only for
their task.
"""
NOT_FOUND = {"detail": "Not Found"}  # the answer of a server that does not have the call
RETRIES = ("attempt", "attempts", "retry_pending", "next_attempt_at")


class World:
    """The data that is not part of a run; in the emulator's state."""

    def __init__(self):
        self.mode = "old"
        self.alias = {}  # tsk_v2_ ID -> wr_ ID
        self.tasks = {}  # task -> {"steps": [], "actions": []}
        self.sessions = {}  # session -> its record; "action_log" has its own call
        self.scripts = {}  # script -> {"versions": [], "detail": {version: {}}}
        self.version = {"version": "5c0ffee"}
        self.lacks = set()  # last path segments (or first three) of calls that answer 404


def name_of(world, runs, ident):
    """The run with this ID, which may be its tsk_v2_ ID; None: unknown."""
    return runs.get(ident) or runs.get(world.alias.get(ident))


def alias_of(world, ident):
    """The tsk_v2_ ID of the run with this wr_ ID, or None."""
    return next((k for k, v in world.alias.items() if v == ident), None)


def record_of(world, runs, ident):
    """GET /v1/runs/ID: the record; for the workflow run of a task v2, the record of the task v2."""
    run = name_of(world, runs, ident)
    if not run or run.story.get("child"):
        return None
    alias = alias_of(world, run.id)
    if not alias:
        return run.record
    app = "http://localhost:8080/runs/" + run.id if run.story.get("app_url", True) else None
    record = {k: v for k, v in run.record.items() if k not in RETRIES}
    return dict(record, run_id=alias if run.story.get("renames", True) else ident, run_type="task_v2",
                app_url=app)


def lists(world, run, ident):
    """Whether GET /v1/runs/ID/artifacts lists the run's artifacts under this ID."""
    if run.story.get("lists"):
        return ident in run.story["lists"]
    if world.mode == "today":
        return not ident.startswith("tsk_v2_")
    return not alias_of(world, run.id) or ident.startswith("tsk_v2_")


def workflow_run(world, run):
    """GET /v1/workflows/runs/wr_ID."""
    r = run.record
    alias = alias_of(world, run.id)
    answer = {"workflow_id": "wpid_1", "workflow_run_id": run.id, "status": r["status"],
              "failure_reason": r["failure_reason"], "parameters": {}, "outputs": r["output"],
              "recording_urls": None, "browser_session_id": r["browser_session_id"],
              "total_steps": 3, "total_cost": 0.15, "credits_used": 3, "task_v2": None,
              "workflow_title": r.get("title"), "errors": r["errors"],
              "workflow": {"workflow_id": "w_1", "workflow_permanent_id": "wpid_1", "title": "T",
                           "workflow_definition": {"parameters": [], "blocks": []}}}
    answer.update({k: r[k] for k in ("created_at", "modified_at", "queued_at", "started_at", "finished_at",
                                     "recording_url", "screenshot_urls", "downloaded_files")})
    answer.update({k: r[k] for k in RETRIES if k in r})
    if alias:
        answer["task_v2"] = {"task_id": alias, "workflow_run_id": run.id, "status": r["status"],
                             "prompt": "buy milk"}
    answer.update(run.story.get("workflow_run", {}))
    return answer


def answer(world, runs, words, query):
    """(status, body) of a call that server.py does not handle; None: unknown call."""
    if world.mode == "old" and words[:3] != ["api", "v2", "tasks"]:
        return None
    if words[-1] in world.lacks or "/".join(words[:3]) in world.lacks:
        return 404, NOT_FOUND
    run = name_of(world, runs, words[2]) if len(words) > 2 else None
    if words[:3] == ["api", "v2", "tasks"] and len(words) == 4:
        ident = words[3]
        if ident not in world.alias:
            return 404, {"detail": "Task v2 %s not found" % ident}
        return 200, {"task_id": ident, "workflow_run_id": world.alias[ident], "prompt": "buy milk"}
    if words in (["v1", "workflows", "runs"], ["v1", "workflows"], ["api", "v1", "tasks"]) or (
            words[:2] == ["v1", "workflows"] and words[3:] == ["runs"]):
        return of_lists(world, runs, words, query)
    if words[:2] == ["v1", "artifacts"] and len(words) == 3:
        return 404, {"detail": "Artifact not found " + words[2]}  # server.py answers for known artifacts
    if words[:3] == ["api", "v1", "workflows"] and words[4:5] == ["runs"] and words[6:] == ["timeline"]:
        run = runs.get(words[5])
        if not run or words[3] != workflow_run(world, run)["workflow_id"]:
            return 404, {"detail": "WorkflowRun %s not found" % words[5]}
        return 200, run.story.get("timeline", [])
    if words == ["v1", "version"]:
        return 200, world.version
    if words[:3] == ["v1", "workflows", "runs"] and len(words) == 4:
        run = runs.get(words[3])
        if not run or not run.id.startswith("wr_"):
            return 404, {"detail": "WorkflowRun %s not found" % words[3]}
        return 200, workflow_run(world, run)
    if words[:2] == ["v1", "runs"] and len(words) >= 4:
        return of_run(run, words, query)
    if words[:3] == ["api", "v1", "tasks"] and len(words) == 5 and words[4] in ("steps", "actions"):
        return 200, world.tasks.get(words[3], {}).get(words[4], [])
    if words[:2] == ["v1", "browser_sessions"]:
        return of_session(world, words, query)
    if words[:2] == ["v1", "workflows"] and words[3:] == ["fallback-episodes"]:
        run = runs.get(query.get("workflow_run_id", [""])[0])
        rows = run.story.get("fallback_episodes", []) if run else []
        page, size = int(query.get("page", ["1"])[0]), int(query["page_size"][0])
        if size > 100:
            return 422, {"detail": [{"loc": ["query", "page_size"], "msg": "too many"}]}
        return 200, {"episodes": rows[(page - 1) * size:page * size], "page": page, "page_size": size,
                     "total_count": len(rows)}
    if words[:2] == ["v1", "scripts"] and len(words) >= 4:
        script = world.scripts.get(words[2])
        if not script:
            return 404, {"detail": "Script not found"}
        if words[3:] == ["versions"]:
            return 200, {"versions": script["versions"]}
        if len(words) == 6 and words[5] == "detail" and words[4] in script["detail"]:
            return 200, script["detail"][words[4]]
        return 404, {"detail": "Script version not found"}
    return None


def of_lists(world, runs, words, query):
    """The lists of workflows, workflow runs and tasks: newest first, any number of pages, no child runs."""
    page, size = int(query.get("page", ["1"])[0]), int(query.get("page_size", ["10"])[0])
    if page < 1 or not 1 <= size <= 100:
        return 422, {"detail": [{"loc": ["query"], "msg": "out of range", "type": "range"}]}
    mine = [r for r in runs.values() if not r.story.get("child")]
    flows = [r for r in mine if r.id.startswith("wr_")]
    if words == ["v1", "workflows"]:  # the workflow of a task v2 is not listed
        names = sorted({r.record["workflow_permanent_id"] for r in flows if r.record.get("workflow_permanent_id")})
        rows = [{"workflow_permanent_id": n, "title": n} for n in names]
    elif words == ["api", "v1", "tasks"]:
        block = {"task_id": "tsk_block", "workflow_run_id": "wr_x", "status": "completed", "created_at": "2020-01-01T00:00:00"}
        tasks = [(r.record["created_at"], r) for r in mine if r.id[:4] == "tsk_" and r.id[:7] != "tsk_v2_"]
        tasks = sorted([*tasks, (block["created_at"], None)], key=lambda t: t[0], reverse=True)[(page - 1) * size:page * size]
        return 200, [{"task_id": r.id, "workflow_run_id": None, **{k: r.record[k] for k in (
            "status", "created_at", "finished_at")}} if r else block for _, r in tasks]
    else:
        if words[2] != "runs":
            flows = [r for r in flows if r.record.get("workflow_permanent_id") == words[2]]
            first, last = (query.get(k, [""])[0] for k in ("created_at_start", "created_at_end"))
            flows = [r for r in flows if r.record["created_at"] >= first.rstrip("Z")
                     and (not last or r.record["created_at"] < last.rstrip("Z"))]
        rows = [{"workflow_run_id": r.id, **{k: r.record.get(k) for k in (
            "status", "created_at", "finished_at", "workflow_permanent_id")}} for r in flows]
    if rows and "created_at" in rows[0]:
        rows.sort(key=lambda r: r["created_at"], reverse=True)
    return 200, rows[(page - 1) * size:page * size]


def of_run(run, words, query):
    what = "/".join(words[3:])
    if what == "timeline":
        if not run or run.story.get("child"):
            return 404, {"detail": "Run not found %s" % words[2]}
        if not run.id.startswith("wr_"):
            return 400, {"detail": "Timeline not available for run type task_v1"}
        return 200, run.story.get("timeline", [])
    if what == "heal_episodes":  # an unknown run gets an empty list, not 404
        rows = run.story.get("heal_episodes", []) if run and words[2].startswith("wr_") else []
        return 200, {"episodes": rows, "summary": {"blocks_healed": len(rows)}}
    if not run or not words[2].startswith("wr_"):
        return 404, {"detail": "Workflow run %s not found" % words[2]}
    if what == "tags":
        return 200, {"workflow_run_id": run.id, "tags": run.story.get("tags", [])}
    if what == "tags/history":
        limit = int(query.get("limit", ["50"])[0])
        if limit > 500:
            return 422, {"detail": [{"loc": ["query", "limit"], "msg": "too many", "type": "less_than_equal"}]}
        return 200, {"workflow_run_id": run.id, "events": run.story.get("tag_history", [])[:limit]}
    return 404, NOT_FOUND


def of_session(world, words, query):
    session = world.sessions.get(words[2])
    if not session:
        return 404, {"detail": "Browser session %s not found" % words[2]}
    if len(words) == 3:
        return 200, {k: v for k, v in session.items() if k != "action_log"}
    if words[3] == "action_logs":  # the last page still has a cursor; only an empty page is the end
        log, size = session.get("action_log", []), int(query.get("page_size", ["50"])[0])
        first = int(query.get("cursor", ["0"])[0])
        page = log[first:first + size]
        return 200, {"events": page, "next_cursor": str(first + len(page)) if page else None}
    return 404, NOT_FOUND
