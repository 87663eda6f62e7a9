"""The smallest and the largest finished model of a suite are found from the catalogue."""

from __future__ import annotations

from trailhouse.warehouse.reading.finished_models import FinishedModel, list_finished_models


def test_models_whose_last_usable_checkpoint_is_the_last_planned_step_come_by_size(client):
    columns = ["model_id", "suite_id", "model_name", "parameter_count", "planned_steps", "updated_at"]
    now = client.query("select now64(3)").result_rows[0][0]
    models = [
        ("s/large", "s", "large", 900, 100, now),
        ("s/small", "s", "small", 10, 100, now),
        ("s/young", "s", "young", 5, 100, now),
        ("s/broken", "s", "broken", 3, 100, now),
        ("other/one", "other", "one", 1, 100, now),
    ]
    client.insert("raw_model", models, column_names=columns)
    checkpoints = [
        ("s/large", 50, "ok"),
        ("s/large", 100, "ok"),
        ("s/small", 120, "ok"),
        ("s/young", 99, "ok"),
        ("s/broken", 90, "ok"),
        ("s/broken", 100, "not finite"),
        ("other/one", 100, "ok"),
    ]
    rows = [(*row, now, "0" * 64, "0" * 64) for row in checkpoints]
    names = ["model_id", "step", "audit_status", "updated_at", "weights_sha256", "config_sha256"]
    client.insert("raw_checkpoint", rows, column_names=names)
    assert list_finished_models(client, "s") == [FinishedModel("small", 120, 10), FinishedModel("large", 100, 900)]
    assert list_finished_models(client, "nothing") == []
