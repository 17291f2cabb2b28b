"""The neutral words, which every room speaks: request, row, identity, job, clip, violation, error, verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake._speed import face

if TYPE_CHECKING:
    from longtake.domain.errors import (
        AccountOnBrakeError,
        AuthenticationError,
        BudgetExceededError,
        ChecksumMismatchError,
        ConfigurationError,
        ContentRefusedError,
        DecoderError,
        IncompleteDownloadError,
        InsufficientBalanceError,
        InvalidManifestError,
        JobCancelledError,
        JobError,
        JobExpiredError,
        JobFailedError,
        JobLostError,
        LedgerError,
        LongtakeError,
        MachineError,
        ManifestError,
        MediaError,
        MissingCredentialsError,
        ModelNotAllowedError,
        NotSentError,
        PublishConflictError,
        RateLimitedError,
        RefusedReferenceError,
        RejectedRequestError,
        ResultExpiredError,
        SlowDownloadError,
        StillRunningError,
        StorageError,
        TerminalVendorError,
        TransientVendorError,
        UnexpectedReplyError,
        UnfitClipError,
        UnknownOutcomeError,
        UnknownVendorError,
        UnreadableClipError,
        UnreadableManifestError,
        UnreadableRecordError,
        UnsafeAddressError,
        UnsafeStoreError,
        UnsupportedRequestError,
        UnusableKeyError,
        VendorAccountError,
        VendorError,
        VendorUnavailableError,
    )
    from longtake.domain.events import RunEvent
    from longtake.domain.identity import Identities, WrittenRow
    from longtake.domain.job import Clip, Job, JobFailure, JobSnapshot, JobStatus
    from longtake.domain.request import MediaFacts, MediaKind, Mode, Reference, Role, ShotRequest
    from longtake.domain.verdicts import Outcome, Verdict
    from longtake.domain.violations import Violation
else:
    __getattr__ = face(
        __name__,
        {
            "errors": (
                "LongtakeError ConfigurationError UnknownVendorError MissingCredentialsError UnusableKeyError "
                "UnsafeStoreError ManifestError UnreadableManifestError InvalidManifestError "
                "UnsupportedRequestError BudgetExceededError VendorError TransientVendorError "
                "RateLimitedError VendorUnavailableError NotSentError TerminalVendorError "
                "RejectedRequestError ContentRefusedError ResultExpiredError VendorAccountError "
                "AuthenticationError InsufficientBalanceError ModelNotAllowedError AccountOnBrakeError "
                "UnknownOutcomeError UnexpectedReplyError JobError JobFailedError JobCancelledError "
                "JobExpiredError JobLostError StillRunningError MediaError UnreadableClipError UnfitClipError "
                "RefusedReferenceError UnsafeAddressError MachineError DecoderError LedgerError "
                "UnreadableRecordError StorageError PublishConflictError ChecksumMismatchError "
                "IncompleteDownloadError SlowDownloadError"
            ),
            "events": "RunEvent",
            "identity": "Identities WrittenRow",
            "job": "Clip Job JobFailure JobSnapshot JobStatus",
            "request": "MediaFacts MediaKind Mode Reference Role ShotRequest",
            "verdicts": "Outcome Verdict",
            "violations": "Violation",
        },
    )

__all__ = [
    "AccountOnBrakeError",
    "AuthenticationError",
    "BudgetExceededError",
    "ChecksumMismatchError",
    "Clip",
    "ConfigurationError",
    "ContentRefusedError",
    "DecoderError",
    "Identities",
    "IncompleteDownloadError",
    "InsufficientBalanceError",
    "InvalidManifestError",
    "Job",
    "JobCancelledError",
    "JobError",
    "JobExpiredError",
    "JobFailedError",
    "JobFailure",
    "JobLostError",
    "JobSnapshot",
    "JobStatus",
    "LedgerError",
    "LongtakeError",
    "MachineError",
    "ManifestError",
    "MediaError",
    "MediaFacts",
    "MediaKind",
    "MissingCredentialsError",
    "Mode",
    "ModelNotAllowedError",
    "NotSentError",
    "Outcome",
    "PublishConflictError",
    "RateLimitedError",
    "Reference",
    "RefusedReferenceError",
    "RejectedRequestError",
    "ResultExpiredError",
    "Role",
    "RunEvent",
    "ShotRequest",
    "SlowDownloadError",
    "StillRunningError",
    "StorageError",
    "TerminalVendorError",
    "TransientVendorError",
    "UnexpectedReplyError",
    "UnfitClipError",
    "UnknownOutcomeError",
    "UnknownVendorError",
    "UnreadableClipError",
    "UnreadableManifestError",
    "UnreadableRecordError",
    "UnsafeAddressError",
    "UnsafeStoreError",
    "UnsupportedRequestError",
    "UnusableKeyError",
    "VendorAccountError",
    "VendorError",
    "VendorUnavailableError",
    "Verdict",
    "Violation",
    "WrittenRow",
]
