"""Finds the calls of a program in a block of shell code, without running anything."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import dropwhile
from pathlib import PurePosixPath

SEPARATORS = {"&&", "||", "|", ";", "&", "(", ")", "do", "done", "then", "fi"}
LAUNCHERS = {"srun", "nice", "nohup", "time"}
ASSIGNMENT = re.compile(r"\w+=")
REDIRECTIONS = {"<", ">", ">>", "2>", "&>"}


def find_calls(code: str, program: str) -> list[list[str]]:
    """Return the arguments of each call of a program in shell code, also behind ``srun`` or an assignment."""
    calls = []
    for line in code.replace("\\\n", " ").splitlines():
        for words in split_commands(line):
            command = list(dropwhile(lambda word: word in LAUNCHERS or ASSIGNMENT.match(word), words))
            if command and PurePosixPath(command[0]).name == program:
                calls.append(list(before_redirection(command[1:])))
    return calls


def split_commands(line: str) -> Iterator[list[str]]:
    """Yield the words of each simple command of a line."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    words: list[str] = []
    for word in lexer:
        if word in SEPARATORS:
            yield words
            words = []
        else:
            words.append(word)
    yield words


def before_redirection(words: list[str]) -> Iterator[str]:
    """Yield the words before the first redirection."""
    for word in words:
        if word in REDIRECTIONS:
            return
        yield word
