"""What no source file may hold: too many lines, ways to run foreign code, this machine's traces."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions

import pytest

from tests.paths import ROOT
from tests.structure.sources import GENERATED, PRODUCT, PROGRAMS, parsed, python_files, text, tracked

MAX_LINES = 300

UNSAFE_MODULES = frozenset({"pickle", "cPickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"})
UNSAFE_NAMES = frozenset({"eval", "exec", "__import__"})
UNSAFE_METHODS = frozenset({"extractall", "unpack_archive", "mktemp"})
UNSAFE_CALLS = frozenset({"torch.load", "os.system", "os.popen", "yaml.load", "pd.read_pickle"})
UNSAFE_KEYWORDS = frozenset({"shell", "allow_pickle", "allow_objects"})
_LAST_WORDS = {name.split(".")[-1] for name in UNSAFE_NAMES | UNSAFE_METHODS | UNSAFE_CALLS} | {"to_pickle"}


def unsafe(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, what) of everything in a module that could run code that is not ours."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{name}" for name in names]
            yield from (
                (node.lineno, f"import {name}") for name in names if name.split(".")[0] in UNSAFE_MODULES
            )
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func) if last_word(node.func) in _LAST_WORDS else ""
            if (
                name in UNSAFE_NAMES | UNSAFE_CALLS
                or (isinstance(node.func, ast.Attribute) and node.func.attr in UNSAFE_METHODS)
                or (name.endswith(".to_pickle"))
            ):
                yield node.lineno, name
            for keyword in node.keywords:
                is_off = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                if keyword.arg in UNSAFE_KEYWORDS and not is_off:
                    yield node.lineno, f"{ast.unparse(node.func)}({keyword.arg}=...)"


def last_word(node: ast.AST) -> str:
    """`b` of `a.b`, `a` of `a`, nothing of anything else."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def test_every_python_file_stays_short() -> None:
    lengths = {path.as_posix(): len((text(path) or "").splitlines()) for path in python_files()}
    assert {path: n for path, n in lengths.items() if n > MAX_LINES and path not in GENERATED} == {}


@pytest.mark.slow
def test_no_program_can_run_code_from_data() -> None:
    found = [
        f"{path}:{line}: {what}" for path in python_files(*PROGRAMS) for line, what in unsafe(parsed(path))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "import cloudpickle.cloudpickle",
        "torch.load(path)",
        "eval(text)",
        "archive.extractall(folder)",
        "subprocess.run(line, shell=True)",
        "np.load(path, allow_pickle=True)",
        "frame.to_pickle(path)",
    ],
)
def test_the_check_sees_each_way_to_run_code_from_data(source: str) -> None:
    assert list(unsafe(ast.parse(source)))


def test_the_check_lets_the_safe_forms_pass() -> None:
    safe = "np.load(path, allow_pickle=False); subprocess.run(argv, shell=False); model.eval()"
    assert not list(unsafe(ast.parse(safe)))


# Each is written so that this file does not hold what it looks for.
TRACES = {
    "a path of one machine": re.compile(r"(?<![\w.$}-])/(?:work|root|home|Users)/(?=\w)"),
    "the host of a package registry": re.compile(
        r"py"
        r"pi\.org|python"
        r"hosted\.org|repo1?\.maven|proxy\.go"
        r"lang|registry\.npm"
        r"js|nuget\.or"
        r"g"
    ),
    "an address to download from": re.compile(
        r"https?://\S+\.(?:jar|whl|zip|tgz|tar\.gz|deb|rpm)\b|/releases/down" r"load/"
    ),
    "a secret": re.compile(r"AKIA[0-9A-Z]{16}|-----BEGIN (?:RSA |EC )?PRIVATE" r" KEY-----"),
}


@pytest.mark.parametrize("kind", TRACES)
def test_no_file_holds(kind: str) -> None:
    found = [
        f"{path}:{number}: {line.strip()[:100]}"
        for path in tracked()
        for number, line in enumerate((text(path) or "").splitlines(), start=1)
        if TRACES[kind].search(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("a path of one machine", "cache = '/" + "home/ada/cache'"),
        ("the host of a package registry", "https://files.python" + "hosted.org/simple"),
        ("an address to download from", "https://example.org/kafka.t" + "gz"),
        ("a secret", "-----BEGIN PRIVATE" + " KEY-----"),
    ],
)
def test_the_check_sees(kind: str, line: str) -> None:
    assert TRACES[kind].search(line)


def test_nothing_is_left_for_later() -> None:
    leftover = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX|raise NotImplemented" r"Error)\b")
    files = [path for path in tracked() if path.suffix in {".py", ".md", ".yaml", ".toml", ".cs", ".avsc"}]
    found = [
        f"{path}:{number}: {line.strip()[:100]}"
        for path in files
        for number, line in enumerate((text(path) or "").splitlines(), start=1)
        if leftover.search(line)
    ]
    assert not found, "\n".join(found)


def pins(name: str) -> dict[str, set[str]]:
    """The pinned versions of each package; several where they depend on the Python version."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / "requirements" / name).read_text("utf-8").splitlines():
        if match := re.match(r"([a-z0-9-]+)==([^\s;\\]+)", line):
            found.setdefault(match[1], set()).add(match[2])
    return found


@pytest.mark.parametrize("name", ["tools.txt", "demo.txt", "dev.txt"])
def test_every_requirement_is_pinned_by_hash(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text("utf-8").replace("\\\n", " ")
    assert all("==" in line and "--hash=sha256:" in line for line in text.splitlines() if line.strip())


def test_the_development_environment_can_run_the_demo() -> None:
    demo, dev = pins("demo.txt"), pins("dev.txt")
    assert {name: versions for name, versions in demo.items() if dev.get(name) != versions} == {}


#: What a caller of this one file must bring along.
OPTIONAL = {
    ("common/molfleet/features/table.py", "scipy"),
    ("common/molfleet/messages/compatibility.py", "avro"),
}


def normal(name: str) -> str:
    """A distribution's name as PyPA's names specification normalizes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> set[str]:
    """The distributions that the product's extras may install."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [
        *project["dependencies"],
        *(w for name, more in extras.items() if name != "dev" for w in more),
    ]
    return {normal(re.split(r"[\[<>=]", name)[0]) for name in wanted} - {"molfleet"}


def imported(*folders: str) -> Iterator[tuple[str, str]]:
    """(file, top-level package) of every import of something that is neither Python's nor ours.

    What only the type checker imports is left out.
    """
    for path in python_files(*folders):
        nodes = list(ast.walk(parsed(path)))
        guards = [
            node
            for node in nodes
            if isinstance(node, ast.If)
            and any(last_word(part) == "TYPE_CHECKING" for part in ast.walk(node.test))
        ]
        for_types = {inner for guard in guards for inner in ast.walk(guard)}
        for node in (node for node in nodes if node not in for_types):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            tops = {name.split(".")[0] for name in names}
            yield from ((str(path), t) for t in tops - sys.stdlib_module_names - {"molfleet", "workers"})


@pytest.mark.slow
def test_what_the_product_imports_is_declared() -> None:
    distributions, allowed = packages_distributions(), declared()
    missing = [
        f"{path} imports {package}"
        for path, package in imported(*PRODUCT)
        if (path, package) not in OPTIONAL
        and not {normal(name) for name in distributions.get(package, [package])} & allowed
    ]
    assert missing == []


def test_what_the_product_declares_is_locked_for_the_demo() -> None:
    assert declared() <= set(pins("demo.txt"))
