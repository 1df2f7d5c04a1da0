"""The environment of programs that run a model: ours without what only its owner should know.

Names decide, and values that can be nothing else: whoever keeps a password in ``COLOUR`` gives it away. Files
that this user may read (``~/.netrc``, ``~/.aws``) are open to a program all the same; see docs/security.md.
"""

import re
from collections.abc import Mapping, Sequence

from pytest_lipleak.core.errors import ConfigurationError

_CREDENTIAL = re.compile(
    r"TOKEN(?!IZ)|SECRET|PASSW|PASSPHRASE|PASSCODE|CREDENTIAL|ASKPASS|PASSFILE|WEBHOOK"
    r"|(API|ACCESS|ACCOUNT|PRIVATE|SIGNING|ENCRYPTION|DEPLOY|SSH|MASTER)_?KEY"
    r"|(^|_)(KEY|KEYS|PASS|PWD|AUTH|PAT[0-9]*|CREDS|COOKIE|JWT|DSN|NETRC)(_|$)"
    r"|^(AWS|AZURE|ARM|ACTIONS|VAULT)_|^KUBECONFIG$"
    # Files by which a step tells GitHub's runner what later steps and its summary hold.
    r"|^GITHUB_(ENV|PATH|OUTPUT|STATE|STEP_SUMMARY)$",
    re.IGNORECASE,
)
_INNOCENT = re.compile(r"^(OLD)?PWD$", re.IGNORECASE)
"""Where the shell stands, and stood."""

_SECRET_VALUE = re.compile(
    # Addresses with a password, or with a token in the place of a user's name.
    r"\w+://[^/\s:@]*:[^/\s@]+@|https?://[^/\s:@]+@"
    r"|\b(password|pwd)=|-----BEGIN [A-Z ]*PRIVATE KEY|\"private_key\""
    r"|^(gh[opsur]_|github_pat_|glpat-|hf_|npm_|pypi-|sk-|xox[abp]-|AKIA)[\w-]{16,}$",
    re.IGNORECASE,
)
_PROXY = re.compile(r"_PROXY$", re.IGNORECASE)
"""Its password may be the only way to the internet."""


def is_credential(name: str, value: str = "") -> bool:
    """Return whether a variable looks like a credential, or like a power that a program should not have."""
    if _INNOCENT.match(name):
        return False
    return bool(_CREDENTIAL.search(name) or (_SECRET_VALUE.search(value) and not _PROXY.search(name)))


def without_credentials(
    environment: Mapping[str, str], wanted: str | Sequence[str] = ()
) -> tuple[dict[str, str], list[str]]:
    """Return the variables that a program gets, and the names of those that it does not.

    Args:
        environment: all variables.
        wanted: names of credentials that it gets nevertheless, as a list or with commas.

    Raises:
        ConfigurationError: one of those is not set, or is no name.
    """
    names = wanted.split(",") if isinstance(wanted, str) else wanted
    names = [name.strip() for name in names if name.strip()]
    for name in names:
        if "=" in name:
            raise ConfigurationError(
                f"argument env: {name.partition('=')[0]}=...: expected the name of a variable alone; set its value in "
                "the environment, since arguments stand in reports"
            )
        if name not in environment:
            raise ConfigurationError(f"argument env={name}: there is no such environment variable")
    withheld = [n for n, value in environment.items() if n not in names and is_credential(n, value)]
    return {n: value for n, value in environment.items() if n not in withheld}, sorted(withheld)
