"""A Hub on loopback that speaks as much of the real one's protocol as fetching and sending a model takes."""

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote

from hub_uploads import Uploads


class StandInHub:
    """Repositories with their commits. A branch is moved by `push`; old commits stay."""

    def __init__(self, root: Path) -> None:
        self.root, self.endpoint = root, ""
        self.refs: dict[str, dict[str, str]] = {}
        self.gated: set[str] = set()
        self.is_down = False
        self.requests: list[str] = []
        self.uploads = Uploads(root / "uploads")

    def push(self, repo: str, folder: Path, branch: str = "main") -> str:
        """Make a copy of the folder the newest commit of a branch; returns the commit."""
        commit = hashlib.sha1(f"{repo} {sorted(self.refs.get(repo, {}).items())} {branch}".encode()).hexdigest()
        shutil.copytree(folder, self.root / repo / commit)
        self.refs.setdefault(repo, {})[branch] = commit
        return commit

    def commit(self, repo: str, revision: str) -> str | None:
        """The commit of a branch, or the commit itself."""
        found = self.refs[repo].get(revision, revision)
        return found if (self.root / repo / found).is_dir() else None


class _Handler(BaseHTTPRequestHandler):
    hub: StandInHub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.hub.requests.append(self.path)
        if self.hub.is_down:
            self.answer(503, b"")
            return
        parts = unquote(self.path.partition("?")[0]).strip("/").split("/")
        if parts[0] == "datasets":
            parts = parts[1:]
        if parts[:2] in (["api", "models"], ["api", "datasets"]):
            self.answer_api("/".join(parts[2:4]), parts[4:])
        else:
            self.answer_file("/".join(parts[:2]), parts[3], "/".join(parts[4:]))

    do_HEAD = do_GET

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        path, uploads = unquote(self.path.partition("?")[0]).strip("/"), self.hub.uploads
        self.hub.requests.append(self.path)
        if path == "api/validate-yaml":
            self.answer_json({"errors": [], "warnings": []})
        elif uploads.is_refused(self.headers["Authorization"]):
            self.answer(401, b"{}")
        elif path == "api/repos/create":
            status, answer = uploads.create(json.loads(content))
            self.answer(status, json.dumps(answer).encode(), {"Content-Type": "application/json"})
        elif "/preupload/" in path:
            self.answer_json(uploads.modes(json.loads(content)))
        elif path.endswith("info/lfs/objects/batch"):
            self.answer_json(uploads.batch(json.loads(content), self.hub.endpoint))
        else:
            self.commit("/".join(path.split("/")[2:4]), content)

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.hub.uploads.put(self.path.rpartition("/")[2], content):
            self.answer(200, b"")
        else:
            self.close_connection = True
            self.connection.close()

    def commit(self, repo: str, lines: bytes) -> None:
        last = self.hub.commit(repo, "main") if repo in self.hub.refs else None
        before = self.hub.root / repo / last if last else None
        commit = self.hub.push(repo, self.hub.uploads.commit(lines, before, self.hub.root / "staged"))
        self.answer_json({"commitUrl": f"{self.hub.endpoint}/{repo}/commit/{commit}", "commitOid": commit})

    def answer_api(self, repo: str, rest: list[str]) -> None:
        if not rest and repo in self.hub.uploads.private and repo not in self.hub.refs:  # made, and empty so far
            self.answer_json({"_id": "1", "id": repo, "modelId": repo, "private": self.hub.uploads.private[repo]})
            return
        if repo not in self.hub.refs:
            self.refuse(404, "RepoNotFound")
            return
        commit = self.hub.commit(repo, "/".join(rest[1:]) or "main")
        if commit is None:
            self.refuse(404, "RevisionNotFound")
            return
        folder = self.hub.root / repo / commit
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        if rest[:1] == ["tree"]:
            names = [(str(path.relative_to(folder)), path.read_bytes()) for path in files]
            self.answer_json([self.tree_entry(name, content) for name, content in names])
            return
        siblings = [{"rfilename": str(path.relative_to(folder))} for path in files]
        self.answer_json({"_id": "1", "id": repo, "modelId": repo, "sha": commit, "siblings": siblings,
                          "private": self.hub.uploads.private.get(repo, False)})  # fmt: skip

    @staticmethod
    def tree_entry(name: str, content: bytes) -> dict[str, Any]:
        return {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}

    def answer_file(self, repo: str, revision: str, name: str) -> None:
        if repo not in self.hub.refs:
            self.refuse(404, "RepoNotFound")
            return
        if repo in self.hub.gated:
            self.refuse(403, "GatedRepo")
            return
        commit = self.hub.commit(repo, revision)
        path = self.hub.root / repo / str(commit) / name
        if not path.is_file():
            self.refuse(404, "EntryNotFound" if commit else "RevisionNotFound")
            return
        content = path.read_bytes()
        etag = hashlib.sha1(content).hexdigest()
        self.answer(200, content, {"ETag": f'"{etag}"', "X-Repo-Commit": str(commit)})

    def refuse(self, status: int, code: str) -> None:
        self.answer(status, b"{}", {"X-Error-Code": code})

    def answer_json(self, content: Any) -> None:
        self.answer(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(hub: StandInHub) -> Iterator[StandInHub]:
    """Serve the hub at `hub.endpoint` while the block lasts."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def connected(folder: Path) -> Iterator[StandInHub]:
    """A stand-in Hub that this process asks instead of the real one, with an empty cache; both lie in `folder`."""
    from huggingface_hub import constants

    from haloforge.models import forget_fetched

    forget_fetched()
    with (
        serving(StandInHub(folder / "hub")) as hub,
        patch.multiple(
            constants,
            ENDPOINT=hub.endpoint,
            HUGGINGFACE_CO_URL_TEMPLATE=hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}",
            HF_HUB_CACHE=str(folder / "cache"),
            HF_HUB_OFFLINE=False,
            HF_HUB_DISABLE_XET=True,
        ),
    ):
        yield hub
    forget_fetched()
