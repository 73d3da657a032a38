"""The rules of the place: old Python, no packages, windows where they are allowed."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.fake_resolve import generate_surface
from support.fake_resolve.remote import SURFACE, RefusedError, Remote
from support.fake_resolve.stage import Stage, results

import peanut_davinci
from peanut_davinci.editions import Abilities
from peanut_davinci.launch import run
from peanut_davinci.panel import Console, Panel, panel_for

PACKAGE = Path(peanut_davinci.__file__).parent
SCRIPTS = sorted([*PACKAGE.glob("*.py"), *(PACKAGE / "menu").glob("*.py")])
FACTS = Path(__file__).parents[4] / "shared" / "facts" / "resolve_api.json"
Build = Callable[..., Stage]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_python_3_6_and_standard_library_only(script: Path) -> None:
    tree = ast.parse(script.read_text(encoding="utf-8"), feature_version=(3, 6))
    allowed = sys.stdlib_module_names | {"peanut_davinci", "DaVinciResolveScript"}
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
            assert node.module != "__future__", "annotations need 3.7"
        assert {name.partition(".")[0] for name in names} <= allowed
        assert not isinstance(node, ast.NamedExpr)


def test_calls_of_the_api_are_in_one_place() -> None:
    methods = {name for entry in SURFACE["classes"].values() for name in entry}
    # The checklist looks at raw answers on purpose.
    for script in SCRIPTS:
        if script.name in ("resolve_api.py", "resolve_items.py", "findings.py"):
            continue
        tree = ast.parse(script.read_text(encoding="utf-8"))
        called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        # Windows have methods of these names too.
        assert called & methods <= {"Start", "Close"}, script.name


def test_the_fake_refuses_what_no_documentation_has(stage: Build) -> None:
    app = stage().app
    with pytest.raises(RefusedError, match="no documentation"):
        Remote(app).GetTimelineByMagic()
    with pytest.raises(RefusedError, match="takes 1 to 1"):
        Remote(app).OpenPage()
    assert Remote(app).IsStudio is None  # 20.3.2: documented since 21.1
    assert "IsStudio" not in dir(Remote(app))


def test_the_surface_is_that_of_the_facts() -> None:
    if not FACTS.exists():
        pytest.skip("the compiled facts are not beside this checkout")
    fresh = generate_surface.surface_of(json.loads(FACTS.read_text(encoding="utf-8")))
    assert fresh == SURFACE


@pytest.mark.parametrize(
    ("version", "studio", "scripts", "windows"),
    [
        ((18, 5, 0), False, True, True),
        ((19, 1, 0), False, True, False),
        ((19, 1, 0), True, True, True),
        ((21, 0, 4), False, True, False),
        ((21, 1, 0), False, False, False),
        ((21, 1, 0), True, True, True),
    ],
)
def test_what_works_where(version: Any, studio: bool, scripts: bool, windows: bool) -> None:
    able = Abilities(version, studio)
    assert (able.scripts, able.windows) == (scripts, windows)
    assert ("free" in able.lines()[0]) is not studio


def test_the_free_edition_is_never_asked_for_windows(stage: Build) -> None:
    here = stage((20, 3, 2), studio=False)
    ui = panel_for(here.resolve, here.app.names(), Abilities((20, 3, 2), False), here.said.append)
    assert isinstance(ui, Console)
    assert not here.app.modal_open


class FakeWindows:
    """As much of Resolve's windows as the panel uses; `clicks` happen as its loop runs."""

    def __init__(self, clicks: list[str]) -> None:
        self.clicks = clicks
        self.items = {name: SimpleNamespace() for name in ("Text", "Deliver", "Take")}
        self.items["Deliver"].AddItems = lambda words: None
        self.items["Deliver"].CurrentIndex = 1
        self.items["Take"].Checked = False
        self.On = SimpleNamespace(
            Go=SimpleNamespace(), Cancel=SimpleNamespace(), Peanut=SimpleNamespace()
        )
        self.leave = False
        self.window = SimpleNamespace(
            GetItems=lambda: self.items, On=self.On, Show=lambda: None, Hide=lambda: None
        )

    def Timer(self, settings: Any) -> Any:  # noqa: N802
        return SimpleNamespace(Start=lambda: None, Stop=lambda: None)

    def __getattr__(self, name: str) -> Any:
        if name in ("VGroup", "HGroup", "Label", "ComboBox", "CheckBox", "Button"):
            return lambda *content: content
        raise AttributeError(name)

    def AddWindow(self, settings: Any, content: Any) -> Any:  # noqa: N802
        return self.window

    def RunLoop(self) -> None:  # noqa: N802
        self.leave = False
        while not self.leave:
            if self.clicks:
                click = self.clicks.pop(0)
                handlers = {"Go": "Clicked", "Cancel": "Clicked", "Peanut": "Close"}
                getattr(getattr(self.On, click), handlers[click])({})
            else:
                self.On.Timeout({})

    def ExitLoop(self) -> None:  # noqa: N802
        self.leave = True


def panel(here: Stage, *clicks: str) -> Panel:
    windows = FakeWindows(list(clicks))
    return Panel(windows, windows, here.said.append)


def test_the_window_starts_a_removal_with_its_settings(
    stage: Build, remove: Callable[[Stage], list[Any]]
) -> None:
    here = stage()
    here.ui = panel(here, "Go")
    assert len(remove(here)) == 1
    (started,) = [fields for op, fields in here.peanut.requests if op == "start"]
    assert started["deliver"] == "patch"


def test_the_window_can_be_cancelled_before(
    stage: Build, remove: Callable[[Stage], list[Any]]
) -> None:
    here = stage()
    here.ui = panel(here, "Cancel")
    assert remove(here) == []
    assert here.peanut.requests == []


def test_closing_the_window_lets_the_job_go_on(
    stage: Build, remove: Callable[[Stage], list[Any]]
) -> None:
    here = stage()
    here.peanut.endless = True
    here.ui = panel(here, "Go")
    windows = here.ui._ui
    watched = here.peanut._watch

    def watch(tell: Any, **fields: Any) -> Any:
        windows.clicks.append("Peanut")
        return watched(tell, **fields)

    here.peanut._watch = watch
    assert remove(here) == []
    assert here.peanut.jobs["job1"]["state"] == "running"
    assert any("goes on" in line for line in here.said)


def launched(here: Stage, action: str) -> None:
    (here.folder / "install.json").write_text(json.dumps({"command": ["peanut"]}))
    run(
        action,
        here.app.names(),
        str(here.folder),
        here.said.append,
        lambda command: here.peanut,
    )


def test_the_menus_scripts_do_the_whole_road(stage: Build) -> None:
    here = stage(studio=False)
    launched(here, "remove")
    assert len(results(here)) == 1
    assert here.said[0] == "DaVinci Resolve 20.3.2 (free)"
    assert any("PEANUT's own window" in line and "no: a page" in line for line in here.said)
    launched(here, "undo")
    assert results(here) == []
    launched(here, "collect")
    assert here.said[-1] == "PEANUT: 0 brought in, 0 still at work"


def test_errors_become_lines(stage: Build) -> None:
    here = stage()
    run("remove", here.app.names(), str(here.folder / "nowhere"), here.said.append)
    assert "peanut plugins install davinci" in here.said[-1]


@pytest.mark.parametrize("version", [(18, 5, 0), (19, 1, 3), (21, 1, 0)])
@pytest.mark.parametrize("inclusive", [False, True])
def test_the_checklist_prints_findings_and_leaves_nothing(
    stage: Build, version: Any, inclusive: bool
) -> None:
    here = stage(version, inclusive=inclusive)
    before = len(here.timeline.tracks)
    launched(here, "check")
    text = "\n".join(here.said)
    assert f"endFrame: {'inclusive' if inclusive else 'exclusive'}" in text
    assert "no " not in {
        line[:3]
        for line in here.said
        if "timer" not in line
        and "windows" not in line
        and "selection" not in line
        and "in and out" not in line
    }
    assert here.app.project.timelines == [here.timeline]
    assert len(here.timeline.tracks) == before


def test_the_lua_script_exports_and_then_imports(tmp_path: Path) -> None:
    lua = next(filter(None, map(shutil.which, ("luajit", "lua5.1", "lua"))), None)
    if lua is None:
        pytest.skip("no Lua here: apt-get install lua5.1")
    script = PACKAGE / "menu" / "PEANUT Files.lua"
    stand_in = tmp_path / "stand_in.lua"
    stand_in.write_text(
        f"""
local folder = "{tmp_path}"
local clip = {{ GetClipProperty = function(self, name) return folder .. "/a.mov" end }}
local item = {{ GetMediaPoolItem = function() return clip end }}
local timeline = {{
  GetName = function() return "Cut 1" end,
  GetTrackCount = function() return 1 end,
  GetItemListInTrack = function() return {{ item }} end,
  Export = function(self, path, kind, nothing)
    assert(kind == 7 and nothing == 0)
    local file = io.open(path, "wb"); file:write("{{}}"); file:close(); return true
  end,
}}
local pool = {{ ImportTimelineFromFile = function(self, path, options)
  assert(options.importSourceClips)
  return {{ GetName = function() return options.timelineName end }}
end }}
local project = {{
  GetCurrentTimeline = function() return timeline end,
  GetMediaPool = function() return pool end,
}}
local manager = {{ GetCurrentProject = function() return project end }}
resolve = {{ GetProjectManager = function() return manager end, EXPORT_OTIO = 7, EXPORT_NONE = 0 }}
dofile("{script}")
""",
        encoding="utf-8",
    )

    def said() -> str:
        done = subprocess.run([lua, stand_in], capture_output=True, text=True, check=True)
        return done.stdout

    first = said()
    assert f'peanut timeline extract "{tmp_path}/Cut_1.otio"' in first
    assert (tmp_path / "Cut_1.otio").exists()
    (tmp_path / "Cut_1.peanut.otio").write_text("{}")
    assert "as timeline Cut_1 PEANUT" in said()
