"""Compare the roles and row-level security rules in Superset with the roles and rules that it should have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """One rule of row-level security.

    Superset joins rules with equal ``group_key`` by OR, so a user in two groups sees the rows of both groups.
    """

    filter_type: str
    """``Regular`` if the rule applies to users with any of ``roles``, ``Base`` if it applies to users without them."""
    tables: frozenset[int]
    """Ids of the datasets that the rule restricts."""
    roles: frozenset[str]
    clause: str
    """The SQL condition that a row must meet to be shown."""
    group_key: str


@dataclass(frozen=True)
class Rights:
    """Roles and rules by name. ``roles`` maps the name of a role to the ids of its permissions."""

    roles: Mapping[str, frozenset[int]]
    rules: Mapping[str, Rule]


@dataclass(frozen=True)
class RightsDrift:
    """The names of roles and rules that Superset lacks, or that are changed or superfluous in Superset.

    A name begins with ``role`` or ``rule``, as in ``role Stakeholder``.
    """

    missing: tuple[str, ...]
    changed: tuple[str, ...]
    superfluous: tuple[str, ...]

    @property
    def count(self) -> int:
        """Number of roles and rules that differ."""
        return len(self.missing) + len(self.changed) + len(self.superfluous)


def compare_rights(present: Rights, wanted: Rights) -> RightsDrift:
    """Return the roles and rules that are missing, changed or superfluous in ``present``, compared to ``wanted``.

    A role counts as changed if its permissions differ. A rule counts as changed if any of its fields differs.
    """
    there = name_all(present)
    asked = name_all(wanted)
    return RightsDrift(
        missing=tuple(name for name in asked if name not in there),
        changed=tuple(name for name, content in asked.items() if name in there and there[name] != content),
        superfluous=tuple(name for name in there if name not in asked),
    )


def name_all(rights: Rights) -> dict[str, object]:
    """Return roles and rules in one mapping, each under a name like ``role Stakeholder``."""
    roles: dict[str, object] = {f"role {name}": content for name, content in rights.roles.items()}
    return roles | {f"rule {name}": rule for name, rule in rights.rules.items()}
