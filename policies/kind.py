"""The entry of the registry of policy kinds.

Owns everything that the rest of the project derives from a kind, and the check of a
spec against its settings. Each kind's module declares its entry; `spec.KINDS` lists
them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from policies.base import Policy, PolicyError, RewardRange
from policies.change.settings import MEMORY
from policies.prior.settings import PRIOR
from policies.settings import Choice, Setting, normalised
from policies.shares.settings import MAX_SHARES

Spec = Mapping[str, Any]
NamedVariant = tuple[str, str]
"""A field of a spec, as in PolicyError, and the key of the variant that it names."""


def _accept(_spec: Spec) -> None:
    """Accept every combination of values."""


def _is_false(_spec: Spec) -> bool:
    """Return False for every spec."""
    return False


def _name_none(_spec: Spec) -> tuple[NamedVariant, ...]:
    """Name no variant."""
    return ()


class ExplorerChoice(msgspec.Struct, frozen=True):
    """A kind's explorers: the setting that chooses one, and what each one takes."""

    setting: Choice
    own: Mapping[str, tuple[Setting, ...]]
    """Settings that only some explorers take, by explorer."""

    def settings_of(self, spec: Spec) -> Sequence[Setting]:
        """Return the explorer's setting and the chosen explorer's own ones.

        Raises:
            PolicyError: the explorer is unknown, or the spec has a setting that only
                other explorers take.
        """
        chosen = self.setting.checked(spec.get(self.setting.name, self.setting.default))
        taken = {setting.name for setting in self.own[chosen]}
        # A setting of no explorer is not refused here: the kind itself may have it.
        for name in spec:
            owners = [] if name in taken else self.owners(name)
            if owners:
                raise PolicyError(
                    f"{name} is a setting of explorer {', '.join(owners)}; the "
                    f"explorer here is {chosen}: leave {name} out or choose another "
                    "explorer",
                    name,
                )
        return self.setting, *self.own[chosen]

    def owners(self, name: str) -> list[str]:
        """Return the explorers that take a setting of this name."""
        return [
            explorer
            for explorer, settings in self.own.items()
            if any(setting.name == name for setting in settings)
        ]


class Search(msgspec.Struct, frozen=True):
    """The values that a search of settings tries for a kind when it has no space.

    Attributes:
        grid: values by setting; every combination is tried. Empty: none is.
        wide: values by setting, for a random search to draw from.
        scaled: settings of which half and twice the incumbent's value are tried.
        changed: settings that are tried in the place of the incumbent's.
    """

    grid: Mapping[str, Sequence[Any]] = {}
    wide: Mapping[str, Sequence[Any]] = {}
    scaled: tuple[str, ...] = ()
    changed: tuple[Spec, ...] = ()


class Former(msgspec.Struct, frozen=True):
    """A setting that stored specs lack.

    A spec is stored with every setting. One that has all settings but this one was
    stored before the setting existed: it keeps the behaviour of then, and comes back
    unchanged, so that the models that were trained under it are still those of their
    logs. A spec that lacks others too was written by a person and gets the default.
    """

    setting: Choice

    def wrote(self, spec: Spec, settings: Sequence[Setting]) -> bool:
        """Return whether a spec was stored before the setting existed."""
        others = (setting.name for setting in settings if setting != self.setting)
        return self.setting.name not in spec and all(name in spec for name in others)


class PolicyKind(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the registry.

    Attributes:
        name: the "kind" of a spec.
        summary: a phrase for people who choose a kind; no full stop.
        build: takes a normalised spec.
        settings: in the order of a normalised spec, after those of the explorer.
        later: settings that a spec has only where they are not at their defaults, at
            which they are off; specs that were stored before them are unchanged.
        explorers: None where the kind has none.
        check: refuses values that can't be combined; takes a normalised spec.
        examples: specs that the contract suite runs, together reaching every branch
            of the kind. The variants that they may name are boots and sandals.
        named_variants: those that a normalised spec must find in its experiment.
        fixed_weights: of a kind whose pmf follows from its spec alone: the weight of
            each variant, none where all are equal. None for every other kind.
        search: what `tune` tries.
        former: how specs are read that were stored before one of the settings existed.
        scales_itself: of a normalised spec: rewards need no declared maximum, since
            the policy scales them by what it has learned.
    """

    name: str
    summary: str
    build: Callable[[Spec, RewardRange], Policy]
    settings: tuple[Setting, ...] = ()
    later: tuple[Setting, ...] = ()
    explorers: ExplorerChoice | None = None
    check: Callable[[Spec], None] = _accept
    examples: tuple[Spec, ...]
    named_variants: Callable[[Spec], Iterable[NamedVariant]] = _name_none
    fixed_weights: Callable[[Spec], Mapping[str, float]] | None = None
    search: Search = Search()
    former: Former | None = None
    scales_itself: Callable[[Spec], bool] = _is_false

    @property
    def learns(self) -> bool:
        """True where its policies learn, and so have the settings of changes."""
        return any(setting.name == MEMORY.name for setting in self.every_setting)

    @property
    def needs_settings(self) -> bool:
        """True where a spec without settings is refused."""
        return any(setting.default is None for setting in self.settings)

    @property
    def every_setting(self) -> list[Setting]:
        """All settings, those of every explorer included, one of each name."""
        found: list[Setting] = []
        if self.explorers is not None:
            found.append(self.explorers.setting)
            found += [one for own in self.explorers.own.values() for one in own]
        found += [*self.settings, *self.later]
        return list({setting.name: setting for setting in found}.values())

    def normalise(self, spec: Spec) -> dict[str, Any]:
        """Check a spec of this kind and fill in its defaults.

        Raises:
            PolicyError: a setting is unknown, belongs to another explorer, is outside
                its limits, or can't be combined with another one.
        """
        settings = self.settings
        if self.former is not None and self.former.wrote(spec, settings):
            settings = tuple(s for s in settings if s != self.former.setting)
        if self.explorers is not None:
            settings = (*self.explorers.settings_of(spec), *settings)
        later = (*self.later, MAX_SHARES, *([PRIOR] if self.learns else []))
        result = normalised(self.name, spec, (*settings, *later))
        for setting in later:
            if result[setting.name] == setting.default:
                del result[setting.name]
        # Combinations are checked last, when every value and default is known.
        self.check(result)
        return result
