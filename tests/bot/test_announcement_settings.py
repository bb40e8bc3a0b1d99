"""The words of announcements in the settings: read, tried at once, and used."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.config import ConfigurationWrong, Settings, load_settings
from sandbox.slack import SlackFace
from tests.bot.conftest import Story, notifier_of
from tests.bot.test_notices import START, announce, delivered, notices_in
from tests.handlers import samples
from upgrade.events import EventKind
from upgrade.run import RunStatus


def settings_with(tmp_path: Path, **announcements: Any) -> Settings:
    path = tmp_path / "bot.yaml"
    path.write_text(yaml.safe_dump({"announcements": announcements}, allow_unicode=True, sort_keys=False))
    return load_settings(path)


def lines_of(tmp_path: Path, **announcements: Any) -> list[str]:
    with pytest.raises(ConfigurationWrong) as wrong:
        settings_with(tmp_path, **announcements)
    return list(wrong.value.lines)


def test_texts_come_from_a_mapping_or_a_directory(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "contact.j2").write_text("Ask {{ owner }} ☎", "utf-8")
    (folder / "README.md").write_text("not a text")
    told = settings_with(tmp_path, templates={"contact": "Ask {{ owner }} ☎"}).announcements
    assert settings_with(tmp_path, templates=str(folder)).announcements._texts() == told._texts() == told.templates
    assert settings_with(tmp_path).announcements.language == "en"


def test_what_is_wrong_is_told_a_line_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lines_of(tmp_path, templates={"titel": "x", "title": "{{ clustr }}", "contact": "{% if %}"}) == [
        "announcements.templates.titel: there is no such text; did you mean title?",
        "announcements.templates.title: unknown variable clustr; did you mean cluster?",
        "announcements.templates.contact: line 1: Expected an expression, got 'end of statement block'",
    ]
    (line,) = lines_of(tmp_path, templates=str(tmp_path / "nowhere"))
    assert line.startswith("announcements.templates: ")
    assert line.endswith("nowhere: No such file or directory")
    (tmp_path / "title.j2").write_bytes(b"\xff")
    (line,) = lines_of(tmp_path, templates=str(tmp_path))
    assert line.endswith("a file is not UTF-8 text")
    assert "announcements.language: " in lines_of(tmp_path, language="fr")[0]
    assert lines_of(tmp_path, langauge="en") == ["announcements.langauge: unknown key; did you mean language?"]
    monkeypatch.setenv("EKS_UPGRADE_BOT_ANNOUNCEMENTS__TEMPLATES", '{"title": "{{ oops }}"}')
    assert lines_of(tmp_path)[0].startswith("announcements.templates.title: unknown variable oops")


def test_everybody_reads_the_words_of_the_settings(tmp_path: Path, face: SlackFace, story: Story) -> None:
    words = settings_with(tmp_path, language="zh-CN", templates={"alerts": "告警：{{ cluster }}"}).announcements
    notifier = notifier_of(face, story, wording=words.wording)
    announce(story)
    delivered(notifier, story)
    moved = START + timedelta(days=1)
    story.tell(EventKind.RUN_RESCHEDULED, start_at=moved, data={"start_at": moved.isoformat()})
    notifier.deliver_once()
    (notice,) = notices_in(face)
    assert notice.text.startswith("维护：prod-eu，Kubernetes 1.34 → 1.36")
    assert "告警：prod-eu" in json.dumps(notice.blocks, ensure_ascii=False)
    told = [one.text for one in face.workspace.thread(notice.channel, notice.ts)][1:]
    assert [text.split("：")[0] for text in told] == ["🕒 时间变更"]
    story.tell(EventKind.RUN_ABORTED, status=RunStatus.ABORTED, finished_at=samples.NOW)
    preview = notifier.preview(story.run(story.id))
    assert "已取消" in preview.text
    assert len(notices_in(face)) == 1
