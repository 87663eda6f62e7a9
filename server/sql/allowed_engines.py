"""The table and database engines that a client may use. None opens a file or an address that the client names."""

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
