import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from authd.daemon import channel
from authd.daemon.channel import ChannelError, Offer, OfferError, Word

Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    parent, front = channel.pair()
    with parent, front:
        yield parent, front


def listener() -> socket.socket:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind("")  # an abstract address of the kernel's choice
    listening.listen()
    return listening


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_an_offer_brings_the_file_and_the_sockets_that_are_new(ends: Ends) -> None:
    parent, front = ends
    with listener() as one, listener() as two:
        sent = Offer("authd.toml", b"x" * 1_000_000, {"listener /one": one, "metrics /two": two}, ["control /three"])
        channel.send_offer(parent, sent)

        offer = channel.receive_offer(front)

        assert (offer.source, offer.content, list(offer.kept)) == ("authd.toml", sent.content, ["control /three"])
        assert list(offer.added) == ["listener /one", "metrics /two"]
        for name, each in offer.added.items():
            with each:
                assert each.getsockname() == sent.added[name].getsockname()
                assert not each.getblocking()


def test_problems_are_told_in_its_place(ends: Ends) -> None:
    parent, front = ends
    channel.send_problems(parent, "authd.toml:3: cache.ttl: expected …\nauthd.toml:4: …")

    with pytest.raises(ChannelError, match="expected"):
        channel.receive_offer(front)


def test_an_offer_that_is_too_large_is_no_end_of_the_conversation(ends: Ends) -> None:
    parent, front = ends
    with listener() as one:
        many = {f"listener /{number}": one for number in range(channel.MAX_SOCKETS + 1)}
        long = [f"listener /{'x' * channel.MAX_HEADER}"]
        for offer in (Offer("authd.toml", b"", many, []), Offer("authd.toml", b"", {}, long)):
            with pytest.raises(OfferError, match="expected"):
                channel.send_offer(parent, offer)

    channel.send_offer(parent, Offer("authd.toml", b"", {}, []))

    assert channel.receive_offer(front).source == "authd.toml"


def test_an_offer_that_came_too_late_is_not_the_answer_to_the_next_question(ends: Ends) -> None:
    parent, front = ends
    before = descriptors()
    with listener() as late:
        channel.send_offer(parent, Offer("late", b"", {"listener /late": late}, []))

    channel.discard_offers(front)
    channel.send_offer(parent, Offer("authd.toml", b"", {}, []))

    assert channel.receive_offer(front).source == "authd.toml"
    assert descriptors() == before


def test_words_are_taken_one_by_one(ends: Ends) -> None:
    parent, front = ends
    for word in Word:
        front.send(word.value)

    assert [channel.word_of(parent) for _ in range(4)] == [*Word, None]


def test_anything_else_ends_the_conversation(ends: Ends) -> None:
    parent, front = ends
    front.send(b"open /etc/shadow for me")

    with pytest.raises(ChannelError, match="no word"):
        channel.word_of(parent)


def test_each_side_learns_that_the_other_has_gone(ends: Ends) -> None:
    parent, front = ends
    os.close(front.detach())

    with pytest.raises(ChannelError):
        channel.word_of(parent)
    with pytest.raises(ChannelError):
        channel.send_problems(parent, "nobody hears this")
