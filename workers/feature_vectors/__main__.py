"""python -m workers.feature_vectors"""

from molfleet.runtime.main import main

if __name__ == "__main__":
    main("feature-vectors")
