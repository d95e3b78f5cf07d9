"""threading, queue, concurrent.futures, asyncio: who waits for whom."""
import asyncio
import concurrent.futures
import queue
import threading
import time

total, lock = 0, threading.Lock()


def add():
    global total
    for _ in range(2000):
        with lock:
            total += 1


threads = [threading.Thread(target=add) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(total)

work, done = queue.Queue(4), []


def take():
    while (item := work.get()) is not None:
        done.append(item * item)


takers = [threading.Thread(target=take) for _ in range(3)]
for taker in takers:
    taker.start()
for i in range(100):
    work.put(i)
for _ in takers:
    work.put(None)
for taker in takers:
    taker.join()
print(sum(done), len(done))

barrier, event, passed = threading.Barrier(4), threading.Event(), []
for _ in range(3):
    threading.Thread(target=lambda: passed.append(barrier.wait())).start()
barrier.wait()
timer = threading.Timer(0.02, event.set)
began = time.monotonic()
timer.start()
print(event.wait(10), time.monotonic() - began >= 0.019)
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    print(sorted(pool.map(len, ['a', 'bb', 'ccc'])))
spins = threading.Thread(target=lambda: [n for n in range(300000)], daemon=True)
spins.start()
spins.join()
local = threading.local()
local.here = 1
other = threading.Thread(target=lambda: print(hasattr(local, 'here')))
other.start()
other.join()


async def main():
    async def one(n):
        await asyncio.sleep(0.001 * (5 - n))
        return n
    print(await asyncio.gather(*map(one, range(5))))
    print(await asyncio.to_thread(sum, range(10)))
    try:
        await asyncio.wait_for(asyncio.sleep(100), 0.01)
    except asyncio.TimeoutError:
        print('too late')
    server = await asyncio.start_server(echo, '127.0.0.1', 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b'x' * 50000 + b'\n')
    print(len(await reader.readline()))
    writer.close()
    server.close()


async def echo(reader, writer):
    writer.write(await reader.readline())
    await writer.drain()
    writer.close()


asyncio.run(main())
