"""The published series of OPT, read from the seeds of the dbt project."""

import csv

from tests.support.paths import ROOT

SEEDS = ROOT / "dbt" / "seeds"


def read_seed(name: str) -> list[dict[str, str]]:
    """Return the rows of the CSV file of a seed."""
    with (SEEDS / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def read_published_accuracies(task_id: str) -> list[dict]:
    """Read the accuracy of every checkpoint on one task or mean of tasks, with the axes of the checkpoint."""
    models = {row["model_name"]: row for row in read_seed("published_model")}
    perplexities = {
        (row["model_name"], row["step"]): float(row["perplexity"])
        for row in read_seed("published_validation_perplexity")
    }
    points = []
    for row in read_seed("published_task_accuracy"):
        key = (row["model_name"], row["step"])
        if row["task_id"] == task_id and key in perplexities:
            sizes = {name: int(value) for name, value in models[row["model_name"]].items() if value.isdigit()}
            tokens = int(row["step"]) * sizes["batch_tokens"]
            attention = 12 * sizes["layer_count"] * sizes["hidden_size"] * sizes["context_length"]
            points.append(
                {
                    "model_id": f"opt-published/{row['model_name']}",
                    "step": int(row["step"]),
                    "measure_value": float(row["accuracy_percent"]) / 100,
                    "parameter_count": sizes["parameter_count"],
                    "tokens_seen": tokens,
                    "train_flops_6n": float(tokens) * 6 * sizes["parameter_count"],
                    "train_flops_palm": float(tokens) * (6 * sizes["parameter_count"] + attention),
                    "validation_perplexity": perplexities[key],
                }
            )
    return points
