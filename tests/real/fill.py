# SPDX-License-Identifier: MIT
"""Fill the real server's database and storage, through the classes of the skyvern package.

    python fill.py DIR             runs of every type and status; their IDs go to DIR/made.json
    python fill.py DIR many        10,050 more runs, in a separate organisation; DIR/many.json
    python fill.py DIR later       later changes: a second attempt is made, a running run ends

Except with "many", the contents of database and storage are then written to DIR/truth.json.

Must run in the server's virtual environment, with the server's environment variables.
"""
import asyncio
import datetime
import hashlib
import json
import os
import sys
from urllib.parse import quote

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True

import truth  # noqa: E402
from pieces import Pieces, now, picture, page, navigation, seeds  # noqa: E402
from emulator import media  # noqa: E402
from sqlalchemy import select  # noqa: E402
from skyvern.config import settings  # noqa: E402
from skyvern.forge import app  # noqa: E402
from skyvern.forge.forge_app_initializer import start_forge_app  # noqa: E402
from skyvern.forge.sdk.artifact.models import ArtifactType as T  # noqa: E402
from skyvern.forge.sdk.artifact.models import LogEntityType  # noqa: E402
from skyvern.forge.sdk.core import security  # noqa: E402
from skyvern.forge.sdk.db.enums import OrganizationAuthTokenType  # noqa: E402
from skyvern.forge.sdk.db.models import ArtifactModel, TaskModel, TaskRunModel, TaskV2Model, WorkflowRunModel  # noqa: E402
from skyvern.forge.sdk.schemas.task_v2 import TaskV2Status, ThoughtType  # noqa: E402
from skyvern.forge.sdk.schemas.tasks import TaskStatus  # noqa: E402
from skyvern.forge.sdk.workflow.models.tags import CallerType, TagSource, TagWriteContext  # noqa: E402
from skyvern.forge.sdk.workflow.retry_policy import mark_attempt_started  # noqa: E402
from skyvern.schemas.runs import RunStatus, RunType  # noqa: E402
from skyvern.schemas.scripts import ScriptStatus  # noqa: E402
from skyvern.schemas.self_heal import HealStatus  # noqa: E402
from skyvern.schemas.workflows import BlockType  # noqa: E402
from skyvern.services import task_v2_service  # noqa: E402

ENDED = ("completed", "failed", "terminated", "timed_out", "canceled")
STATUSES = ENDED + ("running", "queued", "created")
ENGINES = {"cua-openai": RunType.openai_cua, "cua-anthropic": RunType.anthropic_cua, "ui-tars": RunType.ui_tars,
           "yutori": RunType.yutori_navigator, "task-v3": RunType.task_v3}


class Fill(Pieces):
    """The runs of one organisation."""

    # Plain tasks. --------------------------------------------------------------------------------

    async def plain(self, name, status, run_type=RunType.task_v1, full=False):
        task = await self.task("plain %s" % name)
        await self.db.tasks.create_task_run(task_run_type=run_type, organization_id=self.id, run_id=task.task_id,
                                            title=task.title, url=task.url, status=RunStatus.queued)
        if status in ("created",):
            return self.note(name, task.task_id, status=status)
        for step in ("queued", "running", status):
            if step == "queued" or status != "queued":
                more = {}
                if step == status and status == "completed":
                    more = {"extracted_information": {"total": 42, "name": "extracted-by-%s" % name}}
                elif step == status and status in ("failed", "terminated", "timed_out"):
                    more = {"failure_reason": "reason-of-%s" % name,
                            "errors": [{"error_code": "E1", "reasoning": "no", "confidence_float": 0.5}]}
                await self.db.tasks.update_task(task.task_id, status=TaskStatus(step), organization_id=self.id, **more)
                await self.db.tasks.sync_task_run_status(self.id, task.task_id, step, started_at=now(),
                                                         finished_at=now() if step == status else None)
        last = await self.steps(task, 2 if full else 1, failed=status == "failed")
        if full:
            await self.cleanup(task, last)
            await self.downloads(task.task_id, ["invoice 1.pdf", "Bericht März #1?.txt", "50%25 off.csv"])
        return self.note(name, task.task_id, status=status)

    # A workflow run with everything. -------------------------------------------------------------

    async def full(self):
        """A workflow run with all kinds of data that a workflow run can have."""
        flow = await self.workflow(
            "full-flow", navigation("first"), navigation("second"),
            {"block_type": "code", "label": "code", "code": "answer = 7"},
            parameters=[{"parameter_type": "workflow", "workflow_parameter_type": "string", "key": "customer",
                         "default_value": "nobody"}])
        session = await self.session("session-of-full")
        run = await self.start(flow, data={"customer": "parameter-of-full"}, browser_session_id=session)
        wr = run.workflow_run_id
        first, block = await self.task_block(run, "first", 2, full=True)
        await self.task_block(run, "second", 1)
        loop = await self.block(run, BlockType.FOR_LOOP, "loop", output=[{"n": 0}, {"n": 1}], loop_values=["a", "b"])
        for n in range(2):
            await self.block(run, BlockType.TEXT_PROMPT, "in-loop", output={"n": n}, current_index=n,
                             current_value="ab"[n], parent=loop.workflow_run_block_id, prompt="say %d" % n)
        code = await self.block_artifacts(run)
        await self.downloads(wr, ["order.pdf", "a?b#c & d.txt"])
        await self.session_files(session, wr)
        await self.odd(run, first)
        for parameter in flow.workflow_definition.parameters:
            if parameter.parameter_type == "output" and parameter.key == "first_output":
                await self.db.workflow_runs.create_or_update_workflow_run_output_parameter(
                    wr, parameter.output_parameter_id, {"extracted_information": "output-of-wr-full"})
        await self.status(wr, "completed")
        await self.db.tags.apply_run_tag_changes(wr, self.id, {"case": "2026-17"}, set(), self.tagger(), ["reviewed"])
        await self.db.tags.apply_run_tag_changes(wr, self.id, {"case": "2026-18"}, set(), self.tagger())
        await self.heal(run, code)
        await self.script(run, flow)
        await self.db.run_feedback.upsert_run_feedback(
            organization_id=self.id, target_type="workflow_run", target_id=wr, context_id=None,
            rating="up", reason="it was right", needs_support=False, submitted_by="someone")
        return self.note("wr-full", wr, status="completed", session=session, tasks=[first.task_id])

    def tagger(self):
        return TagWriteContext(caller_id="someone", source=TagSource.MANUAL, caller_type=CallerType.USER)

    async def heal(self, run, block):
        with self.context(workflow_run_id=run.workflow_run_id, run_id=run.workflow_run_id):
            dom = await self.art.create_workflow_run_block_artifact(block, T.HTML_SCRAPE, data=page("healed"))
            shot = await self.art.create_workflow_run_block_artifact(block, T.SCREENSHOT_LLM, data=picture())
            await self.art.wait_for_upload_aiotasks([block.workflow_run_block_id])
        await self.db.self_heal.create_heal_episode(
            self.id, run.workflow_permanent_id, run.workflow_id, run.workflow_run_id, block.workflow_run_block_id,
            block_label="code", engine="code", status=HealStatus.fired_completed, block_prompt="do it",
            block_code="answer = 7", snapshot_available=True, failing_line=3, failure_message="no such element",
            exception_class="TimeoutError", wall_clock_ms=1200, action_count=2, dom_snapshot_artifact_id=dom,
            screenshot_artifact_id=shot)

    async def script(self, run, flow):
        script = await self.db.scripts.create_script(self.id, run_id=run.workflow_run_id)
        code = b"async def first(page):\n    await page.click('#next')\n"
        for path in ("main.py", "blocks/first.py"):
            with self.context(workflow_run_id=run.workflow_run_id, run_id=run.workflow_run_id):
                artifact = await self.art.create_script_file_artifact(
                    organization_id=self.id, script_id=script.script_id, script_version=script.version,
                    file_path=path, data=code)
            made = await self.db.scripts.create_script_file(
                script.script_revision_id, script.script_id, self.id, path, os.path.basename(path), "file",
                content_hash="sha256:" + hashlib.sha256(code).hexdigest(), file_size=len(code),
                mime_type="text/x-python", artifact_id=artifact)
        await self.art.wait_for_upload_aiotasks(["%s_%s" % (script.script_id, script.version)])
        await self.db.scripts.create_script_block(
            script.script_revision_id, script.script_id, self.id, "first", script_file_id=made.file_id,
            run_signature="await first(page)", workflow_run_id=run.workflow_run_id)
        await self.db.scripts.create_workflow_script(
            organization_id=self.id, script_id=script.script_id, workflow_permanent_id=flow.workflow_permanent_id,
            cache_key="k", cache_key_value="v", workflow_id=flow.workflow_id, workflow_run_id=run.workflow_run_id,
            status=ScriptStatus.published)
        await self.db.workflow_runs.update_workflow_run(
            run.workflow_run_id, ai_fallback_triggered=True, script_id=script.script_id,
            script_revision_id=script.script_revision_id, run_with="code")
        for n in range(2):
            await self.db.scripts.create_fallback_episode(
                self.id, flow.workflow_permanent_id, run.workflow_run_id, "first", "element",
                script_revision_id=script.script_revision_id, error_message="no #next (%d)" % n,
                agent_actions=[{"action": "click"}], page_url="https://example.com/",
                page_text_snapshot="a page of text")
        self.made["script"] = {"script_id": script.script_id, "version": script.version}

    async def odd(self, run, task):
        """Unusual artifacts: of an unknown type, empty, with odd names or IDs, without an object, in a cold tier."""
        create = self.db.artifacts.create_artifact
        common = {"organization_id": self.id, "workflow_run_id": run.workflow_run_id, "task_id": task.task_id}
        base = await self.base_uri(task)
        odd = {}
        for name, kind, file, data in (
                ("to-come", "page_of_tomorrow", "tomorrow.html", page("of tomorrow")),
                ("empty", T.BROWSER_CONSOLE_LOG, "nothing.log", None),
                ("dots", T.HTML_ACTION, "x/../dots.html", page("dots")),
                ("signs", T.HTML_ACTION, "a b?c#d%41+e&f;g'h(ä).html", page("signs"))):
            ident = "a_odd_%s" % name
            uri = base + (file if base.startswith("s3:") else quote(file))
            if name != "empty":
                await self.put(uri, data)
            await create(ident, kind, uri, file_size=len(data) if data else 0, **common)
            odd[name] = ident
        for ident in ("a_odd.~ü", "a_odd id", "a_odd%2Fid", "a_odd/id"):
            uri = base + "id%d.html" % next(seeds)
            await self.put(uri, page(ident))
            await create(ident, T.HTML_ACTION, uri, **common)
        await create("a_odd_gone", T.SCREENSHOT_FINAL, base + "gone.png", file_size=77, **common)
        old = now() - datetime.timedelta(days=100)
        uri = base + "frozen.png"
        await self.put(uri, picture(), frozen=True)
        await self.db.artifacts.bulk_create_artifacts([ArtifactModel(
            artifact_id="a_odd_frozen", artifact_type=T.SCREENSHOT_FINAL, uri=uri, created_at=old, modified_at=old,
            **common)])
        self.made["odd"] = odd

    # Task v2, children, attempts. ----------------------------------------------------------------

    async def task_v2(self, name, status="completed", parent=None, full=True):
        """A `tsk_v2_` run and the `wr_` run that has its blocks. A child run gets no row in the list of runs."""
        with self.context():
            made = await task_v2_service.initialize_task_v2(
                organization=self.org, user_prompt="prompt-of-%s" % name, user_url="http://127.0.0.1/v2",
                parent_workflow_run_id=parent, create_task_run=parent is None)
        ident, wr = made.observer_cruise_id, made.workflow_run_id
        run = await self.db.workflow_runs.get_workflow_run(wr, self.id)
        await self.db.observer.update_task_v2(ident, status=TaskV2Status.running, organization_id=self.id)
        await self.status(wr, "running", listed=False)
        blocks = []
        if full:
            for n in range(2):
                task, block = await self.task_block(run, "%s-block-%d" % (name, n))
                blocks.append(task.task_id)
                thought = await self.db.observer.create_thought(
                    ident, workflow_run_id=wr, workflow_id=made.workflow_id,
                    workflow_permanent_id=made.workflow_permanent_id, workflow_run_block_id=block.workflow_run_block_id,
                    user_input="what now", observation="a page", thought="thought-of-%s" % name, answer="click",
                    thought_type=ThoughtType.plan, thought_scenario="generate_plan", output={"plan": "click"},
                    input_token_count=900, output_token_count=70, thought_cost=0.02, organization_id=self.id)
                await self.db.observer.update_thought(thought.observer_thought_id, organization_id=self.id,
                                                      last_llm_model="a-model")
                with self.context(task_v2_id=ident, workflow_run_id=wr, run_id=ident):
                    await self.art.bulk_create_artifacts([
                        await self.art.prepare_llm_artifact(data=b"think", artifact_type=T.LLM_PROMPT, thought=thought,
                                                            screenshots=[picture()]),
                        await self.art.prepare_llm_artifact(data=b'{"thought": 1}', artifact_type=T.LLM_RESPONSE,
                                                            thought=thought)])
                    await self.art.create_thought_artifact(thought, T.SCREENSHOT_LLM, data=picture())
            with self.context(task_v2_id=ident, workflow_run_id=wr, run_id=ident):
                whole = await self.db.observer.get_task_v2(ident, self.id)
                await self.art.create_task_v2_artifact(whole, T.LLM_REQUEST, data=b'{"model": "a-model"}')
                await self.art.bulk_create_artifacts([await self.art.prepare_llm_artifact(
                    data=b"whole", artifact_type=T.LLM_PROMPT, task_v2=whole, screenshots=[picture()])])
                await self.art.create_log_artifact(
                    log_entity_type=LogEntityType.TASK_V2, log_entity_id=ident, artifact_type=T.SKYVERN_LOG,
                    organization_id=self.id, workflow_run_id=wr, data=media.log(next(seeds), 8))
                await self.art.wait_for_upload_aiotasks([ident])
            await self.downloads(wr if parent is None else parent, ["%s.csv" % name])
        if status != "running":
            await self.db.observer.update_task_v2(
                ident, status=TaskV2Status(status), organization_id=self.id,
                summary="summary-of-%s" % name, output={"answer": "output-of-%s" % name})
            await self.status(wr, status, None if status == "completed" else "reason-of-%s" % name, listed=False)
            if parent is None:
                await self.db.tasks.sync_task_run_status(self.id, ident, status, started_at=now(), finished_at=now())
        elif parent is None:
            await self.db.tasks.sync_task_run_status(self.id, ident, "running", started_at=now())
        self.note(name, ident, status=status, workflow_run_id=wr, tasks=blocks, child=parent is not None)
        return ident, wr

    async def family(self):
        """A run with two children, one of them with a child of its own."""
        child_flow = await self.workflow("child-flow", navigation("of_child"))
        flow = await self.workflow(
            "parent-flow", {"block_type": "workflow_trigger", "label": "trigger",
                            "workflow_permanent_id": child_flow.workflow_permanent_id},
            {"block_type": "task_v2", "label": "v2", "prompt": "do it"})
        run = await self.start(flow)
        wr = run.workflow_run_id
        child = await self.start(child_flow, listed=False, parent_workflow_run_id=wr)
        await self.task_block(child, "of_child")
        await self.downloads(child.workflow_run_id, ["child.csv"])
        grandchild, grandchild_wr = await self.task_v2("grandchild", parent=child.workflow_run_id)
        await self.block(child, BlockType.TaskV2, "v2-of-child", block_workflow_run_id=grandchild_wr)
        await self.status(child.workflow_run_id, "completed", listed=False)
        await self.block(run, BlockType.WORKFLOW_TRIGGER, "trigger", block_workflow_run_id=child.workflow_run_id,
                         output={"workflow_run_id": child.workflow_run_id, "status": "completed",
                                 "workflow_permanent_id": child_flow.workflow_permanent_id})
        v2, v2_wr = await self.task_v2("child-v2", parent=wr)
        await self.block(run, BlockType.TaskV2, "v2", block_workflow_run_id=v2_wr, output={"task_v2_id": v2})
        late = await self.start(child_flow, listed=False, parent_workflow_run_id=wr)
        await self.task_block(late, "of-late-child")
        await self.block(run, BlockType.WORKFLOW_TRIGGER, "trigger-no-wait",
                         output={"workflow_run_id": late.workflow_run_id, "status": "running"})
        await self.status(late.workflow_run_id, "completed", listed=False)
        await self.task_block(run, "of-parent")
        await self.status(wr, "completed")
        self.note("child-trigger", child.workflow_run_id, status="completed", child=True, parent="parent")
        self.note("child-no-wait", late.workflow_run_id, status="completed", child=True, parent="parent")
        self.made["runs"]["child-v2"]["parent"] = "parent"
        self.made["runs"]["grandchild"]["parent"] = "child-trigger"
        return self.note("parent", wr, status="completed")

    async def attempts(self, name, flow, second=None):
        """A run whose first attempt failed; the second is pending, or ends with status `second`."""
        run = await self.start(flow)
        wr = run.workflow_run_id
        attempts = self.db.workflow_run_attempts
        if not await attempts.get_attempts(wr):
            await attempts.create_attempt(wr, self.id, 1, "queued")
        await mark_attempt_started(wr, 1)
        await self.task_block(run, "try_1", failed=True, attempt=1)
        await self.downloads(wr, ["attempt 1.csv"])
        done = await self.status(wr, "failed", "reason-of-%s" % name)
        later = now() + (datetime.timedelta(days=1) if second is None else datetime.timedelta(seconds=-1))
        await attempts.finalize_attempt(
            wr, 1, status="failed", failure_reason="reason-of-%s" % name, failure_category=None, error_codes=["E1"],
            finished_at=done.finished_at or now(), retry_decision="retry", decision_reason="matched", next_attempt_at=later)
        self.note(name, wr, status="failed", attempts=1)
        if second:
            await self.second_attempt(name, second)
        return wr

    async def second_attempt(self, name, status):
        wr = self.made["runs"][name]["id"]
        result = await self.db.workflow_runs.prepare_next_attempt_atomic(wr, self.id, 1, "failed", None)
        if result.status != "inserted":
            raise SystemExit("the second attempt of %s is %s" % (name, result))
        run = await self.db.workflow_runs.get_workflow_run(wr, self.id)
        await self.status(wr, "running")
        await mark_attempt_started(wr, 2)
        await asyncio.sleep(0.02)  # files of the second attempt must be newer than its start
        await self.task_block(run, "try_2", failed=status == "failed", attempt=2)
        await self.downloads(wr, ["attempt 2.csv"])
        done = await self.status(wr, status, None if status == "completed" else "reason-2-of-%s" % name)
        await self.db.workflow_run_attempts.finalize_attempt(
            wr, 2, status=status, failure_reason=None, failure_category=None, error_codes=None,
            finished_at=done.finished_at or now(), retry_decision="final", decision_reason="status",
            next_attempt_at=None)
        self.note(name, wr, status=status, attempts=2)

    # All of it. ----------------------------------------------------------------------------------

    async def base(self):
        simple = await self.workflow("simple-flow", navigation("only"))
        retry = await self.workflow("retry-flow", navigation("try_1"))
        await self.plain("tsk-full", "completed", full=True)
        for status in STATUSES:
            await self.plain("tsk-" + status, status)
        for name, kind in ENGINES.items():
            await self.plain("tsk-" + name, "completed", kind)
        for status in STATUSES + ("paused",):
            run = await self.start(simple, status=None)
            if status not in ("created", "queued"):
                await self.task_block(run, "only", failed=status == "failed")
            await self.status(run.workflow_run_id, status,
                              "reason-of-wr-" + status if status in ("failed", "terminated", "timed_out") else None)
            self.note("wr-" + status, run.workflow_run_id, status=status)
        await self.full()
        await self.task_v2("v2-full")
        for status in ("failed", "terminated", "timed_out", "canceled"):
            await self.task_v2("v2-" + status, status, full=status == "failed")
        await self.task_v2("v2-running", "running")
        await self.family()
        await self.attempts("retry-pending", retry)
        await self.attempts("retry-done", retry, "completed")
        for name in ("stale-tsk", "stale-v2"):  # the row in the list of runs keeps an old status
            ident = await self.plain(name, "completed") if name == "stale-tsk" else (await self.task_v2(name))[0]
            await asyncio.sleep(0.05)
            await self.db.tasks.update_task_run(self.id, ident, status="running")
            self.made["runs"][name]["row"] = "running"
        empty = await self.start(simple)
        await self.status(empty.workflow_run_id, "completed")
        self.note("no-artifacts", empty.workflow_run_id, status="completed")
        debug = await self.start(simple, debug_session_id="ds_1")
        await self.task_block(debug, "only")
        await self.status(debug.workflow_run_id, "completed")
        self.note("debug", debug.workflow_run_id, status="completed", listed=False)
        alone = await self.session("session-alone")
        await self.session_files(alone)
        await asyncio.sleep(0.2)  # the server code writes in the background
        await self.age()

    async def age(self, days=3):
        """Move the times of the ended runs some days back."""
        back = datetime.timedelta(days=days)
        over = {name: run for name, run in self.made["runs"].items()
                if run["status"] in ENDED and name != "retry-pending"}
        ids = {run["id"] for run in over.values()} | {run.get("workflow_run_id") for run in over.values()}
        async with self.db.tasks.Session() as session:
            for model, column in ((TaskModel, TaskModel.task_id), (WorkflowRunModel, WorkflowRunModel.workflow_run_id),
                                  (TaskV2Model, TaskV2Model.observer_cruise_id), (TaskRunModel, TaskRunModel.run_id)):
                for row in await session.scalars(select(model).where(column.in_(ids - {None}))):
                    for name in ("created_at", "queued_at", "started_at", "finished_at"):
                        if getattr(row, name, None):
                            setattr(row, name, getattr(row, name) - back)
            await session.commit()

    async def later(self):
        await self.second_attempt("retry-pending", "completed")
        wr = self.made["runs"]["wr-running"]["id"]
        run = await self.db.workflow_runs.get_workflow_run(wr, self.id)
        await self.task_block(run, "at-last")
        await self.status(wr, "completed")
        self.made["runs"]["wr-running"]["status"] = "completed"

    async def many(self, flows=(1100, 8890), plain=60):
        """More runs than the list of runs returns; the plain tasks are the oldest."""
        begin = now() - datetime.timedelta(days=60)
        rows, tick = [], datetime.timedelta(minutes=7)
        for n in range(plain):
            at = begin + n * tick
            rows.append(TaskModel(task_id="tsk_many%05d" % n, status="completed", url="https://example.com/",
                                  title="many plain", navigation_goal="do it", organization_id=self.id, created_at=at,
                                  modified_at=at, started_at=at, finished_at=at))
            rows.append(TaskRunModel(run_id="tsk_many%05d" % n, task_run_type=RunType.task_v1, organization_id=self.id,
                                     title="many plain", url="https://example.com/", status="completed",
                                     searchable_text="many plain", created_at=at, started_at=at, finished_at=at))
        for index, count in enumerate(flows):
            flow = await self.workflow("many-flow-%d" % index, navigation("only"))
            for n in range(count):
                at = begin + (plain + n) * tick + datetime.timedelta(seconds=index)
                ident = "wr_many%d%05d" % (index, n)
                rows.append(WorkflowRunModel(
                    workflow_run_id=ident, workflow_permanent_id=flow.workflow_permanent_id,
                    workflow_id=flow.workflow_id, organization_id=self.id, status="completed", created_at=at,
                    modified_at=at, started_at=at, finished_at=at))
                rows.append(TaskRunModel(
                    run_id=ident, task_run_type=RunType.workflow_run, organization_id=self.id, status="completed",
                    title="many %s" % ("needle" if index == 0 else "hay"), created_at=at, started_at=at,
                    finished_at=at, searchable_text="many %s" % ("needle" if index == 0 else "hay"),
                    workflow_permanent_id=flow.workflow_permanent_id))
        for begin in range(0, len(rows), 4000):
            async with self.db.tasks.Session() as session:
                session.add_all(rows[begin:begin + 4000])
                await session.commit()
        self.made["counts"] = {"plain": plain, "workflow": list(flows)}


async def organisation(name):
    org = await app.DATABASE.organizations.create_organization(organization_name=name, domain=name + ".test",
                                                               max_steps_per_run=10)
    key = security.create_access_token(org.organization_id, expires_delta=datetime.timedelta(days=3650))
    await app.DATABASE.organizations.create_org_auth_token(
        organization_id=org.organization_id, token=key, token_type=OrganizationAuthTokenType.api)
    return org, key


async def buckets():
    if settings.SKYVERN_STORAGE_TYPE != "s3":
        return
    async with app.STORAGE.async_client._s3_client() as client:
        for name in (settings.AWS_S3_BUCKET_ARTIFACTS, settings.AWS_S3_BUCKET_SCREENSHOTS,
                     settings.AWS_S3_BUCKET_BROWSER_SESSIONS, settings.AWS_S3_BUCKET_UPLOADS):
            await client.create_bucket(Bucket=name)


async def main():
    folder, what = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "base"
    path = "%s/%s.json" % (folder, "many" if what == "many" else "made")
    start_forge_app()
    if what == "later":
        with open(path) as file:
            made = json.load(file)
        fill = Fill(await app.DATABASE.organizations.get_organization(made["organization_id"]), made["key"])
        fill.made = made
        await fill.later()
    elif what == "many":
        fill = Fill(*await organisation("many"))
        await fill.many()
    else:
        await buckets()
        fill = Fill(*await organisation("main"))
        await fill.base()
    await asyncio.sleep(0.2)  # the server code writes in the background
    with open(path, "w") as file:
        json.dump(fill.made, file, indent=1)
    if what != "many":
        with open(folder + "/truth.json", "w") as file:
            json.dump(await truth.Reader(fill.made).all(), file, indent=1)


asyncio.run(main())
