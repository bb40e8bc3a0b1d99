"""Files on their way in and those that have arrived."""

import secrets
from dataclasses import dataclass

from sandbox.slack.errors import SlackError
from sandbox.slack.schema import Json


@dataclass
class Upload:
    key: str
    file_id: str
    filename: str
    length: int
    content: bytes | None = None
    title: str = ""
    alt: str = ""
    finished: bool = False


class Uploads:
    """Uploads by file id; each has its own secret address until the bytes have come."""

    def __init__(self) -> None:
        self._uploads: dict[str, Upload] = {}

    def begin(self, file_id: str, filename: str, length: int, alt: str = "") -> Upload:
        upload = Upload(secrets.token_urlsafe(18), file_id, filename, length, alt=alt)
        self._uploads[file_id] = upload
        return upload

    def receive(self, key: str, content: bytes) -> bool:
        """Take the bytes; False if nobody asked for them or the length is not the one that was announced."""
        for upload in self._uploads.values():
            if secrets.compare_digest(upload.key, key):
                if len(content) != upload.length:
                    return False
                upload.content = content
                return True
        return False

    def finish(self, file_id: str, title: str | None) -> Json:
        """
        Raises:
            SlackError: file_not_found, or file_update_failed when the bytes never came.
        """
        upload = self._find(file_id)
        if upload.content is None:
            raise SlackError("file_update_failed")
        upload.title, upload.finished = title or upload.filename, True
        return self.info(file_id)

    def info(self, file_id: str) -> Json:
        upload = self._find(file_id)
        told = {"id": file_id, "name": upload.filename, "title": upload.title, "size": upload.length, "mode": "hosted"}
        return told | ({"alt_txt": upload.alt} if upload.alt else {})

    def finished(self, file_id: str) -> Upload:
        """
        Raises:
            SlackError: file_not_found, also while it is not finished.
        """
        upload = self._find(file_id)
        if not upload.finished:
            raise SlackError("file_not_found")
        return upload

    def content(self, file_id: str) -> bytes:
        return self._find(file_id).content or b""

    def _find(self, file_id: str) -> Upload:
        upload = self._uploads.get(file_id)
        if upload is None:
            raise SlackError("file_not_found")
        return upload
