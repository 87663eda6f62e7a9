"""Sessions: handles that stay open between requests, so that USE, SET and temporary tables keep their effect."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from trailhouse.server.access.credentials import Role
from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.engine.engine import Engine
from trailhouse.server.engine.handle import Handle
from trailhouse.server.sql.guard import DEFAULT_DATABASE

MAX_SESSIONS = 1000


@dataclass
class Session:
    """A user's named session. A session in which no query runs expires at ``expires_at`` on the monotonic clock.

    ``database`` is the current database of the session. A request may choose another one for its own query.
    """

    handle: Handle
    database: str = DEFAULT_DATABASE
    is_busy: bool = False
    has_answered: Callable[[], bool] = bool
    released: asyncio.Event = field(default_factory=asyncio.Event)
    timeout_seconds: float = 60.0
    expires_at: float = 0.0


class SessionTable:
    """All open sessions. Call the methods from the event loop only."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sessions: dict[tuple[Role, str], Session] = {}

    async def acquire(
        self,
        role: Role,
        session_id: str,
        timeout_seconds: float,
        *,
        must_exist: bool,
        has_answered: Callable[[], bool],
    ) -> Session:
        """Return the session for a query. If the session does not exist, open it.

        If an earlier query in the session has sent its complete answer, but has not released the session yet, this
        method waits until the session is released. ``has_answered`` must return whether the new query has sent its
        complete answer.

        Raises ServerError

        - 372 if ``must_exist`` is true and the session does not exist,
        - 373 if an earlier query in the session has not sent its complete answer yet, or
        - 202 if too many sessions are open.
        """
        session = self._sessions.get((role, session_id))
        while session is not None and session.is_busy:
            if not session.has_answered():
                raise ServerError(373, "SESSION_IS_LOCKED", f"Session {session_id} is locked by a concurrent client")
            await session.released.wait()
            session = self._sessions.get((role, session_id))
        if session is None:
            session = self._open(role, session_id, must_exist=must_exist)
        session.is_busy = True
        session.has_answered = has_answered
        session.released.clear()
        session.timeout_seconds = timeout_seconds
        return session

    def release(self, role: Role, session_id: str) -> None:
        """Free the session for the next query, and start its timeout. A timeout of 0 closes the session at once."""
        session = self._sessions[role, session_id]
        session.is_busy = False
        session.released.set()
        session.expires_at = time.monotonic() + session.timeout_seconds
        if session.timeout_seconds == 0:
            self._close_session(role, session_id)

    def close_expired(self) -> None:
        """Close the sessions that no query has used within their timeout."""
        now = time.monotonic()
        for (role, session_id), session in list(self._sessions.items()):
            if not session.is_busy and session.expires_at <= now:
                self._close_session(role, session_id)

    def close(self) -> None:
        """Close every session."""
        for role, session_id in list(self._sessions):
            self._close_session(role, session_id)

    def _open(self, role: Role, session_id: str, *, must_exist: bool) -> Session:
        if must_exist:
            raise ServerError(372, "SESSION_NOT_FOUND", f"Session {session_id} not found")
        if len(self._sessions) >= MAX_SESSIONS:
            raise ServerError(202, "TOO_MANY_SIMULTANEOUS_QUERIES", f"Too many sessions: {MAX_SESSIONS} are open")
        session = Session(self._engine.acquire(role, is_readonly=role is not Role.ADMIN))
        self._sessions[role, session_id] = session
        return session

    def _close_session(self, role: Role, session_id: str) -> None:
        self._sessions.pop((role, session_id)).handle.close()
