"""A certificate authority of the tests' own, and signing certificates by C2PA's rules and against them."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)
KEYS = {
    "es256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "es384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "es512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ps256": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}
"""A fresh key of each algorithm's kind."""


@dataclass(frozen=True)
class Identity:
    """A certificate, those above it, and its key; `chain` and `private_key` as PEM."""

    certificate: x509.Certificate
    chain: str
    private_key: str
    authority: str

    @property
    def secret_lines(self) -> list[str]:
        """The lines of the private key that nothing else may hold."""
        return [line for line in self.private_key.splitlines() if line and not line.startswith("-----")]


@cache
def authority() -> tuple[Any, x509.Certificate]:
    """The root's key and certificate, made once."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Longtake Test Root")
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 400 * DAY)
        .not_valid_after(now + 400 * DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(key_cert_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return key, builder.sign(key, hashes.SHA256())


PURPOSES = {"mail": ExtendedKeyUsageOID.EMAIL_PROTECTION, "server": ExtendedKeyUsageOID.SERVER_AUTH}
"""C2PA admits the first."""


def identity(
    algorithm: str = "es256",
    name: str = "Longtake Tests",
    *,
    days: tuple[int, int] = (-1, 90),
    purposes: tuple[str, ...] = ("mail",),
) -> Identity:
    """A signing certificate of the authority, and its key.

    Args:
        algorithm: One of `KEYS`.
        name: Whose it is.
        days: From when and until when it is good, from today.
        purposes: What it may be used for, of `PURPOSES`.
    """
    root_key, root = authority()
    key, now = KEYS[algorithm](), datetime.datetime.now(datetime.UTC)
    unsigned = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + days[0] * DAY)
        .not_valid_after(now + days[1] * DAY)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
    )
    if purposes:
        usage = x509.ExtendedKeyUsage([PURPOSES[purpose] for purpose in purposes])
        unsigned = unsigned.add_extension(usage, critical=False)
    certificate = unsigned.sign(root_key, hashes.SHA256())
    chain = _pem(certificate) + _pem(root)
    return Identity(certificate, chain, private_pem(key), _pem(root))


def private_pem(key: Any, password: bytes | None = None) -> str:
    """A private key as PKCS #8."""
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _name(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, name),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
