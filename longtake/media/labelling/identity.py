"""Who signs films: certificate chain, private key, algorithm; checked so that what cannot sign is told in words.

No message holds a byte of the key, whatever a library says of it.
"""

from __future__ import annotations

import datetime
import re
import textwrap
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator

from longtake.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography import x509

SigningAlgorithm = Literal["es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519"]
"""Those of C2PA."""
MISSING_EXTRA = "C2PA's library is not installed; install it with: pip install 'longtake[label]'"
SOON_DAYS = 14
"""A certificate that ends within so many days is told of."""

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_BETWEEN_LINES = re.compile(r"(?:\\r|\\n|\s)+")
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


class SigningIdentity(BaseModel):
    """Who signs, and what a film is to say of that.

    Attributes:
        certificate_chain: PEM: the signing certificate first, those above it behind it, each signed by the next.
        private_key: PEM, without a passphrase.
        algorithm: What the key signs with.
        time_stamp_url: A time-stamp authority (RFC 3161) that is asked at every signature; "" asks none.
        content_producer: The producer's id as the rule on `AIGC` has it (GB 45438); "" writes none.
        include_prompt: Whether a film's manifest tells the prompts of its clips.
    """

    model_config = ConfigDict(frozen=True)

    certificate_chain: SecretStr
    private_key: SecretStr
    algorithm: SigningAlgorithm = "es256"
    time_stamp_url: str = ""
    content_producer: str = ""
    include_prompt: bool = False

    @field_validator("certificate_chain", "private_key", mode="after")
    @classmethod
    def _whole_lines(cls, value: SecretStr) -> SecretStr:
        """A one-line field, or a variable, takes a PEM's line ends away."""
        return SecretStr(_lines_restored(value.get_secret_value()))

    @field_validator("time_stamp_url")
    @classmethod
    def _plain_address(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            is_plain = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
        except ValueError:
            is_plain = False
        if value and not is_plain:
            raise ValueError("an http(s) address without a name and password in it")
        return value


class Signer(BaseModel):
    """What anyone may know of who signs; `fingerprint` is the SHA-256 of the signing certificate."""

    model_config = ConfigDict(frozen=True)

    subject: str
    issuer: str
    fingerprint: str
    algorithm: SigningAlgorithm
    valid_until: str
    time_stamp_url: str = ""
    content_producer: str = ""

    def notice(self, now: datetime.datetime | None = None) -> str:
        """What a person should do soon, "" if nothing."""
        now = now or datetime.datetime.now(datetime.UTC)
        left = datetime.datetime.fromisoformat(self.valid_until) - now
        if left > datetime.timedelta(days=SOON_DAYS):
            return ""
        return f"the signing certificate of {self.subject} ends at {self.valid_until}; renew it before"


@dataclass(frozen=True)
class Signing:
    """Who signs a run's films: the key, which stays in memory, and what anyone may know."""

    identity: SigningIdentity
    signer: Signer


def check_identity(identity: SigningIdentity) -> Signer:
    """Checks that the key can sign now, in the name of its certificate.

    Raises:
        ConfigurationError: It cannot; the message says why.
    """
    chain = _chain(identity)
    leaf, key = chain[0], _private_key(identity)
    _check_match(leaf, key)
    _check_algorithm(identity.algorithm, key)
    _check_chain(chain)
    return Signer(
        subject=_name(leaf.subject),
        issuer=_name(leaf.issuer),
        fingerprint=leaf.fingerprint(_sha256()).hex(),
        algorithm=identity.algorithm,
        valid_until=leaf.not_valid_after_utc.isoformat(),
        time_stamp_url=identity.time_stamp_url,
        content_producer=identity.content_producer,
    )


def pkcs8(identity: SigningIdentity) -> bytes:
    """The key in the form that C2PA's library reads, whichever PEM form it was given in."""
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415

    return _private_key(identity).private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())


def certificates_in(pem: str) -> list[x509.Certificate]:
    """The certificates of a PEM, at least one.

    Raises:
        ConfigurationError: The extra is not installed.
        ValueError: It holds none, or one that cannot be read.
    """
    try:
        from cryptography import x509  # noqa: PLC0415 - comes with the extra
    except ImportError:
        raise ConfigurationError(MISSING_EXTRA) from None
    return x509.load_pem_x509_certificates(pem.encode())


def _sha256() -> Any:
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415

    return SHA256()


def _lines_restored(written: str) -> str:
    blocks = [
        f"-----BEGIN {label}-----\n{chr(10).join(textwrap.wrap(body, 64))}\n-----END {label}-----\n"
        for label, text in _BLOCK.findall(written)
        if ":" not in text and (body := _BETWEEN_LINES.sub("", text))
    ]
    return "".join(blocks) or written


def _chain(identity: SigningIdentity) -> list[x509.Certificate]:
    try:
        return certificates_in(identity.certificate_chain.get_secret_value())
    except ValueError:
        raise ConfigurationError(
            "certificate_chain is no PEM: give the signing certificate, -----BEGIN CERTIFICATE----- to "
            "-----END CERTIFICATE-----, and those above it behind it"
        ) from None


def _private_key(identity: SigningIdentity) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    written = identity.private_key.get_secret_value()
    try:
        return load_pem_private_key(written.encode(), password=None)
    except TypeError:
        raise ConfigurationError(
            "private_key is encrypted: give it without a passphrase, as openssl pkcs8 -topk8 -nocrypt writes it"
        ) from None
    except (ValueError, UnsupportedAlgorithm):  # what the library says may hold some of the key
        is_encrypted = "ENCRYPTED" in written
        words = "is encrypted: give it without a passphrase" if is_encrypted else "is no private key in PEM"
        raise ConfigurationError(f"private_key {words}") from None


def _check_match(leaf: x509.Certificate, key: Any) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        raise ConfigurationError(
            "private_key does not belong to the first certificate of certificate_chain, which is the one that signs"
        )


def _check_algorithm(algorithm: SigningAlgorithm, key: Any) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: PLC0415

    if isinstance(key, ec.EllipticCurvePrivateKey):
        fitting = (_CURVES[key.curve.name],) if key.curve.name in _CURVES else ()
        words = f"an elliptic-curve key on {key.curve.name}"
    elif isinstance(key, rsa.RSAPrivateKey):
        fitting, words = ("ps256", "ps384", "ps512"), f"an RSA key of {key.key_size} bits"
        if key.key_size < 2048:
            raise ConfigurationError(f"private_key is {words}; C2PA asks for 2048 or more")
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        fitting, words = ("ed25519",), "an Ed25519 key"
    else:
        fitting, words = (), "of a kind that C2PA does not sign with"
    if algorithm not in fitting:
        fix = f"; set algorithm to {' or '.join(fitting)}" if fitting else ""
        raise ConfigurationError(f"algorithm {algorithm} does not fit private_key, which is {words}{fix}")


def _check_chain(chain: list[x509.Certificate]) -> None:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

    now = datetime.datetime.now(datetime.UTC)
    for certificate in chain:
        subject = _name(certificate.subject)
        if certificate.not_valid_after_utc < now:
            raise ConfigurationError(
                f"the certificate of {subject} has expired, at {certificate.not_valid_after_utc.isoformat()}: renew it"
            )
        if certificate.not_valid_before_utc > now:
            raise ConfigurationError(
                f"the certificate of {subject} is not valid before {certificate.not_valid_before_utc.isoformat()}; "
                "is this machine's clock right?"
            )
    if chain[0].subject == chain[0].issuer:
        raise ConfigurationError(
            "the signing certificate is signed by itself, which C2PA does not admit: have an authority sign it"
        )
    for lower, upper in pairwise(chain):
        try:
            lower.verify_directly_issued_by(upper)
        except (ValueError, TypeError, InvalidSignature):
            raise ConfigurationError(
                f"certificate_chain is not in order: {_name(upper.subject)} did not sign the certificate of "
                f"{_name(lower.subject)} before it"
            ) from None


def _name(name: x509.Name) -> str:
    """The common name, with the organisation where it differs."""
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    found = [
        str(each.value)
        for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
        for each in name.get_attributes_for_oid(kind)
    ]
    return ", ".join(dict.fromkeys(found)) or name.rfc4514_string()
