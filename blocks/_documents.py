"""Reading a block document from the server, where there is one; what is wrong with it in words without its values."""

from __future__ import annotations

from typing import TypeVar

from prefect.blocks.core import Block
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from pydantic import ValidationError

from longtake.domain.errors import ConfigurationError

B = TypeVar("B", bound=Block)


async def stored(block: type[B], document: str = "default") -> B | None:
    """The document of this name; None where there is none, or no server is configured.

    Raises:
        ConfigurationError: There is one, and it cannot be used.
    """
    if not get_current_settings().api.url:
        return None  # asking would start Prefect's ephemeral server
    address = f"{block.get_block_type_slug()}/{document}"
    try:
        return await block.aload(document)
    except RuntimeError as error:
        if isinstance(error.__cause__, ValidationError):
            raise ConfigurationError(
                f"the block document {address} is not valid: {problems(error.__cause__)}"
            ) from None
        raise
    except ValidationError as error:
        raise ConfigurationError(f"the block document {address} is not valid: {problems(error)}") from None
    except ValueError as error:
        if isinstance(error.__cause__, ObjectNotFound):
            return None
        raise ConfigurationError(f"the block document {address} cannot be used: {error}") from error


def problems(error: ValidationError) -> str:
    """Fields and rules; no value, since one may be a secret."""
    found = error.errors(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(map(str, each['loc'])) or 'it'}: {each['msg']}" for each in found)
