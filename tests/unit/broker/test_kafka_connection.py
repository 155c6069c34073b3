"""Which options the settings become, and which of our errors aiokafka's become."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiokafka import errors
from pydantic import SecretStr

from molfleet.broker.kafka_connection import Connection, translated
from molfleet.broker.port import BrokerDenied, BrokerUnavailable, CommitRefused, MessageTooLarge
from molfleet.settings import KafkaSettings, SettingsError


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.KafkaConnectionError("gone"), BrokerUnavailable),
        (errors.NotEnoughReplicasError(), BrokerUnavailable),
        (errors.UnknownTopicOrPartitionError(), BrokerUnavailable),
        (TimeoutError(), BrokerUnavailable),
        (ConnectionResetError("reset"), BrokerUnavailable),
        (errors.MessageSizeTooLargeError(), MessageTooLarge),
        (errors.RecordListTooLargeError(), MessageTooLarge),
        (errors.CommitFailedError(), CommitRefused),
        (errors.IllegalStateError("not assigned"), CommitRefused),
        (errors.TopicAuthorizationFailedError("t"), BrokerDenied),
        (errors.GroupAuthorizationFailedError("g"), BrokerDenied),
        (errors.SaslAuthenticationFailed(), BrokerDenied),
        (errors.AuthenticationFailedError("who?"), BrokerDenied),
    ],
)
def test_every_fault_of_aiokafka_gets_one_of_our_names_and_says_what_was_done(
    error: Exception, expected: type[Exception]
) -> None:
    with pytest.raises(expected, match=r"^publishing to t: "), translated("publishing to t"):
        raise error


def test_a_programming_error_stays_what_it_is() -> None:
    with pytest.raises(ZeroDivisionError), translated("anything"):
        raise ZeroDivisionError


def test_plain_text_needs_no_security_options() -> None:
    options = Connection(KafkaSettings(bootstrap="a:1,b:2"), "me").options()
    assert options["bootstrap_servers"] == "a:1,b:2"
    assert options["client_id"] == "me"
    assert options["ssl_context"] is None
    assert not [name for name in options if name.startswith("sasl")]


def test_a_password_reaches_the_client_and_no_repr() -> None:
    settings = KafkaSettings(
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="alice",
        sasl_password=SecretStr("hidden"),
    )
    connection = Connection(settings, "me")
    options = connection.options()
    assert options["sasl_plain_password"] == "hidden"
    assert options["sasl_plain_username"] == "alice"
    assert options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert options["ssl_context"].check_hostname
    assert "hidden" not in repr(connection)


def test_oauth_without_a_token_file_is_an_error_of_the_settings() -> None:
    settings = KafkaSettings(security_protocol="SASL_PLAINTEXT", sasl_mechanism="OAUTHBEARER")
    with pytest.raises(SettingsError, match="OAUTH_TOKEN_FILE"):
        Connection(settings, "me").options()


def test_a_certificate_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    settings = KafkaSettings(security_protocol="SSL", ssl_ca_file=tmp_path / "ca.pem")
    with pytest.raises(SettingsError, match=r"ca\.pem"):
        Connection(settings, "me")
