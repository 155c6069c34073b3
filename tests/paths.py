"""Where things lie."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

#: Public data sets beside the repository; not ours to copy into it, and absent on most machines.
SHARED_DATA = ROOT.parent / "shared" / "data"
