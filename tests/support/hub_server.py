"""A Hugging Face hub on this machine: answers as the hub does, and nothing else is asked."""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

COMMIT, OTHER = "a" * 40, "b" * 40

fetching = pytest.mark.skipif(
    importlib.util.find_spec("huggingface_hub") is None, reason="needs huggingface_hub"
)


class Hub(ThreadingHTTPServer):
    """Answers as the hub does: a model's files, and the bytes of each."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.repositories: dict[tuple[str, str], dict[str, bytes]] = {}
        self.revisions: dict[str, str] = {"main": COMMIT, COMMIT: COMMIT, "v2": OTHER, OTHER: OTHER}
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


def oid(data: bytes) -> str:
    """A blob's id, as git counts it."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Answers(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append(f"{self.command} {path}")
        parts = path.strip("/").split("/")
        if parts[0] == "datasets":
            parts = parts[1:]
        if parts[0] == "api":
            name = "/".join(parts[2:4])
            revision = unquote(parts[5]) if len(parts) > 5 else "main"
            files = self.files(name, revision)
            if files is None:
                return None
            commit = self.server.revisions[revision]
            if parts[4:5] == ["tree"]:
                tree = [
                    {"type": "file", "path": file, "size": len(data), "oid": oid(data)}
                    for file, data in files.items()
                ]
                return self.send(200, json.dumps(tree).encode(), body)
            siblings = [{"rfilename": file} for file in files]
            data = {"id": name, "modelId": name, "sha": commit, "siblings": siblings}
            return self.send(200, json.dumps(data).encode(), body)
        name, revision, file = "/".join(parts[:2]), parts[3], "/".join(parts[4:])
        files = self.files(name, revision)
        if files is None:
            return None
        if file not in files:
            return self.send(404, b"", body, {"X-Error-Code": "EntryNotFound"})
        told = {"ETag": f'"{oid(files[file])}"', "X-Repo-Commit": self.server.revisions[revision]}
        return self.send(200, files[file], body, told)

    def files(self, name: str, revision: str) -> dict[str, bytes] | None:
        commit = self.server.revisions.get(revision)
        known = {repository for repository, _ in self.server.repositories}
        if name in known and commit is not None:
            return self.server.repositories[name, commit]
        code = "RevisionNotFound" if name in known else "RepoNotFound"
        self.send(404, b"{}", True, {"X-Error-Code": code})
        return None

    def send(
        self, status: int, data: bytes, body: bool, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)


@contextmanager
def hub_server() -> Iterator[Hub]:
    """A hub without repositories, while it is needed."""
    with Hub() as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def environment(server: Hub | None, tmp_path: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    endpoint = server.url if server else "http://127.0.0.1:9"  # nobody listens at discard
    return {
        **kept,
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        **more,
    }


def batchcls(*words: str, env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "batchcls", *words], env=env, cwd=cwd, capture_output=True, text=True
    )
