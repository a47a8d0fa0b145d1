# SPDX-License-Identifier: MIT
"""Creates the parts of runs of the real server, through the classes of the skyvern package.

Makes the same calls as the agent at work (a workflow from its definition, a run of it, its blocks,
tasks, steps, actions, artifacts in the run's context), without a browser or a model. Which runs are
made is decided in fill.py.
"""
import datetime
import os
import random
import uuid
from urllib.parse import unquote

from emulator import media
from skyvern.forge import app
from skyvern.forge.sdk.api.files import get_download_dir
from skyvern.forge.sdk.artifact.models import ArtifactType as T
from skyvern.forge.sdk.artifact.models import LogEntityType
from skyvern.forge.sdk.core import skyvern_context
from skyvern.forge.sdk.core.skyvern_context import SkyvernContext
from skyvern.forge.sdk.models import StepStatus
from skyvern.forge.sdk.schemas.tasks import TaskStatus
from skyvern.forge.sdk.workflow.models.workflow import WorkflowRequestBody, WorkflowRunStatus
from skyvern.schemas.action_log import ActionLogEvent, ActionLogOutcome
from skyvern.schemas.runs import RunStatus, RunType
from skyvern.schemas.steps import AgentStepOutput
from skyvern.schemas.workflows import BlockStatus, BlockType, WorkflowCreateYAMLRequest
from skyvern.webeye.actions.actions import Action, ActionStatus, ActionType

SECRET = "typed-by-hand-4711"
seeds = iter(range(1, 1 << 20))


def now():
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)


def picture():
    return media.png(64, 48, next(seeds))


def page(text="a page"):
    return media.html(next(seeds), 6).replace(b"</body>", ("<p>%s</p></body>" % text).encode())


def definition(*blocks, parameters=(), retry=None):
    chain = [dict(block, next_block_label=after["label"]) for block, after in zip(blocks, blocks[1:])]
    made = {"version": 2, "parameters": list(parameters), "blocks": chain + list(blocks[-1:])}
    if retry:
        made["retry_policy"] = retry
    return made


def navigation(label, goal="go on"):
    return {"block_type": "navigation", "label": label, "url": "https://example.com/",
            "navigation_goal": goal, "title": label}


def mp4(size):
    head = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"
    body = random.Random(next(seeds)).randbytes(size)
    return head + (len(body) + 8).to_bytes(4, "big") + b"mdat" + body


class Pieces:
    """Creates parts of runs in one organisation. `made` holds the data on each run that the comparison needs."""

    def __init__(self, org, key):
        self.org = org
        self.id = org.organization_id
        self.db = app.DATABASE
        self.art = app.ARTIFACT_MANAGER
        self.made = {"organization_id": self.id, "key": key, "runs": {}, "workflows": {}, "sessions": {}}

    def note(self, name, run_id, **more):
        self.made["runs"][name] = {"id": run_id, **more}
        return run_id

    def context(self, **more):
        return skyvern_context.scoped(SkyvernContext(organization_id=self.id, request_id="fill", **more))

    # A workflow, a task and their steps. ---------------------------------------------------------

    async def workflow(self, name, *blocks, **more):
        request = WorkflowCreateYAMLRequest.model_validate(
            {"title": name, "description": "made by the test", "workflow_definition": definition(*blocks, **more)})
        made = await app.WORKFLOW_SERVICE.create_workflow_from_request(organization=self.org, request=request)
        self.made["workflows"][name] = made.workflow_permanent_id
        return made

    async def start(self, workflow, listed=True, data=None, status="running", **more):
        """Start a run of a workflow. As in the service, only a run without a parent gets a row in the list of runs."""
        request = WorkflowRequestBody(data=data or {}, browser_session_id=more.pop("browser_session_id", None))
        with self.context():
            run = await app.WORKFLOW_SERVICE.setup_workflow_run(
                request_id="fill", workflow_request=request, organization=self.org,
                workflow_permanent_id=workflow.workflow_permanent_id, **more)
        if listed:
            await self.db.tasks.create_task_run(
                task_run_type=RunType.workflow_run, organization_id=self.id, run_id=run.workflow_run_id,
                title=workflow.title, status=RunStatus.queued, workflow_permanent_id=workflow.workflow_permanent_id,
                parent_workflow_run_id=more.get("parent_workflow_run_id"),
                debug_session_id=more.get("debug_session_id"))
        if status:
            await self.status(run.workflow_run_id, status)
        return run

    async def status(self, run_id, status, reason=None, listed=True):
        """Set a run's status and, as the service does, the status of its row in the list of runs."""
        run = await self.db.workflow_runs.update_workflow_run(run_id, status=WorkflowRunStatus(status),
                                                              failure_reason=reason)
        if listed:
            await self.db.tasks.sync_task_run_status(
                organization_id=self.id, run_id=run_id, status=status, source_workflow_run_id=run_id)
        return run

    async def task(self, title, url="https://example.com/", **more):
        return await self.db.tasks.create_task(
            url=url, title=title, navigation_goal="do %s" % title, data_extraction_goal="read the total",
            navigation_payload={"name": "Ada"}, organization_id=self.id, max_steps_per_run=10, **more)

    async def steps(self, task, count=2, failed=False, run=None, beside=False):
        """The steps of a task, each with its artifacts (in one ZIP where the server makes ZIPs) and actions."""
        workflow_run_id = run.workflow_run_id if run else None
        block_id = None
        if run:
            block = await self.db.observer.get_workflow_run_block_by_task_id(task.task_id, self.id)
            block_id = block.workflow_run_block_id
        last = None
        for order in range(count):
            step = await self.db.tasks.create_step(task.task_id, order, 0, organization_id=self.id)
            with self.context(task_id=task.task_id, step_id=step.step_id, workflow_run_id=workflow_run_id,
                              workflow_permanent_id=run.workflow_permanent_id if run else None,
                              run_id=workflow_run_id or task.task_id, parent_workflow_run_block_id=block_id):
                await self.one_step(task, step, workflow_run_id, beside)
            bad = failed and order == count - 1
            await self.db.tasks.update_step(
                task.task_id, step.step_id, status=StepStatus.failed if bad else StepStatus.completed,
                output=AgentStepOutput(), is_last=order == count - 1, organization_id=self.id,
                incremental_cost=0.0123, incremental_input_tokens=1200, incremental_output_tokens=80,
                incremental_reasoning_tokens=5, incremental_cached_tokens=900, last_llm_model="a-model")
            last = step
        return last

    async def one_step(self, task, step, workflow_run_id, beside):
        art = self.art
        art.accumulate_scrape_to_archive(
            step, html=page(), id_css_map=media.document(next(seeds)), id_frame_map=b'{"el1": "main"}',
            element_tree=media.document(next(seeds)), element_tree_trimmed=media.document(next(seeds)),
            element_tree_in_prompt=b"<button id=el1>Next</button>\n" * 20)
        art.accumulate_screenshot_to_step_archive(step=step, screenshots=[picture(), picture()],
                                                  artifact_type=T.SCREENSHOT_LLM)
        art.accumulate_llm_call_to_archive(
            step, prompt=b"What next? " * 30, request=b'{"model": "a-model", "messages": []}',
            response=b'{"choices": [1]}', parsed_response=b'{"actions": ["click"]}',
            rendered_response=b'{"actions": ["click", 1]}', hashed_href_map=b'{"h1": "https://example.com/x"}')
        for order, kind in enumerate((ActionType.CLICK, ActionType.INPUT_TEXT)):
            ids = art.accumulate_screenshot_to_step_archive(step=step, screenshots=[picture()],
                                                            artifact_type=T.SCREENSHOT_ACTION)
            art.accumulate_action_html_to_archive(step=step, html_action=page("after %s" % kind))
            action = await self.db.workflow_params.create_action(Action(
                action_type=kind, status=ActionStatus.completed, organization_id=self.id, task_id=task.task_id,
                step_id=step.step_id, step_order=step.order, action_order=order, workflow_run_id=workflow_run_id,
                reasoning="the button is blue", intention="go on", response="done", element_id="AAAB",
                text=SECRET if kind == ActionType.INPUT_TEXT else None, confidence_float=0.9,
                started_at=now(), finished_at=now()))
            art.queue_action_screenshot_update(step, self.id, action.action_id, ids[0])
        await art.flush_step_archive(step.step_id)
        # The agent stores the logs as separate artifacts, not in the ZIP.
        await art.create_log_artifact(
            log_entity_type=LogEntityType.STEP, log_entity_id=step.step_id, artifact_type=T.SKYVERN_LOG,
            organization_id=self.id, step_id=step.step_id, task_id=task.task_id, data=media.log(next(seeds), 12))
        await art.create_log_artifact(
            log_entity_type=LogEntityType.STEP, log_entity_id=step.step_id, artifact_type=T.SKYVERN_LOG_RAW,
            organization_id=self.id, step_id=step.step_id, task_id=task.task_id, data=b'[{"event": "step"}]')
        if beside:  # a separate artifact of a step gets no workflow_run_id, so the run's list does not have it
            made = await art.prepare_llm_artifact(data=b'{"h2": "https://example.com/beside"}',
                                                  artifact_type=T.HASHED_HREF_MAP, step=step)
            await art.bulk_create_artifacts([made])
        await art.wait_for_upload_aiotasks([task.task_id, step.step_id])

    async def cleanup(self, task, step, run=None):
        """What the agent stores when a task ends: recordings, network log, trace, console log, last screenshot."""
        workflow_run_id = run.workflow_run_id if run else None
        with self.context(task_id=task.task_id, workflow_run_id=workflow_run_id, run_id=workflow_run_id or task.task_id):
            art = self.art
            for size in (30000, 9000):
                await art.create_artifact(step=step, artifact_type=T.RECORDING, data=media.webm(size, next(seeds)))
            await art.create_artifact(step=step, artifact_type=T.RECORDING, data=mp4(7000), file_extension="mp4")
            await art.create_artifact(step=step, artifact_type=T.SCREENSHOT_FINAL, data=picture())
            await art.create_artifact(step=step, artifact_type=T.SCREENSHOT_PRE_SUBMIT, data=picture())
            await art.create_artifact(step=step, artifact_type=T.HTML_PRE_SUBMIT, data=page("before submit"))
            await art.create_artifact(step=step, artifact_type=T.BROWSER_CONSOLE_LOG, data=b"")
            await art.create_task_archive(step=step, workflow_run_id=workflow_run_id, run_id=workflow_run_id or task.task_id,
                                          entries={"har.har": (T.HAR, media.har(next(seeds))),
                                                   "console.log": (T.BROWSER_CONSOLE_LOG, media.log(next(seeds), 9)),
                                                   "trace.zip": (T.TRACE, media.bundle({"trace.json": b"{}"})),
                                                   "screenshot_final.png": (T.SCREENSHOT_FINAL, picture())})
            await art.wait_for_upload_aiotasks([task.task_id])

    async def downloads(self, run_id, names):
        folder = get_download_dir(run_id)
        for name in names:
            with open(os.path.join(folder, name), "wb") as file:
                file.write(("%s of %s\n" % (name, run_id)).encode() * (3 + next(seeds) % 5))
        with self.context(run_id=run_id, workflow_run_id=run_id if run_id.startswith("wr_") else None):
            await app.STORAGE.save_downloaded_files(self.id, run_id)

    # Blocks. -------------------------------------------------------------------------------------

    async def block(self, run, kind, label, status="completed", task=None, output=None, parent=None, **more):
        created = await self.db.observer.create_workflow_run_block(
            run.workflow_run_id, organization_id=self.id, block_type=kind, label=label,
            task_id=task.task_id if task else None, parent_workflow_run_block_id=parent,
            attempt_number=more.pop("attempt_number", None))
        return await self.db.observer.update_workflow_run_block(
            created.workflow_run_block_id, self.id, status=BlockStatus(status), output=output, **more)

    async def task_block(self, run, label, count=1, failed=False, attempt=None, full=False):
        task = await self.task(label, workflow_run_id=run.workflow_run_id, order=0, retry=0, attempt_number=attempt)
        block = await self.block(run, BlockType.NAVIGATION, label, "running", task=task, attempt_number=attempt)
        await self.db.tasks.update_task(task.task_id, status=TaskStatus.running, organization_id=self.id)
        last = await self.steps(task, count, failed, run, beside=full)
        if full:
            await self.cleanup(task, last, run)
        done = TaskStatus.failed if failed else TaskStatus.completed
        await self.db.tasks.update_task(task.task_id, status=done, organization_id=self.id,
                                        failure_reason="the page broke" if failed else None,
                                        extracted_information=None if failed else {"label": label})
        await self.db.observer.update_workflow_run_block(
            block.workflow_run_block_id, self.id, status=BlockStatus.failed if failed else BlockStatus.completed,
            output={"task_id": task.task_id, "status": str(done)}, failure_reason="it broke" if failed else None)
        return task, block

    async def block_artifacts(self, run, label="code"):
        """A code block: its artifacts belong to the block (one log to the run), not to a task."""
        block = await self.block(run, BlockType.CODE, label, output={"answer": 7})
        art = self.art
        with self.context(workflow_run_id=run.workflow_run_id, run_id=run.workflow_run_id,
                          workflow_permanent_id=run.workflow_permanent_id):
            await art.create_workflow_run_block_artifact(block, T.RECORDING, data=media.webm(4000, next(seeds)))
            await art.create_workflow_run_block_artifact(block, T.PDF, data=b"%PDF-1.4\n" + b"x" * 900 + b"\n%%EOF\n")
            await art.create_workflow_run_block_artifacts(
                block, [(T.LLM_PROMPT, b"a prompt of the block"), (T.SCREENSHOT_ACTION, picture()),
                        (T.HTML_ACTION, page("of the block"))])
            await art.create_log_artifact(
                log_entity_type=LogEntityType.WORKFLOW_RUN_BLOCK, log_entity_id=block.workflow_run_block_id,
                artifact_type=T.SKYVERN_LOG, organization_id=self.id, workflow_run_id=run.workflow_run_id,
                workflow_run_block_id=block.workflow_run_block_id, data=media.log(next(seeds), 6))
            await art.create_log_artifact(
                log_entity_type=LogEntityType.WORKFLOW_RUN, log_entity_id=run.workflow_run_id,
                artifact_type=T.SKYVERN_LOG_RAW, organization_id=self.id, workflow_run_id=run.workflow_run_id,
                data=b'[{"event": "run"}]')
            await art.wait_for_upload_aiotasks([block.workflow_run_block_id, run.workflow_run_id])
        return block

    # Browser sessions and objects. ---------------------------------------------------------------

    async def session(self, name):
        made = await self.db.browser_sessions.create_persistent_browser_session(self.id, timeout_minutes=60)
        ident = made.persistent_browser_session_id
        await self.db.browser_sessions.update_persistent_browser_session(
            ident, status="running", organization_id=self.id, started_at=now())
        self.made["sessions"][name] = ident
        return ident

    async def session_files(self, session, run_id=None):
        folder = os.path.join(os.environ["TMPDIR"], "made")
        os.makedirs(folder, exist_ok=True)
        for kind, name, data in (("videos", "tab one.webm", media.webm(12000, next(seeds))),
                                 ("videos", "tab two.webm", media.webm(5000, next(seeds))),
                                 ("downloads", "statement of session.csv", b"a;b\n1;2\n" * 40),
                                 ("downloads", "statement 2.csv", b"a;b\n3;4\n" * 50)):
            path = os.path.join(folder, name)
            with open(path, "wb") as file:
                file.write(data)
            await app.STORAGE.sync_browser_session_file(
                self.id, session, kind, path, name, date=now().strftime("%Y-%m-%d"),
                producer_run_id=run_id if name == "statement 2.csv" else None)
        for n in range(130):
            event = ActionLogEvent(event_id=uuid.UUID(int=n + 1), tool="skyvern_click", selector="#b%d" % n,
                                   occurred_at=datetime.datetime.now(datetime.timezone.utc),
                                   outcome=list(ActionLogOutcome)[0], index=n)
            await self.art.create_browser_session_action_log_artifact(
                organization_id=self.id, browser_session_id=session, event=event)
        await self.db.browser_sessions.close_persistent_browser_session(session, self.id)

    async def base_uri(self, task):
        step = (await self.db.tasks.get_task_steps(task.task_id, self.id))[0]
        uri = app.STORAGE.build_uri(organization_id=self.id, artifact_id="x", step=step,
                                    artifact_type=T.SCREENSHOT_FINAL)
        return uri.rsplit("/", 1)[0] + "/"

    async def put(self, uri, data, frozen=False):
        """Store an object under a URI chosen by the caller."""
        if uri.startswith("s3://"):
            from skyvern.forge.sdk.api.aws import S3StorageClass
            kind = S3StorageClass.GLACIER if frozen else S3StorageClass.STANDARD
            await app.STORAGE.async_client.upload_file(uri, data, storage_class=kind)
            return
        path = unquote(uri[len("file://"):])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
