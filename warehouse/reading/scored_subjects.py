"""Find the suites and corpora that the warehouse has results of, so that questions need not be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from clickhouse_connect.driver.client import Client

from trailhouse.errors import UsageError
from trailhouse.support.wording import suggest
from trailhouse.warehouse.connection import as_text, read_row
from trailhouse.warehouse.reading.query import read_models_by_size
from trailhouse.warehouse.reading.questions import Question

HUMAN = "human"
WORDS_IN_CONTEXT = "word-in-context"
# What a corpus is called in a message, by its kind
_KIND_NAMES = {
    HUMAN: "texts by people",
    "corrupted": "corrupted texts",
    "generated": "generated texts",
    WORDS_IN_CONTEXT: "words in context",
}

# A corpus has the kind of its documents if none of them is by a person.
_CORPUS_KINDS = """
    select
        toString(corpus_id) as corpus_id,
        if(
            countIf(kind not in ('corrupted', 'generated', 'word-in-context')) = 0, toString(min(kind)), 'human'
        ) as kind
    from raw_document
    group by corpus_id
"""

# An evaluation has no corpus. Its suite counts only if the suite was scored on no corpus.
_SUBJECTS = """
    select
        splitByChar('/', toString(model_id))[1] as suite_id,
        toString(corpus_id) as corpus_id,
        max(scored_at) as latest_at
    from raw_score_ledger
    where is_complete
    group by suite_id, corpus_id
    union all
    select splitByChar('/', toString(model_id))[1], '', max(evaluated_at)
    from raw_evaluation_ledger
    where is_complete
    group by 1
"""


@dataclass(frozen=True)
class Subject:
    """A suite and a corpus on which its checkpoints were scored. The corpus is empty if they were only evaluated."""

    suite_id: str
    corpus_id: str
    kind: str = field(default=HUMAN, compare=False)
    """Kind of the texts of the corpus."""
    latest_at: datetime = field(default=datetime.min, compare=False)
    """When the suite was scored on the corpus for the last time."""


def list_subjects(client: Client) -> list[Subject]:
    """Return every suite with every corpus on which it was scored, the latest first.

    Corpora without a text by a person come after the others, because questions are about human texts unless they are
    told otherwise. Suites that were only evaluated on tasks come last, without a corpus.
    """
    rows = client.query(
        "select suite_id, corpus_id, if(kind = '', 'human', kind) as kind, latest_at"
        f" from ({_SUBJECTS}) as subject left join ({_CORPUS_KINDS}) as corpus using (corpus_id)"
        " order by corpus_id = '', kind != 'human', latest_at desc"
    ).result_rows
    scored = {suite_id for suite_id, corpus_id, *_ in rows if corpus_id}
    return [Subject(*row) for row in rows if row[1] or row[0] not in scored]


def refuse_unknown_values(client: Client, given: Mapping[str, str]) -> None:
    """Raise UsageError if a given suite, model or corpus has no row in the warehouse, as after a typing error.

    It is called when an answer is empty. A published suite or model is known by its marts.
    """
    models = read_models_by_size(client, as_text(read_row(client, "select currentDatabase()")[0]))
    suites = [str(row[0]) for row in client.query("select distinct suite_id from raw_suite").result_rows]
    corpora = [str(row[0]) for row in client.query("select distinct corpus_id from raw_corpus").result_rows]
    known = {
        "suite_id": {*suites, *(suite_id for suite_id, _ in models)},
        "model_id": {model_id for _, model_id in models},
        "corpus_id": set(corpora),
    }
    for name, value in given.items():
        kind = next((kind for kind in known if name.endswith(kind)), None)
        if kind is not None and known[kind] and value not in known[kind]:
            raise UsageError(
                f"the warehouse has no {kind.removesuffix('_id')} {value!r} ({name})",
                f"{suggest(value, known[kind])}it has: {', '.join(sorted(known[kind]))}",
            )


def find_open_parameters(question: Question, values: Mapping[str, str]) -> set[str]:
    """Return which of the parameters ``suite_id`` and ``corpus_id`` a question has and ``values`` lack."""
    names = {parameter.name for parameter in question.parameters}
    return (names & {"suite_id", "corpus_id"}) - values.keys()


def choose_subject(
    question: Question, values: Mapping[str, str], subjects: list[Subject]
) -> tuple[dict[str, str], str | None]:
    """Return the values of a question with the suite and the corpus that were scored last, where they are not given.

    Texts by people go before others, and words in context go before others if the question is about phases.
    ``subjects`` come from ``list_subjects``. The second value is a message about the choice, or None if there was no
    choice: the values were given, or there is only one suite and corpus to ask about. If the warehouse has results of
    no suite that fits, the values are returned unchanged.
    """
    missing = find_open_parameters(question, values)
    given = find_open_parameters(question, {}) - missing
    fitting = [subject for subject in subjects if all(getattr(subject, name) == values[name] for name in given)]
    if question.subject == "phases":  # phases are measured on words in context
        fitting.sort(key=lambda subject: subject.kind != WORDS_IN_CONTEXT)
    if not missing or not fitting:
        return dict(values), None
    chosen = {name: getattr(fitting[0], name) for name in sorted(missing, reverse=True) if getattr(fitting[0], name)}
    others = {tuple(getattr(subject, name) for name in missing) for subject in fitting}
    if len(others) == 1:
        return {**values, **chosen}, None
    words = ", ".join(f"{name}={value}" for name, value in chosen.items())
    return {**values, **chosen}, f"answered for {words}, {_describe_choice(fitting)}; choose others with --param"


def _describe_choice(fitting: list[Subject]) -> str:
    """Return why the first of some suites and corpora was chosen."""
    chosen, *others = fitting
    if not chosen.corpus_id:
        return "evaluated last"
    if any(other.corpus_id and other.latest_at > chosen.latest_at for other in others):
        return f"the last scored on {_KIND_NAMES.get(chosen.kind, chosen.kind)}"
    return "scored last"
