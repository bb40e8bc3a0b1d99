"""What a person chose in an element, in the form that Slack reports it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.slack.blocks import elements_of
from sandbox.slack.errors import NotVisible
from sandbox.slack.schema import Json

# type of element: where the answer stands, where the preset stands, what an empty answer is
_ANSWERS: dict[str, tuple[str, str, Any]] = {
    "plain_text_input": ("value", "initial_value", None),
    "number_input": ("value", "initial_value", None),
    "static_select": ("selected_option", "initial_option", None),
    "radio_buttons": ("selected_option", "initial_option", None),
    "multi_static_select": ("selected_options", "initial_options", []),
    "checkboxes": ("selected_options", "initial_options", []),
    "users_select": ("selected_user", "initial_user", None),
    "multi_users_select": ("selected_users", "initial_users", []),
    "conversations_select": ("selected_conversation", "initial_conversation", None),
    "channels_select": ("selected_channel", "initial_channel", None),
    "datepicker": ("selected_date", "initial_date", None),
    "timepicker": ("selected_time", "initial_time", None),
    "datetimepicker": ("selected_date_time", "initial_date_time", None),
}
State = dict[str, dict[str, Json]]


def _option(element: Json, value: str) -> Json:
    groups = element.get("option_groups") or []
    offered = [*(element.get("options") or []), *(option for group in groups for option in group["options"])]
    for option in offered:
        if option["value"] == value:
            return dict(option)
    raise NotVisible(f"{element.get('action_id')} does not offer {value!r}")


def answer(element: Json, value: Any) -> Json:
    """The answer given in `element`: `value` is an option's value, a list of them, or what was typed or picked."""
    kind = str(element["type"])
    if kind == "overflow":
        return {"type": kind, "selected_option": _option(element, value)}
    field, _, empty = _ANSWERS[kind]
    if value in (None, "", []):
        return {"type": kind, field: empty}
    if field == "selected_option":
        return {"type": kind, field: _option(element, value)}
    if field == "selected_options":
        return {"type": kind, field: [_option(element, item) for item in value]}
    return {"type": kind, field: value}


def preset(element: Json) -> Json:
    """The answer as it stands before anybody touched the element."""
    field, initial, empty = _ANSWERS[str(element["type"])]
    return {"type": element["type"], field: element.get(initial, empty)}


def is_empty(given: Json) -> bool:
    field, _, empty = _ANSWERS[str(given["type"])]
    return bool(given[field] == empty or given[field] is None)


def initial_state(blocks: Sequence[Json], before: State | None = None) -> State:
    """Every element's answer; answers in `before` survive where block id, action id and type are the same."""
    state: State = {}
    for block in blocks:
        for _, element in elements_of(block):
            if element["type"] in _ANSWERS:
                kept = (before or {}).get(block["block_id"], {}).get(element["action_id"])
                same = kept is not None and kept["type"] == element["type"]
                state.setdefault(block["block_id"], {})[element["action_id"]] = (
                    kept if same and kept is not None else preset(element)
                )
    return state


def filled_in(blocks: Sequence[Json], state: State, values: Mapping[str, Any]) -> State:
    """`state` with new values: `{block_id: value}` for a block's only element or `{block_id: {action_id: value}}`.

    Raises:
        NotVisible: there is no such block, element or option.
    """
    new = {block_id: dict(answers) for block_id, answers in state.items()}
    elements = {
        (block["block_id"], element["action_id"]): element for block in blocks for _, element in elements_of(block)
    }
    for block_id, value in values.items():
        if block_id not in new:
            raise NotVisible(f"there is no input {block_id!r}; there are {sorted(new)}")
        by_action = value if isinstance(value, Mapping) else {next(iter(new[block_id])): value}
        for action_id, item in by_action.items():
            if action_id not in new[block_id]:
                raise NotVisible(f"{block_id} has no element {action_id!r}; there are {sorted(new[block_id])}")
            new[block_id][action_id] = answer(elements[block_id, action_id], item)
    return new


def every_box(blocks: Sequence[Json]) -> dict[str, list[str]]:
    """What somebody who ticks all boxes fills in: `{block_id: values}`."""
    groups = [block for block in blocks if block["type"] == "input" and block["element"]["type"] == "checkboxes"]
    return {block["block_id"]: [option["value"] for option in block["element"]["options"]] for block in groups}


def complaints(blocks: Sequence[Json], state: State) -> dict[str, str]:
    """What Slack's own form checks refuse before the app hears of a submission, by block id."""
    found: dict[str, str] = {}
    for block in blocks:
        if block["type"] != "input":
            continue
        element = block["element"]
        given = state[block["block_id"]][element["action_id"]]
        if is_empty(given):
            if not block.get("optional"):
                found[block["block_id"]] = "Please complete this required field."
            continue
        typed = given.get("value")
        if isinstance(typed, str) and len(typed) < element.get("min_length", 0):
            found[block["block_id"]] = f"Must be at least {element['min_length']} characters."
        elif isinstance(typed, str) and len(typed) > element.get("max_length", 3000):
            found[block["block_id"]] = f"Must be at most {element.get('max_length', 3000)} characters."
    return found
