"""The rules of the house as functions from source files to sentences.

Owns what breaks a rule. Every rule is derived from folders, imports and definitions:
no rule names a module. test_rules.py asks them of the project, test_rules_bite.py of
files that break them.
"""

import configparser
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping

from tests.architecture.closed_words import closed_words_that_fall_through
from tests.harness.source_file import SourceFile

Sources = Mapping[str, SourceFile]
Rule = Callable[[Sources], list[str]]

MAX_LINES = 400
MAX_FILES = 15
MAX_TEST_FILES = 25
DRAWERS = frozenset({"utils", "util", "helpers", "helper", "common", "manager", "misc"})
HOMES = {
    "vowpalwabbit": ("policies/vw/",),
    "sqlite3": ("bandit_svc/storage/sqlite/",),
    "sqlite_utils": ("bandit_svc/storage/sqlite/",),
    "psycopg": ("bandit_svc/storage/postgres/",),
    "prometheus_client": (
        "bandit_svc/metrics.py",
        "bandit_svc/metric_counts.py",
        "bandit_svc/metric_files.py",
        "bandit_svc/http/",
        "bandit_svc/learner/",
        "bandit_svc/server/",
        "bandit_svc/web/",
        "bandit_svc/cli/",
        "simulators/",
    ),
}
"""Third-party packages and the rooms that may import them."""
PURE = ("bandit_svc/services/", "bandit_svc/domain/", "bandit_svc/ope/", "policies/")
"""Rooms without a clock, an environment or randomness of their own."""
TYPED = (
    *("bandit_svc/services/", "bandit_svc/prose/", "bandit_svc/domain/"),
    *("bandit_svc/ope/", "bandit_svc/storage/", "bandit_svc/learner/"),
)
"""Rooms whose signatures use structs; JSON objects are for the edges."""
IMPURE = frozenset(
    {
        "time.time",
        "time.time_ns",
        "time.monotonic",
        "time.monotonic_ns",
        "time.perf_counter",
        "time.perf_counter_ns",
        "time.process_time",
        "time.sleep",
        "datetime.now",
        "datetime.utcnow",
        "date.today",
        "os.environ",
        "os.getenv",
        "os.urandom",
    }
)


TIMING = frozenset(
    {"time.sleep", "time.monotonic", "time.monotonic_ns", "time.perf_counter"}
)
"""Clocks and pauses that make a test depend on the speed of the machine."""


VAGUE_FIRST_WORDS = frozenset(
    {"Give", "Gives", "How", "Of", "Say", "Says", "Tell", "Tells", "What", "Whether"}
    | {"Who", "Whom", "Whose"}
)
"""Words that leave open whether a function returns, yields, raises or writes."""


def long_files(sources: Sources) -> list[str]:
    """Find files of more lines than one reads at a sitting."""
    return [
        f"{path} has {lines} lines; at most {MAX_LINES} are allowed"
        for path, file in sources.items()
        if (lines := len(file.text.splitlines())) > MAX_LINES
    ]


def full_folders(sources: Sources) -> list[str]:
    """Find folders whose listing is no table of contents any more."""
    counts = Counter(f.folder for f in sources.values() if f.name != "__init__")
    return [
        f"{folder}/ holds {count} modules; at most {limit} are allowed"
        for folder, count in counts.items()
        if count
        > (limit := MAX_TEST_FILES if folder.startswith("tests") else MAX_FILES)
    ]


def drawers(sources: Sources) -> list[str]:
    """Find modules and folders named for nothing in particular."""
    return [
        f"{path}: name what it owns"
        for path in sources
        if DRAWERS & set(path.removesuffix(".py").lower().split("/"))
    ]


def silent_files(sources: Sources) -> list[str]:
    """Find files that don't begin with what they own."""
    return [
        f"{path} has no module docstring"
        for path, file in sources.items()
        if not file.text.lstrip().startswith(('"""', 'r"""'))
    ]


def verbs_that_import_verbs(sources: Sources) -> list[str]:
    """Find use cases that call use cases; what they share is a noun."""
    verbs = {
        file.module
        for path, file in sources.items()
        if path.startswith("bandit_svc/services/") and file.is_verb
    }
    return [
        f"{file.path} is a verb and imports the verb {other}"
        for file in sources.values()
        if file.module in verbs
        for other in sorted(file.imports & verbs)
    ]


def drivers_outside_their_rooms(sources: Sources) -> list[str]:
    """Find imports of a third-party package outside the rooms that own it."""
    return [
        f"{path} imports {package}; only {', '.join(homes)} may"
        for package, homes in HOMES.items()
        for path, file in sources.items()
        if path.startswith(("bandit_svc/", "policies/", "simulators/"))
        and any(name.split(".")[0] == package for name in file.imports)
        and not path.startswith(homes)
    ]


def impure_services(sources: Sources) -> list[str]:
    """Find clocks, environments and randomness away from the edges."""
    return [
        f"{path} reads {name}; take it as an argument"
        for path, file in sources.items()
        if path.startswith(PURE)
        for name in sorted(_impure(file))
    ]


def _impure(file: SourceFile) -> set[str]:
    # `datetime.datetime.now` and `from time import monotonic` are found too.
    ends = {".".join(name.split(".")[-2:]) for name in file.attributes}
    return (ends | file.imports) & IMPURE


def templates_rendered_by_the_interface(sources: Sources) -> list[str]:
    """Find modules of `http` that render a template: those are the pages'."""
    return [
        f"{path} imports {name}; pages are web's"
        for path, file in sources.items()
        if path.startswith("bandit_svc/http/")
        for name in sorted(file.imports)
        if name.startswith("flask.render_template")
    ]


def pages_on_the_decision_path(sources: Sources) -> list[str]:
    """Find pages that hold what a request for a decision holds.

    Derived: all of `services.serving` that imports what writes to the log, or that
    a module which does reaches by imports.
    """
    by_module = {file.module: file for file in sources.values()}
    serving = "bandit_svc.services.serving."
    writes = "bandit_svc.eventlog.interface.EventLogWriter"
    held = [m for m, f in by_module.items() if m.startswith(serving)]
    writers = {m for m in held if writes in by_module[m].imports}
    found = writers | {m for m in held if by_module[m].imports & writers}
    reached: set[str] = set()
    while found:
        module = found.pop()
        reached.add(module)
        found |= (by_module[module].imports & set(held)) - reached
    return [
        f"{file.path} imports {module}, which decisions hold"
        for file in sources.values()
        if file.path.startswith(("bandit_svc/web/pages/", "bandit_svc/web/forms/"))
        for module in sorted(file.imports & reached)
    ]


def open_signatures(sources: Sources) -> list[str]:
    """Find JSON objects in signatures that have no type and no name.

    A struct says which fields there are. What is the caller's own (a context, a
    spec, a payload) has an alias, which says so.
    """
    return [
        f"{path}: {name} takes or returns an open JSON object; make it a struct, or "
        "use the alias of a context, a spec or a payload"
        for path, file in sources.items()
        if path.startswith(TYPED)
        for name in file.open_signatures
    ]


def doubled_aliases(sources: Sources) -> list[str]:
    """Find aliases of open JSON objects that are defined twice or say nothing."""
    homes: defaultdict[str, list[str]] = defaultdict(list)
    for path, file in sources.items():
        if path.startswith(TYPED):
            for name in file.open_aliases:
                homes[name].append(path)
    return [
        f"{', '.join(paths)}: {name} is an open JSON object; one module defines it, "
        "under a name that says what it is"
        for name, paths in homes.items()
        if len(paths) > 1 or name == "Json"
    ]


def vague_docstrings(sources: Sources) -> list[str]:
    """Find functions whose docstring does not begin with what they do."""
    return [
        f"{path}: the docstring of {name} begins with {word!r}; write Return, Yield, "
        "Raise, or what the function does"
        for path, file in sources.items()
        for name, word in file.first_words
        if word in VAGUE_FIRST_WORDS
    ]


def simulators_past_the_client(sources: Sources) -> list[str]:
    """Find simulators that reach the service by another way than its client."""
    return [
        f"{path} imports {name}; simulators use bandit_svc.client"
        for path, file in sources.items()
        if path.startswith("simulators/")
        for name in sorted(file.imports)
        if name.startswith("bandit_svc.") and not name.startswith("bandit_svc.client")
    ]


def full_package_files(sources: Sources) -> list[str]:
    """Find `__init__.py` files that hold code; these two say version and names."""
    allowed = {"bandit_svc/__init__.py", "bandit_svc/client/__init__.py"}
    return [
        f"{path} holds more than a docstring"
        for path, file in sources.items()
        if file.name == "__init__" and path not in allowed and len(file.tree.body) != 1
    ]


def package_files_under_tests(sources: Sources) -> list[str]:
    """Find `__init__.py` under tests: `tests/policies` would hide `policies`."""
    return [
        f"{path} would hide a package of the project"
        for path in sources
        if path.startswith("tests/") and path.endswith("__init__.py")
    ]


def untyped_tests(sources: Sources) -> list[str]:
    """Find parameters of tests that could be anything; mypy checks no use of them."""
    return [
        f"{path}: {parameter} is Any; import its type from tests/harness, or say object"
        for path, file in sources.items()
        if path.startswith("tests/")
        for parameter in file.untyped_parameters
    ]


def aliases_of_any(sources: Sources) -> list[str]:
    """Find types of tests that are `Any` under another name."""
    return [
        f"{path}: {name} is another word for Any"
        for path, file in sources.items()
        if path.startswith("tests/")
        for name in file.aliases_of_any
    ]


def imports_of_conftests(sources: Sources) -> list[str]:
    """Find imports from a conftest; classes of tests are modules of tests/harness."""
    return [
        f"{path} imports {name}; move it to tests/harness"
        for path, file in sources.items()
        for name in sorted(file.imports)
        if "conftest" in name.split(".")
    ]


def tests_that_time(sources: Sources) -> list[str]:
    """Find clocks and pauses in tests; `wait_until` of tests/harness waits.

    Scripts that make a fixture run by hand, with an earlier release.
    """
    return [
        f"{path} uses {name}; wait for a condition with wait_until"
        for path, file in sources.items()
        if path.startswith("tests/") and not path.startswith("tests/harness/")
        if "/fixtures/" not in path
        for name in sorted((file.attributes | file.imports) & TIMING)
    ]


def modules_in_contracts(setup_cfg: str, sources: Sources) -> list[str]:
    """Find import contracts that list modules by hand; a new one would be forgotten.

    Contracts with `exhaustive` fail on a module that they don't name, so they may.
    """
    parser = configparser.ConfigParser()
    parser.read_string(setup_cfg)
    modules = {f.module for f in sources.values() if f.name != "__init__"}
    found: defaultdict[str, list[str]] = defaultdict(list)
    for section in parser.sections():
        if not section.startswith("importlinter:contract:"):
            continue
        if parser[section].get("exhaustive") == "true":
            continue
        for value in parser[section].values():
            found[section] += [word for word in value.split() if word in modules]
    return [
        f"[{section}] names {', '.join(names)}; name folders"
        for section, names in found.items()
        if names
    ]


RULES: tuple[Rule, ...] = (
    long_files,
    full_folders,
    drawers,
    silent_files,
    vague_docstrings,
    verbs_that_import_verbs,
    closed_words_that_fall_through,
    drivers_outside_their_rooms,
    impure_services,
    templates_rendered_by_the_interface,
    pages_on_the_decision_path,
    open_signatures,
    doubled_aliases,
    simulators_past_the_client,
    full_package_files,
    package_files_under_tests,
    untyped_tests,
    aliases_of_any,
    imports_of_conftests,
    tests_that_time,
)
