"""Fixtures of the tests of backups."""

import uuid
from dataclasses import replace

import pytest

from trailhouse.warehouse.connection import connect


@pytest.fixture
def restored(address):
    """The address of a database that does not exist yet."""
    other = replace(address, database=f"restored_{uuid.uuid4().hex}")
    yield other
    with connect(address) as client:
        client.command(f"drop database if exists {other.database} sync")
