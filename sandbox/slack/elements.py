"""Block Kit's composition objects and elements with their limits (docs.slack.dev/reference/block-kit)."""

from typing import Any

from sandbox.slack.schema import (
    BlockError,
    Errors,
    Rule,
    anything,
    choice,
    exactly_one_of,
    flag,
    listing,
    number,
    shape,
    string,
    typed,
)

ACTION_ID = string(255)
URL = string(3000)


def plain(longest: int, shortest: int = 1) -> Rule:
    return typed({"plain_text": shape({"text": string(longest, shortest)}, {"emoji": flag})})


def mrkdwn(longest: int) -> Rule:
    return typed({"mrkdwn": shape({"text": string(longest)}, {"verbatim": flag})})


def text(longest: int) -> Rule:
    return typed(
        {
            "plain_text": shape({"text": string(longest)}, {"emoji": flag}),
            "mrkdwn": shape({"text": string(longest)}, {"verbatim": flag}),
        }
    )


CONFIRM = shape(
    {"title": plain(100), "text": text(300), "confirm": plain(30), "deny": plain(30)},
    {"style": choice("primary", "danger")},
)
OPTION = shape({"text": plain(75), "value": string(150)}, {"description": plain(75)})
MARKED_OPTION = shape({"text": text(75), "value": string(150)}, {"description": text(75)})
OVERFLOW_OPTION = shape({"text": plain(75), "value": string(150)}, {"description": plain(75), "url": URL})
OPTION_GROUP = shape({"label": plain(75), "options": listing(OPTION, 100)})
CONVERSATION_FILTER = shape(
    {},
    {
        "include": listing(choice("im", "mpim", "private", "public"), 4),
        "exclude_external_shared_channels": flag,
        "exclude_bot_users": flag,
    },
)
DISPATCH = shape({"trigger_actions_on": listing(choice("on_enter_pressed", "on_character_entered"), 2)})


def _offered(value: Any) -> list[Any]:
    groups = value.get("option_groups") or []
    return [*(value.get("options") or []), *(option for group in groups for option in group["options"])]


def _initial_is_offered(value: Any, at: str, errors: Errors) -> None:
    chosen = value.get("initial_options") or []
    chosen = [*chosen, value["initial_option"]] if value.get("initial_option") else chosen
    offered = {option["value"] for option in _offered(value)}
    if any(option["value"] not in offered for option in chosen):
        errors.append(BlockError(at, "initial option must be one of the options"))


def _select(value: Any, at: str, errors: Errors) -> None:
    exactly_one_of("options", "option_groups")(value, at, errors)
    _initial_is_offered(value, at, errors)


ID = {"action_id": ACTION_ID}
MENU = {**ID, "confirm": CONFIRM, "focus_on_load": flag, "placeholder": plain(150)}
OPTIONS = {"options": listing(OPTION, 100), "option_groups": listing(OPTION_GROUP, 100)}
MANY = {"max_selected_items": number(1, 100)}
DATE = r"\d{4}-\d{2}-\d{2}"
TIME = r"([01]\d|2[0-3]):[0-5]\d"


def _picker(**initial: Rule) -> Rule:
    return shape({}, {**MENU, **initial})


ELEMENTS: dict[str, Rule] = {
    "button": shape(
        {"text": plain(75)},
        {
            **ID,
            "value": string(2000),
            "url": URL,
            "style": choice("primary", "danger"),
            "confirm": CONFIRM,
            "accessibility_label": string(75),
            "visible_to_user_ids": listing(string(30), 100),
        },
    ),
    "static_select": shape({}, {**MENU, **OPTIONS, "initial_option": OPTION}, _select),
    "multi_static_select": shape({}, {**MENU, **OPTIONS, **MANY, "initial_options": listing(OPTION, 100)}, _select),
    "users_select": _picker(initial_user=string(30)),
    "multi_users_select": shape({}, {**MENU, **MANY, "initial_users": listing(string(30), 100)}),
    "conversations_select": _picker(
        initial_conversation=string(30),
        default_to_current_conversation=flag,
        response_url_enabled=flag,
        filter=CONVERSATION_FILTER,
    ),
    "channels_select": _picker(initial_channel=string(30), response_url_enabled=flag),
    "overflow": shape({"options": listing(OVERFLOW_OPTION, 5, 2)}, {**ID, "confirm": CONFIRM}),
    "plain_text_input": shape(
        {},
        {
            **ID,
            "initial_value": string(3000, 0),
            "multiline": flag,
            "min_length": number(0, 3000),
            "max_length": number(1, 3000),
            "dispatch_action_config": DISPATCH,
            "focus_on_load": flag,
            "placeholder": plain(150),
        },
    ),
    "radio_buttons": shape(
        {"options": listing(MARKED_OPTION, 10)},
        {**ID, "initial_option": MARKED_OPTION, "confirm": CONFIRM, "focus_on_load": flag},
        _initial_is_offered,
    ),
    "checkboxes": shape(
        {"options": listing(MARKED_OPTION, 10)},
        {**ID, "initial_options": listing(MARKED_OPTION, 10), "confirm": CONFIRM, "focus_on_load": flag},
        _initial_is_offered,
    ),
    "datepicker": _picker(initial_date=string(10, 10, DATE)),
    "timepicker": _picker(initial_time=string(5, 5, TIME), timezone=string(60)),
    "datetimepicker": shape(
        {}, {**ID, "confirm": CONFIRM, "focus_on_load": flag, "initial_date_time": number(10**9, 10**10 - 1)}
    ),
    "number_input": shape(
        {"is_decimal_allowed": flag},
        {
            **ID,
            "initial_value": string(40),
            "min_value": string(40),
            "max_value": string(40),
            "dispatch_action_config": DISPATCH,
            "focus_on_load": flag,
            "placeholder": plain(150),
        },
    ),
    "image": shape(
        {"alt_text": string(2000)},
        {"image_url": URL, "slack_file": anything},
        exactly_one_of("image_url", "slack_file"),
    ),
    "url": shape({"url": URL, "text": string(3000)}),
}

_CHOOSERS = {"static_select", "users_select", "conversations_select", "channels_select"}
_MANY_CHOOSERS = {"multi_static_select", "multi_users_select"}
_PICKERS = {"radio_buttons", "checkboxes", "datepicker", "timepicker"}


def _only(*kinds: str) -> Rule:
    return typed({kind: ELEMENTS[kind] for kind in kinds})


ACCESSORY = _only("button", "overflow", "image", *_CHOOSERS, *_MANY_CHOOSERS, *_PICKERS)
IN_ACTIONS = _only("button", "overflow", "datetimepicker", *_CHOOSERS, *_MANY_CHOOSERS, *_PICKERS)
IN_INPUT = _only("plain_text_input", "number_input", "datetimepicker", *_CHOOSERS, *_MANY_CHOOSERS, *_PICKERS)
IN_CONTEXT = typed(
    {
        "image": ELEMENTS["image"],
        "plain_text": shape({"text": string(2000)}, {"emoji": flag}),
        "mrkdwn": shape({"text": string(2000)}, {"verbatim": flag}),
    }
)
URL_SOURCE = _only("url")
INTERACTIVE = frozenset(ELEMENTS) - {"image", "url"}
