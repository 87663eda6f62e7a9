"""The password files, and the role that each password gives."""

from __future__ import annotations

import subprocess

import pytest

from trailhouse.errors import UsageError
from trailhouse.server.access.credentials import (
    Credentials,
    Role,
    ensure_credentials,
    password_path,
    read_credentials,
)


def test_passwords_lie_in_files_of_the_owner_only(tmp_path):
    made = ensure_credentials(tmp_path)
    assert made == ensure_credentials(tmp_path) == read_credentials(tmp_path)
    assert len({made.admin_password, made.reader_password, made.dashboards_password}) == len(Role)
    for role in Role:
        assert password_path(tmp_path, role).stat().st_mode & 0o777 == 0o600
    assert made.admin_password not in repr(made)
    assert made.reader_password not in repr(made)
    assert made.dashboards_password not in repr(made)
    password_path(tmp_path, Role.ADMIN).chmod(0o644)
    with pytest.raises(UsageError, match="open to other users"):
        read_credentials(tmp_path)


def test_each_password_is_read_from_its_own_file(tmp_path):
    for role in Role:
        password_path(tmp_path, role).write_text(f"password of {role}\n")
        password_path(tmp_path, role).chmod(0o600)
    assert read_credentials(tmp_path) == Credentials(
        "password of admin", "password of reader", "password of dashboards"
    )
    password_path(tmp_path, Role.READER).write_text("")
    with pytest.raises(UsageError, match=r"reader\.password is empty"):
        read_credentials(tmp_path)
    password_path(tmp_path, Role.READER).unlink()
    with pytest.raises(UsageError, match=r"reader\.password"):
        read_credentials(tmp_path)


@pytest.mark.parametrize(
    ("user", "password", "role"),
    [
        ("admin", "a", Role.ADMIN),
        ("reader", "r", Role.READER),
        ("dashboards", "d", Role.DASHBOARDS),
        ("dashboards", "r", None),
        ("reader", "d", None),
        ("admin", "r", None),
        ("reader", "a", None),
        ("", "a", None),
        ("admin", "", None),
        ("ADMIN", "a", None),
        ("admin\udcff", "a", None),
        ("admin", "a\udcff", None),
    ],
)
def test_a_role_is_opened_by_its_own_user_and_password(user, password, role):
    assert Credentials("a", "r", "d").find_role(user, password) is role


def test_no_password_is_seen_in_processes_or_logs(server):
    record = (server.directory / "server.json").read_text() + (server.directory / "server.holder.json").read_text()
    commands = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True).stdout
    assert str(server.directory) in commands  # ps shows the server's arguments
    log = (server.directory / "server.log").read_text()
    for secret in (server.admin[1], server.reader[1]):
        assert secret not in commands + log + record
