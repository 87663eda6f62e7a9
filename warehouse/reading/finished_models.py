"""This module finds the models of a suite whose training is finished."""

from __future__ import annotations

from dataclasses import dataclass

from clickhouse_connect.driver.client import Client


@dataclass(frozen=True)
class FinishedModel:
    """A model with a usable checkpoint of its last planned step."""

    model_name: str
    step: int
    parameter_count: int


def list_finished_models(client: Client, suite_id: str) -> list[FinishedModel]:
    """Return the registered models of a suite whose last usable checkpoint is that of the last planned step or later.

    The smallest model comes first. Models of equal size are in the order of their names.
    """
    rows = client.query(
        "select model.model_name, checkpoint.step, model.parameter_count from (select * from raw_model final) as model"
        " inner join (select model_id, max(step) as step from raw_checkpoint final where audit_status = 'ok'"
        " group by model_id) as checkpoint using (model_id)"
        " where model.suite_id = {suite_id:String} and checkpoint.step >= model.planned_steps"
        " order by model.parameter_count, model.model_name",
        parameters={"suite_id": suite_id},
    ).result_rows
    return [FinishedModel(str(name), step, count) for name, step, count in rows]
