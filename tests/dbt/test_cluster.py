"""A dbt build on a cluster. A proxy records dbt's statements and makes a single server answer like a cluster."""

import dataclasses
import re
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError

import pytest

CLUSTER = "many"
# Pairs: a clause that only a cluster understands, and what the proxy sends to the single server instead.
SUBSTITUTIONS = [
    (r"system sync replica[\s\S]*", "select 1"),
    (r'on cluster\s+"many"', ""),
    (r'clusterAllReplicas\("many", ([\w.]+)\)', r"\1"),
    (r"count\(distinct _shard_num\) > 1", "0"),
    (r"Replicated(\w*MergeTree)\('/clickhouse/tables/\{uuid\}/all', '\{shard\}-\{replica\}'(?:, )?", r"\1("),
]


@pytest.fixture
def proxy(embedded_server):
    """A server on loopback that records every statement and answers as a cluster of one node."""
    statements: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            text = body.decode(errors="surrogateescape")
            statements.append(text)
            for pattern, replacement in SUBSTITUTIONS:
                text = re.sub(pattern, replacement, text, flags=re.IGNORECASE)
            kept = {name: self.headers[name] for name in ("Authorization", "Content-Type") if name in self.headers}
            request = urllib.request.Request(
                embedded_server.url + self.path, text.encode(errors="surrogateescape"), kept, method="POST"
            )
            try:
                answer = urllib.request.urlopen(request)
            except HTTPError as error:
                answer = error
            with answer:
                content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name.lower().startswith("x-clickhouse") or name.lower() == "content-type":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port, statements
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_table_of_a_build_is_replicated_to_every_node(warehouse, proxy, monkeypatch):
    port, statements = proxy
    monkeypatch.setenv("TRAILHOUSE_DBT_CLUSTER", CLUSTER)
    warehouse.add_corpus("corpus", {0: 4})
    warehouse.add_model("suite/model", [1, 2, 3], planned_steps=3)
    warehouse.score("suite/model", "corpus", {(0, p): {1: -p, 2: -p / 2, 3: -p / 4} for p in (1, 2, 3)})
    behind = dataclasses.replace(warehouse, address=dataclasses.replace(warehouse.address, port=port))
    behind.dbt("seed", "--select", "trend_convention")
    behind.dbt("run", "--select", "+int_token_series")
    warehouse.score("suite/model", "corpus", {(0, p): {4: -p / 8} for p in (1, 2, 3)})
    behind.dbt("run", "--select", "+int_token_series")
    assert warehouse.rows("select count() from int_token_series") == [(3,)]

    created = [text for text in statements if re.search(r"^\s*(/\*.*?\*/)?\s*create table", text, re.IGNORECASE)]
    created = [text for text in created if "__dbt_exchange_test" not in text]  # made by dbt's adapter as a trial
    views = [text for text in statements if re.search(r"create (or replace )?view", text, re.IGNORECASE)]
    assert len(created) > 3
    assert views
    for text in created + views:
        parsed = warehouse.client.query(
            "select formatQuerySingleLine({s:String})", parameters={"s": text.partition(" FORMAT ")[0]}
        ).result_rows[0][0]
        assert "ON CLUSTER many" in parsed
    assert all("ReplicatedMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}')" in text for text in created)
