"""Never lose one: events of the CO2 workflow, by MQTT and over HTTP, while node, spawner, monitors,
broker and Redis are killed at random and the power is cut in effect. Every event that was
acknowledged is processed; whatever comes twice comes with the same id. (Devices and broker may say
a reading twice, too, when an acknowledgement got lost between them; so an alert has its id from the
reading.)

mosquitto keeps what it has acknowledged in memory for a moment before it writes it down, so it is
killed with SIGKILL only when it has written everything, and ended by SIGTERM at any moment."""
import collections
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import uuid

import harness
from harness import Redis
from sinks import Sink
from workflow import PATIENCE_S, Workflow, messages

KILLS = int(os.environ.get('MF_KILLS', '14'))
KITS = 3
START = 1700000000
PAUSE_S = 0.5  # between two kills
LIMIT = 1000


def identity(text):
    """Which reading an alert is of: kit and time are its own."""
    return re.search(r'kit (\S+?): sensor 112 measured (\d+) at (\S+ ?\S*),', text).groups()


class Poster(threading.Thread):
    """Events over HTTP, each again under its id until it is accepted."""

    def __init__(self, test):
        super().__init__(daemon=True)
        self.test, self.accepted, self.stopped = test, [], False
        self.asked = 0

    def run(self):
        while not self.stopped:
            self.asked += 1
            kit, ppm, id = f'http{self.asked}', LIMIT + 1 + self.asked % 500, str(uuid.uuid4())
            body = '{t:2026-10-07T04:11:00Z,112:%d,56:40}' % ppm
            headers = {'ce-specversion': '1.0', 'ce-id': id, 'ce-source': '/test', 'ce-type': 'reading',
                       'ce-subject': f'device/sck/{kit}/readings/raw', 'content-type': 'text/plain',
                       'x-call-id': id}
            while not self.stopped:
                try:
                    answer = self.test.node.http('POST', '/async-function/threshold', body, headers, 5)
                    if answer.status == 202:
                        self.accepted.append((kit, str(ppm), '2026-10-07T04:11:00Z'))
                        break
                except (OSError, http.client.HTTPException):
                    pass
                time.sleep(0.05)
            time.sleep(0.03)


class NeverLose(Workflow):
    STORE = 'lmdb'

    def options(self):
        if self.STORE == 'lmdb':
            return ()
        self.redis = Redis(self)
        return ('--store', self.redis.url)

    def begin(self):
        self.sink = Sink()
        self.addCleanup(self.sink.close)
        self.deploy('co2', **self.webhook(self.sink))

    def posted(self):
        """reading → ids under which its alert came."""
        found = collections.defaultdict(collections.Counter)
        for request in list(self.sink.got):
            body = json.loads(request['body'])
            found[identity(body['text'])][body['metadata']['event_payload']['id']] += 1
        return found

    def devices(self, count):
        """The kits, playing; and the readings that must become alerts."""
        options = ['--devices', str(KITS), '--count', str(count), '--start', str(START), '--step', '60']
        expected = set()
        for topic, payload in messages('co2', *options):
            ppm = re.search(r'"id":112,"value":(\d+)|112:(\d+)', payload)
            ppm = ppm.group(1) or ppm.group(2)
            at = re.search(r'\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ?', payload).group(0)
            if int(ppm) > LIMIT:
                expected.add((topic.split('/')[2], ppm, at))
        process = subprocess.Popen(
            [os.path.join(harness.ARGS.build, 'mayfly-devices'), 'co2', '--broker',
             f'127.0.0.1:{self.broker.port}', '--interval', '40', *options], stderr=subprocess.DEVNULL)
        harness.STARTED.append(process)
        return process, expected

    def kill_broker(self, playing):
        os.kill(playing.pid, signal.SIGSTOP)
        self.broker.kill_saved()
        self.broker.start()
        os.kill(playing.pid, signal.SIGCONT)

    def restart_broker(self, playing):
        self.broker.stop()
        self.broker.start()

    def kill_spawner(self, playing):
        below = self.node.children()
        try:
            os.kill(below[0], signal.SIGKILL)
        except (IndexError, ProcessLookupError):  # the last one is not replaced yet
            pass

    def kill_redis(self, playing):
        self.redis.kill()
        self.redis.start()

    def deeds(self):
        deeds = [lambda p: self.kill_node(), lambda p: self.kill_child(), lambda p: self.kill_child(),
                 self.kill_spawner, self.restart_broker, self.kill_broker]
        return deeds + [self.kill_redis] if self.STORE == 'redis' else deeds

    def check(self, expected, waits=PATIENCE_S):
        missing, until = expected - set(self.posted()), time.monotonic() + waits
        while missing:  # as long as they come: a machine that others use may be slow
            self.assertLess(time.monotonic(), until, f'{len(missing)} of {len(expected)} alerts do not come: '
                            f'{sorted(missing)[:5]}; {self.node.api("GET", "/v1/queues").body}')
            time.sleep(0.2)
            left = expected - set(self.posted())
            if left != missing:
                missing, until = left, time.monotonic() + waits
        for reading, ids in self.posted().items():
            self.assertEqual(len(ids), 1, f'{reading} came under {ids}')

    def test_whatever_is_killed(self):
        self.begin()
        playing, expected = self.devices(int(KILLS * (PAUSE_S + 1) / 0.04))
        poster = Poster(self)
        poster.start()
        deeds = self.deeds()
        killed = collections.Counter()
        for i in range(KILLS):
            time.sleep(self.random.uniform(0, 2 * PAUSE_S))
            deed = deeds[i % len(deeds)] if i < len(deeds) else self.random.choice(deeds)
            killed[getattr(deed, '__name__', 'kill')] += 1
            deed(playing)
        self.assertEqual(playing.wait(PATIENCE_S + KILLS * 3), 0)
        poster.stopped = True
        poster.join(PATIENCE_S)
        self.check(expected | set(poster.accepted), waits=PATIENCE_S * 2)
        twice = sum(count - 1 for ids in self.posted().values() for count in ids.values())
        print(f'{self.STORE}: {len(expected)} alerts by MQTT, {len(poster.accepted)} over HTTP, '
              f'{sum(killed.values())} kills, {twice} came twice', flush=True)


class NeverLoseInRedis(NeverLose):
    STORE = 'redis'


class PowerCut(NeverLose):
    """A copy of the state at any moment is what a disk holds after a power cut: the node goes on
    with that, and what it did after the copy was made has never happened."""
    CUTS = 5

    def test_whatever_is_killed(self):
        self.begin()
        playing, expected = self.devices(200)
        poster = Poster(self)
        poster.start()
        for _ in range(self.CUTS):
            time.sleep(self.random.uniform(0.5, 1.5))
            self.cut()
        self.assertEqual(playing.wait(PATIENCE_S), 0)
        poster.stopped = True
        poster.join(PATIENCE_S)
        self.check(expected | set(poster.accepted))

    def cut(self):
        copy = os.path.join(tempfile.mkdtemp(prefix='mf-cut-'), 'state')
        self.addCleanup(shutil.rmtree, os.path.dirname(copy), ignore_errors=True)
        os.kill(self.node.process.pid, signal.SIGSTOP)
        # Sockets and locks are no files of a disk; which entries were taken it need not know.
        shutil.copytree(self.node.state, copy, ignore=lambda folder, names: [
            name for name in names if name.endswith(('.sock', '-lock', '.taken'))])
        os.chmod(copy, 0o700)
        self.node.process.kill()
        self.node.process.wait()
        self.node.state = copy
        self.node.start()


if __name__ == '__main__':
    harness.main()
