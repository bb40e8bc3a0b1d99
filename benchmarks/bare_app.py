"""The baseline of the acks: a Bolt app that does nothing but acknowledge, with the bot's number of listeners.

    python -m benchmarks.bare_app THREADS

It takes SLACK_API_URL, SLACK_BOT_TOKEN and SLACK_APP_TOKEN from its environment.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

MANIFEST = """
display_information: {name: Bare}
features:
  bot_user: {display_name: bare}
  slash_commands:
    - {command: /eks-upgrade, description: Nothing but an acknowledgement}
oauth_config: {scopes: {bot: [commands, chat:write]}}
settings: {interactivity: {is_enabled: true}, socket_mode_enabled: true}
"""


def main() -> None:
    threads = int(sys.argv[1])
    client = WebClient(token=os.environ["SLACK_BOT_TOKEN"], base_url=os.environ["SLACK_API_URL"])
    app = App(client=client, listener_executor=ThreadPoolExecutor(threads))

    @app.command(re.compile(".*"))
    def acknowledge(ack: Callable[[str], None]) -> None:
        ack("Done.")

    SocketModeHandler(app, os.environ["SLACK_APP_TOKEN"], concurrency=threads).start()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
