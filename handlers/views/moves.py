"""The next moves as a row of buttons: pressing one is as good as typing it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from handlers.ids import Action
from handlers.moves import Move
from handlers.views import kit
from handlers.views.kit import Message
from handlers.views.limits import Block
from handlers.words import Word

#: What cannot be taken back is asked once more.
_SURE: Final = (Word.ABORT, Word.CANCEL, Word.BREAK_GLASS, Word.LIFT)


def move_buttons(moves: Sequence[Move], *more: Block) -> list[Block]:
    """``more``: other buttons of the row. Nothing when there is none."""
    return kit.actions([*(_button(move, str(n)) for n, move in enumerate(moves, 1)), *more])


def _button(move: Move, key: str) -> Block:
    sure = kit.confirm("Do it?", move.text, "Do it") if move.text.startswith(_SURE) else None
    return kit.button(move.label or move.text, Action.TYPE, move.text, confirm=sure, key=key)


def with_moves(message: Message, moves: Sequence[Move]) -> Message:
    """The message with the next moves under it."""
    return Message(message.text, [*message.blocks, *move_buttons(moves)])
