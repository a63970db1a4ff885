"""nginx as a plain reverse proxy that swaps the key: what every figure is a ratio to."""

import atexit
import subprocess
import sys
import time
from pathlib import Path

import processes
from grants import KEY

CONFIGURATION = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  upstream provider {{ server {upstream}; keepalive 64; keepalive_requests 1000000; }}
  upstream stamper {{ server {stamper}; keepalive 64; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port}; keepalive_requests 1000000;
    location /v1/openai/ {{
      proxy_pass http://provider/openai/v1/; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Authorization "Bearer {key}"; proxy_buffering off;
    }}
    location /v1/groq/ {{
      proxy_pass http://stamper/v1/; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Authorization "Bearer {key}"; proxy_buffering off;
    }}
  }}
}}
"""


def start(folder: Path, upstream: str, stamper: str, port: int) -> subprocess.Popen:
    folder.joinpath("nginx.conf").write_text(CONFIGURATION.format(folder=folder, upstream=upstream, stamper=stamper, port=port, key=KEY))
    nginx = subprocess.Popen(["nginx", "-c", f"{folder}/nginx.conf", "-p", str(folder)])
    atexit.register(nginx.terminate)
    deadline = time.monotonic() + 10
    while processes.listening_on(port) is None:
        if time.monotonic() > deadline:
            sys.exit("nginx does not listen")
        time.sleep(0.05)
    return nginx
