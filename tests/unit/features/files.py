"""Feature files written from docs/CONTRACT.md alone, by other people's writers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 50
GROUP = 16
BITS = "ECFP_21_2"  # three bytes, of which the last is not full
COUNTS = "ECFC_64_2"
VALUES = "DESC_names=MolWt+TPSA"
NAMES = ("MolWt", "TPSA")
SPEC = "DESC:names=MolWt,TPSA"


class Truth:
    """What the files hold, as plain NumPy arrays."""

    def __init__(self) -> None:
        random = np.random.default_rng(7)
        self.records: npt.NDArray[np.int64] = np.arange(ROWS, dtype=np.int64) * 2
        self.smiles: list[str | None] = [f'C{at},"x"\nN' if at % 7 else None for at in range(ROWS)]
        self.bits: npt.NDArray[np.uint8] = (random.random((ROWS, 21)) < 0.2).astype(np.uint8)
        self.counts: npt.NDArray[np.uint16] = random.integers(0, 3, (ROWS, 64)).astype(np.uint16)
        self.counts[0, 0] = 65535
        self.values: npt.NDArray[np.float32] = random.normal(0, 100, (ROWS, 2)).astype(np.float32)
        self.values[3, 1] = np.nan
        self.values[4, 0] = 0.0

    @property
    def matrix(self) -> npt.NDArray[np.float32]:
        return np.hstack([self.bits, self.counts, self.values]).astype(np.float32)

    @property
    def labels(self) -> list[str]:
        return [
            *(f"{BITS}:{at}" for at in range(21)),
            *(f"{COUNTS}:{at}" for at in range(64)),
            *(f"{VALUES}:{name}" for name in NAMES),
        ]

    def write(self, directory: Path, kind: str) -> Path:
        path = directory / f"features.{kind}"
        {"parquet": self._parquet, "csv": self._csv, "npz": self._npz}[kind](path)
        return path

    def _parquet(self, path: Path) -> None:
        def of(name: str, of_type: Any, **metadata: str) -> Any:
            return pa.field(name, of_type, nullable=False, metadata=metadata)

        schema = pa.schema(
            [
                pa.field("record", pa.int64(), nullable=False),
                pa.field("smiles", pa.string()),
                of(BITS, pa.binary(3), kind="bits", size="21", n_bits="21"),
                of(COUNTS, pa.list_(pa.uint16(), 64), kind="counts", size="64"),
                of(
                    VALUES,
                    pa.list_(pa.float32(), 2),
                    kind="descriptors",
                    size="2",
                    names=json.dumps(NAMES),
                    spec=SPEC,
                ),
            ],
            metadata={"molfleet": "1", "rdkit": "2026.03", "standardize": "none"},
        )
        packed = np.packbits(self.bits, axis=1, bitorder="little")
        arrays = [
            pa.array(self.records),
            pa.array(self.smiles, pa.string()),
            pa.array([row.tobytes() for row in packed], pa.binary(3)),
            pa.array(self.counts.tolist(), pa.list_(pa.uint16(), 64)),
            pa.array(list(self.values), pa.list_(pa.float32(), 2)),
        ]
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path, row_group_size=GROUP)

    def _csv(self, path: Path) -> None:
        frame = pd.DataFrame({"record": self.records, "smiles": self.smiles})
        cells = [
            pd.DataFrame(self.bits, columns=self.labels[:21]),
            pd.DataFrame(self.counts, columns=self.labels[21:85]),
            pd.DataFrame(self.values, columns=self.labels[85:]),
        ]
        pd.concat([frame, *cells], axis=1).to_csv(path, index=False, lineterminator="\n")

    def _npz(self, path: Path) -> None:
        arrays: dict[str, Any] = {
            "record": self.records,
            "smiles": np.array([text or "" for text in self.smiles]),
            BITS: self.bits,
            COUNTS: self.counts,
            VALUES: self.values,
            f"{VALUES}:names": np.array(NAMES),
        }
        np.savez_compressed(path, **arrays)
