"""Rights compared: the roles and rules of row-level security that Trailhouse owns, wanted against present."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """One rule of row-level security; those of one group key are joined by OR, so people in two groups see both."""

    filter_type: str
    """``Base`` holds for all but the roles, ``Regular`` for the roles."""
    tables: frozenset[int]
    """Ids of datasets."""
    roles: frozenset[str]
    clause: str
    group_key: str


@dataclass(frozen=True)
class Rights:
    """Ids of permissions by the name of the role, and rules by name."""

    roles: Mapping[str, frozenset[int]]
    rules: Mapping[str, Rule]


@dataclass(frozen=True)
class RightsDrift:
    """Roles and rules (``role Stakeholder``) that differ from what the source says."""

    missing: tuple[str, ...]
    changed: tuple[str, ...]
    superfluous: tuple[str, ...]

    @property
    def count(self) -> int:
        """Number of roles and rules that differ."""
        return len(self.missing) + len(self.changed) + len(self.superfluous)


def compare_rights(present: Rights, wanted: Rights) -> RightsDrift:
    """Say how ``present`` differs; a role differs by any permission, a rule by anything it says."""
    there: dict[str, object] = name_all(present)
    asked: dict[str, object] = name_all(wanted)
    return RightsDrift(
        missing=tuple(name for name in asked if name not in there),
        changed=tuple(name for name, content in asked.items() if name in there and there[name] != content),
        superfluous=tuple(name for name in there if name not in asked),
    )


def name_all(rights: Rights) -> dict[str, object]:
    """Roles and rules by what people call them."""
    roles = {f"role {name}": content for name, content in rights.roles.items()}
    return {**roles, **{f"rule {name}": rule for name, rule in rights.rules.items()}}
