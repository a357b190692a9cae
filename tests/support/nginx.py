"""A throw-away nginx in front of a sandbox: its own configuration, prefix and port on loopback, gone with the block."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.sandbox.certificates import load_ca

PATH = "/usr/sbin/nginx"

_CONFIGURATION = """
daemon off;
user {user};
pid {prefix}/pid;
error_log stderr notice;
worker_processes 2;
events {{ worker_connections 64; }}
http {{
  access_log {prefix}/access.log;
  client_body_temp_path {prefix}/body;
  proxy_temp_path {prefix}/proxy;
  fastcgi_temp_path {prefix}/fastcgi;
  uwsgi_temp_path {prefix}/uwsgi;
  scgi_temp_path {prefix}/scgi;

  gzip on;
  gzip_types *;
  gzip_proxied any;
  gzip_min_length 1;

  # Less than the sandbox keeps a connection open for, so that no request meets one that is being closed.
  upstream sandbox {{ server 127.0.0.1:{behind}; keepalive 4; keepalive_timeout 2s; }}

  server {{
    listen 127.0.0.1:{port} ssl http2;
    ssl_certificate {prefix}/front.pem;
    ssl_certificate_key {prefix}/front.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    client_body_buffer_size 1k;
    client_max_body_size 1m;

    location / {{
      proxy_pass https://sandbox;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host:$server_port;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_buffering on;
      proxy_request_buffering on;
      proxy_ssl_protocols TLSv1.3;
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate {ca};
      proxy_ssl_name localhost;
      proxy_ssl_server_name on;
    }}
  }}
}}
"""


class Nginx:
    """nginx at ``port``, speaking TLS with the sandbox's CA to clients, and TLS to the sandbox, which it verifies."""

    def __init__(self, sandbox: Sandbox, port: int, prefix: Path) -> None:
        prefix.mkdir()
        self.prefix = prefix
        pem = load_ca(sandbox.folder).issue_cert("localhost").private_key_and_cert_chain_pem
        (prefix / "front.pem").write_bytes(pem.bytes())
        configuration = _CONFIGURATION.format(
            prefix=prefix,
            port=port,
            behind=sandbox.local_url.rpartition(":")[2],
            ca=sandbox.ca_file,
            user=pwd.getpwuid(os.geteuid()).pw_name,
        )
        (prefix / "nginx.conf").write_text(configuration)
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        command = [PATH, "-p", str(self.prefix), "-e", "stderr", "-c", "nginx.conf"]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr
        told = ""
        for line in self._process.stderr:
            told += line
            if "start worker process " in line:  # it listens since before
                return self
        self.__exit__(None, None, None)
        raise RuntimeError(f"nginx did not start: {told}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process
        self._process.terminate()
        self._process.communicate(timeout=30)


def missing() -> str:
    """Return why there is no nginx, or an empty text."""
    return "" if shutil.which(PATH) else f"{PATH} is not there (Debian: apt-get install nginx-light)"
