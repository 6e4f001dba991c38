"""Other summarizers, as systems to be measured."""

from contextlib import AbstractContextManager
from typing import Any

from tqdm import tqdm

from benchmarks.peers.client import Peer, Peers
from benchmarks.peers.environment import HERE, describe_environment
from benchmarks.peers.systems import LANGUAGES, SYSTEMS
from benchmarks.quality.fingerprint import make_fingerprint
from benchmarks.quality.sets import TestSet
from benchmarks.quality.systems import Choice, System


def make_peer_systems(peers: Peers, limit: float) -> list[System]:
    """All peers.

    limit: CPU seconds that each may take for a set.
    """
    systems = []
    for name, (module, _, arguments) in SYSTEMS.items():
        source = HERE / "systems" / f"{module}.py"
        fingerprint = make_fingerprint(source, describe_environment(), arguments)
        systems.append(
            System(
                name,
                fingerprint,
                lambda name=name: OpenPeer(peers.open(name), name, limit),
                LANGUAGES.get(name),
                limit,
            )
        )
    return systems


class OpenPeer(AbstractContextManager):
    """A peer that is loaded, for `System.open`."""

    def __init__(self, peer: Peer, name: str, limit: float):
        self.peer = peer
        self.name = name
        self.limit = limit

    def __call__(self, test_set: TestSet) -> Choice:
        description = f"{self.name}: {test_set.name}"
        progress = tqdm(test_set.documents, desc=description, leave=False)
        run = self.peer.run(test_set.documents, self.limit, progress)
        return Choice(
            run.extracts,
            run.cpu_seconds,
            len(run.failures),
            next(iter(run.failures.values()), ""),
            self.limit if run.is_stopped else None,
        )

    def __exit__(self, *args: Any) -> None:
        self.peer.__exit__(*args)
