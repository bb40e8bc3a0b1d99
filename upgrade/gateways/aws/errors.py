"""AWS's errors in our words. Nothing of botocore leaves this package."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Final, ParamSpec, TypeVar

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from upgrade.errors import PermanentError, TemporaryError, UpgradeError
from upgrade.gateways.aws.refusals import CREDENTIALS_HINT, Refusal, one_line
from upgrade.ports import permission

P = ParamSpec("P")
R = TypeVar("R")


def reads(*actions: str, optional: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare the IAM actions of a method that only reads, and turn what goes wrong in it into our errors.

    Args:
        optional: an upgrade can do without it; only a check is unknown when it is missing.
    """
    return _asks(actions, changes=False, optional=optional)


def changes(*actions: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """The same for a method that changes something."""
    return _asks(actions, changes=True, optional=False)


def _asks(actions: tuple[str, ...], *, changes: bool, optional: bool) -> Callable[[Callable[P, R]], Callable[P, R]]:
    def declare(method: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(method)
        def ask(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return method(*args, **kwargs)
            except UpgradeError:
                raise
            except Exception as error:
                raise translate(error, actions, changes=changes) from error

        ask.changes = changes  # type: ignore[attr-defined]
        return permission(*actions, optional=optional)(ask)

    return declare


def translate(error: Exception, actions: Sequence[str] = (), *, changes: bool = False) -> UpgradeError:
    """Our error for one of botocore's.

    Args:
        actions: the IAM actions of the method that failed; the one that failed is found among them.
        changes: whether the method changes something; a refusal is then UpdateRefused.
    """
    if isinstance(error, boto.ClientError):
        return Refusal.of(error, actions, changes=changes).meaning()
    asked = " or ".join(actions) or "a request"
    sentence = next((sentence for kinds, sentence in _MEANINGS if isinstance(error, kinds)), _not_understood)
    return sentence(error, asked)


def _no_credentials(error: Exception, asked: str) -> UpgradeError:
    return PermanentError(
        f"There are no usable AWS credentials for {asked}: {one_line(error)}", CREDENTIALS_HINT, code=_code(error)
    )


def _no_endpoint(error: Exception, asked: str) -> UpgradeError:
    return PermanentError(
        f"AWS has no endpoint for {asked} there: {one_line(error)}", "Check the cluster's region.", code=_code(error)
    )


def _not_secure(error: Exception, asked: str) -> UpgradeError:
    if "CERTIFICATE_VERIFY_FAILED" not in str(error):
        return _not_reached(error, asked)
    return PermanentError(
        f"TLS: the certificate that answered {asked} is not trusted: {one_line(error)}",
        "If a proxy inspects traffic, set AWS_CA_BUNDLE to its certificate authority.",
        code="TLS",
    )


def _not_reached(error: Exception, asked: str) -> UpgradeError:
    return TemporaryError(
        f"AWS could not be reached for {asked}: {one_line(error)}",
        "That passes: a run tries again by itself, a command can be given again.",
        code="NotReached",
    )


def _not_sent(error: Exception, asked: str) -> UpgradeError:
    return PermanentError(f"The AWS client could not send {asked}: {one_line(error)}", code=_code(error))


def _not_understood(error: Exception, asked: str) -> UpgradeError:
    return PermanentError(
        f"AWS answered {asked} in a way that this program does not understand: {_code(error)}: {one_line(error)}",
        "Look for a newer version of the bot, and report it if there is none.",
        code="UnreadableAnswer",
    )


def _code(error: Exception) -> str:
    return type(error).__name__


# The first line that fits; what is below botocore's own base class comes last.
_MEANINGS: Final[tuple[tuple[tuple[type[Exception], ...], Callable[[Exception, str], UpgradeError]], ...]] = (
    ((boto.SSLError,), _not_secure),
    (
        (
            boto.ConfigNotFound,
            boto.ConfigParseError,
            boto.InvalidConfigError,
            boto.LoginError,
            boto.NoAuthTokenError,
            boto.NoCredentialsError,
            boto.PartialCredentialsError,
            boto.ProfileNotFound,
            boto.RefreshWithMFAUnsupportedError,
            boto.SSOError,
            boto.TokenRetrievalError,
            boto.UnknownCredentialError,
            boto.UnknownTokenProviderError,
        ),
        _no_credentials,
    ),
    (
        (
            boto.BaseEndpointResolverError,
            boto.EndpointProviderError,
            boto.InvalidRegionError,
            boto.UnknownRegionError,
        ),
        _no_endpoint,
    ),
    (
        (
            boto.CapacityNotAvailableError,
            boto.ChecksumError,
            boto.ConnectionError,
            boto.CredentialRetrievalError,
            boto.FlexibleChecksumError,
            boto.HTTPClientError,
            boto.IncompleteReadError,
            boto.MetadataRetrievalError,
            ResponseParserError,
        ),
        _not_reached,
    ),
    ((boto.BotoCoreError,), _not_sent),
)
