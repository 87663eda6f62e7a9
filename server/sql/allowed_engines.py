"""The engines of tables and databases that a client may use: none of them opens files or connections by itself."""

from __future__ import annotations

TABLE_ENGINES = (
    "MergeTree",
    "ReplacingMergeTree",
    "AggregatingMergeTree",
    "SummingMergeTree",
    "CollapsingMergeTree",
    "VersionedCollapsingMergeTree",
    "CoalescingMergeTree",
    "Memory",
    "Null",
    "Log",
    "TinyLog",
    "StripeLog",
    "Set",
    "Join",
    "View",
    "MaterializedView",
    "Merge",
    "GenerateRandom",
)
DATABASE_ENGINES = ("Atomic", "Memory")
