# SPDX-License-Identifier: MIT
"""Command line of the emulator; see the docstring of the package."""
import json
import ssl
import sys

from . import server


def main():
    tls = None
    if len(sys.argv) == 3 and sys.argv[1] == "--tls":
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(sys.argv[2])
    origins, _ = server.start(tls)
    print(json.dumps({"api": origins[0], "store": origins[1], "key": server.KEY}), flush=True)
    try:
        sys.stdin.read()  # until the parent process closes the pipe
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
