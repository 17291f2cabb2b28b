"""Who signs films as made by AI, as a Prefect block, and the same from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, HttpUrl, SecretStr, ValidationError

from blocks._documents import problems, stored
from blocks._logo import DrawnBlock, logo
from longtake.domain.errors import ConfigurationError, MissingCredentialsError
from longtake.media.labelling.identity import SigningAlgorithm, SigningIdentity
from longtake.settings import PREFIX, settings

_VARIABLES = {
    "certificate_chain": "CERTIFICATE_CHAIN",
    "private_key": "PRIVATE_KEY",
    "algorithm": "SIGNING_ALGORITHM",
    "time_stamp_url": "TIME_STAMP_URL",
    "content_producer": "CONTENT_PRODUCER",
    "include_prompt": "LABEL_PROMPTS",
}

CertificateChain = Annotated[
    SecretStr,
    Field(
        min_length=1,
        description="PEM: the signing certificate, and behind it those above it, each signed by the next.",
    ),
]
PrivateKey = Annotated[
    SecretStr,
    Field(min_length=1, description="PEM of its private key, without a passphrase. It never leaves this machine."),
]


class ContentCredentials(DrawnBlock):
    """The certificate that signs films as made by AI (C2PA), and the producer that they name (AIGC)."""

    _block_type_name = "Content Credentials"
    _block_type_slug = "content-credentials"
    _documentation_url = HttpUrl("https://opensource.contentauthenticity.org/docs/signing/")
    _logo_url = logo(16, 110, 60)  # pyright: ignore[reportAssignmentType]

    certificate_chain: CertificateChain
    private_key: PrivateKey
    algorithm: SigningAlgorithm = Field(
        default="es256", description="What the key signs with: es256 for a key on the curve P-256, and so on."
    )
    time_stamp_url: str | None = Field(
        default=None,
        description="Address of a time-stamp authority (RFC 3161), asked at every signature: then it still holds when "
        "the certificate has ended. Empty: none is asked.",
    )
    content_producer: str | None = Field(
        default=None,
        description="Your id as the producer in the field AIGC of China's labelling rule (GB 45438). "
        "Empty: films carry only what their clips say.",
    )
    include_prompt: bool = Field(default=False, description="Whether a film's manifest tells its clips' prompts.")

    def get_identity(self) -> SigningIdentity:
        """The same as the library uses it.

        Raises:
            ConfigurationError: A field cannot be what it holds.
        """
        try:
            return SigningIdentity(
                certificate_chain=self.certificate_chain,
                private_key=self.private_key,
                algorithm=self.algorithm,
                time_stamp_url=(self.time_stamp_url or "").strip(),
                content_producer=(self.content_producer or "").strip(),
                include_prompt=self.include_prompt,
            )
        except ValidationError as error:
            raise ConfigurationError(f"ContentCredentials: {problems(error)}") from None


async def load_signing_identity() -> SigningIdentity:
    """Who signs: the block document `content-credentials/default`, else the environment.

    `LONGTAKE_CERTIFICATE_CHAIN` and `LONGTAKE_PRIVATE_KEY` hold a PEM, or the path of a file that does.

    Raises:
        MissingCredentialsError: Neither is there.
        ConfigurationError: It cannot be used.
    """
    if (block := await stored(ContentCredentials)) is not None:
        return block.get_identity()
    found = settings()
    chain, key = found.certificate_chain.get_secret_value(), found.private_key.get_secret_value()
    missing = [
        PREFIX + _VARIABLES[name]
        for name, value in (("certificate_chain", chain), ("private_key", key))
        if not value.strip()
    ]
    if missing:
        raise MissingCredentialsError(
            "--label needs a certificate that signs: save the block document content-credentials/default on the "
            f"Prefect server, or set {' and '.join(missing)}"
        )
    try:
        return SigningIdentity(
            certificate_chain=_pem(chain, "certificate_chain"),
            private_key=_pem(key, "private_key"),
            algorithm=found.signing_algorithm,  # pyright: ignore[reportArgumentType] - checked by the model
            time_stamp_url=found.time_stamp_url.strip(),
            content_producer=found.content_producer.strip(),
            include_prompt=found.label_prompts,
        )
    except ValidationError as error:
        words = "; ".join(
            f"{PREFIX}{_VARIABLES[str(each['loc'][0])]}: {each['msg']}" for each in error.errors(include_input=False)
        )
        raise ConfigurationError(words) from None


def _pem(written: str, field: str) -> SecretStr:
    """The PEM itself, or that of the file it names; what is neither is not repeated: it may be a bare key."""
    if "-----BEGIN" in written:
        return SecretStr(written)
    try:
        return SecretStr(Path(written.strip()).expanduser().read_text("utf-8"))
    except (OSError, ValueError):
        raise ConfigurationError(
            f"{PREFIX}{_VARIABLES[field]} is neither a PEM (-----BEGIN …) nor the path of a file that can be read"
        ) from None
