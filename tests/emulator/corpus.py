# SPDX-License-Identifier: MIT
"""The default runs: three realistic ones (one has two IDs), one without artifacts, one whose step is a ZIP.

Their artifacts cover the edge cases: unsafe file names, duplicates, missing fields, all kinds of signed URLs.
"""
import hashlib

from . import media

TYPES = """recording session_replay audio screenshot screenshot_action screenshot_final
screenshot_llm screenshot_proxy html html_scrape html_action har trace pdf script_file download
browser_console_log browser_session_action_log skyvern_log skyvern_log_raw llm_prompt llm_request
llm_response llm_response_parsed llm_response_rendered visible_elements_tree
visible_elements_tree_trimmed visible_elements_tree_in_prompt visible_elements_id_css_map
visible_elements_id_frame_map visible_elements_id_xpath_map hashed_href_map step_archive
task_archive eval_score eval_trajectory eval_rubrics""".split()


class Artifact:
    """An artifact: its row in the artifact list, its bytes, and how its URL is signed."""

    def __init__(self, ident, kind, data, ext="bin", **more):
        self.id = ident
        self.type = kind
        self.data = data
        self.signing = more.pop("signing", "skyvern")
        self.life = more.pop("life", 43200)
        self.member_of = more.pop("member_of", None)
        self.loose = more.pop("loose", False)  # listed only for its task, not for its run
        created = more.pop("created_at", "2026-01-20T11:52:29.276851")
        self.row = {
            "artifact_id": ident, "artifact_type": kind, "bundle_key": None,
            "uri": "s3://artifacts/v1/local/o_1/tsk_1/00_0_stp_1/%s_%s_%s.%s"
                   % (created, kind, ident, ext),
            "checksum": hashlib.sha256(data).hexdigest() if more.pop("summed", True) else None,
            "file_size": len(data) if more.pop("sized", True) else None,
            "task_id": None, "step_id": "stp_1", "workflow_run_id": None,
            "workflow_run_block_id": None, "run_id": None, "browser_session_id": None,
            "archived": False, "organization_id": "o_1",
            "created_at": created, "modified_at": created,
        }
        self.row.update(more)


class Run:
    def __init__(self, ident, artifacts, **more):
        self.id = ident
        self.artifacts = artifacts
        self.script = []  # statuses or dicts of record fields; each GET of the run applies the next one
        self.story = {}  # see story.py
        self.record = {
            "run_id": ident, "status": "completed", "run_type": "task_v2", "output": {"total": 12},
            "downloaded_files": None, "recording_url": None, "screenshot_urls": None,
            "failure_reason": None, "errors": None, "step_count": 3, "app_url": None,
            "browser_session_id": None, "max_screenshot_scrolls": None, "script_run": None,
            "created_at": "2026-01-20T11:52:20.000001", "modified_at": "2026-01-20T11:55:00.5",
            "queued_at": "2026-01-20T11:52:20.1", "started_at": "2026-01-20T11:52:21",
            "finished_at": "2026-01-20T11:54:59.25", "run_request": {"prompt": "buy milk"},
        }
        self.record.update(more)


def _plain(prefix, seed):
    """The artifacts of an ordinary run."""
    shot = media.png(160, 90, seed)
    rows = [
        Artifact(prefix + "rec", "recording", media.webm(900_000 + seed * 1000, seed), "webm",
                 signing="s3", life=3600),
        Artifact(prefix + "shot0", "screenshot_action", shot, "png", life=3600),
        Artifact(prefix + "shot1", "screenshot_final", media.png(320, 180, seed + 1), "png",
                 signing="amz", life=3600),
        Artifact(prefix + "html", "html_scrape", media.html(seed), "html"),
        Artifact(prefix + "dom", "visible_elements_tree", media.document(seed), "json"),
        Artifact(prefix + "prompt", "llm_prompt", b"You see a page. What next?\n" * 40, "txt"),
        Artifact(prefix + "resp", "llm_response", media.document(seed + 7), "json", sized=False,
                 summed=False),
        Artifact(prefix + "har", "har", media.har(seed), "har", signing="azure"),
        Artifact(prefix + "log", "skyvern_log", media.log(seed), "log", summed=False),
        Artifact(prefix + "console", "browser_console_log", media.log(seed + 3, 20), "log"),
    ]
    return rows


def bundled(run, members, **more):
    """A run whose step artifacts are members of one ZIP; members: (file name, type, bytes)."""
    whole = media.bundle({name: data for name, _, data in members})
    parent = Artifact(run + "_zip", "step_archive", whole, "zip", **more)
    rows = [Artifact("%s_%d" % (run, i), kind, data, bundle_key=name, uri=parent.row["uri"],
                     member_of=parent.id, **more)
            for i, (name, kind, data) in enumerate(members)]
    return Run(run, [parent] + rows)


def submitted(ident):
    """The artifacts of a run made by POST /v1/run/tasks."""
    return [Artifact(ident + "_rec", "recording", media.webm(100_000, 5), "webm", signing="s3"),
            Artifact(ident + "_shot", "screenshot_final", media.png(32, 32, 8), "png"),
            Artifact(ident + "_prompt", "llm_prompt", b"What next?\n" * 9, "txt")]


def build():
    one = _plain("a_1", 1)
    one += [
        Artifact("a_1dup", "screenshot_llm", one[1].data, "png", summed=False, sized=False),
        Artifact("a_1new", "thought_graph", b'{"nodes": [1, 2, 3]}', "json"),
        Artifact("a_1csv", "download", b"a,b\n1,2\n", "csv",
                 uri="s3://artifacts/o_1/downloads/tsk_1/Report 2026.csv"),
        Artifact("a_1csv2", "download", b"a,b\n3,4\n", "csv",
                 uri="s3://artifacts/o_1/downloads/tsk_1/sub/report 2026.csv"),
        Artifact("a_1evil", "download", b"evil\n", "txt",
                 uri="s3://artifacts/o_1/downloads/x/..\\..\\%2e%2e\u202etxt.\u0007<con>:?.exe "),
        Artifact("a_1con", "download", b"device\n", "txt", uri="s3://artifacts/o_1/d/CON.txt"),
        Artifact("a_1empty", "skyvern_log_raw", b"", "json"),
        Artifact("a_1null", "llm_request", b'{"q": 1}', "json", signing="null", created_at=None,
                 step_id=None, checksum=None, file_size=None,
                 uri=None),
        Artifact("a_1file", "html_action", media.html(99), "html", signing="file"),
        Artifact("a_1key", "hashed_href_map", b'{"a": "b"}', "json", signing="unsigned"),
    ]
    two = _plain("a_2", 2)
    members = {"llm_prompt_0.txt": b"Prompt zero\n" * 9, "screenshot_action_0.png": media.png(64, 48, 5)}
    whole = media.bundle(members)
    parent = Artifact("a_2zip", "step_archive", whole, "zip")
    two.append(parent)
    for name, data in members.items():
        two.append(Artifact("a_2m" + name[0], "llm_prompt" if name[0] == "l" else "screenshot_action",
                            data, bundle_key=name, uri=parent.row["uri"], member_of="a_2zip"))
    big = media.webm(3_000_000, 9)
    two += [Artifact("a_2rec2", "recording", big, "webm", signing="s3", summed=False),
            Artifact("a_2rec3", "recording", big, "webm", signing="s3", summed=False, sized=False)]
    three = _plain("a_3", 3)
    three[1].data = one[1].data  # same content as an artifact of run one, other artifact ID
    three[1].row.update(checksum=one[1].row["checksum"], file_size=len(one[1].data))
    runs = [
        Run("tsk_demo1", one, output={"see": "https://files.example/x?sig=SECRETSIGNATURE&a=1"}),
        Run("wr_demo2", two, run_type="workflow_run"),
        Run("tsk_v2_demo2", two, run_type="task_v2"),
        Run("tsk_demo3", three, status="failed", failure_reason="the page did not load"),
        Run("tsk_empty", []),
        bundled("tsk_step", [("screenshot_action_%d.png" % i, "screenshot_action",
                              media.png(40, 30, 100 + i)) for i in range(20)]
                + [("llm_prompt_%d.txt" % i, "llm_prompt", b"Prompt %d\n" % i * 50)
                   for i in range(19)]
                + [("trace_0.zip", "trace", media.bundle({"trace.trace": b"{}\n" * 40}))]),
    ]
    return {run.id: run for run in runs}
