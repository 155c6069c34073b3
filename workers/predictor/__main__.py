"""python -m workers.predictor"""

from molfleet.runtime.main import main

if __name__ == "__main__":
    main("predictor")
