"""Settings and where they come from."""

import pytest

from trailhouse.errors import UsageError
from trailhouse.flows.settings import describe_settings, load_settings


@pytest.fixture(autouse=True)
def clean_surroundings(tmp_path, monkeypatch):
    """No configuration file and no settings in the environment, unless a test makes them."""
    monkeypatch.chdir(tmp_path)
    for name in ("TRAILHOUSE_DATABASE", "TRAILHOUSE_WAREHOUSE_URL", "TRAILHOUSE_DTYPE"):
        monkeypatch.delenv(name, raising=False)


def origin_of(name: str) -> str:
    return {setting.name: setting.origin for setting in describe_settings(load_settings())}[name]


def test_without_anything_the_defaults_hold():
    assert load_settings().database == "trailhouse"
    assert origin_of("database") == "default"


def test_flags_win_over_the_environment_which_wins_over_the_file(tmp_path, monkeypatch):
    (tmp_path / "trailhouse.toml").write_text('database = "from_file"\n')
    assert (load_settings().database, origin_of("database")) == ("from_file", "file trailhouse.toml")
    monkeypatch.setenv("TRAILHOUSE_DATABASE", "from_environment")
    assert (load_settings().database, origin_of("database")) == (
        "from_environment",
        "environment TRAILHOUSE_DATABASE",
    )
    assert load_settings(database="from_flag").database == "from_flag"


def test_a_flag_that_was_not_given_does_not_count():
    assert load_settings(database=None).database == "trailhouse"


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ('dtype = "float8"', "setting dtype from file trailhouse.toml"),
        ('databse = "x"', "setting databse from file trailhouse.toml"),
        ("database = ", "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused_by_the_name_of_its_setting(tmp_path, file, message):
    (tmp_path / "trailhouse.toml").write_text(file)
    with pytest.raises(UsageError, match=message):
        load_settings()


def test_a_wrong_variable_is_refused_by_its_name(monkeypatch):
    monkeypatch.setenv("TRAILHOUSE_DTYPE", "int3")
    with pytest.raises(UsageError, match="setting dtype from environment TRAILHOUSE_DTYPE"):
        load_settings()


def test_the_password_is_never_shown(monkeypatch):
    monkeypatch.setenv("TRAILHOUSE_WAREHOUSE_PASSWORD", "secret")
    settings = load_settings()
    assert "secret" not in repr(settings)
    assert "secret" not in repr(describe_settings(settings))
