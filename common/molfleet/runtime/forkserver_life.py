"""Preloaded into the fork server, and only there: importing this ties its life to its worker's.

The one module whose import does something. The fork server runs no code of ours but preloaded imports,
and without this the pipe that it inherits to its own children keeps it alive after its worker's death.
"""

from molfleet.processes import die_with_parent

die_with_parent()
