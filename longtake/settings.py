"""What the environment sets about Longtake, `LONGTAKE_*`: read and checked here, and nowhere else.

Vendors' keys and the rest of their accounts (`EVOLINK_API_KEY`, …) are fields of `longtake.accounts.account`.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from longtake.domain.errors import ConfigurationError

PREFIX = "LONGTAKE_"
SUBMIT_TIMEOUT_SECONDS = 60.0
SHARE_DEPLOYMENT = "render-manifest/render-manifest-share"


def _or(default: object) -> BeforeValidator:
    """An empty variable counts as unset."""
    return BeforeValidator(lambda written: default if isinstance(written, str) and not written.strip() else written)


class Settings(BaseSettings):
    """The variables, by their names in lower case without the prefix. A description is the rule that a value breaks."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    submit_timeout_seconds: Annotated[
        float,
        _or(SUBMIT_TIMEOUT_SECONDS),
        Field(
            gt=0, le=3600, allow_inf_nan=False, description="a number of seconds above 0 and at most 3600, such as 60"
        ),
    ] = SUBMIT_TIMEOUT_SECONDS
    """How long one submit may take."""
    allow_hosts: str = ""
    """Hosts that media may come from though they are inside, separated by commas or spaces."""
    reference_roots: str = ""
    """Folders and `s3://` prefixes of references, separated by the sign that separates them in PATH."""
    callback_url: str = ""
    callback_listen: str = ""
    sandbox_url: str | None = None
    """Where it is set, even to nothing, every account is the sandbox's."""
    clip_store: str = ""
    public_endpoint_url: str | None = None
    certificate_chain: SecretStr = SecretStr("")
    """Who signs films with `--label` where no block document tells it: a PEM, or the path of a file that holds one."""
    private_key: SecretStr = SecretStr("")
    signing_algorithm: Annotated[str, _or("es256")] = "es256"
    time_stamp_url: str = ""
    content_producer: str = ""
    label_prompts: Annotated[bool, _or(default=False), Field(description="1 or 0")] = False
    price_file: Annotated[str, _or("longtake-prices.json")] = "longtake-prices.json"
    """Where `longtake prices set` keeps prices of accounts that stand in no block."""
    server_port: Annotated[
        Annotated[int, Field(ge=0, le=65535)] | None, _or(None), Field(description="a port, 0 to 65535, such as 4200")
    ] = None
    """Port of the local Prefect server, if it is free."""
    share_deployment: Annotated[
        str, _or(SHARE_DEPLOYMENT), Field(pattern=".+/.+", description="FLOW/DEPLOYMENT, such as " + SHARE_DEPLOYMENT)
    ] = SHARE_DEPLOYMENT
    """The deployment of child runs."""


def settings() -> Settings:
    """What the environment sets now.

    Raises:
        ConfigurationError: Variables have values that cannot be; all of them are named.
    """
    return _checked(tuple(sorted(item for item in os.environ.items() if item[0].upper().startswith(PREFIX))))


@lru_cache(maxsize=8)
def _checked(variables: tuple[tuple[str, str], ...]) -> Settings:
    written = {name.upper(): value for name, value in variables}
    try:
        return Settings()
    except ValidationError as error:
        names = dict.fromkeys(str(problem["loc"][0]).upper() for problem in error.errors(include_input=False))
        raise ConfigurationError("; ".join(_problem(name, written) for name in names)) from None


def _problem(name: str, written: dict[str, str]) -> str:
    variable = name if name.startswith(PREFIX) else PREFIX + name
    field = Settings.model_fields[variable.removeprefix(PREFIX).lower()]
    return f"{variable}={written.get(variable, '')}: give {field.description}, or unset it"
