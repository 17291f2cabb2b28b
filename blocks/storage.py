"""The place where references are hosted for vendors to fetch, as a Prefect block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, HttpUrl, SecretStr, ValidationError, field_validator

from blocks._documents import problems, stored
from blocks._logo import DrawnBlock, logo
from longtake.domain.errors import ConfigurationError
from longtake.settings import settings

if TYPE_CHECKING:
    from longtake.files.store import Store


class ClipStore(DrawnBlock):
    """A folder or S3 bucket for references, from which vendors can fetch them by presigned links."""

    _block_type_name = "Clip Store"
    _block_type_slug = "clip-store"
    _documentation_url = HttpUrl("https://s3fs.readthedocs.io")
    _logo_url = logo(40, 44, 52)  # pyright: ignore[reportAssignmentType]

    root: str = Field(min_length=1, description="A folder, or s3://bucket/prefix.")
    public_endpoint_url: str | None = Field(
        default=None,
        description="The address under which vendors reach this S3 store; links are signed for it. "
        "Empty: vendors cannot fetch from here, and only their own links and uploads are used.",
    )
    presign_seconds: int = Field(
        default=24 * 3600, ge=60, le=7 * 24 * 3600, description="How long a presigned link lives, in seconds."
    )
    endpoint_url: str | None = Field(
        default=None, description="The address of the S3 store for ourselves. Empty: AWS_ENDPOINT_URL, else Amazon's."
    )
    aws_access_key_id: SecretStr | None = Field(
        default=None, description="Access key of the S3 store. Empty: the standard AWS variables and profiles."
    )
    aws_secret_access_key: SecretStr | None = Field(
        default=None, description="Secret key of the S3 store. Empty: the standard AWS variables and profiles."
    )

    @field_validator("root")
    @classmethod
    def _one_place(cls, value: str) -> str:
        scheme, found, rest = value.partition("://")
        if "::" in value or (found and (scheme != "s3" or not rest.strip("/"))):
            raise ValueError("a folder or s3://bucket[/prefix]")
        return value.rstrip("/") or "/"

    def get_store(self) -> Store:
        """The store as the library uses it: its methods write, read and presign."""
        from longtake.files.open_store import open_store  # noqa: PLC0415 - S3 clients are slow to import

        key, secret = self.aws_access_key_id, self.aws_secret_access_key
        store = open_store(
            self.root,
            public_endpoint_url=self.public_endpoint_url,
            endpoint_url=self.endpoint_url,
            key=key.get_secret_value() if key else None,
            secret=secret.get_secret_value() if secret else None,
        )
        store.presign_seconds = self.presign_seconds
        return store


async def load_clip_store() -> Store | None:
    """Where references may be hosted: the block document `clip-store/default`, else `LONGTAKE_CLIP_STORE` with
    `LONGTAKE_PUBLIC_ENDPOINT_URL`, else nowhere.

    Raises:
        ConfigurationError: There is one, and it cannot be used.
    """
    if (block := await stored(ClipStore)) is not None:
        return block.get_store()
    root = settings().clip_store
    if not root:
        return None
    try:
        return ClipStore(root=root, public_endpoint_url=settings().public_endpoint_url).get_store()
    except ValidationError as error:
        raise ConfigurationError(f"LONGTAKE_CLIP_STORE is not valid: {problems(error)}") from None
