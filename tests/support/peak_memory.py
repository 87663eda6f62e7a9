"""The peak memory of another process. Linux only."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

_RESET_PEAK = "5"


@dataclass
class PeakMemory:
    """Measures by how much the resident memory of a process grows above its size when this object was made."""

    pid: int
    start_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        self.start_bytes = self._read("VmRSS")

    def reset(self) -> None:
        """Set the peak to the present size."""
        Path(f"/proc/{self.pid}/clear_refs").write_text(_RESET_PEAK)

    @property
    def growth_bytes(self) -> int:
        """Bytes by which the peak since ``reset`` exceeds ``start_bytes``."""
        return self._read("VmHWM") - self.start_bytes

    def _read(self, name: str) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split(f"{name}:")[1].split()[0]) << 10
