"""python -m workers.modeler"""

from molfleet.runtime.main import main

if __name__ == "__main__":
    main("modeler")
