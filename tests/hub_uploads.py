"""What the stand-in Hub understands of uploads: making repositories, large files, commits."""

import base64
import hashlib
import json
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SMALL = 1000
"""Files of more bytes than these go to the large file storage, as on the real Hub the binary and the long ones."""


@dataclass
class Uploads:
    """What was sent so far: large files by SHA-256, and which repositories are private.

    After `breaks_after` large files every other one is refused by a broken connection, and `is_broken` is set.
    """

    root: Path
    token: str = "hf_stand_in_secret"
    private: dict[str, bool] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    breaks_after: int | None = None
    is_broken: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def is_refused(self, authorization: str | None) -> bool:
        """Whether this token may not write."""
        return authorization != f"Bearer {self.token}"

    def create(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Make a repository; 409 where it is there, as the client expects for `exist_ok`."""
        repo = f"{asked.get('organization') or 'me'}/{asked['name']}"
        answer = {"url": f"https://huggingface.co/{repo}", "id": repo, "name": repo}
        if repo in self.private:
            return 409, answer
        self.private[repo] = asked.get("visibility", "public") == "private" or bool(asked.get("private"))
        return 200, answer

    def modes(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Which files go where."""
        return {
            "files": [
                {"path": f["path"], "uploadMode": "lfs" if f["size"] > SMALL else "regular", "shouldIgnore": False}
                for f in asked["files"]
            ]
        }

    def batch(self, asked: dict[str, Any], endpoint: str) -> dict[str, Any]:
        """Where to put large files; no address for those that are here already."""
        objects = []
        for each in asked["objects"]:
            known = {"oid": each["oid"], "size": each["size"]}
            if not self.large(each["oid"]).is_file():
                known |= {"actions": {"upload": {"href": f"{endpoint}/lfs-put/{each['oid']}"}}}
            objects.append(known)
        return {"transfer": "basic", "objects": objects}

    def put(self, oid: str, content: bytes) -> bool:
        """Keep a large file; False where the connection breaks instead."""
        assert hashlib.sha256(content).hexdigest() == oid
        with self.lock:
            if self.breaks_after is not None and len(self.sent) >= self.breaks_after:
                self.is_broken.set()
                return False
            self.large(oid).parent.mkdir(parents=True, exist_ok=True)
            self.large(oid).write_bytes(content)
            self.sent.append(oid)
            return True

    def large(self, oid: str) -> Path:
        """Where a large file is kept."""
        return self.root / "large" / oid

    def commit(self, lines: bytes, before: Path | None, place: Path) -> Path:
        """The files after a commit, as a folder."""
        if place.exists():
            shutil.rmtree(place)
        if before:
            shutil.copytree(before, place)
        place.mkdir(parents=True, exist_ok=True)
        for line in map(json.loads, lines.splitlines()):
            value = line["value"]
            target = place / str(value.get("path", ""))
            if line["key"] == "file":
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(base64.b64decode(value["content"]))
            elif line["key"] == "lfsFile":
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.large(value["oid"]), target)
        return place
