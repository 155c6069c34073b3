"""`python skfp_sdf.py FILE WORK`: scikit-fingerprints over an SD file, with all cores.

It runs in an environment of its own and so imports nothing of ours. As its documentation shows it: the
SD file by MolFromSDFTransformer, then a fingerprint, both with n_jobs=-1. Joblib's processes are started
before the shot.
"""

import json
import sys
import time
import warnings

from rdkit import rdBase
from skfp.fingerprints import (  # type: ignore[import-not-found]
    ECFPFingerprint,
    RDKit2DDescriptorsFingerprint,
)
from skfp.preprocessing import MolFromSDFTransformer  # type: ignore[import-not-found]

_WARM = ["CC(=O)Oc1ccccc1C(=O)O"] * 1000


def main(path: str, work: str) -> None:
    warnings.simplefilter("ignore")
    rdBase.DisableLog("rdApp.*")
    made = (
        ECFPFingerprint(fp_size=2048, radius=2, n_jobs=-1)
        if work == "ecfp"
        else RDKit2DDescriptorsFingerprint(n_jobs=-1)
    )
    made.transform(_WARM)
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.monotonic()
    molecules = MolFromSDFTransformer(n_jobs=-1).transform(path)
    count = len(made.transform([mol for mol in molecules if mol is not None]))
    print(json.dumps({"count": count, "began": began, "ended": time.monotonic()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
