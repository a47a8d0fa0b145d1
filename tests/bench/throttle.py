# SPDX-License-Identifier: MIT
"""A server that answers 503 above a number of requests at a time; each request takes the same time.

    throttle.py FOLDER MOST MILLISECONDS

Prints its port. Serves the folder as nginx does in tests/netlab/web.py. When its input ends, prints how many
answers were 200, 404 and 503, and ends.
"""
import asyncio
import collections
import os
import re
import sys

API = re.compile(r"/v1/runs/([a-z0-9_]+)(/artifacts)?")
PHRASES = {200: "OK", 404: "Not Found", 503: "Service Unavailable"}


class Throttle:
    def __init__(self, folder, most, seconds):
        self.folder = folder
        self.most = most
        self.seconds = seconds
        self.running = 0
        self.answers = collections.Counter()

    def find(self, path):
        """The body for a path; None: there is none."""
        found = API.fullmatch(path)
        name = "/api/%s.%s" % (found.group(1), "list" if found.group(2) else "run") if found else path
        if ".." in name or not os.path.isfile(self.folder + name):
            return None
        with open(self.folder + name, "rb") as file:
            return file.read()

    async def answer(self, path):
        """Status and body of one request."""
        if self.running >= self.most:
            return 503, b"busy"
        self.running += 1
        try:
            await asyncio.sleep(self.seconds)
            body = self.find(path)
            return (404, b"") if body is None else (200, body)
        finally:
            self.running -= 1

    async def serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode().partition("?")[0]
                status, body = await self.answer(path)
                self.answers[status] += 1
                writer.write(b"HTTP/1.1 %d %s\r\nContent-Length: %d\r\n\r\n" % (
                    status, PHRASES[status].encode(), len(body)) + (b"" if head.startswith(b"HEAD ") else body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def main():
    throttle = Throttle(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) / 1000)
    server = await asyncio.start_server(throttle.serve, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print(*(throttle.answers[status] for status in (200, 404, 503)), flush=True)
    os._exit(0)  # connections that are still open are of no interest


if __name__ == "__main__":
    asyncio.run(main())
