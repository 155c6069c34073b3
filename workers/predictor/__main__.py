"""python -m workers.predictor"""

from molfleet.runtime.worker import main

if __name__ == "__main__":
    main("predictor")
