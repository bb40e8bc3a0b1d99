"""The Slack app's manifest: what `eks-upgrade-bot manifest` prints and what stands in manifest.yml."""

from __future__ import annotations

import re
from typing import Final

import click

#: What Slack takes as the name of a slash command, and the same in words.
SLASH_COMMAND: Final = r"/[a-z0-9_-]{1,31}"
SLASH_COMMAND_IN_WORDS: Final = "a slash command: a / and up to 31 of a-z, 0-9, _ and -"
_TEMPLATE: Final = """\
# The Slack app. Create it at https://api.slack.com/apps ("From a manifest"), install it, and take the bot token
# (xoxb-...) and an app-level token with the scope connections:write (xapp-...).
# Two bots can live in one workspace: `eks-upgrade-bot manifest --command /another` and the setting slack.command.
display_information:
  name: EKS upgrades
  description: Checks, plans and carries out Amazon EKS upgrades, with approvals and one thread that tells it all
  background_color: "#1f3a5f"
features:
  app_home:
    home_tab_enabled: true
    messages_tab_enabled: true # where files arrive for whoever asked for them
    messages_tab_read_only_enabled: true
  bot_user:
    display_name: eks-upgrades
    always_online: true
  slash_commands:
    - command: {command}
      description: Upgrade an Amazon EKS cluster
      usage_hint: "[help|status|calendar|check|plan|start|schedule CLUSTER [to VERSION] [at TIME] | preview|pause RUN]"
      should_escape: false
oauth_config:
  scopes:
    bot:
      - app_mentions:read # "@eks-upgrades pause" in the thread of a run
      - channels:history # look for an own message after a crash, so that none is posted twice
      - channels:join # a public channel where the command was typed
      - channels:read # the id of the announcement channel
      - chat:write # the run message, its thread, the notice
      - commands # {command}
      - files:write # reports, audit packs, the picture of a run
      - groups:history # as channels:history, for private channels that the bot was invited to
      - groups:read # as channels:read, likewise
      - im:history # as channels:history, for direct messages of the bot
      - im:write # call a person whom a run needs
      - usergroups:read # who is an operator or an approver
      - users:read # guests, bots and people of other workspaces may not act; whose 22:00 is meant
settings:
  event_subscriptions:
    bot_events:
      - app_home_opened
      - app_mention
  interactivity:
    is_enabled: true
  org_deploy_enabled: false
  socket_mode_enabled: true
  token_rotation_enabled: false
"""


def manifest(command: str = "/eks-upgrade") -> str:
    """The manifest as YAML, with the slash command of the settings.

    Raises:
        ValueError: Slack does not take such a command.
    """
    if not re.fullmatch(SLASH_COMMAND, command):
        raise ValueError(f"“{command[:64]}” is not {SLASH_COMMAND_IN_WORDS}.")
    return _TEMPLATE.format(command=command)


commands = click.Group()


@commands.command(name="manifest")
@click.option("--command", default="/eks-upgrade", show_default=True, help="The slash command of this bot.")
def manifest_command(command: str) -> None:
    """Print the manifest of the Slack app."""
    try:
        click.echo(manifest(command), nl=False)
    except ValueError as wrong:
        raise click.BadParameter(str(wrong), param_hint="--command") from None
