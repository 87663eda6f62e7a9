"""The file ``.env`` with the passwords of a deployment, as the command ``init-env`` writes it."""

import json
import stat

from trailhouse.cli.main import run
from trailhouse.flows.services.environment_file import SECRETS


def read_values(path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_every_password_is_generated_and_only_the_owner_reads_them(tmp_path, capsys):
    path = tmp_path / ".env"
    assert run(["init-env", "--file", str(path), "--json"]) == 0
    values = read_values(path)
    assert json.loads(capsys.readouterr().out)["variables"] == list(values) == [secret.name for secret in SECRETS]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(set(values.values())) == len(values)
    assert all(len(value) >= 32 for value in values.values())


def test_passwords_that_are_in_use_are_not_replaced_by_accident(tmp_path, capsys):
    path = tmp_path / ".env"
    path.write_text("KEPT=1\n")
    assert run(["init-env", "--file", str(path)]) == 2
    assert "exists, and holds the passwords" in capsys.readouterr().err
    assert path.read_text() == "KEPT=1\n"
    assert [entry.name for entry in tmp_path.iterdir()] == [".env"]


def test_force_replaces_them(tmp_path):
    path = tmp_path / ".env"
    path.write_text("KEPT=1\n")
    assert run(["init-env", "--file", str(path), "--force"]) == 0
    assert "KEPT" not in read_values(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
