"""Sessions: handles that outlive a request and keep USE, SET and temporary tables."""

from __future__ import annotations

import time
from dataclasses import dataclass

from trailhouse.warehouse.embedded.credentials import Role
from trailhouse.warehouse.embedded.engine import Engine, Handle
from trailhouse.warehouse.embedded.errors import ServerError

MAX_SESSIONS = 1000


@dataclass
class Session:
    """One user's named session, and when it ends unless it is used again."""

    handle: Handle
    is_busy: bool = False
    timeout_seconds: float = 60.0
    expires_at: float = 0.0


class SessionTable:
    """All live sessions. Only the event loop touches it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sessions: dict[tuple[Role, str], Session] = {}

    def acquire(self, role: Role, session_id: str, timeout_seconds: float, *, must_exist: bool) -> Session:
        """Take a session for one query, opening it if need be.

        Raises ServerError 373 while another query runs in it, 372 where it must exist and does not.
        """
        session = self._sessions.get((role, session_id))
        if session is None:
            if must_exist:
                raise ServerError(372, "SESSION_NOT_FOUND", f"Session {session_id} not found")
            if len(self._sessions) >= MAX_SESSIONS:
                raise ServerError(202, "TOO_MANY_SIMULTANEOUS_QUERIES", f"Too many sessions: {MAX_SESSIONS} are open")
            session = Session(self._engine.acquire(is_readonly=role is Role.READER))
            self._sessions[role, session_id] = session
        elif session.is_busy:
            raise ServerError(373, "SESSION_IS_LOCKED", f"Session {session_id} is locked by a concurrent client")
        session.is_busy = True
        session.timeout_seconds = timeout_seconds
        return session

    def release(self, role: Role, session_id: str, *, close: bool = False) -> None:
        """Give the session back and start its timeout; ``close`` ends it now."""
        session = self._sessions[role, session_id]
        session.is_busy = False
        session.expires_at = time.monotonic() + session.timeout_seconds
        if close or session.timeout_seconds == 0:
            self._end(role, session_id)

    def end_expired(self) -> None:
        """Close what nobody used in time."""
        now = time.monotonic()
        for (role, session_id), session in list(self._sessions.items()):
            if not session.is_busy and session.expires_at <= now:
                self._end(role, session_id)

    def close(self) -> None:
        """End every session."""
        for role, session_id in list(self._sessions):
            self._end(role, session_id)

    def _end(self, role: Role, session_id: str) -> None:
        self._sessions.pop((role, session_id)).handle.close()
