"""References for the columns of the input: pandas."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from tests.unit.chemistry.references.cases import Reference

SPEC = "COLUMNS:numeric=mw,logP:categorical=color,phase:categories=color=blue,color=red,phase=1%3A2"

RECORDS: tuple[Mapping[str, str], ...] = (
    {"mw": "180.16", "logP": "-1.2e-1", "color": "red", "phase": "1:2"},
    {"mw": " 46 ", "logP": "", "color": "blue", "phase": ""},
    {"mw": "<5", "logP": "1.2 uM", "color": "green", "other": "7"},
    {},
)


def with_pandas(properties: Mapping[str, str]) -> list[float]:
    frame = pd.DataFrame([properties], columns=["mw", "logP", "color", "phase"])
    numbers = frame[["mw", "logP"]].apply(pd.to_numeric, errors="coerce")
    levels = {"color": ["blue", "red"], "phase": ["1:2"]}
    known = {name: frame[name].where(frame[name].isin(levels[name])) for name in levels}
    dummies = [pd.get_dummies(pd.Categorical(known[name], levels[name])) for name in levels]
    return [float(value) for part in (numbers, *dummies) for value in part.to_numpy(float)[0]]


REFERENCES = {
    "COLUMNS": [Reference(SPEC, "", with_pandas, properties) for properties in RECORDS],
}
