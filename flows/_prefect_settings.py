"""Prefect's settings: where they stand, and what keeps Prefect from reading them, told before it fails over them."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtake.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from longtake.accounts.checked import CheckFile

_DOTENV_NAME = re.compile(r"^\s*(?:export\s+)?['\"]?(PREFECT_\w+)", re.MULTILINE | re.IGNORECASE)
_BUILT_IN_PROFILES = frozenset({"ephemeral", "local", "cloud", "test"})
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class SettingsFile:
    """A file that Prefect reads, and the settings that stand in it for it."""

    path: Path
    names: frozenset[str]


def prefect_home() -> Path:
    """Where Prefect keeps its database, as Prefect itself finds it."""
    return Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser().absolute()


def check_file() -> CheckFile:
    """Where `longtake check` keeps what it found of the accounts that are used from here."""
    from longtake.accounts.checked import CheckFile  # noqa: PLC0415 - most commands need no account

    return CheckFile(prefect_home() / "longtake")


def settings_files() -> list[SettingsFile]:
    """The files that Prefect reads its settings from when it is run here, the one that goes first before the others.

    Raises:
        ConfigurationError: Prefect could not read some of them.
    """
    folder = Path.cwd()
    readers = {
        folder / ".env": _dotenv,
        folder / "prefect.toml": _prefect_toml,
        folder / "pyproject.toml": _pyproject_toml,
        Path(os.environ.get("PREFECT_PROFILES_PATH") or prefect_home() / "profiles.toml"): _profile,
    }
    files: list[SettingsFile] = []
    faults: list[str] = []
    for path, names_in in readers.items():
        try:
            files.append(SettingsFile(path, frozenset(names_in(path))))
        except _FileFaultError as fault:
            faults.append(f"{path} {fault}")
        except OSError as error:
            faults.append(f"{path} cannot be read: {error.strerror}")
    if faults:
        raise ConfigurationError(
            "\n".join(faults) + "\nPrefect reads its settings there: mend that first; nothing was spent"
        )
    return files


def source_of(name: str) -> str:
    """Where a setting comes from, for people."""
    if name in os.environ:
        return "the environment"
    with contextlib.suppress(ConfigurationError):
        for file in settings_files():
            if name in file.names:
                return str(file.path)
    return "Prefect's settings"


def read_settings() -> Any:
    """Prefect's settings; imports Prefect, which reads them while it is imported.

    Raises:
        ConfigurationError: A setting has a value that cannot be.
    """
    from pydantic import ValidationError  # noqa: PLC0415 - with Prefect, which is slow to import
    from pydantic_settings import SettingsError  # noqa: PLC0415

    # Prefect speaks of the fault on the way to failing over it.
    words = io.StringIO()
    try:
        with contextlib.redirect_stderr(words):
            from prefect.settings import get_current_settings  # noqa: PLC0415

            found = get_current_settings()
    except ValidationError as error:
        problems = [_problem(_variable(error.title, each), each["msg"]) for each in _first_hand(error)]
        raise ConfigurationError("\n".join(dict.fromkeys(problems))) from None
    except SettingsError as error:
        field = re.search(r'field "(\w+)"', str(error))
        raise ConfigurationError(_problem(field[1] if field else "", "it is not written as JSON")) from None
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise ConfigurationError(_problem("", f"{type(error).__name__}: {error}")) from None
    sys.stderr.write(words.getvalue())
    return found


class _FileFaultError(Exception):
    """What keeps Prefect from reading a file, to stand behind its name."""


def _text(path: Path) -> str:
    data = path.read_bytes() if path.exists() else b""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        what = "is in UTF-16" if data.startswith(_UTF16) else f"is not in UTF-8 (byte {error.start + 1})"
        raise _FileFaultError(f"{what}: save it as UTF-8") from None


def _dotenv(path: Path) -> Iterator[str]:
    # A folder of that name is a virtual environment, which Prefect leaves alone.
    written = "" if path.is_dir() else _text(path).removeprefix("\ufeff")
    return (name.upper() for name in _DOTENV_NAME.findall(written))


def _prefect_toml(path: Path) -> Iterator[str]:
    return _flat(_toml(path))


def _pyproject_toml(path: Path) -> Iterator[str]:
    return _flat(_table(path, _toml(path), "tool", "prefect"))


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise _FileFaultError(f"is not TOML: {error}") from None


def _table(path: Path, table: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    found: Any = table
    for place, key in enumerate(keys, 1):
        found = found.get(key, {})
        if not isinstance(found, dict):
            raise _FileFaultError(f"has a value in the place of the table [{'.'.join(keys[:place])}]")
    return found


def _flat(table: Mapping[str, Any], prefix: str = "PREFECT") -> Iterator[str]:
    for key, value in table.items():
        name = f"{prefix}_{key}".upper()
        yield name
        if isinstance(value, dict):
            yield from _flat(value, name)  # pyright: ignore[reportUnknownArgumentType]


def _profile(path: Path) -> Iterator[str]:
    written = _toml(path)
    profiles = _table(path, written, "profiles")
    asked, active = os.environ.get("PREFECT_PROFILE"), written.get("active")
    name = asked or active
    if not name:
        return iter(())
    if name not in {*profiles, *_BUILT_IN_PROFILES}:
        how = f"PREFECT_PROFILE={asked}" if asked else f"active = {active!r}"
        there = ", ".join(sorted(profiles)) or "none"
        raise _FileFaultError(f"has no profile of the name that {how} asks for; it has: {there}")
    return iter(_table(path, written, "profiles", str(name)))


def _first_hand(error: Any) -> list[dict[str, Any]]:
    """The problems that are not mere consequences of another one."""
    problems: list[dict[str, Any]] = error.errors(include_url=False, include_context=False, include_input=False)
    return [each for each in problems if each["type"] != "default_factory_not_called"] or problems


def _variable(settings: str, problem: Mapping[str, Any]) -> str:
    """The variable of a field of one of Prefect's classes of settings; the field's own name where that is not found."""
    from prefect.settings.base import PrefectBaseSettings  # noqa: PLC0415 - it was imported before the error

    field = str(problem["loc"][0]) if problem["loc"] else ""
    if field.upper().startswith("PREFECT_"):
        return field
    classes = [PrefectBaseSettings]
    for each in classes:
        classes += each.__subclasses__()
    prefixes = [each.model_config.get("env_prefix", "") for each in classes if each.__name__ == settings]
    return f"{prefixes[0]}{field}" if prefixes else field


def _problem(field: str, words: str) -> str:
    """One line about a field of Prefect's settings: the variables that may be meant, and where they stand.

    Values are left out: a database's address holds a password.
    """
    written = {name.upper(): "the environment" for name in os.environ if name.upper().startswith("PREFECT_")}
    for file in settings_files():
        for name in file.names:
            written.setdefault(name, str(file.path))
    ending = field.upper() if field.upper().startswith("PREFECT_") else f"_{field.upper()}"
    meant = {name: place for name, place in written.items() if field and name.endswith(ending)} or written
    told = ", ".join(f"{name} in {place}" for name, place in sorted(meant.items())) or "Prefect's settings"
    return f"Prefect cannot use what is set ({told}): {words}. Mend it or unset it"
