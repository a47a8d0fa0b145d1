# SPDX-License-Identifier: MIT
"""The contents of the real server's database and storage for each run, to compare archives with.

Reads through the classes of the skyvern package: for each run its artifacts (ID, type, size, SHA-256
of the content; a ZIP member is extracted, a HAR file is not compressed) and the files of its browser
session; and the artifact rows that belong to no run (there must be none).
"""
import hashlib
import io
import os
import urllib.parse
import zipfile

from sqlalchemy import select
from skyvern.forge import app
from skyvern.forge.sdk.artifact.models import ArtifactType as T
from skyvern.forge.sdk.db.models import ArtifactModel

BUNDLES = ("step_archive", "task_archive")


async def content(artifact, cache):
    """The content of an artifact row, or None. A ZIP member is extracted here: local storage gives the whole ZIP."""
    if artifact.uri.startswith("file://") and not os.path.exists(artifact.uri[7:]) \
            and not os.path.exists(urllib.parse.unquote(artifact.uri[7:])):
        return None
    if artifact.bundle_key and artifact.uri in cache:
        data = cache[artifact.uri]
    else:
        data = await app.STORAGE.retrieve_artifact(artifact.model_copy(update={"bundle_key": None}))
        if artifact.bundle_key:
            cache[artifact.uri] = data
    if data and artifact.bundle_key:
        with zipfile.ZipFile(io.BytesIO(data)) as bundle:
            data = bundle.read(artifact.bundle_key)
    return data


async def one(artifact, cache):
    data = await content(artifact, cache)
    name = artifact.bundle_key or urllib.parse.unquote(artifact.uri.rsplit("/", 1)[-1])
    row = {"type": str(artifact.artifact_type), "name": name, "bundle": str(artifact.artifact_type) in BUNDLES}
    if data is None and artifact.file_size == 0:
        data, row["empty"] = b"", True
    if data is None:
        row["gone"] = True
    else:
        row.update(size=len(data), sha256=hashlib.sha256(data).hexdigest())
    return row


class Reader:
    def __init__(self, made):
        self.made = made
        self.id = made["organization_id"]
        self.db = app.DATABASE
        self.cache = {}

    async def rows(self, run):
        """(artifact rows by ID, task IDs, session ID) of a run; includes its tasks, session and heal episodes."""
        rows = self.db.artifacts
        found, tasks, session = [], [], None
        wr = run["id"] if run["id"].startswith("wr_") else run.get("workflow_run_id")
        if wr:
            tasks = [task.task_id for task in await self.db.tasks.get_tasks_by_workflow_run_id(wr)]
            record = await self.db.workflow_runs.get_workflow_run(wr, self.id)
            session = record.browser_session_id
            found += await rows.get_artifacts_by_entity_id(organization_id=self.id, workflow_run_id=wr)
            for episode in await self.db.self_heal.get_heal_episodes_for_run(self.id, wr):
                for ident in (episode.dom_snapshot_artifact_id, episode.screenshot_artifact_id):
                    found.append(await rows.get_artifact_by_id(ident, self.id))
        else:
            tasks = [run["id"]]
        for task in tasks:
            found += await rows.get_artifacts_by_entity_id(organization_id=self.id, task_id=task)
        for name in {run["id"], wr} - {None}:
            found += await rows.list_artifacts_for_run_by_type(name, self.id, T.DOWNLOAD)
            if name.startswith("tsk_v2_"):
                found += await rows.get_artifacts_for_task_v2(name, self.id)
        if session:
            for kind in (T.RECORDING, T.DOWNLOAD, T.SESSION_REPLAY):
                found += await rows.list_artifacts_for_browser_session_by_type(session, self.id, kind)
        return {row.artifact_id: row for row in found}, tasks, session

    async def run(self, run):
        rows, tasks, session = await self.rows(run)
        told = {ident: await one(row, self.cache) for ident, row in rows.items()}
        files = []
        if session and not any(row.browser_session_id for row in rows.values()):
            # There are no artifact rows for the session's files: use the list that the storage gives.
            shared = await app.STORAGE.get_shared_recordings_in_browser_session(self.id, session)
            for info in shared:
                with open(info.url[len("file://"):], "rb") as file:
                    data = file.read()
                files.append({"name": info.filename, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()})
        return {**run, "tasks": tasks, "session": session, "artifacts": told, "session_files": files}

    async def all(self):
        truth = {name: await self.run(run) for name, run in self.made["runs"].items()}
        told = {ident for run in truth.values() for ident in run["artifacts"]}
        alone = {self.made["sessions"]["session-alone"]}
        async with self.db.artifacts.Session() as session:
            rows = (await session.scalars(select(ArtifactModel).filter_by(organization_id=self.id))).all()
            left = [row.artifact_id for row in rows if row.artifact_id not in told
                    and row.browser_session_id not in alone and row.artifact_type != T.BROWSER_SESSION_ACTION_LOG]
        return {"runs": truth, "rows": len(rows), "unclaimed": left}
