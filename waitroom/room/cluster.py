"""A client of a Redis Cluster: redis-py's own, with what a waiting room needs changed.

A room lives on one node, and the rooms of other nodes must not feel that it is lost. redis-py
asks every node for a script to be loaded, refuses what exceeds its connections, asks a node that
hangs where the others are, and connects anew to all nodes for each error of one.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from redis._parsers import AsyncCommandsParser
from redis.asyncio import ConnectionPool
from redis.asyncio.client import PubSub
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import (
    ClusterDownError,
    ConnectionError,
    NoScriptError,
    RedisError,
    SlotNotCoveredError,
)

from waitroom.clock import monotonic_s

#: The map of the slots is read again at most this often, seconds; a moved slot is learned at once.
REREAD_S = 0.5


class NodeScript(AsyncScript):
    """A script that is loaded where its keys are."""

    async def __call__(
        self,
        keys: Sequence[Any] | None = None,
        args: Iterable[Any] | None = None,
        client: Any = None,
    ) -> Any:
        """Run the script; at least one key names the node."""
        client = client or self.registered_client
        given = [*(keys or ()), *(args or ())]
        try:
            return await client.evalsha(self.sha, len(keys or ()), *given)
        except NoScriptError:
            # Loading it on all nodes, as redis-py does, fails while one of them is lost.
            return await client.eval(self.script, len(keys or ()), *given)


class KeyFirst(AsyncCommandsParser):
    """Knows where the key of a command is: of all that we send, it is what comes first.

    redis-py asks a server for a table of all commands instead, each time it reads the map.
    """

    async def initialize(self, node: ClusterNode | None = None) -> None:
        """Ask nobody."""

    async def get_keys(self, *args: Any) -> tuple[Any, ...]:
        """Return the key of a command."""
        return args[1:2]


class Cluster(RedisCluster):
    """All nodes of a Cluster, each with its own limit of connections.

    Args:
        nodes: Host and port of some of them.
        ssl: Whether to speak TLS.
        max_connections: Most requests at once to one node; more wait their turn.
        patience_s: How long at most, seconds.
        options: What else a connection needs.
    """

    #: A node that hangs is not asked twice: a visitor's request should not wait twice as long.
    ERRORS_ALLOW_RETRY = (  # type: ignore[assignment]
        ConnectionError,
        ClusterDownError,
        SlotNotCoveredError,
    )

    def __init__(
        self,
        nodes: Sequence[tuple[str, int]],
        *,
        ssl: bool,
        max_connections: int,
        patience_s: float,
        options: dict[str, Any],
    ) -> None:
        super().__init__(
            startup_nodes=[ClusterNode(host, port) for host, port in nodes],
            # Once more: the first error may have come from a connection that was cut meanwhile.
            retry=Retry(NoBackoff(), 1),
            require_full_coverage=False,
            # A slot that moved is learned by itself; forgetting all would break what is under way.
            reinitialize_steps=0,
            # The turns are the limit; listeners and pipelines come on top.
            max_connections=2 * max_connections,
            ssl=ssl,
            **options,
        )
        self.commands_parser = KeyFirst()
        self._named = list(nodes)
        self._turns: dict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(max_connections)
        )
        self._patience_s = patience_s
        self._failed: str | None = None
        self._read_s = -REREAD_S

    async def initialize(
        self,
        additional_startup_nodes_info: list[tuple[str, int]] | None = None,
        last_failed_node_name: str | None = None,
    ) -> "Cluster":
        """Read the map of the slots if it is due, from the node that failed last only in need."""
        if self._initialize:
            known = self.nodes_manager.default_node is not None
            if known and monotonic_s() - self._read_s < REREAD_S:
                self._initialize = False
                return self
            # Those named are asked as well as those found: addresses of nodes change, names stay.
            for host, port in self._named:
                node = ClusterNode(host, port, **self.connection_kwargs)
                self.nodes_manager.startup_nodes.setdefault(node.name, node)
            await super().initialize(None, last_failed_node_name or self._failed)
            self._read_s = monotonic_s()
        return self

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        """Send a command to the node of its key, when it is its turn there."""
        # Without the map, redis-py would send the first command anywhere.
        await self.initialize()
        try:
            async with self._turn(args):
                return await super().execute_command(*args, **kwargs)
        except RedisError as e:
            self._failed = getattr(e, "last_failed_node_name", None) or self._failed
            raise

    @asynccontextmanager
    async def _turn(self, args: Sequence[Any]) -> AsyncIterator[None]:
        turns = self._turns_at(args)
        if turns is None:
            yield
            return
        try:
            async with asyncio.timeout(self._patience_s):
                await turns.acquire()
        except TimeoutError:
            raise ConnectionError("no connection is free") from None
        try:
            yield
        finally:
            turns.release()

    def _turns_at(self, args: Sequence[Any]) -> asyncio.Semaphore | None:
        where = 3 if args[0] in ("EVALSHA", "EVAL") else 1
        if self.nodes_manager.default_node is None or len(args) <= where:
            return None
        node = self.nodes_manager.slots_cache.get(self.keyslot(args[where]))
        return self._turns[node[0].name] if node else None

    def register_script(self, script: Any) -> NodeScript:  # type: ignore[override]
        """Return a way to run a script on the node of its keys."""
        return NodeScript(self, script)

    async def time_of(self, key: str) -> tuple[int, int]:
        """Return the clock of the node of a key, in seconds and microseconds."""
        await self.initialize()
        found: tuple[int, int] = await self.time(target_nodes=self.get_node_from_key(key))
        return found

    async def ping(self, **kwargs: Any) -> bool:
        """Return once one node answers.

        Raises:
            RedisError: If none does.
        """
        await self.initialize()
        error: Exception = ConnectionError("no node answers")
        # The one that failed last comes last.
        for node in self.get_primaries():
            try:
                return bool(await super().ping(target_nodes=node))
            except RedisError as e:
                error = e
        raise error

    def pubsub(self, **kwargs: Any) -> PubSub:  # type: ignore[override]
        """Return a subscriber at any node but the one that failed last: nodes pass on messages.

        It has a connection of its own: those of the nodes are made anew when the map is read.
        """
        known = self.nodes_manager.nodes_cache or self.nodes_manager.startup_nodes
        nodes = [node for node in known.values() if node.name != self._failed]
        node = random.choice(nodes or list(known.values()))
        pool = ConnectionPool(connection_class=node.connection_class, **node.connection_kwargs)
        return PubSub(pool, encoder=self.encoder, **kwargs)

    async def aclose(self) -> None:
        """Have the map of the slots read again.

        redis-py means to close everything here, whenever one node says that it is not ready;
        requests to the other nodes would break off.
        """
        self._initialize = True

    async def close_all(self) -> None:
        """Close all connections."""
        self._initialize = True
        await self.nodes_manager.aclose()
        await self.nodes_manager.aclose("startup_nodes")
