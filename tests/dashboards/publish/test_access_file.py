"""The access file, which lists the suites that each group may see."""

import pytest

from trailhouse.dashboards.publish.access_file import Access, read_access
from trailhouse.errors import UsageError


def test_groups_are_read_with_their_suites(tmp_path):
    file = tmp_path / "access.yaml"
    file.write_text("groups:\n  partners: [opt-published]\n  pretraining: [miniature, my_run.2]\n")
    assert read_access(file) == Access({"partners": ("opt-published",), "pretraining": ("miniature", "my_run.2")})


def test_a_file_that_is_absent_restricts_nobody(tmp_path):
    assert read_access(tmp_path / "access.yaml") == Access({})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("groups: [a]", "line 1, groups: fields with values are expected"),
        ("groups:\n  a: []", "line 2, groups.a: a group must list"),
        ("groups:\n  a: b", "line 2, groups.a: a list is expected"),
        ('groups:\n  a: [b, "x\' or 1=1"]', 'line 2, groups.a[1]: "x\' or 1=1" is not the name of a suite'),
        ("rules: {}", "line 1, rules: this field is not known"),
        ("{}", "groups: this field is missing"),
        ("", "fields with values are expected"),
        ("groups: {a: [", "not valid YAML"),
    ],
)
def test_a_wrong_access_file_is_named_with_its_line_and_field(tmp_path, text, reason):
    path = tmp_path / "access.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"access\.yaml") as error:
        read_access(path)
    assert reason in error.value.message
