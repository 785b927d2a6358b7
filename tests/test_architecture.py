"""The house rules that a tool can check: imports point down, functions fit a glance, nothing dangerous is called."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import rnnbench

PACKAGE = Path(rnnbench.__file__).parent
ROOT = PACKAGE.parent
TUI = PACKAGE / "tui"
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts)
LONGEST_FUNCTION = 60
LONGEST_APP = 200
LONGEST_TUI_FILE = 400


def name_of(path):
    """A file as it is called in a message."""
    return str(path.relative_to(ROOT))


def tree_of(path):
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), name_of(path))


@pytest.fixture(scope="module")
def trees():
    """Every file of the package, parsed."""
    assert len(FILES) > 40
    return {path: tree_of(path) for path in FILES}


def test_imports_point_down(capsys):
    """The contracts in pyproject.toml hold: layers, no engine in the workbench, torch in the engine alone."""
    cli = pytest.importorskip("importlinter.cli")
    config = ROOT / "pyproject.toml"
    if not config.is_file():
        pytest.skip("installed without its pyproject.toml")
    outcome = cli.lint_imports(config_filename=str(config), no_cache=True)
    assert outcome == cli.EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_functions_fit_a_page(trees):
    """No function is longer than 60 lines, its docstring included."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    functions = [(path, node) for path, tree in trees.items() for node in ast.walk(tree) if isinstance(node, kinds)]
    lengths = {f"{name_of(path)}:{node.name}": node.end_lineno - node.lineno + 1 for path, node in functions}
    assert len(lengths) > 300
    body = {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION}
    assert body == {}


@pytest.mark.skipif(not (TUI / "app.py").exists(), reason="the workbench has no app.py yet")
def test_the_workbench_does_not_grow_into_one_file():
    """app.py stays a table of contents, and no file of the workbench passes 400 lines."""
    lines = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in TUI.rglob("*.py")}
    assert lines["rnnbench/tui/app.py"] < LONGEST_APP
    assert {name: count for name, count in lines.items() if count > LONGEST_TUI_FILE} == {}


def calls(tree):
    """Every call as (dotted name, node)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_nothing_below_the_faces_prints(trees):
    """`print` and sys.stdout belong to the command line; everything below yields or returns."""
    for path, tree in trees.items():
        if path.relative_to(PACKAGE).parts[0] in ("cli", "tui"):
            continue
        found = [name for name, _ in calls(tree) if name == "print" or name.startswith(("sys.stdout", "sys.stderr"))]
        assert not found, name_of(path)


DANGEROUS_MODULES = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle", "yaml"}
DANGEROUS_CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput", "torch.load",
    "torch.save", "numpy.load", "np.load", "yaml.load",
}  # fmt: skip


def test_nothing_dangerous_is_called(trees):
    """No pickle, marshal or yaml, no eval or exec, no shell, no torch.load: nothing that runs what it reads."""
    for path, tree in trees.items():
        modules = {alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import)
                   for alias in node.names}  # fmt: skip
        modules |= {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not modules & DANGEROUS_MODULES, name_of(path)
        for name, node in calls(tree):
            assert name not in DANGEROUS_CALLS, f"{name_of(path)}:{node.lineno} calls {name}"
            shell = [keyword for keyword in node.keywords if keyword.arg == "shell"]
            assert not shell, f"{name_of(path)}:{node.lineno} has shell="


def test_the_checks_above_can_fail():
    """Each of them finds its mistake in a file that makes it."""
    wrong = ast.parse("import pickle\nprint(eval('1'))\nsubprocess.run('x', shell=True)\n")
    assert {name for name, _ in calls(wrong)} == {"print", "eval", "subprocess.run"}
    with pytest.raises(AssertionError):
        test_nothing_dangerous_is_called({PACKAGE / "wrong.py": wrong})
    with pytest.raises(AssertionError):
        test_nothing_below_the_faces_prints({PACKAGE / "wrong.py": wrong})


def test_only_storage_opens_files_for_writing(trees):
    """A test can fail the n-th write only when every write goes through one file."""
    for path, tree in trees.items():
        if path.name == "storage.py":
            continue
        for name, node in calls(tree):
            written = name.rsplit(".", 1)[-1] in ("write_text", "write_bytes")
            if name == "open" or name.endswith(".open"):
                modes = [value.value for value in [*node.args, *(k.value for k in node.keywords)]
                         if isinstance(value, ast.Constant) and isinstance(value.value, str)]  # fmt: skip
                written = any(set("wax+") & set(mode) and len(mode) <= 3 for mode in modes)
            assert not written, f"{name_of(path)}:{node.lineno} writes a file with {name}"


@pytest.mark.parametrize("module", [
    "rnnbench.cli.app",
    pytest.param("rnnbench.tui.app", marks=pytest.mark.skipif(
        not (TUI / "app.py").exists(), reason="the workbench has no app.py yet")),
])  # fmt: skip
def test_the_faces_open_without_the_heavy_libraries(module):
    """Importing a face loads neither torch nor jieba, nor the engine."""
    code = f"import sys, {module}; print([m for m in ('torch', 'jieba', 'rnnbench.engine.models') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_public_name_says_what_it_is(trees):
    """Modules, public classes and public functions have a docstring (an override may leave it to what it overrides)."""
    missing = []
    for path, tree in trees.items():
        if tree.body and not ast.get_docstring(tree):
            missing.append(name_of(path))
        for node in tree.body:
            public = isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
            if public and not ast.get_docstring(node):
                missing.append(f"{name_of(path)}:{node.name}")
    assert missing == []
