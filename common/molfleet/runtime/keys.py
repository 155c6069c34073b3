"""The keys that settings name, read: whose models are used, and what models are signed with."""

from __future__ import annotations

from molfleet.bundles.signatures import BadKey, Signer, Trust, read_public_keys, read_signer
from molfleet.settings import Settings, SettingsError


def trust_of(settings: Settings) -> Trust:
    """Raises SettingsError."""
    bundles = settings.bundles
    if bundles.trusted_keys is None:
        return Trust()
    try:
        return Trust(read_public_keys(bundles.trusted_keys), bundles.require_signature)
    except BadKey as error:
        raise SettingsError(f"MOLFLEET_BUNDLES_TRUSTED_KEYS: {error}") from None


def signer_of(settings: Settings) -> Signer | None:
    """None where nothing is signed. Raises SettingsError."""
    if settings.bundles.signing_key_file is None:
        return None
    try:
        return read_signer(settings.bundles.signing_key_file)
    except BadKey as error:
        raise SettingsError(f"MOLFLEET_BUNDLES_SIGNING_KEY_FILE: {error}") from None
