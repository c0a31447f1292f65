"""The reader of what functions write: lines and frames, in any pieces, in their order."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from localaws.lambda_.output import Output

Piece = tuple[str, str]
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=30)


def frame(message: str, microseconds: int = 1_700_000_000_123_456) -> bytes:
    body = message.encode()
    return (0xA55A0003).to_bytes(4, "big") + len(body).to_bytes(4, "big") + microseconds.to_bytes(8, "big") + body


@given(
    pieces=st.lists(st.tuples(st.sampled_from(["line", "frame"]), TEXT.filter(str.strip)), max_size=20),
    cuts=st.lists(st.integers(1, 40), max_size=20),
)
def test_messages_come_whole_and_in_order_however_the_pipe_cuts_them(pieces: list[Piece], cuts: list[int]) -> None:
    stream = b"".join(f"{text}\n".encode() if kind == "line" else frame(text) for kind, text in pieces)
    output = Output()
    try:
        for cut in [*cuts, len(stream)]:
            os.write(output.writer, stream[:cut])
            stream = stream[cut:]
            assert output.drain()
        assert [line.text for line in output.take()] == [text for _, text in pieces]
    finally:
        output.close_writer()
        output.close()


def test_a_frame_keeps_its_lines_and_its_time() -> None:
    output = Output()
    os.write(output.writer, b"half a line" + frame("two\nlines\n") + b"rest")
    output.drain()
    lines = output.take()
    assert [line.text for line in lines] == ["half a line", "two\nlines", "rest"]
    assert lines[1].at == 1_700_000_000_123
    output.close_writer()
    assert output.drain() is False
    output.close()


def test_what_is_not_utf8_is_shown_as_well_as_can_be() -> None:
    output = Output()
    os.write(output.writer, b"caf\xe9\n")
    output.drain()
    assert [line.text for line in output.take()] == ["caf\ufffd"]
    output.close_writer()
    output.close()
