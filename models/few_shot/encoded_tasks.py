"""This module caches encoded tasks, so that checkpoints with equal tokenizers and context lengths share them."""

from __future__ import annotations

from transformers import PreTrainedTokenizerBase

from trailhouse.models.few_shot.option_encoding import EncodedTask, encode_task
from trailhouse.models.few_shot.tasks.task import Task
from trailhouse.models.texts.tokenizer import TokenizerFiles


class TaskEncoder:
    """Encodes tasks, and keeps the tokenizers and the encoded tasks in memory."""

    def __init__(self) -> None:
        self._tokenizers: dict[str, PreTrainedTokenizerBase] = {}
        self._encoded: dict[tuple[str, int, tuple[int, ...], str, int, int], EncodedTask] = {}

    def encode(
        self,
        files: TokenizerFiles,
        tokenizer_id: str,
        task: Task,
        shot_count: int,
        seed: int,
        context_length: int,
        beginning: tuple[int, ...] = (),
    ) -> EncodedTask:
        """Return a task as token ids, encoded with a tokenizer.

        ``beginning`` holds the tokens that stand before every prompt.

        Raises the errors of ``load_tokenizer`` and of ``encode_task``.
        """
        key = (tokenizer_id, context_length, beginning, task.task_sha256, shot_count, seed)
        if key not in self._encoded:
            if tokenizer_id not in self._tokenizers:
                self._tokenizers[tokenizer_id] = files.load()
            tokenizer = self._tokenizers[tokenizer_id]
            self._encoded[key] = encode_task(tokenizer, task, shot_count, seed, context_length, beginning)
        return self._encoded[key]
