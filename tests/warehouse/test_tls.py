"""A warehouse behind TLS: a proxy on loopback decrypts requests, with a certificate that the tests create."""

import datetime
import ipaddress
import json
import os
import socket
import ssl
import subprocess
import sys
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

COMMAND = [sys.executable, "-m", "trailhouse.cli.main"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A file with a key and a self-signed certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "warehouse of the tests")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + signed.public_bytes(pem))
    return path


@pytest.fixture(scope="module")
def secure_url(embedded_server, certificate):
    """An https URL whose requests are decrypted and passed on to the embedded server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    target = embedded_server.url.removeprefix("http://").split(":")
    listener = socket.create_server(("127.0.0.1", 0))

    def pass_on(source, destination):
        try:
            while data := source.recv(1 << 16):
                destination.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, destination):
                end.close()

    def serve():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                client = context.wrap_socket(client, server_side=True)
            except OSError:
                client.close()
                continue
            server = socket.create_connection((target[0], int(target[1])))
            for ends in ((client, server), (server, client)):
                threading.Thread(target=pass_on, args=ends, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()


def run(url, server, directory, *arguments, **variables):
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("TRAILHOUSE_", "SSL_CERT"))},
        "TRAILHOUSE_WAREHOUSE_URL": url,
        "TRAILHOUSE_WAREHOUSE_USER": server.user,
        "TRAILHOUSE_WAREHOUSE_PASSWORD": server.password,
        "TRAILHOUSE_DATABASE": "behind_tls",
        **variables,
    }
    return subprocess.run(
        [*COMMAND, *arguments], env=environment, cwd=directory, capture_output=True, text=True, timeout=300
    )


def test_the_schema_is_created_and_dbt_runs_through_tls(secure_url, embedded_server, certificate, tmp_path):
    trusted = {"SSL_CERT_FILE": str(certificate)}
    made = run(secure_url, embedded_server, tmp_path, "init", "--json", **trusted)
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["database"] == "behind_tls"
    derived = run(secure_url, embedded_server, tmp_path, "transform", "--select", "function_word", **trusted)
    assert derived.returncode == 0, derived.stderr
    question = "select count() > 100 as is_filled from function_word"
    rows = run(secure_url, embedded_server, tmp_path, "sql", question, "--json", **trusted)
    assert json.loads(rows.stdout) == [{"is_filled": 1}]


def test_a_certificate_that_nobody_trusts_is_named(secure_url, embedded_server, tmp_path):
    refused = run(secure_url, embedded_server, tmp_path, "status")
    assert refused.returncode == 5
    assert "certificate" in refused.stderr
    assert "SSL_CERT_FILE" in refused.stderr


def test_a_wrong_password_is_refused_through_tls(secure_url, embedded_server, certificate, tmp_path):
    wrong = {"TRAILHOUSE_WAREHOUSE_PASSWORD": "wrong", "SSL_CERT_FILE": str(certificate)}
    refused = run(secure_url, embedded_server, tmp_path, "status", **wrong)
    assert refused.returncode == 5
    assert "refused user" in refused.stderr
