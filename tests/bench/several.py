"""Many clients at once, on two server processes and one PostgreSQL: requests a second, and nothing done twice or lost.

``python tests/bench/several.py [--seconds 60] [--clients 200] [--processes 2]``: starts a cluster and the servers, has
each client write as fast as it is answered, to a process by chance, and compares what the clients were told with what
is in the database. Some answers are not waited for, some writes are sent to two processes at once, some proofs twice.
Ends with status 1 if anything was done twice, was lost, or was answered by 5xx.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import ssl
import sys
import tempfile
import time
import uuid
from base64 import b64encode
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]  # it is run as a script

from support import postgresql  # noqa: E402 - the path is set above
from support.quick_client import Answer, Connection, Device  # noqa: E402 - the path is set above
from support.server_process import FRONT, Servers  # noqa: E402 - the path is set above

from rocketvpn_sdk.policy import bundled_policy  # noqa: E402 - the path is set above

TRIES = 200
LANGUAGES = ("de", "en", "fr", "it", "nl", "pl", "pt", "sv")


class Cost(NamedTuple):
    """Seconds: by the clock, and of processors, once every client was bound."""

    took: float
    clients: float
    servers: float


class Client:
    """One device that writes until the end, and what it was told."""

    def __init__(self, device: Device, order: str, seed: int) -> None:
        self.device, self.order = device, order
        self.answers: Counter[int] = Counter()
        self.requests: set[str] = set()
        self.consent = self.tunnel = self.language = ""
        self.problems: list[str] = []
        self.writes = 0
        self._random = random.Random(seed)
        self._policy = bundled_policy().with_hosts("operator", ("localhost",))

    async def run(self, end: float) -> None:
        writes = (self._put_consent, self._put_consent, self._new_tunnel, self._ask, self._correct)
        while time.monotonic() < end:
            await self._random.choice(writes)()
            self.writes += 1

    # ------------------------------------------------------------ the writes

    async def _put_consent(self) -> None:
        record = str(uuid.uuid4())
        body = {
            "record_id": record,
            "state": "withdrawn",
            "policy_version": self._policy.version,
            "policy_sha256": self._policy.sha256,
            "at": datetime.now(UTC).isoformat(),
        }
        await self._write("PUT", "/v1/consents/diagnostics", body, 200)
        self.consent = record

    async def _new_tunnel(self) -> None:
        key = b64encode(self._random.randbytes(32)).decode()
        await self._write("POST", "/v1/tunnels", {"public_key": key}, 201)
        self.tunnel = key

    async def _ask(self) -> None:
        body = {"exercise": "access", "scope": "account"}
        answer = await self._write("POST", "/v1/data-rights-requests", body, 201)
        self.requests.add(str(answer.json().get("request_id")))

    async def _correct(self) -> None:
        language = self._random.choice(LANGUAGES)
        here = self._random.randrange(len(self.device.connections))
        tag = (await self.device.call(here, "GET", "/v1/data")).headers["etag"]
        headers = {"Content-Type": "application/merge-patch+json", "If-Match": tag}
        await self._write("PATCH", "/v1/data", {"language": language}, 200, headers)
        self.language = language

    async def _write(
        self, method: str, path: str, body: dict[str, Any], wanted: int, headers: dict[str, str] | None = None
    ) -> Answer:
        """Repeat the write, always with the same key, until it is answered; return that answer."""
        raw = json.dumps(body).encode()
        sent = {"Content-Type": "application/json", "Idempotency-Key": f'"{uuid.uuid4()}"'} | (headers or {})
        for _ in range(TRIES):
            try:
                answer = await self._try(method, path, raw, sent)
            except ConnectionError:  # the server closes what was idle for five seconds
                self.answers[0] += 1
                answer = None
            if answer is None or answer.status == 409:
                await asyncio.sleep(0.01)  # lost on purpose, or the other process works on it
                continue
            if answer.status != wanted:
                self.problems.append(f"{method} {path}: {answer.status} {answer.body[:300]!r}")
            return answer
        raise AssertionError(f"{method} {path} was never answered")

    async def _try(self, method: str, path: str, raw: bytes, sent: dict[str, str]) -> Answer | None:
        here, chance = self._random.randrange(len(self.device.connections)), self._random.random()
        connection = self.device.connections[here]
        request = self.device.request(method, path, raw, sent)
        if chance < 0.02:  # the answer gets lost
            await connection.send(request)
            await asyncio.sleep(0.005)
            connection.close()
            return None
        if chance < 0.06:  # the same write at two processes, each with a proof of its own
            other = self.device.connections[here - 1].ask(self.device.request(method, path, raw, sent))
            asked = await asyncio.gather(connection.ask(request), other, return_exceptions=True)
            both = [self._count(each) for each in asked if isinstance(each, Answer)]
            return next((each for each in both if each.status not in (401, 409)), None)
        answer = self._count(await connection.ask(request))
        if self.device.learn(answer):
            return None
        if chance < 0.08:  # the very same request, proof included
            again = self._count(await self.device.connections[here - 1].ask(request))
            if again.status != 401:
                self.problems.append(f"a proof was taken twice: {again.status}")
        return answer

    def _count(self, answer: Answer) -> Answer:
        self.answers[answer.status] += 1
        if answer.status >= 500:
            self.problems.append(f"{answer.status} {answer.body[:300]!r}")
        return answer

    # ------------------------------------------------------------ what the database says

    def compare(self, rows: dict[str, list[dict[str, Any]]]) -> list[str]:
        """Return what differs from what the client was told."""
        row = next(each for each in rows["devices"] if each["order_number"] == self.order)
        order = next(each for each in rows["orders"] if each["number"] == self.order)
        mine = {
            "requests": ({each["id"] for each in rows["rights_requests"] if each["asked_by"] == row["row_id"]}),
            "consent": next(
                (each["record_id"] for each in rows["consents"] if each["device_row"] == row["row_id"]), ""
            ),
            "tunnel": next((each["public_key"] for each in rows["tunnels"] if each["device_row"] == row["row_id"]), ""),
            "language": order["language"] or "",
        }
        told = {name: getattr(self, name) for name in mine}
        return [
            f"{self.order}: {name}: told {told[name]}, held {mine[name]}" for name in mine if told[name] != mine[name]
        ]


async def drive(servers: Servers, count: int, seconds: float, seed: int) -> tuple[list[Client], Cost]:
    """Run the clients; return them, and what it took."""
    orders = servers.tell(0, "orders", count)
    context = ssl.create_default_context(cafile=str(servers.folder / "ca.pem"))
    ports = [int(url.rpartition(":")[2]) for url in servers.urls]
    base = f"https://localhost:{FRONT}"
    clients = [
        Client(Device(base, [Connection(port, context) for port in ports]), order, seed + number)
        for number, order in enumerate(orders)
    ]
    for client in clients:
        await client.device.bind(client.order)
    before = [servers.tell(number, "spent") for number in range(len(ports))]
    begun, own = time.monotonic(), time.process_time()
    await asyncio.gather(*(client.run(begun + seconds) for client in clients))
    took, own = time.monotonic() - begun, time.process_time() - own
    spent = sum(servers.tell(number, "spent") for number in range(len(ports))) - sum(before)
    for client in clients:
        for connection in client.device.connections:
            connection.close()
    return clients, Cost(took, own, spent)


def judge(clients: list[Client], folder: Path, name: str) -> list[str]:
    """Return everything that went wrong, by the clients' own account and by the database."""
    with postgresql.connect(folder, name) as db:
        tables = ("orders", "devices", "rights_requests", "consents", "tunnels", "idempotency")
        rows = {table: db.execute(f"SELECT * FROM {table}").fetchall() for table in tables}  # type: ignore[call-overload]  # psycopg wants a literal
    wrong = [problem for client in clients for problem in (*client.problems, *client.compare(rows))]
    if left := [row for row in rows["idempotency"] if row["status"] is None]:
        wrong.append(f"{len(left)} claims are left")
    addresses = Counter(row["address"] for row in rows["tunnels"])
    return wrong + [f"{address} was given out {times} times" for address, times in addresses.items() if times > 1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, postgresql.Cluster(durable=True) as cluster:
        url = cluster.database("several")
        with Servers(Path(folder) / "server", url, given.processes) as servers:
            load = os.getloadavg()[0]
            clients, cost = asyncio.run(drive(servers, given.clients, given.seconds, given.seed))
            log = servers.log
        wrong = judge(clients, cluster.folder, "several")
    answers = sum((client.answers for client in clients), Counter[int]())
    writes = sum(client.writes for client in clients)
    sys.stdout.write(
        f"{given.clients} clients, {given.processes} processes, {cost.took:.1f} s: "
        f"{writes} writes, {writes / cost.took:.0f} a second\n"
        f"answers {dict(sorted(answers.items()))}; load before {load:.1f}, after {os.getloadavg()[0]:.1f}\n"
    )
    each = ", ".join(f"{name} {1000 * getattr(cost, name) / max(1, writes):.1f} ms" for name in ("clients", "servers"))
    sys.stdout.write(f"processor time for a write: {each}, and PostgreSQL's\n")
    for problem in (wrong + log.splitlines())[:20]:
        sys.stdout.write(f"WRONG: {problem}\n")
    return 1 if wrong or log else 0


if __name__ == "__main__":
    sys.exit(main())
