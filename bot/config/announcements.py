"""The words of announcements: their language, and texts of one's own."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from bot.config.values import Section
from handlers.views.wording import Language, Wording
from handlers.views.wording_check import mistakes

_ENDING = ".j2"


class AnnouncementSettings(Section):
    """The words of notices and of what is told under them. `preview` shows them before anybody else reads them."""

    language: Language = "en"
    """Of all texts that `templates` does not replace."""
    templates: Path | dict[str, str] = Field(default={}, union_mode="left_to_right")
    """Texts of your own in place of those that come with the bot: a mapping of Jinja templates by the name of the text,
    or a directory with a file `NAME.j2` for each. What they may say: see below."""

    @property
    def wording(self) -> Wording:
        return Wording(self.language, self._texts())

    @property
    def mistakes(self) -> list[str]:
        """A line for each text that cannot be used."""
        try:
            return [f"templates.{line}" for line in mistakes(self.language, self._texts())]
        except UnicodeDecodeError:
            return [f"templates: {self.templates}: a file is not UTF-8 text"]
        except OSError as error:
            return [f"templates: {error.filename}: {error.strerror}"]

    def _texts(self) -> dict[str, str]:
        if not isinstance(self.templates, Path):
            return self.templates
        files = sorted(one for one in self.templates.iterdir() if one.name.endswith(_ENDING))
        return {one.name.removesuffix(_ENDING): one.read_text("utf-8") for one in files}
