"""C2PA's library as we use it: loaded where it is needed, asking no address, its errors in words without a key."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from longtake.domain.errors import ConfigurationError, LongtakeError, MachineError
from longtake.domain.text import one_line
from longtake.media.labelling.identity import MISSING_EXTRA, SigningIdentity, pkcs8

KIND = "video/mp4"


def load_library() -> Any:
    """The module `c2pa`.

    Raises:
        ConfigurationError: The extra is not installed.
    """
    try:
        import c2pa  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigurationError(MISSING_EXTRA) from None
    return c2pa


def context(anchors: str = "", time_stamp_url: str = "") -> Any:
    """How the library is to work: without thumbnails, and without any address but the time-stamp authority's.

    Args:
        anchors: PEM of the authorities that are trusted.
        time_stamp_url: The one address that may be asked.
    """
    hosts = [host] if (host := urlsplit(time_stamp_url).hostname) else []
    settings: dict[str, Any] = {
        "version": 1,
        # A clip's manifest may name addresses of anyone's.
        "verify": {
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
            "verify_trust": True,
            "verify_after_reading": True,
            "verify_after_sign": True,
        },
        "core": {"allowed_network_hosts": hosts},
        "builder": {"thumbnail": {"enabled": False}},
    }
    if anchors:
        settings["trust"] = {"user_anchors": anchors}
    return load_library().Context.from_dict(settings)


def signer(identity: SigningIdentity) -> Any:
    """The library's signer of an identity."""
    c2pa = load_library()
    chain = identity.certificate_chain.get_secret_value().encode()
    info = c2pa.C2paSignerInfo(identity.algorithm, chain, pkcs8(identity), identity.time_stamp_url or None)
    return c2pa.Signer.from_info(info)


@contextmanager
def our_signing(identity: SigningIdentity) -> Generator[None]:
    """Turns what the library raises inside the block into a fault of ours, in words without the key.

    Raises:
        MachineError: In place of it.
    """
    try:
        yield
    except (LongtakeError, OSError):
        raise
    except Exception as error:
        words = one_line(_without(str(error), identity), 400)
        raise MachineError(f"our machine: the film could not be signed: {words}; mend it, then run again") from None


def _without(words: str, identity: SigningIdentity) -> str:
    lines = identity.private_key.get_secret_value().split()
    with suppress(LongtakeError):  # the form in which the library had it
        lines += pkcs8(identity).decode("ascii").split()
    return "the library's words held the key" if any(len(line) > 8 and line in words for line in lines) else words
