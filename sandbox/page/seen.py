"""What one person sees of the workspace, JSON-able, as the page's scripts read it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox.page import files
from sandbox.pager import Incident
from sandbox.slack import Message, SlackFace, User, View
from sandbox.slack.changes import Change
from sandbox.slack.errors import SlackError

Json = dict[str, Any]
_MESSAGES = ("message-posted", "message-changed", "message-deleted")
_SCREEN = ("view-opened", "view-changed", "view-closed", "home-published")


def people_of(face: SlackFace) -> list[User]:
    """Who can be acted as."""
    return [user for user in face.workspace.users.values() if not (user.is_bot or user.deleted)]


def workspace(face: SlackFace, person: User) -> Json:
    """Everything that does not change with every message, and all messages that this person sees."""
    place, manifest = face.workspace, face.app.manifest
    with place.lock:
        channels = [
            {
                "id": channel.id,
                "name": channel.name,
                "kind": channel.kind,
                "topic": channel.topic,
                "archived": channel.archived,
                "bot": channel.bot_is_member,
            }
            for channel in place.channels.values()
            if place.is_member(person.id, channel)
        ]
        return {
            "team": place.team_name,
            "team_url": place.team_url,
            "people": [_person(face, user) for user in place.users.values() if not user.deleted],
            "usergroups": [
                {"id": group.id, "handle": group.handle, "users": list(group.users)}
                for group in place.usergroups.values()
            ],
            "channels": channels,
            "commands": [
                {"name": command.name, "description": command.description, "hint": command.usage_hint}
                for command in manifest.commands
            ],
            "app": {
                "name": manifest.bot_name,
                "user": place.bot.id,
                "home": manifest.home_tab,
                "messages": manifest.messages_tab,
            },
            "messages": [
                message(found)
                for channel in channels
                for found in place.messages(str(channel["id"]), seen_by=person.id)
            ],
        }


def _person(face: SlackFace, user: User) -> Json:
    groups = [group.handle for group in face.workspace.usergroups.values() if user.id in group.users]
    return {
        "id": user.id,
        "name": user.name,
        "real_name": user.real_name,
        "tz": user.tz,
        "groups": groups,
        "is_bot": user.is_bot,
        "can_act": not user.is_bot,
    }


def message(found: Message) -> Json:
    return {
        "channel": found.channel,
        "ts": found.ts,
        "author": found.author,
        "text": found.text,
        "blocks": found.blocks,
        "attachments": found.attachments,
        "files": [files.told(file) for file in found.files],
        "thread_ts": found.thread_ts,
        "is_reply": found.is_reply,
        "broadcast": found.broadcast,
        "by_bot": found.by_bot,
        "edited": found.edited_ts is not None,
        "reactions": found.reactions,
        "only_for_you": found.ephemeral_for is not None,
    }


def changed_messages(face: SlackFace, person: User, changes: Iterable[Change]) -> list[Json]:
    """The present state of the messages that changed, each once; one that is gone has `gone: true`."""
    touched = {
        (change.data["channel"], change.data["ts"]): None
        for change in changes
        if change.kind in _MESSAGES and change.audience in (None, person.id)
    }
    found: list[Json] = []
    with face.workspace.lock:
        for channel, ts in touched:
            if not face.workspace.is_member(person.id, face.workspace.channels[channel]):
                continue
            try:
                found.append(message(face.workspace.message(channel, ts)))
            except SlackError:
                found.append({"channel": channel, "ts": ts, "gone": True})
    return found


def screen_changed(person: User, changes: Iterable[Change]) -> bool:
    return any(change.kind in _SCREEN and change.audience == person.id for change in changes)


def screen(face: SlackFace, person: User) -> Json:
    """This person's modals, the topmost last, and the app's Home tab."""
    modals = face.workspace.modals
    home = modals.home(person.id)
    return {"modals": [_view(view) for view in modals.on_screen(person.id)], "home": _view(home) if home else None}


def incident(found: Incident) -> Json:
    """What the pager shows; times in epoch seconds of the domain."""
    return {**vars(found), "at": found.at.timestamp(), "changed_at": found.changed_at.timestamp()}


def _view(view: View) -> Json:
    shown = ("type", "title", "submit", "close", "submit_disabled")
    content = {name: view.content[name] for name in shown if name in view.content}
    return {**content, "id": view.id, "hash": view.hash, "blocks": view.blocks, "state": view.state}
