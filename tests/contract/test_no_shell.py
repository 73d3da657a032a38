"""Nothing runs through a shell, and nothing that was read is run."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path
    for folder in ("daemon", "peanut_models", "plugins")
    for path in (ROOT / folder).rglob("*.py")
)
# As written in a call: module and function, or the function alone.
FORBIDDEN = {
    *("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"),
    *("eval", "exec", "pickle.load", "pickle.loads", "marshal.loads", "yaml.load"),
}

# Reads with an unpickler of its own that makes nothing but tensors and plain containers; the tests
# of that module show that what a file wants to run does not run.
WITH_OWN_UNPICKLER = "peanut_models/lama/archive.py"


def trouble(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name, given = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
        if name in FORBIDDEN or given.get("shell", "False") != "False":
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
        if name == "torch.load" and given.get("weights_only") != "True":
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize(
    "line",
    [
        "subprocess.run('ls', shell=True)",
        "os.system('ls')",
        "torch.load('a.pth')",
        "torch.load('a.pth', weights_only=False)",
        "eval('1')",
    ],
)
def test_what_is_looked_for_is_found(line):
    assert trouble(ast.parse(line))


def test_no_source_does_it():
    assert len(SOURCES) > 100
    found = {
        str(path.relative_to(ROOT)): lines
        for path in SOURCES
        if (lines := trouble(ast.parse(path.read_text(encoding="utf-8"))))
    }
    allowed = found.pop(str(Path(WITH_OWN_UNPICKLER)))
    assert len(allowed) == 1
    assert "pickle_module=_RESTRICTED" in allowed[0]
    assert not found
