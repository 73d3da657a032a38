"""The plugin for Windows, cross-compiled: what the binary exports and needs. It is not run here."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from filelock import FileLock

from peanut_client import plugins_ofx

TRIPLE = "x86_64-w64-mingw32"
# Every Windows 10 has these; anything else would have to be shipped beside the plugin.
SYSTEM_LIBRARIES = {
    "advapi32.dll",
    "bcrypt.dll",
    "kernel32.dll",
    "msvcrt.dll",
    "shell32.dll",
    "ws2_32.dll",
}


def cross_build(folder, *options):
    """Build with the cross-compiler; warnings are errors in the plugin's own rules."""
    needed = (f"{TRIPLE}-gcc", f"{TRIPLE}-objdump", "cmake")
    if missing := [name for name in needed if shutil.which(name) is None]:
        pytest.skip(f"building for Windows needs {' and '.join(missing)}")
    if not (generator := plugins_ofx.generator(sys.platform)):
        pytest.skip("building needs make or ninja")
    configure = [
        "cmake",
        *("-S", str(plugins_ofx.source_folder()), "-B", str(folder), "-G", generator),
        "-DCMAKE_SYSTEM_NAME=Windows",
        "-DCMAKE_SYSTEM_PROCESSOR=x86_64",
        f"-DCMAKE_C_COMPILER={TRIPLE}-gcc",
        f"-DPython3_EXECUTABLE={sys.executable}",
        *options,
    ]
    for command in (configure, ["cmake", "--build", str(folder), "--parallel", "2"]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    architecture = plugins_ofx.architecture("win32", "AMD64")
    return folder / plugins_ofx.BUNDLE / "Contents" / architecture / "PEANUT.ofx"


@pytest.fixture(scope="module")
def binary(tmp_path_factory):
    """Built in a folder that all processes of one test run share; the first one does the work."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    with FileLock(root / "ofx-windows.lock"):
        return cross_build(root / "ofx-windows")


@pytest.fixture(scope="module")
def headers(binary):
    command = [f"{TRIPLE}-objdump", "-p", str(binary)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_it_lies_where_hosts_on_windows_look(binary, headers):
    assert binary.is_file()
    assert binary.parent.name == "Win64"
    assert "file format pei-x86-64" in headers
    assert re.search(r"^\s+DLL$", headers, re.MULTILINE)


def test_only_the_two_functions_of_the_interface_are_exported(headers):
    names = headers.split("[Ordinal/Name Pointer] Table")[-1].split("\n\n")[0]
    assert re.findall(r"\[\s*\d+\] (?:\+base\[\s*\d+\]\s+[0-9a-f]+ )?(\w+)", names) == [
        "OfxGetNumberOfPlugins",
        "OfxGetPlugin",
    ]


def test_only_libraries_of_the_system_are_needed(headers):
    needed = {name.lower() for name in re.findall(r"DLL Name: (\S+)", headers)}
    assert {"ws2_32.dll", "shell32.dll"} <= needed
    assert needed <= SYSTEM_LIBRARIES


def test_the_system_may_move_it_and_runs_no_data(headers):
    for word in ("DYNAMIC_BASE", "HIGH_ENTROPY_VA", "NX_COMPAT"):
        assert word in headers
    assert not re.search(r"relocations stripped", headers, re.IGNORECASE)


def test_the_same_sources_give_the_same_file(binary, tmp_path):
    assert cross_build(tmp_path / "again").read_bytes() == binary.read_bytes()


def test_another_processor_is_refused_with_its_name(binary, tmp_path):
    command = [
        "cmake",
        *("-S", str(plugins_ofx.source_folder()), "-B", str(tmp_path)),
        "-DCMAKE_SYSTEM_NAME=Windows",
        "-DCMAKE_SYSTEM_PROCESSOR=ARM64",
        f"-DCMAKE_C_COMPILER={TRIPLE}-gcc",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode != 0
    assert "ARM64" in done.stderr


@pytest.mark.parametrize(
    ("system", "tools", "generator"),
    [
        ("linux", {"make", "ninja"}, "Unix Makefiles"),
        ("linux", {"ninja"}, "Ninja"),
        ("win32", {"make", "mingw32-make", "ninja"}, "Ninja"),
        ("win32", {"mingw32-make"}, "MinGW Makefiles"),
        ("win32", {"make"}, ""),
    ],
)
def test_builds_are_driven_by_what_the_system_has(monkeypatch, system, tools, generator):
    monkeypatch.setattr(plugins_ofx.shutil, "which", lambda name: name if name in tools else None)
    assert plugins_ofx.generator(system) == generator


def test_what_windows_lacks_is_named(monkeypatch):
    monkeypatch.setattr(plugins_ofx.shutil, "which", lambda name: None)
    monkeypatch.delenv("CC", raising=False)
    assert plugins_ofx.missing_tools("win32") == [
        "GCC or Clang of MinGW-w64",
        "cmake",
        "ninja or mingw32-make",
    ]
