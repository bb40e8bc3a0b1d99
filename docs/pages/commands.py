"""Every command: what people type in Slack, and what they type in a shell."""

from __future__ import annotations

import click

from bot.cli import cli, every_command
from docs.pages.markdown import NOTE, code, table
from handlers.manual import MANUAL, PLACEHOLDERS, who_may
from handlers.words import USAGE, Word
from sandbox.command import main as sandbox_main

_SLACK = """\
# Commands

## In Slack

The command is `/eks-upgrade` unless `slack.command` says otherwise. Without a word it opens a form that does the same.
`/eks-upgrade help WORD` says the same of one word, with an example for your own clusters and whether you may; `/eks-upgrade help` names the
three that you need first. What is refused comes with buttons that type the next move, as does a list with nothing in it.

What is wrong in a form stands under the field in which it can be put right. What no field can put right takes the form's place, with the next moves as
buttons: the cluster has a run already, the run has ended, its plan is another by now, a person may not. What such a button answers stands there, too.
"""

_STARTS = """\
### When a run begins

A time is read in the time zone of your Slack profile. The bot shows back to you alone what it understood, in your zone and in UTC, with the
window it falls into or the next opening; nothing is set before you press **Schedule**. With a zone behind the time (`UTC`, `Z`,
`Europe/Berlin`, `+01:00`) it is set at once, as is `in the next window`. Without any time a form with a calendar opens.
A time that summer time skips means the instant of the skip, one that comes twice the first; a time that is over is refused.

The run is checked and planned at once, so that it is approved while people are awake. It is looked at again 24 hours and 2 hours before its start:
what would void the approval does so then, and the thread tells the difference. A start that nobody could see to is not made up for:
the run asks with **Start now**, **Reschedule** and **Cancel** ([decision 0007](decisions/0007-when-a-run-begins-and-rests.md)).
`lift` lets one run go on in a freeze, for the people whom the freeze names; `FREEZE` stands in quotation marks when it is several words.
"""

_BUTTONS = """\
In the thread of a run, a mention does what a button does: `@eks-upgrades pause`; also `resume`, `retry`, `recheck`, `cancel`, `abort`,
`acknowledge`, `take over`, `mute 2h` and `note …`. An `abort` of a run that has begun is answered privately, with what it would leave behind and a
button that opens the form which a typed `abort` opens at once.
`break-glass` opens alone the gate that waits, for admins and the role `break_glass`, the requester too: no check, notice or window is skipped,
`break_glass_valid` later the next phase asks for an ordinary approval, and the `security_channel` is told.
Approve, Reject, Waive and Confirm are buttons only, because each is bound to the plan that the person sees.
Answers to a command are seen by the one who typed it; a run tells its story where everybody reads it.
`check` also sends the whole report as a page in a direct message; **Full report** under a run that stands at a finding or
waits for an approval does so for whoever presses it, and **Recheck** under an answer looks again for whoever presses that.
"""

_SHELL = """\
## In a shell

Every verb works on the command line as well. `check`, `plan` and `snapshot` need a cluster's name, its `--region` and AWS credentials,
nothing else. Verbs that steer a run write into the database of the bot, so they run where the bot runs; the bot takes them up at once.
A decision counts only for people that `cli_users` maps to a Slack user. Times are those of the machine unless `--time-zone` or a zone behind
the time says otherwise; what was understood is printed with its zone and in UTC, and set at once.

`check` says the same in every format: `text`, `json` (its schema is [report.schema.json](report.schema.json); `--report` makes any other
format of it), `markdown` for the comment on a pull request, `html` as one page that needs nothing else, `sarif` for code scanning, `junit`
for a build server. A snapshot gives the same report on every machine, byte for byte.

| exit code | means |
| --- | --- |
| 0 | done |
| 1 | refused or failed: the message says why; `doctor`: something to fix |
| 20 | `check`: something is in the way |
| 21 | `check`: nothing is known to be in the way, but something that counts could not be seen |
| 10, 11, 12 | `scan`: deprecated APIs, removed APIs, not everything could be read |
| 64 | the command was written wrong |
| 70 | an error that nobody foresaw |
| 78 | the settings are wrong |
| 130 | interrupted with Ctrl-C |

`scan` says what it did not take for a manifest: other files, directories that it passes over, documents of plain text, templates that nobody
rendered. It does not unpack: base64 (`data` of a Secret) and compressed Helm releases in files stay closed; scan what `helm get manifest` prints.
The rules of webhooks and roles are read in documents that are YAML or JSON as they stand, not in templates.

`scan --rules FILE` takes a YAML list; a row adds a rule, or takes the place of the built-in one for the same `group_version` and `kind`.
Without `kind` it is for every kind of the group version; without `deprecated_in` and `removed_in` it switches the built-in rule off.
Versions stand in quotes, as YAML reads 1.30 as 1.3.

```yaml
- group_version: example.com/v1beta1
  kind: Widget
  deprecated_in: "1.33"
  removed_in: "1.36"
  replacement: example.com/v1
  how: spec.size becomes spec.replicas.
```
"""


def page() -> str:
    rows = [(code(f"/eks-upgrade {USAGE[word]}"), _told(word), who_may(MANUAL[word].verb)) for word in Word]
    slack = table(["type", "and the bot", "for"], rows)
    words = table(["word", "stands for"], [(code(name), told) for name, told in PLACEHOLDERS.items()])
    shell = [_section(command, f"eks-upgrade-bot {command.name}") for _, command in every_command()]
    sandbox = _section(sandbox_main, "eks-upgrade-sandbox")
    return "\n".join(
        [NOTE, _SLACK, slack, "", words, _BUTTONS, _STARTS, _SHELL, _section(cli, "eks-upgrade-bot"), *shell, sandbox]
    )


def _told(word: Word) -> str:
    return f"{MANUAL[word].sentence} {MANUAL[word].more}"


def _section(command: click.Command, path: str) -> str:
    context = click.Context(command)
    arguments = [one.make_metavar(context) for one in command.params if isinstance(one, click.Argument)]
    needed = [one for one in command.params if isinstance(one, click.Option) and one.required]
    usage = " ".join([path, *arguments, *(f"{one.opts[0]} {one.make_metavar(context)}" for one in needed)])
    if isinstance(command, click.Group):
        usage += " COMMAND"
    rows = [_option(option, command) for option in command.params if isinstance(option, click.Option)]
    options = ["", table(["option", "means"], rows)] if rows else [""]
    return "\n".join([f"### {path}", "", code(usage), "", _sentences(command.help), *options])


def _option(option: click.Option, command: click.Command) -> tuple[str, str]:
    record = option.get_help_record(click.Context(command))
    if record is None:
        raise ValueError(f"{command.name} has a hidden option {option.name}")
    return code(record[0]), record[1].replace("  [", " [")


def _sentences(text: str | None) -> str:
    return " ".join((text or "").split())
