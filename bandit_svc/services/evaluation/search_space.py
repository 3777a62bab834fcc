"""The policy specs that a search of settings tries.

Owns the way from listed values to specs, and the neighbours of the incumbent. The
settings, their limits and the default spaces are declared by each kind of policy.

A setting that a space does not list has the incumbent's value where the incumbent is
of that kind (and, for a setting of one explorer, of that explorer), else its default.
"""

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product, zip_longest
from typing import Any, Literal, assert_never

import msgspec

from bandit_svc.domain.plain_values import Spec
from bandit_svc.errors import InvalidInput
from bandit_svc.services.evaluation.labels import default_name
from policies.base import PolicyError
from policies.shares.settings import NAME as MAX_SHARES
from policies.spec import KIND_OF_SETTINGS, KINDS, normalise_spec

Space = Mapping[str, Mapping[str, Sequence[Any]]]
"""Values by setting, by kind."""
Search = Literal["grid", "random"]

MAX_SPECS = 200
MAX_COMBINATIONS = 50_000

GRID: Space = {
    kind.name: kind.search.grid for kind in KINDS.values() if kind.search.grid
}
WIDE: Space = {
    kind.name: kind.search.wide for kind in KINDS.values() if kind.search.wide
}
"""The values that a random search draws from where no space is given."""
TRIALS = 23
MAX_NEIGHBOURS = 7

_OWN: Mapping[str, Mapping[str, frozenset[str]]] = {
    kind.name: {
        explorer: frozenset(setting.name for setting in own)
        for explorer, own in kind.explorers.own.items()
    }
    for kind in KINDS.values()
    if kind.explorers is not None
}
"""Settings that only some explorers of a kind have, by explorer."""


def space_of(raw: object) -> Space:
    """Return a space: lists of values in one table for each kind; others are of vw.

    Raises:
        InvalidInput: the space has another shape, or names an unknown kind.
    """
    if not isinstance(raw, Mapping) or not raw:
        raise InvalidInput(
            "a space lists values for each setting, such as learning_rate = [0.1, 0.5]"
        )
    found: dict[str, dict[str, list[Any]]] = {}
    for name, value in raw.items():
        table = value if isinstance(value, Mapping) else {name: value}
        kind = name if isinstance(value, Mapping) else KIND_OF_SETTINGS
        if kind not in KINDS:
            raise InvalidInput.at(
                f"/{name}",
                f"{name!r} is not a kind of policy; it must be one of "
                f"{', '.join(KINDS)}",
            )
        for setting, values in table.items():
            if not isinstance(values, list) or not values:
                raise InvalidInput.at(
                    f"/{kind}/{setting}",
                    f"{setting} is {values!r}; write the values to try as a list",
                )
            found.setdefault(kind, {})[setting] = values
        found.setdefault(kind, {})
    return found


def specs_to_try(
    incumbent: Spec,
    space: Space | None,
    search: Search,
    trials: int | None,
    seed: int,
) -> list[Spec]:
    """Return normalised specs without repetition, the incumbent first.

    Args:
        incumbent: the served policy's spec, normalised.
        space: None for the default one; a grid then includes the incumbent's
            neighbours.
        search: `grid` for all of the space, `random` for a sample of it.
        trials: the size of the sample, by default TRIALS.
        seed: of the sample.

    Raises:
        InvalidInput: a value is refused in every combination, or there are too many.
    """
    match search:
        case "random":
            found = _unique([incumbent, *_combinations(space or WIDE, incumbent)])
            wanted = TRIALS if trials is None else trials
            found = [found[0], *_sample(found[1:], wanted, seed)]
        case "grid":
            found = _unique([incumbent, *_combinations(space or GRID, incumbent)])
            if space is None:
                found = _unique([found[0], *_neighbours(incumbent), *found[1:]])
        case _:
            assert_never(search)
    if len(found) > MAX_SPECS:
        raise InvalidInput(
            f"the space has {len(found)} specs; at most {MAX_SPECS} are tried at once, "
            "since each one widens the intervals of all. Pass --search random "
            "--trials N"
        )
    return found


def _sample(specs: Sequence[Spec], wanted: int, seed: int) -> list[Spec]:
    """Draw specs, of each kind equally many as far as there are; in their order."""
    rng = random.Random(seed)  # noqa: S311 - a search
    by_kind: dict[str, list[int]] = {}
    for index, spec in enumerate(specs):
        by_kind.setdefault(spec["kind"], []).append(index)
    piles = [rng.sample(pile, len(pile)) for pile in by_kind.values()]
    turns = [index for turn in zip_longest(*piles) for index in turn]
    drawn = [index for index in turns if index is not None][:wanted]
    return [dict(specs[index]) for index in sorted(drawn)]


def _combinations(space: Space, incumbent: Spec) -> Iterator[Spec]:
    for kind, listed in space.items():
        count = math.prod(len(values) for values in listed.values())
        if count > MAX_COMBINATIONS:
            raise InvalidInput(
                f"the space has {count:,} combinations of {kind}; at most "
                f"{MAX_COMBINATIONS:,} are allowed. List fewer values"
            )
        used: set[tuple[str, int]] = set()
        refusals: dict[tuple[str, int], PolicyError] = {}
        for places in product(*(range(len(values)) for values in listed.values())):
            numbered = dict(zip(listed, places, strict=True))
            given = {name: listed[name][place] for name, place in numbered.items()}
            spec = _with_base(kind, given, incumbent)
            try:
                yield normalise_spec(spec)
            except PolicyError as error:
                refusals.update(dict.fromkeys(numbered.items(), error))
                continue
            used |= {(name, at) for name, at in numbered.items() if name in spec}
        # A value that no combination accepts is a mistake of whoever listed it.
        for name, values in listed.items():
            for place, value in enumerate(values):
                if (name, place) not in used:
                    _refuse(kind, name, value, refusals.get((name, place)))


def _refuse(kind: str, name: str, value: object, error: PolicyError | None) -> None:
    why = (
        f"no listed explorer has the setting {name}" if error is None else error.message
    )
    raise InvalidInput.at(
        f"/{kind}/{name}", f"{name} = {value!r} fits no combination: {why}"
    )


def _with_base(kind: str, given: Spec, incumbent: Spec) -> Spec:
    """Add the incumbent's values; drop the settings of other explorers."""
    same = incumbent["kind"] == kind
    # Limits on shares are of the experiment, whatever the kind.
    limits = {name: incumbent[name] for name in (MAX_SHARES,) if name in incumbent}
    base = dict(incumbent) if same else limits
    spec = {**base, **given, "kind": kind}
    own = _OWN.get(kind, {})
    if not own:
        return spec
    explorer = str(spec.get("explorer", normalise_spec({"kind": kind})["explorer"]))
    if explorer not in own:
        return spec
    foreign = frozenset[str]().union(*own.values()) - own[explorer]
    moved = own[explorer] if base.get("explorer") != explorer else frozenset()
    # Two explorers may have settings of one name, such as alpha, with two meanings.
    dropped = foreign | {name for name in moved if name not in given}
    return {name: value for name, value in spec.items() if name not in dropped}


def _neighbours(incumbent: Spec) -> Iterator[Spec]:
    """Yield the incumbent with one setting changed, at most MAX_NEIGHBOURS of them."""
    search = KINDS[incumbent["kind"]].search
    explorers = _OWN.get(incumbent["kind"], {})
    own = explorers.get(incumbent.get("explorer", ""), frozenset())
    changes: list[Mapping[str, Any]] = []
    for name in sorted({*search.scaled, *own} & set(incumbent)):
        if isinstance(incumbent[name], float):
            changes += [{name: incumbent[name] * factor} for factor in (0.5, 2.0)]
    changes += search.changed
    for change in changes[:MAX_NEIGHBOURS]:
        try:
            yield normalise_spec({**incumbent, **change})
        except PolicyError:
            # Half or twice a value may be outside its limits.
            continue


def _unique(specs: Iterable[Spec]) -> list[Spec]:
    known = {msgspec.json.encode(spec, order="sorted"): dict(spec) for spec in specs}
    return list(known.values())


def differs(spec: Spec, incumbent: Spec) -> Spec:
    """Return the settings of a spec whose values differ from the incumbent's.

    Settings that the incumbent does not have are left out at their defaults.
    """
    names, defaults = _names_and_defaults(spec)
    return {
        name: value
        for name, value in spec.items()
        if incumbent.get(name) != value
        and (name in incumbent or name in names or defaults.get(name) != value)
    }


def described(spec: Spec) -> str:
    """Return a spec's kind, its explorer and the settings that are not at default."""
    names, defaults = _names_and_defaults(spec)
    own = {
        name: value
        for name, value in spec.items()
        if name not in names and defaults.get(name) != value
    }
    return " ".join([default_name(dict(spec)), *written(own)])


def _names_and_defaults(spec: Spec) -> tuple[Spec, Spec]:
    names = {name: spec[name] for name in ("kind", "explorer") if name in spec}
    try:
        return names, normalise_spec(names)
    except PolicyError:
        # Kinds such as fixed have a setting without default.
        return names, {}


def written(settings: Spec) -> list[str]:
    """Return settings as name=value."""
    return [
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in settings.items()
    ]
