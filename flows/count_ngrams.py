"""The flow that counts the n-grams of a training corpus in the warehouse, one shard after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from clickhouse_connect.driver.client import Client
from prefect import flow
from prefect.artifacts import create_table_artifact

from trailhouse.errors import BadInputError, UsageError
from trailhouse.flows.pipeline.checkpoint_names import find_named_checkpoint
from trailhouse.flows.pipeline.claims import claim_work, name_claim
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings, load_settings
from trailhouse.models.phases.ngram_shards import SHARD_BYTES, TextShard, hash_text_files, read_shards
from trailhouse.models.texts.tokenizer import PreTrainedTokenizerBase, identify_tokenizer
from trailhouse.models.texts.untrusted_tokenizers import encode_texts
from trailhouse.support.progress import report_note, report_progress
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.loading.partition_load import Partition, drop_abandoned_staging_tables
from trailhouse.warehouse.ngrams.counting import count_shard
from trailhouse.warehouse.ngrams.ngram_corpus import (
    WORDS,
    CountedShard,
    NgramCorpus,
    ShardPart,
    declare_ngram_corpus,
    drop_counts_without_words,
    read_counted_shards,
    record_shard,
)
from trailhouse.warehouse.ngrams.windows import TokenNumbers, cut_windows
from trailhouse.warehouse.ngrams.word_numbers import WordNumbers, check_word_numbers
from trailhouse.warehouse.schema.initialisation import require_schema

# Characters of the texts that are split into words or tokens together
BATCH_CHARACTERS = 8_000_000
Numbering = Callable[[Sequence[str]], list[TokenNumbers]]


@dataclass(frozen=True)
class NgramCountReport:
    """What one run of the flow counted."""

    ngram_corpus_id: str
    vocabulary_id: str
    file_count: int
    counted_shard_count: int
    known_shard_count: int
    """Shards that were counted before and are therefore left alone."""
    unit_count: int
    """Words or tokens of the shards that were counted now."""
    ngram_count: int
    """Stored n-grams of all orders of these shards."""


@flow(name="count_ngrams", validate_parameters=False, persist_result=False)
def count_ngrams(
    ngram_corpus_id: str,
    paths: Sequence[Path],
    settings: Settings | None = None,
    *,
    tokenizer_of: str | None = None,
    least_pruned_order: int = 0,
) -> NgramCountReport:
    """Count the n-grams of orders 1 to 5 of the texts in files, and add them to a training corpus of n-grams.

    ``tokenizer_of`` names the model whose tokens are counted, see ``find_named_checkpoint``; if it is None, words are
    counted. n-grams of order ``least_pruned_order`` and above that occur once in a shard are not stored; 0 stores all.

    Raises BadInputError if a file cannot be read, if it was changed since it was counted, or if the corpus was counted
    with another pruning. Raises UsageError if another process counts into the same corpus.
    """
    settings = settings or load_settings()
    if least_pruned_order and not 2 <= least_pruned_order <= 5:
        raise UsageError(f"n-grams of order {least_pruned_order} cannot be pruned", "choose an order from 2 to 5")
    if not ngram_corpus_id.strip():
        raise UsageError("the n-gram corpus has no name", "name it: --name NAME")
    hashes = hash_text_files(paths)
    tokenizer = (
        None if tokenizer_of is None else find_named_checkpoint(tokenizer_of, settings).checkpoint.tokenizer.load()
    )
    vocabulary_id = WORDS if tokenizer is None else identify_tokenizer(tokenizer)
    corpus = NgramCorpus(ngram_corpus_id, vocabulary_id, least_pruned_order, SHARD_BYTES)
    claim_name = name_claim(Partition("raw_ngram_count", (("ngram_corpus_id", ngram_corpus_id),)))
    with connect(resolve_address(settings)) as client, claim_work(claim_name, settings.data_directory) as claim:
        require_schema(client)
        if not claim.is_ours:
            raise UsageError(f"another process counts into n-gram corpus {ngram_corpus_id!r}", "wait until it ends")
        drop_abandoned_staging_tables(client)
        corpus = declare_ngram_corpus(client, corpus)
        if drop_counts_without_words(client, corpus):
            report_note(f"n-gram corpus {ngram_corpus_id}: words are gone, so that all of its counts are dropped")
        known = read_counted_shards(client, corpus)
        refuse_changed_files(known, hashes)
        counter = ShardCounter(client, corpus, tokenizer, settings.ngram_memory_bytes)
        counted = counter.count_files(hashes, known)
        claim.finish()
    if counted:
        create_table_artifact([asdict(shard) for shard in counted], key="counted-shards", description="Counted shards")
    return NgramCountReport(
        ngram_corpus_id=ngram_corpus_id,
        vocabulary_id=vocabulary_id,
        file_count=len(hashes),
        counted_shard_count=len(counted),
        known_shard_count=sum(shard.file_sha256 in hashes.values() for shard in known),
        unit_count=sum(shard.unit_count for shard in counted),
        ngram_count=sum(shard.row_count for shard in counted),
    )


def refuse_changed_files(known: Sequence[CountedShard], hashes: Mapping[Path, str]) -> None:
    """Raise BadInputError if a file had another content when it was counted, because its texts would count twice."""
    counted = {shard.source: shard.file_sha256 for shard in known}
    for path, file_sha256 in hashes.items():
        if counted.get(str(path.resolve()), file_sha256) != file_sha256:
            raise BadInputError(
                f"{path}: was changed since it was counted, so that its old texts would count, too",
                "count all files into a corpus of another name, or put the new texts into a file of another name",
            )


@dataclass(frozen=True)
class ShardCounter:
    """Counts the shards of files into one training corpus. If there is no tokenizer, it counts words."""

    client: Client
    corpus: NgramCorpus
    tokenizer: PreTrainedTokenizerBase | None
    memory_bytes: int

    def count_files(self, hashes: Mapping[Path, str], known: Sequence[CountedShard]) -> list[CountedShard]:
        """Count the shards of the files that are not among ``known``, and return them."""
        done_ids = {shard.shard_id for shard in known}
        part_counts = {shard.file_sha256: shard.part_index + 1 for shard in known if shard.is_last_part}
        counted: list[CountedShard] = []
        done_bytes, total_bytes = 0, sum(path.stat().st_size for path in hashes)
        for path, file_sha256 in hashes.items():
            report_progress("Counting n-grams", done_bytes, total_bytes, path.name)
            parts = [ShardPart(file_sha256, index) for index in range(part_counts.get(file_sha256, 0))]
            is_done = bool(parts) and done_ids.issuperset(part.shard_id for part in parts)
            read_bytes = 0
            for shard in () if is_done else read_shards(path, self.corpus.shard_byte_limit):
                part = ShardPart(file_sha256, shard.part_index)
                read_bytes += shard.byte_count
                if part.shard_id not in done_ids:
                    counted.append(self.count_shard(part, shard, path))
                    done_ids.add(part.shard_id)
                report_progress("Counting n-grams", done_bytes + read_bytes, total_bytes, path.name)
            done_bytes += path.stat().st_size
        report_progress("Counting n-grams", total_bytes, total_bytes)
        return counted

    def count_shard(self, part: ShardPart, shard: TextShard, path: Path) -> CountedShard:
        """Count one shard and record it."""
        numbering = self.number_tokens if self.tokenizer is not None else self.number_words()
        unit_count = 0

        def number_texts() -> Iterator[TokenNumbers]:
            nonlocal unit_count
            for texts in batch_texts(shard.texts):
                for numbers in numbering(texts):
                    unit_count += len(numbers)
                    yield numbers

        row_count = count_shard(
            self.client,
            part.partition(self.corpus),
            cut_windows(number_texts()),
            least_pruned_order=self.corpus.least_pruned_order,
            memory_bytes=self.memory_bytes,
        )
        counted = CountedShard(
            shard_id=part.shard_id,
            file_sha256=part.file_sha256,
            part_index=part.part_index,
            is_last_part=shard.is_last_part,
            source=str(path.resolve()),
            document_count=len(shard.texts),
            byte_count=shard.byte_count,
            unit_count=unit_count,
            row_count=row_count,
            word_count=check_word_numbers(self.client, self.corpus.ngram_corpus_id) if self.tokenizer is None else 0,
        )
        record_shard(self.client, self.corpus, counted)
        return counted

    def number_words(self) -> Numbering:
        """Return the function that splits the texts of one shard into words and numbers them."""
        numbers = WordNumbers(self.client, self.corpus.ngram_corpus_id)
        return lambda texts: numbers.number_texts([text.split() for text in texts])

    def number_tokens(self, texts: Sequence[str]) -> list[TokenNumbers]:
        """Tokenise texts. The number of a token is its id."""
        assert self.tokenizer is not None
        return [token_ids.astype("uint32") for token_ids in encode_texts(self.tokenizer, texts)]


def batch_texts(texts: Sequence[str]) -> Iterator[list[str]]:
    """Yield the texts in batches of at least ``BATCH_CHARACTERS``."""
    batch: list[str] = []
    character_count = 0
    for text in texts:
        batch.append(text)
        character_count += len(text)
        if character_count >= BATCH_CHARACTERS:
            yield batch
            batch, character_count = [], 0
    if batch:
        yield batch
