"""What a proof says of the request's target is what goes over the wire."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from anton_async import AntonClient, OAuthCredentials
from tests.support.clock import SteppedClock
from tests.support.raw_server import RawServer, answer

HOSTS = ["xn--bcher-kva.example", "api.example.com"]


@pytest.mark.fault("A08")
@pytest.mark.parametrize(
    "path",
    [
        "/v1/a;b,c(d)'e:f@g~h",
        "/v1/%7Eh",
        "/v1/a%2fb",
        "/v1/a%2Fb",
        "/v1/a%20b",
        "/v1/%C3%A9",
        "/v1/a%3Fb%23c",
    ],
)
async def test_the_path_of_a_proof_is_the_one_on_the_wire(anton: AntonClient, server: RawServer, path: str) -> None:
    server.script(answer(200, {"data": {}}))

    await anton.request("GET", path, response_type=dict, query={"a": "b c"})

    request = server.requests[0]
    assert request.target == path + "?a=b+c"
    assert request.proof["htu"] == server.base_url + path


class Everywhere(AbstractResolver):
    """Finds every host on this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        family = socket.AF_INET
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Do nothing."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of a certificate for `HOSTS`, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(private + made.public_bytes(pem))
    return file


@dataclass
class TLSServer(RawServer):
    """A raw server behind TLS."""

    certificate: Path = Path()

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._server.close()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self


@pytest.mark.fault("A09")
async def test_an_ipv6_host_is_the_one_on_the_wire(credentials: OAuthCredentials, clock: SteppedClock) -> None:
    @dataclass
    class SixServer(RawServer):
        async def __aenter__(self) -> Self:
            await super().__aenter__()
            self._server.close()
            self._server = await asyncio.start_server(self._connected, "::1", 0)
            self.port = self._server.sockets[0].getsockname()[1]
            return self

    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")

    async with SixServer() as server:
        server.script(answer(200, {"data": []}))
        async with AntonClient(credentials, base_url=f"http://[::1]:{server.port}", clock=clock) as anton:
            await anton.balances.list()

    request = server.requests[0]
    assert request.headers["host"] == f"[::1]:{server.port}"
    assert request.proof["htu"] == f"http://[::1]:{server.port}/v1/balances"


@pytest.mark.fault("A09")
@pytest.mark.parametrize("host", ["bücher.example", "api.example.com.", "API.Example.com"])
async def test_the_host_of_a_proof_is_the_one_on_the_wire(
    credentials: OAuthCredentials, clock: SteppedClock, certificate: Path, host: str
) -> None:
    async with (
        TLSServer(certificate=certificate) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Everywhere())) as session,
    ):
        server.script(answer(200, {"data": []}))
        base_url, trusted = f"https://{host}:{server.port}", ssl.create_default_context(cafile=str(certificate))
        async with AntonClient(credentials, base_url=base_url, session=session, ssl=trusted, clock=clock) as anton:
            await anton.balances.list()

    for request, path in ((server.token_calls[0], "/oauth/token"), (server.requests[0], "/v1/balances")):
        assert request.proof["htu"] == f"https://{request.headers['host']}{path}"
