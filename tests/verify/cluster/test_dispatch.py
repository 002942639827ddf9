"""Handing out samples: nothing is lost, none is answered twice, and a sample that ends nodes is found."""

from dataclasses import dataclass

from haloforge.records import Problem
from haloforge.verify.cluster.dispatch import PIECE, Dispatcher, Node

EASY, OTHER = Problem("easy", "x"), Problem("other", "x", language="cpp")
BOTH = frozenset({"python", "cpp"})


@dataclass(eq=False)
class Asked:
    problem: Problem
    number: int = 0


def dispatcher(samples: int = 0, *nodes: str, longest_s: float = 10.0) -> Dispatcher[Asked]:
    made: Dispatcher[Asked] = Dispatcher(lambda job: job.problem.language, lambda job: longest_s)
    for name in nodes:
        made.join(Node(name, 1, BOTH))
    for number in range(samples):
        made.add(Asked(EASY, number))
    return made


def test_every_sample_is_sent_once_in_pieces_of_at_most_sixteen() -> None:
    work = dispatcher(200, "a", "b")
    seen: list[int] = []
    while sent := list(work.send(0)):
        for number, piece in sent:
            assert len(piece.piece.jobs) <= PIECE
            seen += [job.number for _, job in work.answered(number)]
    assert sorted(seen) == list(range(200))
    assert work.unanswered == 0


def test_little_work_is_shared_by_all_nodes() -> None:
    work = dispatcher(6, "a", "b")
    assert [piece.node for _, piece in work.send(0)] == ["a", "b", "a", "b", "a", "b"]


def test_no_node_holds_more_than_its_slots() -> None:
    work = dispatcher(1000, "a")
    assert len(list(work.send(0))) == Node("a", 1, BOTH).slots == 3
    assert Node("a", 64, BOTH).slots == 9  # two samples for each of its cores


def test_the_pieces_of_a_node_that_died_go_to_others() -> None:
    work = dispatcher(40, "a", "b")
    lost = [job.number for _, sent in work.send(0) if sent.node == "a" for job in sent.piece.jobs]
    assert work.leave("a") == []
    answered = [job.number for number in range(1, 100) for _, job in work.answered(number)]
    again = [job.number for _, sent in work.send(0) for job in sent.piece.jobs]
    assert set(lost) <= set(again)
    assert not set(answered) & set(again)


def test_a_silent_node_gets_nothing_until_it_is_heard() -> None:
    work = dispatcher(1, "a")
    ((_, _),) = work.send(0)
    work.silence("a")
    assert list(work.send(0)) == []
    work.hear("a")
    assert [sent.node for _, sent in work.send(0)] == ["a"]


def test_the_first_outcome_of_a_sample_counts_wherever_it_comes_from() -> None:
    work = dispatcher(1, "a", "b")
    ((late, sent),) = work.send(0)
    work.silence(sent.node)
    ((again, other),) = work.send(0)
    assert other.node != sent.node
    assert len(work.answered(late)) == 1
    assert work.answered(again) == []


def test_a_piece_that_takes_longer_than_its_limits_is_given_to_another_node() -> None:
    work = dispatcher(1, "a", "b")
    ((_, sent),) = work.send(100)
    assert sent.until == 100 + 30 + 10
    work.overdue(139)
    assert list(work.send(139)) == []
    work.overdue(140)
    assert len(list(work.send(140))) == 1


def test_a_sample_that_ends_every_node_is_given_up_and_the_others_are_judged() -> None:
    """Its piece is halved until it is alone."""
    work = dispatcher(48)
    given_up: list[Asked] = []
    judged: set[int] = set()
    for turn in range(100):
        work.join(Node(f"n{turn}", 1, BOTH))
        for number, sent in list(work.send(0)):
            if any(job.number == 7 for job in sent.piece.jobs):
                given_up += work.leave(sent.node)
                continue
            judged |= {job.number for _, job in work.answered(number)}
    assert [job.number for job in given_up] == [7]
    assert judged == set(range(48)) - {7}
    assert work.unanswered == 0


def test_a_node_gets_only_languages_that_it_has() -> None:
    work = dispatcher()
    work.join(Node("a", 1, frozenset({"python"})))
    work.add(Asked(OTHER))
    work.add(Asked(EASY))
    assert [job.problem for _, sent in work.send(0) for job in sent.piece.jobs] == [EASY]
    assert [job.problem for job in work.stranded()] == [OTHER]
    work.join(Node("b", 1, BOTH))
    assert [sent.node for _, sent in work.send(0)] == ["b"]


def test_what_was_given_up_is_not_sent_any_more() -> None:
    work = dispatcher(3)
    jobs = work.stranded()
    work.give_up(jobs)
    work.join(Node("a", 1, BOTH))
    assert (len(jobs), list(work.send(0)), work.unanswered) == (3, [], 0)
