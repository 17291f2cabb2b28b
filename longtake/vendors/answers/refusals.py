"""What counts as a refusal: codes that a document or the relay's source names, then whole phrases, then HTTP status.

`None` and `VendorUnavailableError` both mean that nothing certain was told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from longtake.domain.errors import (
    AuthenticationError,
    ContentRefusedError,
    InsufficientBalanceError,
    ModelNotAllowedError,
    RateLimitedError,
    RejectedRequestError,
    VendorError,
    VendorUnavailableError,
)
from longtake.vendors import _ark

ErrorClass = type[VendorError]

CODES: Mapping[str, ErrorClass] = {
    # EvoLink's page of errors.
    "invalid_request": RejectedRequestError,
    "invalid_parameters": RejectedRequestError,
    "request_too_large": RejectedRequestError,
    "unauthorized": AuthenticationError,
    "insufficient_quota": InsufficientBalanceError,
    "model_access_denied": ModelNotAllowedError,
    "rate_limit_exceeded": RateLimitedError,
    "content_policy_violation": ContentRefusedError,
    # The relay's own source: told before a channel was chosen.
    "invalid_api_key": AuthenticationError,
    "token_invalid": AuthenticationError,
    "access_denied": ModelNotAllowedError,
    "model_not_found": ModelNotAllowedError,
    "model_not_allowed": ModelNotAllowedError,
    "model_price_error": ModelNotAllowedError,
    "insufficient_user_quota": InsufficientBalanceError,
    "insufficient_balance": InsufficientBalanceError,
    "pre_consume_token_quota_failed": InsufficientBalanceError,
    "quota_not_enough": InsufficientBalanceError,
    "too_many_requests": RateLimitedError,
    "bad_request_body": RejectedRequestError,
    "read_request_body_failed": RejectedRequestError,
    "sensitive_words_detected": ContentRefusedError,
    "prompt_blocked": ContentRefusedError,
}
"""Codes of the resellers' documents and of the relay's source, lower case. Ark's are in `_ark`."""

_MODERATION_CODE = re.compile(
    r"(?<!case_)(?<!case-)sensitive|moderation|content_(?:policy|filter)|policy_?violation|privacyinformation|trademark",
    re.IGNORECASE,
)
_MODERATION = re.compile(
    r"sensitive (?:content|information|words?|material)|content[ _](?:policy|moderation|filter)|policy[ _]?violation"
    r"|moderation[ _](?:error|failed|check|refus|block|reject)|(?:refused|rejected|blocked|flagged) by \w* ?moderation"
    r"|violat\w+ \w* ?\w* ?(?:policy|policies|guidelines)|SensitiveContentDetected|PrivacyInformation|\btrademark\b"
    r"|敏感(?:内容|信息|词)|内容(?:违规|审核)|审核(?:未通过|不通过|失败)",
    re.IGNORECASE,
)
_BALANCE = re.compile(
    r"insufficient[ _](?:user[ _])?(?:quota|balance|credits?|funds?)|quota (?:is )?not enough"
    r"|余额不足|额度(?:不足|已用尽|失败)"
    r"|pre_consume_token_quota_failed|\barrears\b|accountoverdue",
    re.IGNORECASE,
)
_THROTTLE = re.compile(
    r"rate[ _-]?limit(?:ed|s)?\b|ratelimit|too many requests|负载已饱和|过于频繁|requestburst|\boverloaded\b",
    re.IGNORECASE,
)
_MODEL = re.compile(
    r"model_access_denied|model[ _]not[ _]allowed|access to (?:the specified )?model|不支持该模型|无权(?:访问|使用)",
    re.IGNORECASE,
)
_TOKEN = re.compile(
    r"令牌(?:无效|已过期|状态不可用|已禁用)|(?:无效的|未提供)令牌"
    r"|(?:invalid|incorrect|expired) (?:or expired )?(?:api[ _-]?key|access token)"
    r"|invalid (?:or expired )?token(?! (?:at|in|near)\b)|token (?:is |has )?expired|\bunauthorized\b"
    r"|未授权|密钥(?:无效|错误)",
    re.IGNORECASE,
)
_PHRASES: tuple[tuple[re.Pattern[str], ErrorClass], ...] = (
    (_THROTTLE, RateLimitedError),
    (_BALANCE, InsufficientBalanceError),
    (_MODEL, ModelNotAllowedError),
    (_TOKEN, AuthenticationError),
)

# The relay tried one channel at least before it ran out of them: that one may have taken the order.
_TRIED_BEFORE = re.compile(r"[(（]\s*retry\s*\d*\s*[)）]", re.IGNORECASE)
_NO_CHANNEL = re.compile(r"无可用渠道|no available channel", re.IGNORECASE)

_TAKEN = re.compile(
    r"\b(?:been|is|was|task|job|order|generation) (?:successfully |already )?"
    r"(?:accepted|created|submitted|queued|enqueued)\b"
    r"|^\W*(?:successfully )?(?:accepted|created|submitted|queued|enqueued|ok|success)\b|\bsuccess(?:fully)?\b"
    r"|(?<![未不])成功|已(?:提交|创建|受理|接收|排队|入队)|正在排队|排队中|正在生成|生成中",
    re.IGNORECASE,
)
_CONFLICT = re.compile(
    r"\bconflict\b|duplicate[ _]?(?:request|submission|task|order)|idempot|being processed|still processing"
    r"|already (?:being |been |in )?(?:process|progress|exist|submit|accept|queue|creat|running)"
    r"|(?:is|request) in progress"
    r"|正在处理|处理中|重复(?:提交|请求)|请勿重复",
    re.IGNORECASE,
)
_GAVE_UP = re.compile(
    r"time[ds]?[ -]?out|deadline exceeded|bad gateway|gateway|upstream (?:error|connect|request|failed)"
    r"|connection (?:reset|refused|closed)"
    r"|broken pipe|unexpected eof|internal[ _](?:server[ _])?error|server[ _]error|do_request_failed|do_response_failed"
    r"|超时|上游(?:错误|返回)",
    re.IGNORECASE,
)

STATUS_ERRORS: Mapping[int, ErrorClass] = {
    401: AuthenticationError,
    402: InsufficientBalanceError,
    403: ModelNotAllowedError,
    429: RateLimitedError,
}
OPEN_STATUS = frozenset({408, 409, 423, 424, 444, 460, 499})
"""A gateway gave up waiting, or something of ours is alive there: what stands behind it may have the request."""
GATE_STATUS = frozenset({401, 402, 405, 406, 411, 413, 414, 415, 425, 426, 428, 429, 431})
"""Told at the gate, before anything was done, whatever the words beside it."""


def speaks_of_acceptance(*texts: str) -> bool:
    """Whether words tell that something was taken on, or that the same is at work already."""
    return any(_TAKEN.search(text) or _CONFLICT.search(text) for text in texts)


def is_moderation(code: str, message: str) -> bool:
    """Whether a code or a whole phrase tells of moderation; an `invalid_request…` never does, whatever it repeats."""
    if _ark.error_for(code) is ContentRefusedError or _MODERATION_CODE.search(code):
        return True
    return not code.lower().startswith("invalid_request") and _MODERATION.search(message) is not None


def named_refusal(code: str, message: str) -> ErrorClass | None:
    """The class of a code that a document or the relay's source names, None for any other."""
    plain = code.strip().lower()
    if _TRIED_BEFORE.search(message) or plain == "get_channel_failed":
        return VendorUnavailableError
    if _NO_CHANNEL.search(message) and plain in ("model_not_found", "", "new_api_error"):
        return ModelNotAllowedError
    if plain.replace("_", "") == "quotaexceeded":
        return _ark.quota_error(message)
    return _ark.error_for(code) or CODES.get(plain) or (ContentRefusedError if _MODERATION_CODE.search(code) else None)


def phrase_refusal(code: str, message: str) -> ErrorClass | None:
    """The class that whole phrases stand for."""
    if is_moderation(code, message):
        return ContentRefusedError
    return next((error for phrase, error in _PHRASES if phrase.search(message) or phrase.search(code)), None)


def client_error(status: int, code: str, message: str) -> ErrorClass:
    """The class of an answer with a 4xx: by code, by words, by status."""
    if status in OPEN_STATUS:
        return VendorUnavailableError
    if status == 401:
        return AuthenticationError
    if (named := named_refusal(code, message)) is not None:
        return named
    if speaks_of_acceptance(code.replace("_", " "), message):
        return VendorUnavailableError
    if status not in GATE_STATUS and (_GAVE_UP.search(message) or _GAVE_UP.search(code)):
        return VendorUnavailableError
    return phrase_refusal(code, message) or STATUS_ERRORS.get(status, RejectedRequestError)


def server_error(code: str, message: str) -> ErrorClass:
    """The class of an answer with a 5xx: what stands behind may have the request, unless a named code says no."""
    return named_refusal(code, message) or VendorUnavailableError


def refusal_in_success(code: str, message: str, *, is_vendors_code: bool) -> ErrorClass | None:
    """The class of a failure told under a success status, None where nothing is certain.

    Args:
        code: As told.
        message: As told.
        is_vendors_code: The code is one by which this vendor's document tells of failures; its words may then throttle.
    """
    if (named := named_refusal(code, message)) is not None:
        return None if named is VendorUnavailableError else named
    told = phrase_refusal(code, message)
    return None if told is RateLimitedError and not is_vendors_code else told
