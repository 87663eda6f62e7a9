"""Answers of the engine without the server, with which the server's answers are compared byte by byte."""

from __future__ import annotations

from pathlib import Path

from tests.support.engine_process import EngineError, EngineProcess

# formats that cannot represent NULL, an empty array or an interval
_NARROW_FORMATS = frozenset({"Parquet", "MsgPack"})
_MAX_ERROR_SHARE = 0.02


def require_answers(answers: list[tuple[str, str, str]]) -> None:
    """Require that nearly all queries succeed: an engine and a server that both refuse all would compare as equal."""
    refused = [(query, output_format) for query, output_format, answer in answers if answer == "error"]
    assert {output_format for _, output_format in refused} <= _NARROW_FORMATS, refused[:5]
    assert len(refused) <= _MAX_ERROR_SHARE * len(answers), refused[:5]


def answer_in_process(directory: Path, asked: list[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """Return (query, format, the engine's answer in hexadecimal or ``error``) for each (query, format).

    The engine runs in a new process, with its data in ``directory``.
    """
    with EngineProcess(directory) as engine:
        return [(query, output_format, _answer(engine, query, output_format)) for query, output_format in asked]


def _answer(engine: EngineProcess, query: str, output_format: str) -> str:
    try:
        return engine.run(query, output_format).hex()
    except EngineError:
        return "error"
