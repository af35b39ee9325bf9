"""An echo server and its clients, on asyncio's streams. The first byte says what a connection is about."""
import asyncio
import os
import random
import sys

role, host, port, path = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]


async def serve_one(reader, writer):
    kind = await reader.readexactly(1)
    if kind == b"f":
        with open(path, "rb") as file:
            await asyncio.get_running_loop().sendfile(writer.transport, file)
    else:
        while data := await reader.read(30000):
            writer.write(data)
            await writer.drain()
    writer.close()
    await writer.wait_closed()


async def echo(number):
    """Sends pieces of very different sizes while it reads them back."""
    pieces = [os.urandom(random.choice((1, 5, 200, 5000, 100000))) for _ in range(40)]
    reader, writer = await asyncio.open_connection(host, port)

    async def send():
        writer.write(b"e")
        for piece in pieces:
            writer.writelines((piece[:3], piece[3:]))
            if number % 2:
                await writer.drain()
        writer.write_eof()

    sending = asyncio.create_task(send())
    assert await reader.read() == b"".join(pieces)
    await sending
    writer.close()
    await writer.wait_closed()


async def fetch():
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"f")
    with open(path, "rb") as file:
        assert await reader.read() == file.read()
    writer.close()
    await writer.wait_closed()


async def main():
    if role == "serve":
        server = await asyncio.start_server(serve_one, host, port)
        await server.serve_forever()
    await asyncio.gather(*(echo(number) for number in range(20)), *(fetch() for _ in range(3)))


asyncio.run(main())
