"""python -m workers.modeler"""

from molfleet.runtime.worker import main

if __name__ == "__main__":
    main("modeler")
