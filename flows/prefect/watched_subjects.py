"""What a standing service watches. Its names are checked before anything is started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trailhouse.flows.first_checks import check_device, check_suites
from trailhouse.flows.pipeline.corpora import require_corpora
from trailhouse.flows.settings import Settings
from trailhouse.models.few_shot.tasks.discovery import require_sources
from trailhouse.models.sequences.decoding.configuration import find_preset


@dataclass(frozen=True)
class WatchedSubjects:
    """The suites that a standing service watches, and the corpora and tasks on which it scores new checkpoints.

    With ``presets``, it also generates texts with the final checkpoints of each suite; see ``generate_for_suite``. All
    of them become parameters of the flow ``watch_checkpoints``.
    """

    suites: Sequence[str]
    corpora: Sequence[str]
    tasks: Sequence[str] = ()
    shot_counts: Sequence[int] = (2,)
    presets: Sequence[str] = ()


def require_subjects(subjects: WatchedSubjects, settings: Settings) -> None:
    """Check that everything that is watched exists.

    Raises UsageError or BadInputError if a suite is not declared or its YAML file is wrong, if the device is not
    available, if a source of tasks does not exist, if a preset is unknown, or if the warehouse lacks a corpus.
    """
    check_suites(subjects.suites, settings)
    check_device(settings)
    for preset in subjects.presets:
        find_preset(preset)
    require_sources(subjects.tasks)
    require_corpora(settings, subjects.corpora)
