# SPDX-License-Identifier: MIT
"""The real server's application, with a request log: uvicorn --factory served:make.

The server itself logs only failed requests. Here each request is one line (method, path, query up
to the signature) in the file named by REAL_REQUESTS.
"""
import os

from skyvern.forge.api_app import create_api_app


def make():
    served = create_api_app()
    log = open(os.environ["REAL_REQUESTS"], "a", buffering=1)  # stays open until the process ends

    async def logged(scope, receive, send):
        if scope["type"] == "http":
            query = scope["query_string"].decode(errors="replace").split("sig=")[0]
            log.write("%s %s?%s\n" % (scope["method"], scope["path"], query))
        await served(scope, receive, send)

    return logged
