"""How nginx and Caddy are started with the examples, some of their lines changed."""

import os
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import EDGE_TOKEN
from tests.examples.helpers import (
    HOST,
    Origin,
    Site,
    as_nobody,
    filled_in,
    find_server,
    served,
)
from waitroom.room import Directory, Room

Open = Callable[..., Awaitable[Site]]

MAIN = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include site.conf;
}}
"""


@dataclass
class Behind:
    """What a proxy stands in front of."""

    folder: Path
    run: Callable[..., subprocess.Popen[bytes]]
    port: int
    service: subprocess.Popen[bytes]
    service_port: int
    origin: Origin
    room: Room
    directory: Directory

    async def nginx(self, changes: dict[str, str] | None = None, token: str = EDGE_TOKEN) -> Site:
        """Start nginx as the example says.

        Args:
            changes: Further changes of `nginx.conf`, see `filled_in`.
            token: What it shows the check.
        """
        site = filled_in(
            "nginx.conf",
            {
                "127.0.0.1:8000": f"127.0.0.1:{self.service_port}",
                "127.0.0.1:3000": f"127.0.0.1:{self.origin.port}",
                "listen 8080 ": f"listen 127.0.0.1:{self.port} ",
                "listen 8080;": f"listen 127.0.0.1:{self.port};",
                # For the library that opens WebSockets.
                "server_name shop.example;": f"server_name {HOST} 127.0.0.1;",
                **(changes or {}),
            },
        )
        (self.folder / "site.conf").write_text(site)
        line = f'proxy_set_header Waitroom-Edge-Token "{token}";\n'
        (self.folder / "waitroom-token.conf").write_text(line)
        config = self.folder / "nginx.conf"
        config.write_text(MAIN.format(folder=self.folder))
        command = (find_server("nginx"), "-p", str(self.folder), "-e", "stderr", "-c", str(config))
        return await self._serve(*command)

    async def caddy(self) -> Site:
        """Start Caddy as the example says."""
        # The administration's port is one for the whole machine.
        text = "{\n\tadmin off\n}\n" + filled_in("Caddyfile", {})
        (self.folder / "Caddyfile").write_text(text)
        environment = os.environ | {
            "HOME": str(self.folder),
            "XDG_DATA_HOME": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder),
            "SITE": f"http://{HOST}:{self.port}, http://127.0.0.1:{self.port}",
            "ORIGIN": f"127.0.0.1:{self.origin.port}",
            "WAITROOM": f"127.0.0.1:{self.service_port}",
            "WAITROOM_EDGE_TOKEN": EDGE_TOKEN,
        }
        command = (find_server("caddy"), "run", "--config", "Caddyfile", "--adapter", "caddyfile")
        return await self._serve(*command, env=environment)

    async def _serve(self, *command: str, env: dict[str, str] | None = None) -> Site:
        await served(self.port, self.run(*command, env=env, **as_nobody()))
        return Site(self.port, self.origin, self.room, self.directory, self.service)
