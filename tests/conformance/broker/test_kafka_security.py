"""Real handshakes: TLS with a certificate made here, SASL PLAIN, SCRAM and OAUTHBEARER."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from molfleet.broker.kafka import KafkaBroker
from molfleet.broker.kafka_admin import KafkaAdmin
from molfleet.broker.port import BrokerDenied, Outgoing
from molfleet.local.broker import LocalBroker
from molfleet.settings import KafkaSettings

pytestmark = pytest.mark.real

PASSWORD = "alice-has-a-secret"
KEY_PASSWORD = "the-key-has-one-too"
JAAS = "org.apache.kafka.common.security"


class Authority:
    """A certificate authority of our own, for 127.0.0.1 and one client."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory / name
        self._directory.mkdir()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._signed(self._name, self._key, is_authority=True)
        self.file = self._write("ca.pem", _pem(self.certificate))

    def issue(self, name: str, password: str | None = None) -> tuple[Path, Path]:
        """(certificate, key), the key encrypted where a password is given."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._write(f"{name}.pem", _pem(self._signed(subject, key, is_authority=False)))
        encryption = (
            serialization.BestAvailableEncryption(password.encode())
            if password
            else serialization.NoEncryption()
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        )
        return certificate, self._write(f"{name}.key", private)

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_authority: bool
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=2))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )

    def _write(self, name: str, data: bytes) -> Path:
        path = self._directory / name
        path.write_bytes(data)
        return path


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"), "authority")


@pytest.fixture(scope="module")
def guarded(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBroker]:
    """A broker with a listener for each protocol; SSL asks for a client certificate as well."""
    directory = tmp_path_factory.mktemp("guarded")
    certificate, key = authority.issue("server")
    keystore = directory / "keystore.pem"
    keystore.write_bytes(key.read_bytes() + certificate.read_bytes())
    overrides = {"sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,OAUTHBEARER"}
    for listener in ("sasl_plaintext", "sasl_ssl"):
        name = f"listener.name.{listener}"
        overrides |= {
            f"{name}.plain.sasl.jaas.config": (
                f'{JAAS}.plain.PlainLoginModule required user_alice="{PASSWORD}";'
            ),
            f"{name}.scram-sha-256.sasl.jaas.config": f"{JAAS}.scram.ScramLoginModule required;",
            f"{name}.oauthbearer.sasl.jaas.config": (
                f"{JAAS}.oauthbearer.OAuthBearerLoginModule required "
                'unsecuredLoginStringClaim_sub="broker";'
            ),
        }
    for listener in ("ssl", "sasl_ssl"):
        name = f"listener.name.{listener}"
        overrides |= {
            f"{name}.ssl.keystore.type": "PEM",
            f"{name}.ssl.keystore.location": str(keystore),
            f"{name}.ssl.truststore.type": "PEM",
            f"{name}.ssl.truststore.location": str(authority.file),
        }
    overrides["listener.name.ssl.ssl.client.auth"] = "required"
    with LocalBroker(
        directory / "kafka",
        listeners=("SASL_PLAINTEXT", "SSL", "SASL_SSL"),
        overrides=overrides,
        scram_users={"alice": PASSWORD},
    ) as broker:
        yield broker


def settings_for(broker: LocalBroker, protocol: str, **chosen: Any) -> KafkaSettings:
    bootstrap = broker.bootstrap_of(protocol)
    return KafkaSettings(
        bootstrap=bootstrap,
        security_protocol=protocol,
        request_timeout_ms=5_000,
        **chosen,
    )


async def speak(settings: KafkaSettings) -> None:
    """Every kind of client once."""
    topic = f"guarded-{uuid4().hex[:8]}"
    async with KafkaAdmin(settings) as admin:
        await admin.create(topic, partitions=1, replication=1, config={})
        await admin.wait_for({topic: 1})
    broker = KafkaBroker(settings, "guarded")
    await broker.ping()
    producer = broker.producer()
    await producer.publish([Outgoing(topic, b"k", b"v")])
    await producer.stop()
    reader = broker.reader([topic])
    await reader.start()
    while not (records := await reader.poll(0.1)):
        continue
    await reader.stop()
    assert [record.value for record in records] == [b"v"]


def unsigned_token(subject: str) -> str:
    """A JSON Web Token such as the broker takes in development: no signature."""

    def part(claims: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()

    now = datetime.now(UTC).timestamp()
    return f"{part({'alg': 'none'})}.{part({'sub': subject, 'iat': now - 10, 'exp': now + 600})}."


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
async def test_a_name_and_a_password_open_the_broker(
    guarded: LocalBroker, authority: Authority, protocol: str, mechanism: str
) -> None:
    await speak(
        settings_for(
            guarded,
            protocol,
            sasl_mechanism=mechanism,
            sasl_username="alice",
            sasl_password=SecretStr(PASSWORD),
            ssl_ca_file=authority.file if protocol == "SASL_SSL" else None,
        )
    )


async def test_a_token_is_read_anew_from_its_file_for_each_login(
    guarded: LocalBroker, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    settings = settings_for(guarded, "SASL_PLAINTEXT", sasl_mechanism="OAUTHBEARER", oauth_token_file=file)
    broker = KafkaBroker(settings, "oauth")
    file.write_text("not a token")
    with pytest.raises(BrokerDenied):
        await broker.ping()
    file.write_text(unsigned_token("alice") + "\n")
    await broker.ping()
    await speak(settings)


async def test_a_token_file_that_is_not_there_is_named(guarded: LocalBroker, tmp_path: Path) -> None:
    file = tmp_path / "no-token"
    settings = settings_for(guarded, "SASL_PLAINTEXT", sasl_mechanism="OAUTHBEARER", oauth_token_file=file)
    with pytest.raises(BrokerDenied, match="no-token"):
        await KafkaBroker(settings, "oauth").ping()


async def test_a_client_certificate_opens_the_broker(guarded: LocalBroker, authority: Authority) -> None:
    certificate, key = authority.issue("client", KEY_PASSWORD)
    await speak(
        settings_for(
            guarded,
            "SSL",
            ssl_ca_file=authority.file,
            ssl_cert_file=certificate,
            ssl_key_file=key,
            ssl_key_password=SecretStr(KEY_PASSWORD),
        )
    )


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
async def test_a_wrong_password_is_a_refusal_that_tells_no_secret(
    guarded: LocalBroker, mechanism: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_for(
        guarded,
        "SASL_PLAINTEXT",
        sasl_mechanism=mechanism,
        sasl_username="alice",
        sasl_password=SecretStr("a-wrong-secret"),
    )
    broker = KafkaBroker(settings, "nobody")
    for call in (broker.ping(), broker.producer().start(), broker.reader(["t"]).start()):
        with pytest.raises(BrokerDenied) as caught:
            await call
        assert "a-wrong-secret" not in f"{caught.value!r} {caught.value}"
    assert "a-wrong-secret" not in caplog.text + repr(settings)


async def test_a_broker_whose_certificate_is_not_trusted_is_refused(
    guarded: LocalBroker, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger")
    settings = settings_for(
        guarded,
        "SASL_SSL",
        sasl_username="alice",
        sasl_password=SecretStr(PASSWORD),
        ssl_ca_file=stranger.file,
    )
    with pytest.raises(BrokerDenied, match="TLS"):
        await KafkaBroker(settings, "suspicious").ping()
