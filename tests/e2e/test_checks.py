# SPDX-License-Identifier: MIT
"""The check scripts: each rule fails on a copy of the tree that breaks it."""
import os
import re
import shutil
import subprocess
import sys

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PARTS = ["src", "docs", "scripts", "completions", "Makefile.am", "configure.ac", "README.md", "NEWS.md",
         "CONTRIBUTING.md", "SECURITY.md", "LICENSE", ".clang-format"]


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A copy of the files that the checks read; tests is a link."""
    top = tmp_path_factory.mktemp("house") / "tree"
    top.mkdir()
    for part in PARTS:
        path = os.path.join(TOP, part)
        if os.path.isdir(path):
            shutil.copytree(path, top / part, ignore=shutil.ignore_patterns("__pycache__", "*.o", "*.a", ".deps", ".dirstamp"))
        else:
            shutil.copy(path, top / part)
    for part in ("tests", "contrib", "debian", ".ci"):
        if os.path.exists(os.path.join(TOP, part)):
            os.symlink(os.path.join(TOP, part), top / part)
    return top


@pytest.fixture
def tree(original):
    """The copy, restored after the test."""
    changed = {}

    class Tree:
        def edit(self, name, old, new, count=1):
            path = original / name
            text = path.read_text(encoding="utf-8")
            assert re.search(old, text, re.M), "nothing to break: %s" % old
            changed.setdefault(path, text)
            path.write_text(re.sub(old, new, text, count=count, flags=re.M), encoding="utf-8")

        def add(self, name, text):
            path = original / name
            changed.setdefault(path, path.read_text(encoding="utf-8") if path.exists() else None)
            with open(path, "a", encoding="utf-8") as file:
                file.write(text)

        def remove(self, name):
            path = original / name
            changed.setdefault(path, path.read_text(encoding="utf-8"))
            path.unlink()

        def check(self, script, skyarc=None, path=None):
            env = dict(os.environ, SKYARC=skyarc or os.environ["SKYARC"], PATH=path or os.environ["PATH"])
            return subprocess.run([sys.executable, "-B", str(original / "scripts" / script), "--quiet"],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env, check=False)

    yield Tree()
    for path, text in changed.items():
        if text is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("script", ["check-docs", "check-layers", "check-sizes"])
def test_a_copy_of_the_tree_passes(tree, script):
    done = tree.check(script)
    assert done.returncode == 0, done.stdout


def fails(done, *words):
    assert done.returncode != 0, "the check passed"
    for word in words:
        assert word in done.stdout, done.stdout


# (script, message, file, pattern, replacement)
BROKEN = [
    ("check-layers", "the arrow goes up", "src/net/url.c", r'^#include "net/url.h"', '#include "net/url.h"\n#include "pull/pull.h"'),
    ("check-layers", "no SPDX line", "src/net/url.c", r"\A.*\n", ""),
    ("check-layers", "only base/json.c", "src/net/url.c", r'^#include "net/url.h"', '#include "net/url.h"\n#include <jsmn.h>'),
    ("check-layers", "include each other: net/proxy, net/url", "src/net/url.h", r"^#define NET_URL_H",
     '#define NET_URL_H\n#include "net/proxy.h"'),
    ("check-layers", "include each other: fetch/task, fetch/task_queue", "src/fetch/task_queue.c",
     r'^#include "fetch/task_queue.h"', '#include "fetch/task_queue.h"\n#include "fetch/task.h"'),  # by a .c file alone
    ("check-layers", "include each other: fetch/attempt_log, fetch/completion, fetch/fallback, fetch/fetch, fetch/journal_writer, fetch/tally, fetch/task", "src/fetch/task_queue.h",
     r"^#define FETCH_TASK_QUEUE_H", '#define FETCH_TASK_QUEUE_H\n#include "fetch/fetch.h"'),
    ("check-layers", "base/file.c may call write, but does not", "src/base/file.c", r"\bwrite\(fd, at, len\)", "send(fd, at, len, 0)"),
    ("check-layers", "limit/backoff.h does not compile on its own", "src/limit/backoff.h", r"^#endif", "struct unknown twice(size_t n);\n#endif"),
    ("check-layers", "struct body is a type of writer/body.h", "src/api/task_request.c", r"struct task_body \{", "struct body {"),
    ("check-layers", "enum verdict is a type of evidence/verdict.h", "src/evidence/consistency.c", r"enum volume_verdict", "enum verdict"),
    ("check-layers", "limit/window.h does not compile on its own", "src/limit/window.h", r'^#include "limit/latency.h"\n', ""),  # by a warning
    ("check-layers", "catalog may include api, but does not", "scripts/check-layers", r'"catalog": \{', '"catalog": {"api", '),
    ("check-docs", "names fetch.c without its folder", "docs/sync.md", r"\Z", "\nSee `fetch.c`.\n"),
    ("check-docs", "the map in src/main.c misses fetch/task", "src/main.c", r"^ \*           task  .*\n", ""),
    ("check-docs", "the map in src/main.c misses cmd/wait", "src/main.c", r"^ \*           wait +wait until.*\n", ""),
    ("check-docs", "the map in src/main.c misses base/clock", "src/main.c", r" clock ", " "),
    ("check-docs", "the map in src/main.c names fetch/nothing", "src/main.c", r"^( \*           task  .*\n)", r"\1 *           nothing   is there\n"),
    ("check-docs", "names --bogus", "README.md", r"\Z", "\nRun `skyarc pull -o a.tar.zst --bogus` now.\n"),
    ("check-docs", "names --bogus", "docs/sync.md", r"\Z", "\n`skyarc sync --bogus`\n"),
    ("check-docs", "names --bogus", "docs/object-stores.md", r"\Z", "\n`skyarc pull \\\\\n    --bogus`\n"),
    ("check-docs", "names vault/catalog, whose folder", "docs/architecture.md", r"\Z", "\n`vault/catalog` has it.\n"),
    ("check-docs", "names plan_reserve, which is no module", "docs/architecture.md", r"\Z", "\n`plan_reserve()` does it.\n"),
    ("check-docs", "a number before 'runs are here", "src/net/url.c", r"\Z", '\nconst char *said = "%zu runs are here";\n'),
    ("check-docs", "names src/nowhere/x.c", "docs/robustness.md", r"\Z", "\nSee `src/nowhere/x.c`.\n"),
    ("check-docs", "names pull/nothing", "docs/architecture.md", r"\Z", "\n`pull/nothing` does it.\n"),
    ("check-docs", "names pull/nothing.c, which", "docs/architecture.md", r"`pull/cleaner`", "`pull/nothing.c`"),
    ("check-docs", "names cmdutil/tool.c, which", "docs/api.md", r"\Z", "\n`cmdutil/tool.h` and `cmdutil/tool.c`\n"),
    ("check-docs", "names pull/nothing, which", "docs/api.md", r"\Z", "\n`src/pull/nothing` does it.\n"),
    ("check-docs", "names src/pull/nothing.h, which", "docs/api.md", r"\Z", "\n`src/pull/nothing.h` has it.\n"),
    ("check-docs", "names secret_search, which is no module", "docs/architecture.md", r"`secret_scan`", "`secret_search`"),
    ("check-docs", "names task_end, which", "CONTRIBUTING.md", r"`task_settle`", "`task_end`"),
    ("check-docs", "names task_settle, which", "src/fetch/task.c", r"\A(.|\n)*\Z", ""),
    ("check-docs", "names table_fit, which src/cli/progress does not define", "CONTRIBUTING.md", r"`src/cli/table.c`", "`src/cli/progress.c`"),
    ("check-docs", "names struct packet, which", "CONTRIBUTING.md", r"`struct packed`", "`struct packet`"),
    ("check-docs", "the map in src/main.c names the folder nowhere", "src/main.c", r"^ \* cli/ ", r" * nowhere/ x   is there\n * cli/ "),
    ("check-docs", "Makefile.am misses tests/unit/test_url.c", "Makefile.am", r"tests/unit/test_url\b", "tests/unit/test_urrl"),
    ("check-docs", "src/cmd has no command", "scripts/check-docs", r"/src/cmd/\*\.c", "/src/cmd/*.none"),
    ("check-docs", "links to nowhere.md", "SECURITY.md", r"\Z", "\n[there](nowhere.md)\n"),
    ("check-docs", "the manual lacks --workflow", "docs/skyarc.1", r"workflow", "wrkflow"),
    ("check-docs", "exit statuses", "docs/skyarc.1", r"^\.B 4$", ".B 44"),
    ("check-docs", "does not name version", "NEWS.md", r"^## ", "## 99.0\n\n## "),
    ("check-docs", "the top of debian/changelog is not of version 99.0", "configure.ac", r"(AC_INIT\(\[skyarc\], )\[[^]]+\]", r"\1[99.0]"),
    ("check-docs", "'Threads' does not begin a line", "src/limit/backoff.h", r"\n \* Threads ", " Threads "),
    ("check-docs", "'returns' does not begin a line", "src/limit/backoff.h", r"\n \* returns ", " returns "),
    ("check-docs", "bare_function has no comment", "src/limit/backoff.h", r"^#endif", "\nint bare_function(void);\n\n#endif"),
    ("check-docs", "Makefile.am misses src/net/url.c", "Makefile.am", r"src/net/url\.c", "src/net/urrl.c"),
    ("check-docs", "skyarc linger has no test file: tests/e2e/test_linger.py", "src/cmd/wait.c", r'^    \.name = "wait"',
     '    .name = "linger"'),
    ("check-docs", "skyarc release has no test file: tests/e2e/test_release.py", "scripts/check-docs", r'"release": "hold"', ""),
    ("check-docs", "TESTED_WITH names release, which is no command", "src/cmd/hold.c", r'"release",$', '"let-go",'),
    ("check-docs", "STYLE: input text line longer than 80 bytes", "docs/skyarc.1", r"^\.SH DESCRIPTION\n", r"\g<0>" + "x " * 48 + "x\n"),
    ("check-docs", "STYLE: whitespace at end of input line", "docs/skyarc.1", r"^Failed; no archive.*", r"\g<0> "),
    ("check-docs", "WARNING: skipping paragraph macro: PP after SH", "docs/skyarc.1", r"^\.SH DESCRIPTION$", r"\g<0>\n.PP"),
    ("check-docs", "completions/", "completions/skyarc", r"extract", "exxtract"),
    ("check-sizes", "more than 250", "src/net/url.h", r"\Z", "\n" * 260),
    ("check-sizes", "wide in src/net/url.h has 8 parameters", "src/net/url.h", r"^#endif",
     "\n/* Too much. */\nint wide(int a, int b, int c, int d, int e, int f, int g,\n         int h);\n\n#endif"),
    ("check-layers", "the arrow goes up", "src/base/text.c", r'^#include "base/text.h"', '#include "base/text.h"\n#include <net/url.h>'),
    ("check-layers", "include it by its path, FOLDER/extract.h", "src/reader/extract.c", r'^#include "reader/extract.h"', '#include "extract.h"'),
    ("check-layers", "base/err.h does not compile on its own: src/base/err.h:", "src/base/err.h", r"^#endif", "void err_unknown(unknown_t y);\n#endif"),
    ("check-docs", "src/main.c draws fetch/ghost, which", "src/main.c", r"fetch/fetch \(the main", "fetch/ghost (the main"),
    ("check-docs", "docs/architecture.md draws pull/ghost_list, which", "docs/architecture.md", r"-> pull/run_lists", "-> pull/ghost_list"),
    ("check-docs", "names contrib/nope.service", "README.md", r"\Z", "\n`contrib/nope.service`\n"),
    ("check-docs", "names scripts/relase", "README.md", r"\Z", "\nRun `./scripts/relase --verify DIR`.\n"),
    ("check-docs", "links to the chapter #no-such of docs/archive-format.md", "README.md", r"\Z", "\n[there](docs/archive-format.md#no-such)\n"),
    ("check-docs", "links to the chapter #no-such of docs/sync.md", "docs/sync.md", r"\Z", "\n[there](#no-such)\n"),
    ("check-docs", "says nothing of fetch/task", "src/main.c", r"^( \*           task) .*$", r"\1"),
    ("check-docs", "has fetch/task twice", "src/main.c", r"^( \*           task  .*\n)", r"\1\1"),
    ("check-docs", "names --bogus", "README.md", r"\Z", "\nRun `skyarc pull -o a.tar.zst\n--bogus` now.\n"),
    ("check-docs", "names --strict, which is no option of show", "README.md", r"\Z", "\nRun `skyarc show --strict tsk_1`.\n"),
    ("check-sizes", "wide in src/net/url.c has 8 parameters", "src/net/url.c", r"\Z",
     "\nstatic int wide(int a, int b, int c, int d, int e, int f, int g,\n                int h)\n{\n    return 0;\n}\n"),
    ("check-sizes", "more than 600", "src/net/url.c", r"\Z", "\n" * 610),
    ("check-sizes", "src/view/script/narrow.js has ", "src/view/script/narrow.js", r"\Z", "\n" * 300),
    ("check-sizes", "src/view/view.css has ", "src/view/view.css", r"\Z", "\n" * 300),
    ("check-sizes", "src/view/script/narrow.js:2 has 121 columns, more than 120", "src/view/script/narrow.js", r"^(?=// narrow)", "/" * 121 + "\n"),
]


@pytest.mark.parametrize("script,said,name,old,new", BROKEN, ids=["%s-%d" % (b[0], i) for i, b in enumerate(BROKEN)])
def test_a_rule_that_is_broken_is_named(tree, script, said, name, old, new):
    tree.edit(name, old, new, count=0 if said.startswith("the manual lacks") else 1)
    fails(tree.check(script), said)


@pytest.mark.parametrize("call", ['(void)strcpy(a, b);', 'free(malloc(1));', '(void)write(1, "", 0);',
                                  '(void)fprintf(stderr, "x");', 'fputs("x", stderr);', 'perror("x");', 'dprintf(2, "x");',
                                  'printf("x");', 'exit(1);', 'putc(0, stderr);'])
@pytest.mark.parametrize("name", ["net/url.c", "base/path.c"])
def test_a_banned_call_is_named(tree, name, call):
    tree.add("src/" + name, "\nvoid banned(char *a, const char *b);\nvoid banned(char *a, const char *b)\n{\n    %s\n}\n" % call)
    fails(tree.check("check-layers"), name + " calls ")


def test_printing_to_stderr_is_named_where_printing_is_allowed(tree):
    tree.add("src/cli/pace.c", "\nvoid printing(void);\nvoid printing(void)\n{\n    (void)putc(0, stderr);\n}\n")
    fails(tree.check("check-layers"), "cli/pace.c calls putc")


def test_what_one_file_of_base_may_call_another_may_not(tree):
    for name in ("mem.c", "file.c"):
        tree.add("src/base/" + name, "\nvoid *more(void);\nvoid *more(void)\n{\n    return calloc(1, (size_t)write(1, \"\", 0));\n}\n")
    done = tree.check("check-layers")
    fails(done, "base/mem.c calls write", "base/file.c calls calloc")
    assert "mem.c calls calloc" not in done.stdout and "file.c calls write" not in done.stdout


@pytest.mark.parametrize("name,old,new", [
    ("src/base/pulse.c", r"^    return stop->asked\(", "    return stop->asked && stop->asked("),
    ("src/format/zip.c", r"^    return zip->put\(", "    return !zip->put ? 0 : zip->put("),
    ("src/reader/entry_reader.c", r"if \(put\(ctx", "if (put != NULL && put(ctx"),
])
def test_a_callback_that_may_be_left_out_is_named(tree, name, old, new):
    tree.edit(name, old, new)
    fails(tree.check("check-layers"), "may be NULL; a callback never is")


def test_a_function_that_has_grown_is_named(tree):
    tree.add("src/net/url.c", "\nvoid grown(void)\n{\n%s}\n" % ("    ;\n" * 121))
    fails(tree.check("check-sizes"), "grown in src/net/url.c")


needs_clang_format = pytest.mark.skipif(not shutil.which("clang-format-14") and not shutil.which("clang-format"),
                                        reason="no clang-format here")


def formatted(original, *args, path=None):
    return subprocess.run(["/bin/sh", original / "scripts/format", *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=dict(os.environ, PATH=path or os.environ["PATH"]), text=True, check=False)


@needs_clang_format
def test_what_is_not_formatted_is_named_and_mended(tree, original):
    assert formatted(original, "--check").returncode == 0
    tree.edit("src/net/url.h", r"^#endif", "/* Too many blanks. */\nint  wide(  int a);\n\n#endif")
    fails(formatted(original, "--check"), "src/net/url.h", "code should be clang-formatted")
    assert "int  wide(  int a);" in (original / "src/net/url.h").read_text(encoding="utf-8"), "--check changed a file"
    assert formatted(original).returncode == 0 and formatted(original, "--check").returncode == 0
    assert "\nint wide(int a);\n" in (original / "src/net/url.h").read_text(encoding="utf-8")


@needs_clang_format
def test_a_comments_end_that_stands_alone_is_named_and_mended(tree, original):
    """What clang-format makes of a comment that just fills its line, and finds nothing wrong with."""
    text = "x" * 92
    tree.edit("src/net/url.h", r"^#endif", "/* %s\n */\n#endif" % text)
    fails(formatted(original, "--check"), "src/net/url.h", "stands alone")
    assert formatted(original).returncode == 0 and formatted(original, "--check").returncode == 0
    assert "\n/*\n * %s\n */\n" % text in (original / "src/net/url.h").read_text(encoding="utf-8")


@needs_clang_format
@pytest.mark.parametrize("code", [
    "#define WIDE_ENOUGH_TO_BREAK ((size_t)64 << 10) /* a smaller duplicate costs less space than a link */",
    "struct wide {\n    struct url *next_of_these; /* a%s */\n};" % (" word" * 13)])
def test_a_declaration_that_its_comment_breaks_is_named(tree, original, code):
    tree.edit("src/net/url.h", r"^#endif", code + "\n\n#endif")
    assert formatted(original).returncode == 0
    fails(formatted(original, "--check"), "src/net/url.h", "put it above")


def test_without_clang_format_nothing_is_called_formatted(original, tmp_path):
    os.symlink(shutil.which("dirname"), tmp_path / "dirname")
    fails(formatted(original, "--check", path=str(tmp_path)), "clang-format is missing")


def test_a_folder_that_nobody_planned_is_named(tree, original):
    (original / "src/extra").mkdir()
    try:
        tree.add("src/extra/x.c", "/* SPDX-License-Identifier: MIT */\n")
        fails(tree.check("check-layers"), "a folder that the house does not have")
    finally:
        shutil.rmtree(original / "src/extra")


@pytest.mark.parametrize("folder,files,said", [("net", 20, "modules; three to 16 are wanted"), ("cmd", 30, "modules; three to 30 are wanted")])
def test_a_folder_of_too_many_modules_is_named(tree, folder, files, said):
    for i in range(files):
        tree.add("src/%s/more%d.c" % (folder, i), "/* SPDX-License-Identifier: MIT */\n")
    fails(tree.check("check-layers"), folder + " has ", said)


def test_a_folder_of_two_modules_is_named(tree, original):
    for path in sorted((original / "src/view").glob("*.[ch]")):
        if path.stem not in ("asset", "page"):
            tree.remove("src/view/" + path.name)
    fails(tree.check("check-layers"), "view has 2 modules; three to 16 are wanted")


def test_without_a_compiler_no_header_is_called_checked(tree, tmp_path):
    fails(tree.check("check-layers", path=str(tmp_path)), "no C compiler: whether headers stand alone cannot be checked")


def test_without_mandoc_the_manual_is_not_called_checked(tree, tmp_path):
    fails(tree.check("check-docs", path=str(tmp_path)), "mandoc is missing: the manual cannot be checked")


def test_without_a_program_nothing_is_called_checked(tree):
    fails(tree.check("check-docs", skyarc="/nonexistent/skyarc"), "cannot be checked")
