"""The nodes of a Ray cluster as the judge: one process of our own engine on each, fed with pieces of samples.

    session.py    joins the cluster, and starts and asks the processes; the only module that imports Ray
    node.py       what runs on a node
    facts.py      what a node is, and which nodes judge for a run
    members.py    the nodes of one run: who is in, who is refused, who joins later
    dispatch.py   which node judges which samples next; simulated by `benchmarks/scale.py`
    judging.py    the thread that does it

The front (cache, samples in flight, rewards) stays in the process of the run.
"""

from haloforge.config import VerifySettings
from haloforge.errors import VerifierError
from haloforge.languages import LANGUAGES
from haloforge.verify.cluster.facts import NodeFacts, Roll
from haloforge.verify.cluster.judging import Cluster
from haloforge.verify.cluster.members import Members
from haloforge.verify.cluster.session import Session, address_of

__all__ = ["Cluster", "NodeFacts", "Roll", "cluster_nodes", "open_cluster"]


def open_cluster(settings: VerifySettings) -> Cluster:
    """The nodes of `verifier.cluster`. Raises VerifierError where none can judge with these settings."""
    if settings.type == "custom":
        raise VerifierError(
            "verifier.cluster does not take custom commands, which are programs of this machine; leave it out"
        )
    return Cluster(settings, _members(settings))


def cluster_nodes(cluster: str) -> tuple[list[NodeFacts], Roll]:
    """What every node of a cluster is, with all its compilers, and which of them would judge what.

    Raises VerifierError as `open_cluster`.
    """
    members = _members(VerifySettings(cluster=cluster))
    members.learn(LANGUAGES)
    members.close()
    return list(members.facts.values()), members.roll


def _members(settings: VerifySettings) -> Members:
    return Members(Session(address_of(settings.cluster or "auto")), settings)
