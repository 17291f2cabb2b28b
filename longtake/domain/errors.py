"""Every exception Longtake raises, grouped by what happens next; `LongtakeError` shows the tree.

Every class survives pickling: arguments are plain values, passed to `Exception.__init__` in order. No message holds a
secret or a signed query string; `longtake.accounts.transport.redact` is applied before a vendor's words get here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longtake.domain.violations import Violation


class LongtakeError(Exception):
    """Whatever Longtake raises on purpose.

    ```
    LongtakeError
    ├─ ConfigurationError        UnknownVendorError, MissingCredentialsError, UnusableKeyError, UnsafeStoreError
    │                                                                          stop the run
    ├─ ManifestError             UnreadableManifestError, InvalidManifestError nothing is spent
    ├─ UnsupportedRequestError   carries every violation                       fail the shot, nothing spent
    │  └─ RefusedMediaError                                                    likewise
    ├─ BudgetExceededError                                                     hold the rest, nothing more spent
    ├─ VendorError
    │  ├─ TransientVendorError   RateLimitedError, VendorUnavailableError, NotSentError
    │  │                                                                       look or send again later
    │  ├─ TerminalVendorError    RejectedRequestError, ContentRefusedError, ResultExpiredError
    │  │                                                                       fail the shot
    │  ├─ VendorAccountError     AuthenticationError, InsufficientBalanceError, ModelNotAllowedError,
    │  │                         AccountOnBrakeError                           stop this account
    │  ├─ UnknownOutcomeError    the submit may have arrived                   never repeat; reconcile
    │  └─ UnexpectedReplyError   the body does not match the documents         fail the shot, loudly
    ├─ JobError                  JobFailedError, JobCancelledError, JobExpiredError, JobLostError, StillRunningError
    ├─ MediaError                UnreadableClipError, UnfitClipError, RefusedReferenceError, UnsafeAddressError
    ├─ MachineError              DecoderError                                  our own machine's fault, never the clip's
    ├─ LedgerError               UnreadableRecordError                         never taken for "not bought"
    └─ StorageError              PublishConflictError, ChecksumMismatchError, IncompleteDownloadError, SlowDownloadError
    ```
    """


class ConfigurationError(LongtakeError):
    """The run cannot start as it is configured."""


class UnknownVendorError(ConfigurationError):
    """A vendor name that the registry does not hold."""


class MissingCredentialsError(ConfigurationError):
    """Neither a block document nor environment variables hold a key for this vendor."""


class UnusableKeyError(ConfigurationError):
    """A key with a character that no HTTP header can carry. The message names its place, never the key."""


class UnsafeStoreError(ConfigurationError):
    """The output store lets a second exclusive create succeed, so it cannot keep a ledger."""


class ManifestError(LongtakeError):
    """The manifest cannot be used; nothing is spent."""


class UnreadableManifestError(ManifestError):
    """The manifest is missing, or no table that is read."""


def _listing(violations: Sequence[Violation]) -> str:
    return "\n".join(str(violation) for violation in violations)


class InvalidManifestError(ManifestError):
    """Carries every violation of every row."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__(tuple(violations))
        self.violations = tuple(violations)

    def __str__(self) -> str:
        return f"{len(self.violations)} problem(s) in the manifest, nothing was spent:\n{_listing(self.violations)}"


class UnsupportedRequestError(LongtakeError):
    """The request breaks limits of its vendor or model; carries every violation. Nothing was sent."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__(tuple(violations))
        self.violations = tuple(violations)

    def __str__(self) -> str:
        return _listing(self.violations)


class RefusedMediaError(UnsupportedRequestError):
    """The vendor's library of assets refused a reference, or the clip before: moderation, as far as we know."""


class BudgetExceededError(LongtakeError):
    """The next purchase would pass the budget at its high bound; the rest is held."""


class VendorError(LongtakeError):
    """What a vendor answered, or failed to.

    Args:
        message: Redacted words for a person.
        code: The vendor's own error code, "" if none.
        http_status: HTTP status of the answer, 0 if there was none.
        retry_after_seconds: What the vendor asked us to wait, if it did.
    """

    retryable_purchase = False

    def __init__(
        self, message: str = "", code: str = "", http_status: int = 0, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message, code, http_status, retry_after_seconds)
        self.message = message
        self.code = code
        self.http_status = http_status
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        marks = " ".join(part for part in (f"HTTP {self.http_status}" if self.http_status else "", self.code) if part)
        return f"{self.message} ({marks})" if marks else self.message


class TransientVendorError(VendorError):
    """Look again later."""


class RateLimitedError(TransientVendorError):
    """HTTP 429, or the vendor's words for it. Nothing was accepted."""


class VendorUnavailableError(TransientVendorError):
    """5xx or a broken connection on a call that may be repeated."""


class NotSentError(TransientVendorError):
    """The connection was never made, so the call did not arrive and may be sent again."""


class TerminalVendorError(VendorError):
    """This shot is over."""


class RejectedRequestError(TerminalVendorError):
    """The vendor refused the request as it stands."""


class ContentRefusedError(TerminalVendorError):
    """Moderation refused prompt, reference or result."""


class ResultExpiredError(TerminalVendorError):
    """The vendor no longer has the clip."""


class VendorAccountError(VendorError):
    """The account, not the shot, is the trouble: stop this vendor only."""


class AuthenticationError(VendorAccountError):
    """The key is bad."""


class InsufficientBalanceError(VendorAccountError):
    """The balance or quota is used up."""


class ModelNotAllowedError(VendorAccountError):
    """The key may not use this model."""


class AccountOnBrakeError(VendorAccountError):
    """Too many clips in a row were paid there and not got."""


class UnknownOutcomeError(VendorError):
    """The submit may have arrived. Never repeated by itself. `job_ids` are what the answer may have called the job."""

    def __init__(
        self,
        message: str = "",
        code: str = "",
        http_status: int = 0,
        retry_after_seconds: float | None = None,
        job_ids: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, code, http_status, retry_after_seconds)
        self.args = (message, code, http_status, retry_after_seconds, job_ids)
        self.job_ids = job_ids


class UnexpectedReplyError(VendorError):
    """The body does not match the documents."""


class JobError(LongtakeError):
    """How a job ended other than well."""


class JobFailedError(JobError):
    """The vendor reports failure.

    Args:
        message: The vendor's redacted words.
        code: The vendor's code, "" if none.
        retryable: The vendor's documents call this failure worth another purchase.
    """

    def __init__(self, message: str = "", code: str = "", retryable: bool = False) -> None:
        super().__init__(message, code, retryable)
        self.message = message
        self.code = code
        self.retryable = retryable

    def __str__(self) -> str:
        return f"{self.message} ({self.code})" if self.code else self.message


class JobCancelledError(JobError):
    """The job was cancelled at the vendor."""


class JobExpiredError(JobError):
    """The vendor gave the job up by its own time limit."""


class JobLostError(JobError):
    """Paid, and the vendor no longer knows the job or no longer has its clip."""


class StillRunningError(JobError, TimeoutError):
    """We stopped waiting; the job runs on and can be resumed."""


class MediaError(LongtakeError):
    """A media file cannot be used."""


class UnreadableClipError(MediaError):
    """Not a video that decodes to its end; the message says why."""


class UnfitClipError(MediaError):
    """Decodes, but breaks a limit or a check."""


class RefusedReferenceError(MediaError):
    """The vendor's asset library refused a reference, in its own words. Nothing was bought."""


class UnsafeAddressError(MediaError):
    """A media address that must not be fetched: private, link-local, or of another scheme."""


class MachineError(LongtakeError):
    """Our own machine: a decoder that died, a full disk, no memory. What is bought stays as it is."""


class DecoderError(MachineError):
    """A decoder crashed or ran out of memory over a file. If it does so again and again, the file may be the cause."""


class LedgerError(LongtakeError):
    """The ledger cannot be trusted for this purchase."""


class UnreadableRecordError(LedgerError):
    """A torn, foreign or newer record. Never taken for "not bought"."""


class StorageError(LongtakeError):
    """The output store did not do as asked."""


class PublishConflictError(StorageError):
    """Another writer holds this key."""


class ChecksumMismatchError(StorageError):
    """Bytes on disk are not the bytes that were recorded."""


class IncompleteDownloadError(StorageError):
    """The media host does not give the clip now, or ended early; what came is kept for a resume.

    Args:
        message: Words for a person.
        kept_bytes: How much of the file is there.
    """

    def __init__(self, message: str = "", kept_bytes: int = 0) -> None:
        super().__init__(message, kept_bytes)
        self.message = message
        self.kept_bytes = kept_bytes

    def __str__(self) -> str:
        return self.message


class SlowDownloadError(IncompleteDownloadError):
    """The media host sends too slowly to be waited for."""
