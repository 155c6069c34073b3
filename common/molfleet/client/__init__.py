"""The fleet from a publisher's side."""

from molfleet.client.fleet import FleetClient
from molfleet.client.outcome import Outcome

__all__ = ["FleetClient", "Outcome"]
