"""What Slack takes (docs.slack.dev/reference/block-kit) and how texts are made to fit: nowhere else are they cut."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

Block = dict[str, Any]

BLOCKS_MESSAGE: Final = 50
BLOCKS_VIEW: Final = 100
#: Of all blocks of a message together, as JSON. Slack does not document it: chat.postMessage answers
#: msg_blocks_too_long from about 13,000 on (slackapi/bolt-js issues 2509 and 2867).
BLOCKS_SIZE: Final = 12_000
SECTION: Final = 3000
HEADER: Final = 150
CONTEXT: Final = 2000
CONTEXT_ELEMENTS: Final = 10
ACTIONS: Final = 25
BUTTON: Final = 75
BUTTON_VALUE: Final = 2000
OPTION: Final = 75
OPTION_VALUE: Final = 150
OPTIONS: Final = 100
CHECKBOXES: Final = 10
MODAL_TITLE: Final = 24
TABLE_ROWS: Final = 100
TABLE_CELL: Final = 500
#: Of a plan block. Slack documents no limits for it (docs.slack.dev/reference/block-kit/blocks/plan-block): those of a
#: message and of a header.
TASKS: Final = 50
TASK_TITLE: Final = 150
TASK_ID: Final = 255
TASK_DETAILS: Final = 500
CONFIRM_TITLE: Final = 100
CONFIRM_TEXT: Final = 300
CONFIRM_BUTTON: Final = 30
TEXT: Final = 4000
TYPED: Final = 1000
#: Messages that one response URL takes, within half an hour (docs.slack.dev/interactivity/handling-user-interaction).
ANSWERS: Final = 5

_CUT_ENTITY = re.compile(r"(?:&[a-z]{0,3}|<[^<>]*)$")


def fit(text: str, most: int) -> str:
    """The text, cut to ``most`` characters with an ellipsis; never in the middle of an escape, a link or a mention."""
    if len(text) <= most:
        return text
    return _CUT_ENTITY.sub("", text[: most - 1]).rstrip() + "…"


def fit_plain(text: str, most: int, *, empty: str = "-") -> str:
    """For plain_text, where nothing is an escape; an empty text is refused by Slack, so it becomes a dash."""
    clean = " ".join(text.split()) or empty
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def fit_lines(lines: Sequence[str], most: int = SECTION) -> str:
    """As many whole lines as fit, then how many more there are; a single line that is too long is cut."""
    kept: list[str] = []
    used = 0
    for index, line in enumerate(lines):
        short = fit(line, most - 41)
        if used + len(short) + 1 > most - 40:
            kept.append(f"… and {len(lines) - index} more")
            break
        kept.append(short)
        used += len(short) + 1
    return "\n".join(kept)


def fit_blocks(blocks: Sequence[Block], most: int = BLOCKS_MESSAGE) -> list[Block]:
    """Cut from the middle: the first blocks carry the point, the last one the buttons."""
    if len(blocks) <= most:
        return list(blocks)
    return [*blocks[: most - 1], blocks[-1]]


def fit_message(blocks: Sequence[Block]) -> list[Block]:
    """As many blocks as one message takes, and no more than it takes of them together; cut as ``fit_blocks`` does."""
    kept = fit_blocks(blocks)
    if size(kept) <= BLOCKS_SIZE:
        return kept
    told: Block = {"type": "mrkdwn", "text": "… Slack takes no more in one message: its middle is left out."}
    kept.insert(-1, {"type": "context", "elements": [told]})
    while len(kept) > 3 and size(kept) > BLOCKS_SIZE:
        del kept[-3]
    return kept


def size(blocks: Sequence[Block]) -> int:
    """Characters of all blocks together, as Slack gets them."""
    return len(json.dumps(blocks, ensure_ascii=False))
