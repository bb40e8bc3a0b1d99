from __future__ import annotations

from collections.abc import Callable
from datetime import date, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.parse import LONGEST_TEXT, parse, parse_in_thread
from handlers.when import At, NextWindow, Now, When
from handlers.words import (
    LOOK_WORDS,
    RUN_WORDS,
    BreakGlassCommand,
    ClusterCommand,
    Command,
    CommandUnclear,
    ExplainCommand,
    ExportCommand,
    HelpCommand,
    HistoryCommand,
    LiftCommand,
    Look,
    MuteCommand,
    NoteCommand,
    OpenDialog,
    PreviewCommand,
    RescheduleCommand,
    RunCommand,
    StatusCommand,
    Word,
)
from upgrade.plan import NodePolicy, Scope
from upgrade.records import Form
from upgrade.versions import KubernetesVersion

NAMES = st.from_regex(r"[0-9A-Za-z][0-9A-Za-z_-]{0,30}", fullmatch=True)
CLUSTERS = st.one_of(NAMES, NAMES.map(lambda name: f"111122223333/eu-central-1/{name}"))
VERSIONS = st.builds(KubernetesVersion, st.just(1), st.integers(0, 999))
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "+01:00", "-09:30"])
DAYS = st.dates(date(2000, 1, 1), date(2199, 12, 31)).map(str) | st.sampled_from(
    ["", "today", "tomorrow", "mon", "sun"]
)
TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))
STARTS: st.SearchStrategy[When] = st.builds(At, TIMES, DAYS, st.none() | ZONES) | st.just(NextWindow())
SAID = st.text(st.characters(exclude_categories=["Z", "C"], exclude_characters="\"“”'"), min_size=1, max_size=20)
SENTENCES = st.lists(SAID, min_size=1, max_size=4).map(" ".join)
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.just(OpenDialog()),
    st.builds(Look, st.sampled_from(LOOK_WORDS)),
    st.builds(
        ClusterCommand,
        st.sampled_from([Word.CHECK, Word.PLAN, Word.START]),
        CLUSTERS,
        st.none() | VERSIONS,
        st.sampled_from(Scope),
        st.none() | st.sampled_from(NodePolicy),
    ),
    st.builds(
        ClusterCommand,
        st.just(Word.SCHEDULE),
        CLUSTERS,
        st.none() | VERSIONS,
        st.sampled_from(Scope),
        st.none() | st.sampled_from(NodePolicy),
        st.none() | STARTS,
    ),
    st.builds(RunCommand, st.sampled_from(RUN_WORDS), CLUSTERS),
    st.builds(RescheduleCommand, CLUSTERS, st.none() | STARTS | st.just(Now())),
    st.builds(BreakGlassCommand, CLUSTERS, SENTENCES),
    st.builds(LiftCommand, CLUSTERS, SENTENCES, SENTENCES),
    st.builds(MuteCommand, CLUSTERS, st.integers(0, 9999).map(lambda minutes: timedelta(minutes=minutes))),
    st.builds(NoteCommand, CLUSTERS, SENTENCES),
    st.builds(PreviewCommand, CLUSTERS),
    st.builds(StatusCommand, CLUSTERS),
    st.builds(ExportCommand, CLUSTERS, st.sampled_from(Form)),
    st.builds(HelpCommand, st.none() | st.sampled_from(Word)),
    st.builds(HistoryCommand, st.none() | CLUSTERS),
)
WORDS = st.sampled_from(
    [
        *Word,
        "to",
        "only",
        "nodes",
        "at",
        "in",
        "next",
        "22:00",
        "fri",
        "+01:00",
        '"',
        "1.36",
        "prod-eu",
        "approve",
        "<@U0BOT>",
        "\u202e",
        "\u2018",
    ]
)


@given(COMMANDS)
def test_every_command_is_read_back_as_it_was_written(command: Command) -> None:
    assert parse(str(command)) == command


@given(st.one_of(st.text(max_size=600), st.lists(WORDS | st.text(max_size=8)).map(" ".join)))
def test_any_text_is_a_command_or_a_clear_refusal(text: str) -> None:
    for read in (parse, parse_in_thread):
        refusal = _refusal(read, text)
        assert refusal is None or (refusal.message and refusal.hint)


def _refusal(read: Callable[[str], object], text: str) -> CommandUnclear | None:
    try:
        read(text)
    except CommandUnclear as refusal:
        return refusal
    return None


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("", OpenDialog()),
        ("   ", OpenDialog()),
        ("HELP", HelpCommand()),
        ("help Schedule", HelpCommand(Word.SCHEDULE)),
        ("help take over", HelpCommand(Word.TAKE_OVER)),
        ("Take-Over r-1", RunCommand(Word.TAKE_OVER, "r-1")),
        ("check prod-eu", ClusterCommand(Word.CHECK, "prod-eu")),
        ("Start prod-eu TO v1.36", ClusterCommand(Word.START, "prod-eu", KubernetesVersion(1, 36))),
        (
            "plan prod-eu nodes every-hop only nodes to 1.36",
            ClusterCommand(Word.PLAN, "prod-eu", KubernetesVersion(1, 36), Scope.NODES, NodePolicy.EVERY_HOP),
        ),
        ("check to to 1.35", ClusterCommand(Word.CHECK, "to", KubernetesVersion(1, 35))),
        ("pause 111122223333/eu-central-1/prod-eu", RunCommand(Word.PAUSE, "111122223333/eu-central-1/prod-eu")),
        ("schedule prod-eu", ClusterCommand(Word.SCHEDULE, "prod-eu")),
        (
            "schedule prod-eu at 2026-11-24 22:00 europe/berlin to 1.36",
            ClusterCommand(
                Word.SCHEDULE,
                "prod-eu",
                KubernetesVersion(1, 36),
                when=At(time(22), "2026-11-24", "Europe/Berlin"),
            ),
        ),
        ("schedule at at 9:00Z", ClusterCommand(Word.SCHEDULE, "at", when=At(time(9), "", "UTC"))),
        ("schedule a in the next window", ClusterCommand(Word.SCHEDULE, "a", when=NextWindow())),
        ("reschedule r-1", RescheduleCommand("r-1")),
        ("reschedule r-1 now", RescheduleCommand("r-1", Now())),
        ("reschedule r-1 in next window", RescheduleCommand("r-1", NextWindow())),
        ("reschedule r-1 at Friday 22:00+0100", RescheduleCommand("r-1", At(time(22), "fri", "+01:00"))),
        ("reschedule r-1 at tomorrow 22:00", RescheduleCommand("r-1", At(time(22), "tomorrow"))),
        ("cancel prod-eu", RunCommand(Word.CANCEL, "prod-eu")),
        ("calendar", Look(Word.CALENDAR)),
        ("Take Over prod-eu", RunCommand(Word.TAKE_OVER, "prod-eu")),
        ("mute prod-eu", MuteCommand("prod-eu")),
        ("mute prod-eu 2h", MuteCommand("prod-eu", timedelta(hours=2))),
        ("note prod-eu waiting for <@U0ADA>", NoteCommand("prod-eu", "waiting for <@U0ADA>")),
        ("lift prod-eu sale it is agreed", LiftCommand("prod-eu", "sale", "it is agreed")),
        ("lift prod-eu “year end”  agreed  with ops", LiftCommand("prod-eu", "year end", "agreed with ops")),
        ("lift prod-eu 'year end' agreed", LiftCommand("prod-eu", "year end", "agreed")),
        ("Break-Glass prod-eu a hole  is used", BreakGlassCommand("prod-eu", "a hole is used")),
        ("check `prod-eu` to `1.36`", ClusterCommand(Word.CHECK, "prod-eu", KubernetesVersion(1, 36))),
        ("`status r-12ab`", StatusCommand("r-12ab")),
        ("note prod-eu see `kubectl get pods`", NoteCommand("prod-eu", "see `kubectl get pods`")),
        ("history", HistoryCommand()),
        ("Preview prod-eu", PreviewCommand("prod-eu")),
        ("status", Look(Word.STATUS)),
        ("status r-12ab", StatusCommand("r-12ab")),
        ("export prod-eu", ExportCommand("prod-eu", Form.HTML)),
        ("Export prod-eu CSV", ExportCommand("prod-eu", Form.CSV)),
        ("explain pdb001", ExplainCommand("PDB001")),
    ],
)
def test_commands(text: str, command: Command) -> None:
    assert parse(text) == command


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("chekc prod-eu", "I do not know “chekc”.", "Did you mean check?"),
        ("stat prod-eu", "I do not know “stat”.", "Did you mean status?"),
        ("res", "I do not know “res”.", "Did you mean resume?"),
        ("upgrade prod-eu", "I do not know “upgrade”.", "I know: help, clusters, check"),
        ("start", "Which cluster shall I start?", "start CLUSTER [to VERSION]"),
        ("start to 1.36", "Which cluster shall I start?", "start CLUSTER [to VERSION]"),
        ("start prod-eu 1.36", "I do not know “1.36” here.", "Did you mean to 1.36?"),
        ("start prod-eu ot 1.36", "I do not know “ot” here.", "Did you mean to?"),
        ("start prod-eu to", "Something is missing behind to.", "start CLUSTER"),
        ("start prod-eu to latest", "“latest” is not a Kubernetes version.", "to 1.36"),
        ("start prod-eu to 1.36.2", "“1.36.2” is not a Kubernetes version.", "to 1.36"),
        ("start prod-eu to 1.35 to 1.36", "to is there twice.", "start CLUSTER"),
        ("start prod-eu only addons", "“addons” is not a scope.", "Did you mean add-ons?"),
        ("start prod-eu nodes lazzy", "“lazzy” is not a node policy.", "Did you mean lazy?"),
        ("start <!channel>", "“<!channel>” cannot be the name of an EKS cluster.", "letters, digits"),
        ("start pröd", "“pröd” cannot be the name of an EKS cluster.", "letters, digits"),
        ("check \u202eprod", "“\\u202eprod” cannot be the name of an EKS cluster.", "letters, digits"),
        ("approve prod-eu", "To approve, use the button", "status"),
        ("pause", "Which run shall I pause?", "pause RUN|CLUSTER"),
        ("pause a b", "“b” is too much.", "pause RUN|CLUSTER"),
        ("status prod-eu now", "“now” is too much.", "status [RUN|CLUSTER]"),
        ("status <!channel>", "“<!channel>” is neither a run nor a cluster.", "status [RUN|CLUSTER]"),
        ("export", "Which run shall I export?", "export RUN|CLUSTER [FORMAT]"),
        ("export prod-eu pdf", "“pdf” is not a format.", "Allowed: json, md, csv, html."),
        ("export prod-eu md now", "“now” is too much.", "export RUN|CLUSTER [FORMAT]"),
        ("schedule", "Which cluster shall I schedule?", "schedule CLUSTER [to VERSION]"),
        ("schedule at tomorrow 22:00", "Which cluster shall I schedule?", "at TIME | in the next window"),
        ("schedule prod-eu 22:00", "I do not know “22:00” here.", "Did you mean at 22:00?"),
        ("schedule prod-eu friday 22:00", "I do not know “friday” here.", "Did you mean at friday?"),
        ("schedule prod-eu at", "Something is missing behind at.", "schedule CLUSTER"),
        ("schedule prod-eu at 10pm", "“10pm” is not a time.", "2026-11-24 22:00"),
        ("schedule prod-eu at fri", "“fri” is not a time.", "fri 22:00"),
        ("schedule prod-eu at fri evening", "“fri evening” is not a time.", "fri 22:00"),
        ("schedule prod-eu at 25:00", "No clock shows “25:00”.", "22:00"),
        ("schedule prod-eu at 2026-02-30 22:00", "“2026-02-30” is in no calendar.", "2026-11-24"),
        ("schedule prod-eu at 0001-01-01 22:00", "“0001-01-01” is in no calendar.", "2026-11-24"),
        ("schedule prod-eu at 22:00 Europe/Berln", "“Europe/Berln” is not a time zone.", "Did you mean Europe/Berlin?"),
        ("schedule prod-eu at 22:00 +19:00", "“+19:00” is not a time zone.", "+01:00"),
        ("schedule prod-eu at 22:00 ../../etc/passwd", "is not a time zone.", "+01:00"),
        ("schedule prod-eu at 22:00 at 23:00", "the start is there twice.", "schedule CLUSTER"),
        ("schedule prod-eu at 22:00 in the next window", "the start is there twice.", "schedule CLUSTER"),
        ("schedule prod-eu in windw", "I do not know “in windw”.", "Did you mean in the next window?"),
        ("start prod-eu at 22:00", "I do not know “at” here.", "start CLUSTER"),
        ("reschedule", "Which run shall I reschedule?", "reschedule RUN|CLUSTER"),
        ("reschedule r-1 at 22:00 UTC please", "“please” is too much.", "reschedule RUN|CLUSTER"),
        ("reschedule r-1 now now", "“now” is too much.", "reschedule RUN|CLUSTER"),
        ("reschedule r-1 22:00", "I do not know “22:00” here.", "Did you mean at 22:00?"),
        ("cancel", "Which run shall I cancel?", "cancel RUN|CLUSTER"),
        ("cancle prod-eu", "I do not know “cancle”.", "Did you mean cancel?"),
        ("calender", "I do not know “calender”.", "Did you mean calendar?"),
        ("calendar prod-eu", "“prod-eu” is too much.", "calendar"),
        ("break-glass prod-eu", "Why can it not wait for an approval?", "break-glass RUN|CLUSTER REASON"),
        ("lift prod-eu", "Which freeze shall I lift?", 'such as lift prod-eu "year end" agreed'),
        ("lift prod-eu sale", "Why shall “sale” be lifted?", "lift RUN|CLUSTER FREEZE REASON"),
        ('lift prod-eu "year end"', "Why shall “year end” be lifted?", "lift RUN|CLUSTER FREEZE REASON"),
        ("take over", "Which run shall I take over?", "take over RUN|CLUSTER"),
        ("mute prod-eu soon", "“soon” is no time to be quiet for.", "30m or 2h"),
        ("mute prod-eu 2h please", "“please” is too much.", "mute RUN|CLUSTER [LENGTH]"),
        ("note prod-eu", "What shall I note?", "note RUN|CLUSTER TEXT"),
        ("explain", "Which check shall I explain?", "explain CODE, such as explain PDB001"),
        ("explain <!channel>", "“<!channel>” is not the code of a check.", "PDB001"),
        ("explain PDB001 PDB002", "“PDB002” is too much.", "explain CODE"),
        ("preview", "Which run shall I preview?", "preview RUN|CLUSTER"),
        ("help strat", "I do not know “strat”.", "Did you mean start?"),
        ("help approve", "use the button under the run's message", "status"),
        ("help start now", "“now” is too much.", "help [WORD]"),
        ("history a b", "“b” is too much.", "history [CLUSTER]"),
        ("x" * (LONGEST_TEXT + 1), "That is 501 characters long", "start prod-eu to 1.36"),
        ("check " + "x" * 150, "cannot be the name of an EKS cluster", "account/region/name"),
    ],
)
def test_what_is_no_command_is_refused_with_the_word_and_the_way_out(text: str, message: str, hint: str) -> None:
    with pytest.raises(CommandUnclear) as refusal:
        parse(text)
    assert message in refusal.value.message
    assert hint in refusal.value.hint


def test_a_mention_in_a_thread_steers_the_run() -> None:
    assert parse_in_thread("<@U0BOT> pause") is Word.PAUSE
    assert parse_in_thread("  <@U0BOT>  RESUME ") is Word.RESUME
    assert parse_in_thread("<@U0BOT> take over") is parse_in_thread("<@U0BOT> take-over") is Word.TAKE_OVER
    assert parse_in_thread("<@U0BOT> mute 30m") == MuteCommand("", timedelta(minutes=30))
    assert parse_in_thread("<@U0BOT> note the disk of <@U0ADA> is full") == NoteCommand(
        "", "the disk of <@U0ADA> is full"
    )
    with pytest.raises(CommandUnclear, match="does not steer a run"):
        parse_in_thread("<@U0BOT> explode")
    with pytest.raises(CommandUnclear, match="with one word"):
        parse_in_thread("<@U0BOT> please pause this")
