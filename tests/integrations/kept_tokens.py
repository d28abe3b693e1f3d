"""A keeper of tokens without a database, for tests of connectors that sign in by a token."""

from collections.abc import Callable

from integrations.specs import Token


class KeptTokens:
    """Keeps one token for as long as it lives, whatever its time says."""

    def __init__(self, token: Token | None = None) -> None:
        self.token = token
        self._last: Token | None = None

    def get(self, obtain: Callable[[Token | None], Token]) -> Token:
        if self.token is None:
            self.token = obtain(self._last)
        return self.token

    def forget(self, token: str) -> None:
        if self.token is not None and self.token.access_token == token:
            self._last, self.token = self.token, None
