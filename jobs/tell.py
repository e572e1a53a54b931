#!/usr/bin/env python3
"""Tells somebody how a run of batchcls ended: by mail, by ntfy or by a webhook.

For `--on-end`, which gives it the summary as JSON; it needs nothing but Python::

    batchcls run photos --on-end 'python3 jobs/tell.py ntfy https://ntfy.sh/a-topic-nobody-guesses'
    batchcls run photos --on-end 'python3 jobs/tell.py mail me@example.org --smtp localhost:25'
    batchcls run photos --on-end 'python3 jobs/tell.py webhook https://hooks.example.org/services/T0'

A webhook gets the whole summary, with the message as "text" (Slack, Mattermost) and "content"
(Discord).
"""

import argparse
import json
import smtplib
import sys
import urllib.request
from email.message import EmailMessage
from typing import Any

TIMEOUT_S = 20.0


def main() -> None:
    """Tell whom the command line names."""
    parser = argparse.ArgumentParser(description="Tell somebody how a run of batchcls ended.")
    parser.add_argument("how", choices=("mail", "ntfy", "webhook"))
    parser.add_argument("whom", help="a mail address, or a URL")
    parser.add_argument("--smtp", default="localhost:25", help="mail server [localhost:25]")
    asked = parser.parse_args()
    summary = json.load(sys.stdin)
    title, text = message(summary)
    match asked.how:
        case "mail":
            mail(asked.whom, asked.smtp, title, text)
        case "ntfy":
            server, _, topic = asked.whom.rstrip("/").rpartition("/")
            priority = 3 if summary["exit_code"] == 0 else 4
            post(server, {"topic": topic, "title": title, "message": text, "priority": priority})
        case "webhook":
            said = f"{title}\n{text}"
            post(asked.whom, {**summary, "text": said, "content": said})


def message(summary: dict[str, Any]) -> tuple[str, str]:
    """A title and a few lines for people."""
    code = summary["exit_code"]
    how = {0: "complete", 3: "complete, but too many images failed"}.get(code, summary["state"])
    lines = [
        summary["results"],
        f"{summary['done']:,} of {summary['total']:,} images, {summary['failed']:,} failed",
        *(f"{count:,} {kind}" for kind, count in summary["failed_by_kind"].items()),
        summary["reason"],
        f"exit code {code}",
    ]
    return f"batchcls: {how}", "\n".join(line for line in lines if line)


def mail(address: str, server: str, title: str, text: str) -> None:
    """Send a message by SMTP."""
    letter = EmailMessage()
    letter["From"] = letter["To"] = address
    letter["Subject"] = title
    letter.set_content(text)
    host, _, port = server.rpartition(":")
    with smtplib.SMTP(host, int(port), timeout=TIMEOUT_S) as connection:
        connection.send_message(letter)


def post(url: str, data: dict[str, Any]) -> None:
    """Send JSON by HTTP."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(data).encode(), headers)
    urllib.request.urlopen(request, timeout=TIMEOUT_S).close()


if __name__ == "__main__":
    main()
