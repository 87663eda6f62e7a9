"""A stand-in for Superset and its client: lists and objects in memory, and the requests that would change them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class SupersetStandIn:
    """Answers ``read`` and ``read_all`` from ``lists`` and ``objects``; records what is posted, put and deleted."""

    def __init__(self) -> None:
        self.lists: dict[str, list[dict]] = {}
        self.objects: dict[str, Any] = {}
        self.changes: list[tuple] = []
        self.answers: dict[str, Any] = {}
        self.export = b""
        for kind in ("databases", "datasets", "charts", "dashboards"):
            setattr(self, kind, SimpleNamespace(delete=self._record_deletion(kind), get=self._get_object(kind)))

    def _record_deletion(self, kind):
        return lambda number: self.changes.append(("delete", kind, number))

    def _get_object(self, kind):
        return lambda number: SimpleNamespace(**self.objects[f"{kind}/{number}"])

    def find_url(self, *parts) -> str:
        return "/".join(str(part).strip("/") for part in parts)

    def read_all(self, resource, columns="") -> list[dict]:
        rows = self.lists[resource]
        return [{name: row[name] for name in row if not columns or name in wanted(columns)} for row in rows]

    def read(self, *parts) -> dict:
        return {"result": self.objects[self.find_url(*parts)]}

    def post(self, url, json):
        self.changes.append(("post", url, json))
        answer = self.answers.get(url, {"id": 99})
        return SimpleNamespace(json=lambda: answer(json) if callable(answer) else answer)

    def put(self, url, json):
        self.changes.append(("put", url, json))

    def delete(self, url):
        self.changes.append(("delete", url))

    def export_assets(self) -> bytes:
        return self.export

    def import_assets(self, archive) -> None:
        self.changes.append(("import", archive))


def wanted(columns: str) -> set[str]:
    """The top fields of a selection such as ``id,database.id``."""
    return {column.partition(".")[0] for column in columns.split(",")}
