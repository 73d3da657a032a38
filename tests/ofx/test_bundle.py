"""What the built bundle is: layout, exports, needed libraries; installing it and taking it out."""

import json
import re
import shutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from peanut_client import plugins_ofx
from peanut_client.cli import app

linux = pytest.mark.skipif(sys.platform != "linux", reason="ELF files are Linux's")


def tool(name, *arguments):
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return subprocess.run([name, *arguments], capture_output=True, text=True, check=True).stdout


def test_layout_is_what_hosts_look_for(bundle):
    assert plugins_ofx.binary_in(bundle).name == "PEANUT.ofx"
    plist = (bundle / "Contents/Info.plist").read_text()
    assert "<string>PEANUT.ofx</string>" in plist
    assert "@" not in plist
    assert (bundle / "Contents/Resources/org.peanut.ObjectRemoval.svg").is_file()


@linux
def test_only_the_two_functions_of_the_interface_are_exported(plugin):
    symbols = tool("nm", "-D", "--defined-only", str(plugin))
    assert {line.split()[-1] for line in symbols.splitlines()} == {
        "OfxGetNumberOfPlugins",
        "OfxGetPlugin",
    }


@linux
def test_only_the_c_library_is_needed(plugin):
    needed = re.findall(r"NEEDED.*\[(.*)\]", tool("readelf", "-d", str(plugin)))
    assert needed == ["libc.so.6"]


@linux
def test_no_symbol_is_newer_than_glibc_2_17(plugin):
    versions = re.findall(r"GLIBC_([\d.]+)", tool("nm", "-D", str(plugin)))
    newest = max(tuple(int(n) for n in version.split(".")) for version in versions)
    assert newest <= (2, 17)


@linux
def test_no_text_relocation_and_no_executable_stack(plugin):
    assert "TEXTREL" not in tool("readelf", "-d", str(plugin))
    stack = next(
        line for line in tool("readelf", "-lW", str(plugin)).splitlines() if "GNU_STACK" in line
    )
    assert "RWE" not in stack


def test_install_status_uninstall(bundle, tmp_path):
    folder = tmp_path / "OFX" / "Plugins"
    assert [s.word for s in plugins_ofx.status("1.0", [folder])] == ["missing"]
    files = plugins_ofx.install(bundle, folder, "1.0")
    assert all((folder / name).is_file() for name in files)
    assert [s.word for s in plugins_ofx.status("1.0", [folder])] == ["current"]
    assert [s.word for s in plugins_ofx.status("1.1", [folder])] == ["older"]
    plugins_ofx.install(bundle, folder, "1.1")
    assert [s.word for s in plugins_ofx.status("1.1", [folder])] == ["current"]
    plugins_ofx.binary_in(folder / plugins_ofx.BUNDLE).write_bytes(b"cut off")
    (state,) = plugins_ofx.status("1.1", [folder])
    assert state.word == "damaged"
    assert len(state.wrong) == 1
    assert plugins_ofx.uninstall(folder)
    assert list(folder.iterdir()) == []
    assert plugins_ofx.uninstall(folder) == []


@pytest.mark.parametrize(
    ("system", "folder"),
    [
        ("linux", "/usr/OFX/Plugins"),
        ("darwin", "/Library/OFX/Plugins"),
    ],
)
def test_system_folders(system, folder):
    assert plugins_ofx.system_folder(system, {}).as_posix() == folder


def test_windows_folder_follows_the_environment():
    folder = plugins_ofx.system_folder("win32", {"CommonProgramFiles": "D:/Common"})
    assert folder.as_posix() == "D:/Common/OFX/Plugins"


def test_hosts_search_the_path_variable_first():
    folders = plugins_ofx.search_folders({"OFX_PLUGIN_PATH": "/a:/b:/a"})
    assert [folder.as_posix() for folder in folders[:2]] == ["/a", "/b"]
    assert folders[-1] == plugins_ofx.system_folder()


def test_building_without_tools_names_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(plugins_ofx.shutil, "which", lambda name: None)
    with pytest.raises(plugins_ofx.OfxBuildError, match=r"C compiler and cmake"):
        plugins_ofx.build(tmp_path)


@pytest.fixture
def peanut(bundle, monkeypatch, tmp_path):
    """`peanut plugins ...` with a bundle that is built already."""
    monkeypatch.setattr(plugins_ofx, "build", lambda folder: bundle)
    monkeypatch.setenv("OFX_PLUGIN_PATH", str(tmp_path / "plugins"))

    def run(*words):
        return CliRunner().invoke(app, ["plugins", *words, "--json"])

    return run


def test_commands_install_where_the_path_variable_says(peanut, tmp_path):
    assert json.loads(peanut("build", "ofx").stdout)["bytes"] > 0
    installed = json.loads(peanut("install", "ofx").stdout)
    assert installed["folder"] == str(tmp_path / "plugins")
    (state, *_) = json.loads(peanut("status", "ofx").stdout)["installs"]
    assert state["state"] == "current"
    assert json.loads(peanut("uninstall", "ofx").stdout)["removed"]
    (state, *_) = json.loads(peanut("status", "ofx").stdout)["installs"]
    assert state["state"] == "missing"


def test_a_folder_that_cannot_be_written_is_said_with_advice(peanut, tmp_path):
    (tmp_path / "file").write_text("")
    refused = peanut("install", "ofx", "--folder", str(tmp_path / "file" / "in"))
    assert refused.exit_code == 1
    assert "OFX_PLUGIN_PATH" in refused.stdout + refused.stderr


def test_only_the_ofx_plugin_is_built_and_put_into_folders(peanut, tmp_path):
    assert peanut("build", "davinci").exit_code == 2
    assert peanut("status", "davinci", "--folder", str(tmp_path)).exit_code == 2
