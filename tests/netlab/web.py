# SPDX-License-Identifier: MIT
"""nginx as the API and the object store: serves a folder, run records and artifact lists."""
import os
import shutil
import subprocess
import time

from process import end_process

CONF = """
worker_processes {workers};
pid {dir}/nginx.pid;
error_log {dir}/error.log {level};
{main}
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
    uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
    default_type application/octet-stream;
    {http}
    server {{
        {listen}
        root {www};
        {locations}
        location ~ ^/v1/runs/([a-z0-9_]+)$ {{ try_files /api/$1.run =404; }}
        location ~ ^/v1/runs/([a-z0-9_]+)/artifacts$ {{ try_files /api/$1.list =404; }}
    }}
}}
"""


def certificate(folder):
    """Make a self-signed certificate for 127.0.0.1, once; returns its file, which also serves as CA file."""
    path = folder + "/cert.pem"
    if not os.path.exists(path):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-days", "30", "-subj", "/CN=netlab", "-addext",
                        "subjectAltName=IP:127.0.0.1", "-keyout", folder + "/key.pem", "-out", path],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return path


class Nginx:
    """An nginx with its files in a folder.

    tls: folder of the certificate, made if missing; serves HTTP/2 over TLS. launcher: command prefix.
    alone: one process only, so that a launcher can have it killed with its parent. http, locations: more
    lines of configuration, of the http block and of the server.
    """

    def __init__(self, folder, listen, www=None, tls=None, http="", launcher=(), alone=False,
                 level="warn", locations=""):
        lines = ["listen %s%s;" % (listen, " ssl http2" if tls else "")]
        if tls:
            certificate(tls)
            lines += ["ssl_certificate %s/cert.pem;" % tls, "ssl_certificate_key %s/key.pem;" % tls]
        with open(folder + "/nginx.conf", "w", encoding="utf-8") as file:
            file.write(CONF.format(dir=folder, www=www or folder + "/www", listen=" ".join(lines), http=http,
                                   locations=locations, workers=1 if alone else "auto", level=level,
                                   main="master_process off;" if alone else ""))
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        self.log = folder + "/error.log"
        self.process = subprocess.Popen([*launcher, nginx, "-e", self.log, "-c", folder + "/nginx.conf", "-g",
                                         "daemon off;" + (" user root;" if os.geteuid() == 0 else "")])
        end = time.monotonic() + 10
        while not os.path.exists(folder + "/nginx.pid"):
            if self.process.poll() is not None or time.monotonic() > end:
                self.close()
                with open(self.log, encoding="utf-8") as file:
                    raise OSError("nginx does not start: " + file.read()[-500:])
            time.sleep(0.02)

    def closed(self):
        """Number of connections closed because the client did not read; needs level="info"."""
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return sum("timed out" in line and "while sending" in line for line in file)

    def close(self):
        end_process(self.process, 5)
