"""What calls functions by itself: timers, changes of keys, named queues."""
import os
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import unittest
import urllib.parse

import harness
from harness import NodeTest
from sinks import Gate

LINE = re.compile(r'heard type=(?P<type>\S+) id=(?P<id>\S+) source=(?P<source>\S+) subject=(?P<subject>.*?) '
                  r'time=(?P<time>\S+) change=(?P<change>\S+) content=(?P<content>.*?) hops=(?P<hops>\S+) '
                  r'ext=(?P<ext>\S+) body=(?P<body>.*)', re.DOTALL)
EVERYTHING = {'read': ['*'], 'write': ['*'], 'push': ['*'], 'pop': ['*']}


def heard(node, name):
    found = (LINE.match(line['text']) for line in node.logs(name, 10000))
    return [match.groupdict() for match in found if match]


def wait_for(node, name, count, seconds=harness.PATIENCE_S):
    return harness.wait_until(lambda: [e for e in [heard(node, name)] if len(e) >= count] or None,
                              f'{count} events of {name}', seconds)[0]


def ask(node, what, body=b'', name='asks', **arguments):
    answer = node.http('POST', f'/function/{name}/{what}?{urllib.parse.urlencode(arguments)}', body)
    assert answer.status == 200, answer.body
    return answer.header('x-error'), answer


class Timers(NodeTest):
    def test_every(self):
        self.node.deploy('heard', triggers=[{'every': '300ms'}])
        events = sorted(wait_for(self.node, 'heard', 4), key=lambda event: event['time'])
        first = events[0]
        self.assertEqual((first['type'], first['source'], first['subject'], first['body']),
                         ('mayfly.timer', '/functions/heard', '300ms', ''))
        times = [e['time'] for e in events]
        self.assertEqual(len(set(times)), len(times))
        self.assertEqual(len({e['id'] for e in events}), len(events))
        millis = [int(t[17:19]) * 1000 + int(t[20:23]) for t in times]
        self.assertEqual({(b - a) % 60000 % 300 for a, b in zip(millis, millis[1:])}, {0})  # a slow node misses some
        self.node.deploy('heard', triggers=[])
        harness.wait_until(lambda: self.node.api('GET', '/v1/queues/heard').json['count'] == 0, 'those on their way')
        count = len(heard(self.node, 'heard'))
        time.sleep(1)
        self.assertEqual(len(heard(self.node, 'heard')), count)

    def test_a_new_version_goes_on(self):
        self.node.deploy('again', 'heard', triggers=[{'every': '200ms'}])
        wait_for(self.node, 'again', 2)
        self.node.deploy('again', 'heard', triggers=[{'every': '200ms', 'missed': 'once'}, {'every': '720h'}])
        self.node.deploy('again', 'heard', memory_mib=32, triggers=[{'every': '720h'}, {'every': '200ms'}])
        events = wait_for(self.node, 'again', 6)
        self.assertEqual(len({e['time'] for e in events}), len(events))

    def test_cron_by_the_minute(self):
        """The one that waits: for the next full minute."""
        if harness.ARGS.sandbox == 'kvm':
            self.skipTest('once is enough')
        self.node.deploy('minutely', 'heard', triggers=[{'cron': '* * * * *', 'timezone': 'Asia/Kathmandu'}])
        event = wait_for(self.node, 'minutely', 1, 180)[0]
        self.assertEqual(event['subject'], '*%20*%20*%20*%20*')
        self.assertTrue(event['time'].endswith(':00.000Z'), event['time'])
        self.node.api('DELETE', '/v1/functions/minutely')

    def test_what_is_no_time_zone_is_refused(self):
        answer = self.node.api('PUT', '/v1/functions/nowhere',
                               {'image': self.node.upload('heard'),
                                'settings': {'triggers': [{'every': '1s'},
                                                          {'cron': '* * * * *', 'timezone': 'Europe/Nowhere'}]}})
        self.assertEqual(answer.status, 400)
        self.assertIn('triggers: entry 2: timezone: no time zone Europe/Nowhere', answer.error['message'])

    def test_a_removed_function_leaves_nothing(self):
        self.node.deploy('gone', 'heard', triggers=[{'every': '100ms', 'missed': 'once'}])
        wait_for(self.node, 'gone', 1)
        self.assertEqual(self.node.api('DELETE', '/v1/functions/gone').status, 200)
        self.node.api('DELETE', '/v1/queues/gone/entries')  # what was on its way
        time.sleep(0.5)
        self.assertIn(self.node.api('GET', '/v1/queues/gone').json.get('count', 0), (0,))
        self.node.deploy('gone', 'heard', triggers=[{'every': '720h', 'missed': 'once'}])
        self.assertEqual(heard(self.node, 'gone'), [])


class ClockSetBack(unittest.TestCase):
    """Somebody sets the wall clock while the node runs."""

    def setUp(self):
        if harness.sanitized():
            self.skipTest('a sanitizer wants to be loaded first')
        self.file = tempfile.NamedTemporaryFile(prefix='mf-clock-')
        self.addCleanup(self.file.close)
        self.set(0)
        for name, value in (('LD_PRELOAD', os.path.join(harness.ARGS.build, 'tests', 'node', 'mf_set_clock.so')),
                            ('MF_SET_CLOCK', self.file.name)):
            os.environ[name] = value
            self.addCleanup(os.environ.pop, name)
        self.node = harness.Node()
        self.addCleanup(self.node.close)

    def set(self, seconds):
        os.pwrite(self.file.fileno(), struct.pack('=q', seconds), 0)

    def test_intervals_go_on_and_no_two_events_have_one_id(self):
        self.node.deploy('heard', triggers=[{'every': '200ms'}])
        wait_for(self.node, 'heard', 10)
        self.set(-2)  # due times come again
        events = wait_for(self.node, 'heard', 25)
        self.assertLess(len({e['time'] for e in events}), len(events))
        self.assertEqual(len({e['id'] for e in events}), len(events))
        self.set(-3600)
        events = wait_for(self.node, 'heard', len(events) + 10)
        self.set(0)
        events = wait_for(self.node, 'heard', len(events) + 10)
        self.assertEqual(len({e['id'] for e in events}), len(events))
        self.assertIn(b'clock.set', self.node.log())


class TimersAndOutages(unittest.TestCase):
    OPTIONS = ()

    def setUp(self):
        self.node = harness.Node(*self.OPTIONS)
        self.addCleanup(self.node.close)

    def test_killed_again_and_again(self):
        """Each due time has one event, whenever the node is killed."""
        self.node.deploy('heard', triggers=[{'every': '100ms', 'missed': 'once'}], attempts_max=100)
        for _ in range(15):
            wait_for(self.node, 'heard', 1)
            time.sleep(0.23)
            self.node.process.kill()
            self.node.process.wait()
            self.node.start()
        events = wait_for(self.node, 'heard', 30)
        by_time = {}
        for event in events:  # a call that was running is made again, with its own id
            self.assertEqual(by_time.setdefault(event['time'], event['id']), event['id'])
        self.assertEqual(len(set(by_time.values())), len(by_time))

    def test_missed_runs(self):
        """A node that was down over many due times: one event, or none."""
        minute = (int(time.time()) // 60 + 30) % 60  # half an hour away, both ways
        for name in ('once', 'skip'):
            self.node.deploy(name, 'heard', triggers=[{'cron': f'{minute} * * * *', 'missed': name}])
        self.node.stop()
        self.set_notes_back()
        self.node.start()
        events = wait_for(self.node, 'once', 1)
        self.assertEqual(len(events), 1)
        self.assertEqual(events[0]['time'][14:], f'{minute:02}:00.000Z')
        self.node.stop()
        self.node.start()
        time.sleep(0.5)
        self.assertEqual(len(heard(self.node, 'once')), 1)
        self.assertEqual(heard(self.node, 'skip'), [])

    def set_notes_back(self):
        """As if the node had been down for three hours: by its notes."""
        self.skipTest('needs a store that can be changed from outside')


class Redis:
    def __init__(self):
        server, checker = shutil.which('redis-server'), shutil.which('redis-check-rdb')
        if not server and not checker:
            raise unittest.SkipTest('there is no redis-server (Debian: redis-tools)')
        self.folder = tempfile.mkdtemp(prefix='mf-triggers-')
        harness.MADE.append(self.folder)
        if not server:  # one program, which goes by its name
            server = os.path.join(self.folder, 'redis-server')
            os.symlink(checker, server)
        self.socket = os.path.join(self.folder, 'redis.sock')
        self.url = 'redis+unix:' + self.socket
        self.process = subprocess.Popen([server, '--port', '0', '--unixsocket', self.socket, '--dir', self.folder,
                                         '--appendonly', 'yes', '--appendfsync', 'always', '--save', ''],
                                        stdout=subprocess.DEVNULL)
        harness.STARTED.append(self.process)
        harness.answers(self.socket)

    def command(self, *words):
        return subprocess.run(['redis-cli', '-s', self.socket, *words], capture_output=True, text=True, check=True).stdout

    def flush(self):
        self.command('FLUSHALL')

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class TimersInRedis(TimersAndOutages):
    """The same with Redis; and two nodes, one event."""
    @classmethod
    def setUpClass(cls):
        cls.redis = Redis()

    @classmethod
    def tearDownClass(cls):
        cls.redis.close()

    def setUp(self):
        self.node = harness.Node('--store', self.redis.url, '--node-name', 'one')
        self.addCleanup(self.node.close)
        self.addCleanup(self.redis.flush)

    def set_notes_back(self):
        space = 'mayfly:{functions}:v'
        for key in self.redis.command('HKEYS', space).split():
            if key.startswith('timer/'):
                self.redis.command('HINCRBY', space, key, str(-3 * 3600 * 1000))

    def test_two_nodes_make_one_event(self):
        other = harness.Node('--store', self.redis.url, '--node-name', 'two')
        self.addCleanup(other.close)
        for node in (self.node, other):
            node.deploy('heard', triggers=[{'every': '200ms'}])
        harness.wait_until(lambda: len(heard(self.node, 'heard')) + len(heard(other, 'heard')) >= 10, 'ten events')
        times = [e['time'] for n in (self.node, other) for e in heard(n, 'heard')]
        self.assertEqual(len(times), len(set(times)))


class Keys(NodeTest):
    @classmethod
    def prepare(cls):
        cls.node.deploy('asks', allow=EVERYTHING)

    def test_each_kind_of_change(self):
        self.node.deploy('heard', triggers=[{'key': 'door/'}])
        self.assertEqual(ask(self.node, 'set', b'open', key='door/1')[0], 'ok')
        self.assertEqual(ask(self.node, 'set', b'x', key='window/1')[0], 'ok')
        self.assertEqual(ask(self.node, 'cas', b'shut', key='door/1', expected='open')[0], 'ok')
        self.assertEqual(ask(self.node, 'cas', b'no', key='door/1', expected='open')[0], 'exists')
        self.assertEqual(ask(self.node, 'increment', key='door/count', by=2)[0], 'ok')
        self.assertEqual(ask(self.node, 'increment', key='door/1')[0], 'invalid')
        self.assertEqual(ask(self.node, 'delete', key='door/1')[0], 'ok')
        self.assertEqual(ask(self.node, 'delete', key='door/1')[0], 'not-found')
        events = wait_for(self.node, 'heard', 4)
        self.assertEqual(sorted((e['change'], e['subject'], e['body']) for e in events),
                         [('delete', 'door/1', ''), ('increment', 'door/count', ''),
                          ('set', 'door/1', 'open'), ('set', 'door/1', 'shut')])
        self.assertEqual({(e['type'], e['source'], e['hops']) for e in events}, {('mayfly.key', '/functions/asks', '1')})
        self.assertEqual(len({e['id'] for e in events}), 4)

    def test_all_functions_hear_once_each(self):
        for i in range(3):
            self.node.deploy(f'all-{i}', 'heard', triggers=[{'key': 'all/'}, {'key': 'all/a'}])
        self.node.deploy('theirs', 'heard', tenant='other', triggers=[{'key': ''}])
        ask(self.node, 'set', b'1', key='all/ab')
        for i in range(3):
            wait_for(self.node, f'all-{i}', 1)
        for i in range(3):
            harness.wait_until(lambda i=i: self.node.api('GET', f'/v1/queues/all-{i}').json['count'] == 0, 'rest')
            self.assertEqual(len(heard(self.node, f'all-{i}')), 1)
        self.assertEqual(heard(self.node, 'theirs'), [])

    def test_who_changes_its_own_key_comes_to_an_end(self):
        self.node.deploy('circle', 'heard', allow=EVERYTHING, environment={'HEARD_SETS': 'circle/1'},
                         triggers=[{'key': 'circle/'}])
        ask(self.node, 'set', b'', key='circle/1')
        said = harness.wait_until(lambda: [line['text'] for line in self.node.logs('circle', 10000)
                                           if line['text'].startswith('trigger key: this change comes of')], 'its end')
        count = len(heard(self.node, 'circle'))
        time.sleep(0.5)
        self.assertEqual(len(heard(self.node, 'circle')), count)
        self.assertEqual(count, int(re.search(r'comes of (\d+) others', said[0]).group(1)))

    def test_a_full_queue_refuses_the_change(self):
        self.node.deploy('full', 'trouble', triggers=[{'key': 'full/'}], queue_max=1, attempts_max=100,
                         environment={'TROUBLE_INIT': 'abort'})
        results = [ask(self.node, 'set', b'%d' % i, key='full/1')[0] for i in range(5)]
        self.assertIn('full', results)
        last = max(i for i, r in enumerate(results) if r == 'ok')
        self.assertEqual(ask(self.node, 'get', key='full/1')[1].body, b'%d' % last)

    def test_killed_while_keys_change(self):
        """A change that is there has its event, one that is not has none."""
        self.node.deploy('count', 'heard', triggers=[{'key': 'count/'}], attempts_max=100)
        number = 0
        for _ in range(5):
            deadline = time.monotonic() + 0.4
            try:
                while time.monotonic() < deadline:
                    ask(self.node, 'set', b'', key=f'count/{number}')
                    number += 1
                    if number % 7 == 0:
                        self.node.process.kill()
            except (OSError, AssertionError, Exception):  # it was killed under this request
                number += 1
            self.node.process.kill()
            self.node.process.wait()
            self.node.start()
        there = set(re.findall(r'count/\d+', ask(self.node, 'scan', prefix='count/', count=1000)[1].body.decode()))
        harness.wait_until(lambda: {e['subject'] for e in heard(self.node, 'count')} >= there, 'all events')
        self.assertEqual({e['subject'] for e in heard(self.node, 'count')}, there)
        ids = {}
        for event in heard(self.node, 'count'):
            self.assertEqual(ids.setdefault(event['subject'], event['id']), event['id'])


class Queues(NodeTest):
    @classmethod
    def prepare(cls):
        cls.node.deploy('asks', allow=EVERYTHING)

    def test_pushes_go_to_each_function(self):
        for name in ('one', 'two'):
            self.node.deploy(name, 'heard', triggers=[{'queue': 'work'}])
        error, answer = ask(self.node, 'push', b'hello', queue='work', type='a.b', content='text/x')
        self.assertEqual(error, 'ok')
        for name in ('one', 'two'):
            event = wait_for(self.node, name, 1)[0]
            self.assertEqual((event['type'], event['id'], event['subject'], event['content'], event['body']),
                             ('a.b', answer.header('x-id'), 'work', 'text/x', 'hello'))
        self.assertEqual(ask(self.node, 'pop', queue='work')[0], 'not-found')

    def test_what_waited_is_moved(self):
        ids = [ask(self.node, 'push', b'%d' % i, queue='early')[1].header('x-id') for i in range(40)]
        self.node.deploy('late', 'heard', triggers=[{'queue': 'early'}])
        events = wait_for(self.node, 'late', 40)
        self.assertEqual(sorted(e['id'] for e in events), sorted(ids))
        self.assertEqual(ask(self.node, 'pop', queue='early')[0], 'not-found')
        self.node.deploy('late', 'heard', triggers=[])
        ask(self.node, 'push', b'stays', queue='early')
        self.assertEqual(ask(self.node, 'pop', queue='early')[1].body, b'stays')

    def test_a_full_queue_of_one_of_them(self):
        """Refused is not counted; what a person has pushed waits, and is looked at again soon."""
        gate = Gate()
        self.addCleanup(gate.close)
        self.node.deploy('full', 'trouble', triggers=[{'queue': 'fan'}], queue_max=1, max_instances=1, **gate.settings)
        self.addCleanup(gate.open)
        self.node.deploy('free', 'heard', triggers=[{'queue': 'fan'}])
        self.assertEqual(self.node.http('POST', f'/async-function/full/{gate.path}').status, 202)
        for _ in range(3):
            self.assertEqual(ask(self.node, 'push', b'no', queue='fan')[0], 'full')
        depth = {q['name']: q['count'] for q in self.node.api('GET', '/v1/queues').json['queues']}
        self.assertEqual((depth['full'], depth.get('free', 0)), (1, 0))
        self.assertEqual(self.node.api('POST', '/v1/queues/fan/entries?tenant=default', 'x').status, 202)
        entries = lambda: self.node.api('GET', '/v1/queues/fan/entries?tenant=default').json['entries']
        harness.wait_until(lambda: entries()[0]['attempts'] >= 4, 'some looks at it')
        gate.open()
        self.assertEqual([e['body'] for e in wait_for(self.node, 'free', 1)], ['x'])
        harness.wait_until(lambda: not entries(), 'its end there')

    def test_tenants_are_apart(self):
        self.node.deploy('theirs', 'heard', tenant='other', triggers=[{'queue': 'own'}])
        ask(self.node, 'push', b'ours', queue='own')
        self.assertEqual(ask(self.node, 'pop', queue='own')[1].body, b'ours')
        self.assertEqual(heard(self.node, 'theirs'), [])

    def test_who_pushes_to_itself_comes_to_an_end(self):
        self.node.deploy('circle', 'heard', allow=EVERYTHING, environment={'HEARD_PUSHES': 'circle'},
                         triggers=[{'queue': 'circle'}])
        ask(self.node, 'push', b'', queue='circle')
        harness.wait_until(lambda: [line for line in self.node.logs('circle', 10000)
                                    if line['text'].startswith('not pushed: an event')], 'its end')
        count = len(heard(self.node, 'circle'))
        time.sleep(0.5)
        self.assertEqual(len(heard(self.node, 'circle')), count)


class Idle(NodeTest):
    def test_nothing_wakes_between_due_times(self):
        if harness.sanitized():
            self.skipTest('a sanitizer has a thread that wakes up')
        self.node.deploy('asks', allow=EVERYTHING)
        self.node.deploy('heard', triggers=[{'every': '720h'}, {'cron': '0 0 1 1 *'}, {'key': ''}, {'queue': 'q'}])
        # At first what deploying began goes on.
        harness.wait_until(lambda: self.node.wakes(3) == 0, 'three seconds in which nothing wakes up')


if __name__ == '__main__':
    harness.main()
