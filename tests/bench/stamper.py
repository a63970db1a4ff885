"""A provider whose streams say when each piece was sent, so that a reader on the same machine knows how long it took.

Python alone on its core: what it adds is the same for every way that leads here, and is subtracted.
"""

import asyncio
import json
import sys
import time

PIECES, APART = 100, 0.01


def piece(**members) -> bytes:
    chunk = {"id": "s", "object": "chat.completion.chunk", "created": 0, "model": "stamped", "choices": []} | members
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(length)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            began = time.monotonic()
            for nth in range(PIECES):
                # By the time of the first one: streams that began apart stay apart.
                await asyncio.sleep(began + (nth + 1) * APART - time.monotonic())
                delta = {"index": 0, "delta": {"content": f"{time.time_ns()} "}}
                writer.write(chunked(piece(choices=[delta])))
            usage = {"prompt_tokens": 10, "completion_tokens": PIECES, "total_tokens": PIECES + 10}
            writer.write(chunked(piece(usage=usage) + b"data: [DONE]\n\n") + b"0\r\n\r\n")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main(port: int) -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
