"""How functions scale, whose events go first, and what is done when there is too much."""
import ctypes
import os
import platform
import re
import struct
import threading
import time

import harness
from harness import Node, NodeTest, PATIENCE_S, wait_until
from sinks import Gate


def slice_ns(pid):
    """sched_getattr(2): how long the kernel lets it run while others wait."""
    number = {'x86_64': 315, 'aarch64': 275}[platform.machine()]
    room = ctypes.create_string_buffer(48)
    if ctypes.CDLL(None, use_errno=True).syscall(number, pid, room, len(room), 0) != 0:
        return None  # it has ended
    return struct.unpack('<IIQiIQQQ', room.raw)[5]


class Scaling(NodeTest):
    def setUp(self):
        self.gate = Gate()
        self.addCleanup(self.gate.close)

    def post(self, path, body=b'', **headers):
        return self.node.http('POST', '/async-function/' + path, body,
                              {k.replace('_', '-'): v for k, v in headers.items()})

    def lines(self, name, words=''):
        return [line['text'] for line in self.node.logs(name, 10000) if words in line['text']]

    def delivered(self, name):
        """Call ids in the order in which they were delivered."""
        return [line['call'] for line in self.node.logs(name, 10000) if '; delivered' in line['text']]

    def queue(self, name):
        return self.node.api('GET', f'/v1/queues/{name}').json

    def block(self, name):
        """One instance of it is busy until the gate is opened."""
        self.assertEqual(self.node.http('POST', f'/function/{name}/count').status, 200)
        held = self.gate.held()
        thread = threading.Thread(target=self.node.http, args=('POST', f'/function/{name}/{self.gate.path}'),
                                  kwargs={'timeout': 10 * PATIENCE_S})
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.gate.open)
        wait_until(lambda: self.gate.held() > held, 'a busy instance')


class Priorities(Scaling):
    def test_urgent_events_overtake(self):
        self.node.deploy('p', 'trouble', max_instances=1, priority='urgent', **self.gate.settings)
        self.post('p/' + self.gate.path, x_call_id='first')
        wait_until(self.gate.held, 'the first')
        for i in range(5):
            self.assertEqual(self.post('p/count', x_call_id=f'bulk-{i}', x_mayfly_priority='bulk').status, 202)
        for i in range(3):
            self.assertEqual(self.post('p/count', x_call_id=f'urgent-{i}').status, 202)
        self.gate.open()
        wait_until(lambda: len(self.delivered('p')) == 9, 'all of them')
        self.assertEqual(self.delivered('p'), ['first'] + [f'urgent-{i}' for i in range(3)] +
                         [f'bulk-{i}' for i in range(5)])

    def test_nobody_makes_an_event_urgent(self):
        self.node.deploy('b', 'trouble', max_instances=1, **self.gate.settings)
        self.post('b/' + self.gate.path, x_call_id='first')
        wait_until(self.gate.held, 'the first')
        for i in range(4):
            self.post('b/count', x_call_id=f'{i}', x_mayfly_priority='urgent' if i % 2 else 'high')
        self.gate.open()
        wait_until(lambda: len(self.delivered('b')) == 5, 'all of them')
        self.assertEqual(self.delivered('b'), ['first', '0', '1', '2', '3'])

    def test_both_end_where_calls_wait_for_too_long(self):
        """Calls of either class are told when their wait is over."""
        self.node.deploy('w', 'trouble', max_instances=1, priority='urgent', wait_ms=100, **self.gate.settings)
        self.block('w')
        self.assertEqual(self.node.http('POST', '/function/w/count').status, 429)


class Triggers(Scaling):
    """When another instance is started. What is known of a function's events makes them long."""

    def live(self, name):
        return [i for i in self.node.function(name)['instances'] if i['state'] != 'draining']

    def load(self, name, calls, path):
        threads = [threading.Thread(target=self.node.http, args=('POST', f'/function/{name}/{path}'))
                   for _ in range(calls)]
        for thread in threads:
            thread.start()
            self.addCleanup(thread.join)
        self.addCleanup(self.gate.open)
        return threads

    def test_threshold(self):
        self.node.deploy('th', 'trouble', max_instances=4, scale_threshold=3, **self.gate.settings)
        for _ in range(5):
            self.node.http('POST', '/function/th/nap?n=5')
        first = self.load('th', 4, self.gate.path)  # one in work, three that wait: not more than three
        wait_until(lambda: self.node.function('th')['counters']['waiting'] == 3, 'three that wait')
        self.load('th', 1, self.gate.path)
        wait_until(lambda: len(self.live('th')) == 2, 'another one')
        self.gate.open()
        for thread in first:
            thread.join()
        self.assertEqual(self.node.function('th')['counters']['cold_starts'], 2)

    def test_grace(self):
        self.node.deploy('gr', 'trouble', max_instances=4, grace_ms=60000, wait_ms=60000)
        threads = self.load('gr', 4, 'nap?n=50')
        for thread in threads:
            thread.join()
        self.assertEqual(self.node.function('gr')['counters']['cold_starts'], 1)

    def test_grace_is_over_when_an_instance_ends(self):
        self.node.deploy('ge', 'trouble', max_instances=4, grace_ms=60000, wait_ms=60000, isolation='fresh')
        for thread in self.load('ge', 4, 'nap?n=5'):  # each ends with its event; the next one need not wait
            thread.join()
        self.assertEqual(self.node.function('ge')['counters']['cold_starts'], 4)

    def test_minimum(self):
        self.node.deploy('mi', 'trouble', min_instances=2, idle_ms=0, wait_ms=60000)
        wait_until(lambda: [i['state'] for i in self.live('mi')] == ['idle', 'idle'], 'two, before any call')
        for thread in self.load('mi', 4, 'nap?n=50'):
            thread.join()
        wait_until(lambda: len(self.live('mi')) == 2, 'two, after them')
        self.assertEqual(self.node.http('POST', '/function/mi/null').status, 502)
        wait_until(lambda: [i['state'] for i in self.live('mi')] == ['idle', 'idle'], 'two, after a fault')
        self.node.deploy('mi', 'trouble', min_instances=1, idle_ms=0)
        wait_until(lambda: [i['state'] for i in self.live('mi')] == ['idle'], 'one, as deployed anew')
        self.node.deploy('mi', 'trouble', idle_ms=0)
        wait_until(lambda: not self.live('mi'), 'none')


class Overload(Scaling):
    """A queue of three, and one instance that is busy."""

    def fill(self, name, **settings):
        self.node.deploy(name, 'trouble', max_instances=1, queue_max=3, **self.gate.settings, **settings)
        self.block(name)
        for i in range(3):
            self.assertEqual(self.post(f'{name}/count', x_call_id=f'{i}').status, 202)
        wait_until(lambda: self.lines(name, 'deployed') and self.queue(name)['count'] == 3, 'a full queue')

    def test_backpressure(self):
        self.fill('bp')
        answer = self.post('bp/count')
        self.assertEqual((answer.status, answer.error['code']), (429, 'queue-full'))
        self.gate.open()
        wait_until(lambda: self.delivered('bp') == ['0', '1', '2'], 'the others')

    def test_drop_oldest(self):
        self.fill('do', overload='drop-oldest')
        self.assertEqual(self.post('do/count', x_call_id='new').status, 202)
        self.assertEqual(self.queue('do')['count'], 3)
        self.gate.open()
        # Which one is in hand already, and stays, is the first.
        wait_until(lambda: len(self.delivered('do')) == 3, 'three')
        self.assertEqual(self.delivered('do'), ['0', '2', 'new'])
        self.assertEqual([(l['call'], l['text']) for l in self.node.logs('do') if 'dropped' in l['text']],
                         [('1', 'its queue was full: it was dropped, the oldest that waited')])
        call = self.node.api('GET', '/v1/calls/1').json
        self.assertEqual((call['state'], call['function'], call['attempts'], call['last']),
                         ('dropped', 'do', 0, 'queue full'))
        self.assertIn('ended_at', call)
        for line in (b'mayfly_deliveries_total{function="do",outcome="dropped"} 1',
                     b'mayfly_queue_depth{function="do"} 0'):
            wait_until(lambda line=line: line in self.node.api('GET', '/metrics').body, line)
        self.killed()
        self.assertEqual(self.node.api('GET', '/v1/calls/1').json, call)

    def killed(self):
        self.node.process.kill()
        self.node.process.wait()
        self.node.start()

    def test_dead_letter(self):
        self.fill('dl', overload='dead-letter')
        self.assertEqual(self.post('dl/count', b'body', x_call_id='new').status, 202)
        self.assertEqual((self.queue('dl')['count'], self.queue('dl')['dead']), (3, 1))
        entry, = self.node.api('GET', '/v1/queues/dl/entries?dead=1').json['entries']
        self.assertEqual((entry['call'], entry['reason']), ('new', 'queue full'))
        call = self.node.api('GET', '/v1/calls/new').json
        self.assertEqual((call['state'], call['function'], call['last']), ('dead', 'dl', 'queue full'))
        wait_until(lambda: [l.get('call') for l in self.node.logs('dl') if 'a dead letter at once' in l['text']] == ['new'],
                   'its line, with its id')
        self.gate.open()
        wait_until(lambda: len(self.delivered('dl')) == 3, 'the others')
        self.node.api('POST', '/v1/queues/dl/redrive')
        wait_until(lambda: self.delivered('dl') == ['0', '1', '2', 'new'], 'the dead letter')

    def test_stop_workflow(self):
        self.fill('sw', overload='stop-workflow')
        answer = self.post('sw/count')
        self.assertEqual((answer.status, answer.error['code']), (503, 'stopped'))
        self.assertIn('overload: 3 events wait', answer.error['message'])
        self.assertIn('mayfly start sw', answer.error['message'])
        for path in ('/function/sw/count', '/async-function/sw/count'):
            self.assertEqual(self.node.http('POST', path).error['code'], 'stopped')
        self.assertIn('overload', self.node.function('sw')['stopped'])
        self.assertEqual(self.delivered('sw'), [])
        self.assertEqual(self.queue('sw')['count'], 3)
        self.node.api('POST', '/v1/functions/sw/start')
        self.assertNotIn('stopped', self.node.function('sw'))
        self.gate.open()
        wait_until(lambda: sorted(self.delivered('sw')) == ['0', '1', '2'], 'what waited')
        self.assertEqual(self.node.http('POST', '/function/sw/count').status, 200)

    def test_stop_workflow_stops_all_of_it(self):
        hash = self.node.upload('trouble')
        settings = {'sandbox': harness.ARGS.sandbox, 'isolation': 'reuse', 'max_instances': 1, 'queue_max': 3}
        functions = {'wf-first': {'image': hash, 'settings': {**settings, **self.gate.settings,
                                                              'overload': 'stop-workflow'}},
                     'wf-last': {'image': hash, 'settings': settings}}
        self.assertEqual(self.node.api('PUT', '/v1/workflows/wf', {'functions': functions}).status, 201)
        self.block('wf-first')
        for i in range(4):
            last = self.post('wf-first/count', x_call_id=f'wf-{i}')
        self.assertEqual((last.status, last.error['code']), (503, 'stopped'))
        beside = self.node.http('POST', '/function/wf-last/count')
        self.assertEqual((beside.status, beside.error['code']), (503, 'stopped'))
        self.assertIn('its workflow is, as wf-first', beside.error['message'])
        for name in functions:
            self.node.api('POST', f'/v1/functions/{name}/start')
        self.assertEqual(self.node.http('POST', '/function/wf-last/count').status, 200)

    def test_offload(self):
        other = Node()
        self.addCleanup(other.close)
        other.deploy('of', 'trouble')
        url = f'http://127.0.0.1:{other.port}/async-function/of'
        self.fill('of', overload='offload', offload_url=url)
        self.assertEqual(self.post('of/tell?n=5', b'body', x_call_id='new', x_other='yes').status, 202)
        wait_until(lambda: [line for line in other.logs('of') if '; delivered' in line['text']], 'its delivery there')
        said = [line['text'] for line in other.logs('of') if line.get('call') == 'new']
        for part in ('method=POST path=/tell query=n=5 body=4', 'header x-other=yes', 'header x-mayfly-attempt=1'):
            self.assertIn(part, said)
        self.assertNotIn('new', self.delivered('of'))
        self.assertIn(b'mayfly_deliveries_total{function="of",outcome="offloaded"} 1',
                      self.node.api('GET', '/metrics').body)
        call = self.node.api('GET', '/v1/calls/new').json
        self.assertEqual((call['state'], call['attempts'], call['last']),
                         ('offloaded', 0, 'its queue was full: 127.0.0.1 has taken it'))
        wait_until(lambda: [l['text'] for l in self.node.logs('of') if l.get('call') == 'new'] == [call['last']],
                   'its line')
        # What came so is not posted on.
        answer = self.post('of/count', x_mayfly_offloaded='1')
        self.assertEqual((answer.status, answer.error['code']), (429, 'queue-full'))
        other.api('DELETE', '/v1/functions/of')
        answer = self.post('of/count')
        self.assertEqual((answer.status, answer.error['code']), (429, 'queue-full'))
        self.assertIn('127.0.0.1 did not take the event: status 404', answer.error['message'])

    def test_offload_to_nobody(self):
        self.fill('on', overload='offload', offload_url='http://127.0.0.1:9/async-function/on')
        answer = self.post('on/count')
        self.assertEqual((answer.status, answer.error['code']), (429, 'queue-full'))
        self.assertIn('did not take the event', answer.error['message'])
        self.node.deploy('self', 'trouble', max_instances=1, queue_max=1, overload='offload', **self.gate.settings,
                         offload_url=f'http://127.0.0.1:{self.node.port}/async-function/self')
        self.block('self')
        self.post('self/count')
        answer = self.post('self/count')  # the node's own port is nobody's
        self.assertEqual(answer.status, 429)

    def test_a_stop_outlives_the_node(self):
        node = Node()
        self.addCleanup(node.close)
        for name in ('s', 't', 'u'):
            node.deploy(name, 'trouble')
            self.assertIn('by hand', node.api('POST', f'/v1/functions/{name}/stop').json['stopped'])
        node.deploy('t', 'trouble')  # which lets it go on
        node.api('POST', '/v1/functions/u/start')
        wait_until(lambda: node.http('POST', '/function/u/count').status == 200, 'u')
        node.stop()
        node.start()
        wait_until(lambda: 'stopped' in node.function('s'), 'the stop')
        self.assertEqual(node.http('POST', '/function/s/count').status, 503)
        for name in 'tu':
            self.assertEqual(node.http('POST', f'/function/{name}/count').status, 200)
        node.api('DELETE', '/v1/functions/s')
        node.deploy('s', 'trouble')
        node.stop()
        node.start()
        self.assertEqual(node.http('POST', '/function/s/count').status, 200)

    def test_unknown_functions_cannot_be_stopped(self):
        for what in ('start', 'stop'):
            self.assertEqual(self.node.api('POST', f'/v1/functions/nobody/{what}').status, 404)


class Usage(Scaling):
    def usage(self, node, name, tenant='default'):
        rows = [row for row in node.api('GET', '/v1/usage').json['functions']
                if (row['function'], row['tenant']) == (name, tenant)]
        return rows[0] if rows else None

    def logged(self, node, name):
        """Attempts and their milliseconds, as the function's log has them."""
        found = [re.search(r'attempt \d+ of \d+: .*?(?:status \d+ in|it took) ([0-9.]+) ms', line['text'])
                 for line in node.logs(name, 10000)]
        return [float(match.group(1)) for match in found if match]

    def test_usage_adds_up_to_the_log(self):
        node = Node()
        self.addCleanup(node.close)
        for isolation in ('reuse', 'fresh'):
            node.deploy(isolation, 'trouble', isolation=isolation, memory_mib=32, attempts_max=1)
        for isolation in ('reuse', 'fresh'):
            for path in ['count'] * 10 + ['nap?n=20'] * 5 + ['spin?n=20'] * 5 + ['fail?n=1', 'null', 'status?n=404']:
                self.assertEqual(node.http('POST', f'/async-function/{isolation}/{path}').status, 202)
        for name in ('reuse', 'fresh'):
            wait_until(lambda name=name: len(self.logged(node, name)) == 23, 'their ends', 180)
            lines, used = self.logged(node, name), self.usage(node, name)
            self.assertEqual(used['events'], 23)
            self.assertAlmostEqual(used['ms'], sum(lines), delta=23 * 0.005 + 0.001)
            self.assertAlmostEqual(used['memory_mib_ms'], 32 * used['ms'], delta=32 * 0.001 * 23)
            self.assertEqual(used['cold_starts'], node.function(name)['counters']['cold_starts'])
            self.assertGreater(used['cpu_ms'], 5)  # of a processor that others use, too
        tenants = node.api('GET', '/v1/usage').json['tenants']
        self.assertEqual([(row['tenant'], row['events']) for row in tenants], [('default', 46)])
        metrics = node.api('GET', '/metrics').body.decode()
        self.assertIn('mayfly_usage_events_total{function="reuse",tenant="default"} 23', metrics)
        before = {name: self.usage(node, name) for name in ('reuse', 'fresh')}
        node.api('DELETE', '/v1/functions/fresh')
        node.stop()
        node.start()
        wait_until(lambda: self.usage(node, 'reuse'), 'what was kept')
        for name, was in before.items():
            now = self.usage(node, name)
            for key in ('events', 'ms', 'memory_mib_ms', 'cold_starts'):
                self.assertAlmostEqual(now[key], was[key], places=2)
            self.assertGreaterEqual(now['cpu_ms'], was['cpu_ms'] - 0.01)
        self.assertEqual(node.http('POST', '/function/reuse/count').status, 200)
        self.assertEqual(self.usage(node, 'reuse')['events'], 24)

    def test_a_kill_loses_seconds_at_most(self):
        node = Node()
        self.addCleanup(node.close)
        node.deploy('k', 'trouble')
        for pause_s in (6, 12, 24):  # a slow machine may be late
            node.http('POST', '/function/k/count')
            time.sleep(pause_s)
            node.http('POST', '/function/k/count')
            node.process.kill()
            node.process.wait()
            node.start()
            try:
                kept = wait_until(lambda: self.usage(node, 'k'), 'what was kept', 3)
                break
            except AssertionError:
                kept = None
        self.assertTrue(kept)
        self.assertIn(kept['events'], (1, 2))

    def test_memory_is_that_of_the_version_that_ran(self):
        paid = 0
        for memory in (32, 96):
            self.node.deploy('m', 'trouble', memory_mib=memory)
            before = self.usage(self.node, 'm') or {'ms': 0}
            for _ in range(3):
                self.assertEqual(self.node.http('POST', '/function/m/spin?n=5').status, 200)
            paid += memory * (self.usage(self.node, 'm')['ms'] - before['ms'])
        used = self.usage(self.node, 'm')
        self.assertEqual(used['events'], 6)
        self.assertAlmostEqual(used['memory_mib_ms'], paid, delta=6 * 96 * 0.001)

    def test_tenants(self):
        for tenant, calls in (('acme', 2), ('other', 3)):
            self.node.deploy('t', 'trouble', tenant=tenant)
            for _ in range(calls):
                self.assertEqual(self.node.http('POST', '/function/t/count').status, 200)
        self.assertEqual(self.usage(self.node, 't', 'acme')['events'], 2)
        self.assertEqual(self.usage(self.node, 't', 'other')['events'], 3)
        self.node.deploy('t', 'trouble', tenant='acme')
        self.assertEqual(self.node.http('POST', '/function/t/count').status, 200)
        self.assertEqual(self.usage(self.node, 't', 'acme')['events'], 3)


class Fair(Scaling):
    """A function whose queue is never empty, and others."""

    def saturate(self, name, path, least=100):
        """From now on, as long as the function is deployed, so many wait at least."""
        def feed():
            while True:
                try:
                    if self.queue(name)['count'] >= least + 100:
                        time.sleep(0.01)
                    elif self.post(f'{name}/{path}').status != 202:
                        return
                except (OSError, KeyError):
                    return
        threads = [threading.Thread(target=feed) for _ in range(8)] # one may post no faster than they run
        for thread in threads:
            thread.start()
            self.addCleanup(thread.join)
        self.addCleanup(self.node.api, 'DELETE', f'/v1/queues/{name}/entries')
        self.addCleanup(self.node.api, 'DELETE', f'/v1/functions/{name}')
        wait_until(lambda: self.queue(name)['count'] >= least, 'a full queue', 180)

    def at_work(self, name):
        return sum(i['state'] in ('busy', 'restoring') for i in self.node.function(name)['instances'])

    def test_others_are_served(self):
        for isolation in ('reuse', 'reset'):
            a, b = f'a-{isolation}', f'b-{isolation}'
            self.node.deploy(a, 'trouble', isolation=isolation)
            self.node.deploy(b, 'trouble', isolation=isolation)
            self.saturate(a, 'spin?n=20')
            for i in range(10):
                call = f'{isolation}-{i}'
                wait_until(lambda a=a: self.queue(a)['count'] > 50, 'a full queue', 180)  # whoever fills it may be slow
                self.post(f'{b}/count', x_call_id=call)
                wait_until(lambda b=b, call=call: call in self.delivered(b), call)
                self.assertGreater(self.queue(a)['count'], 0)
            self.doCleanups()

    def test_fewer_at_a_time_where_they_only_wait(self):
        """What is bound by processors gets no more instances than these can run."""
        self.node.deploy('many', 'trouble', max_instances=64)
        self.saturate('many', 'spin?n=20')
        few = []
        wait_until(lambda: few.append(self.at_work('many') < 6 * os.cpu_count()) or all(few[-10:]) and
                   len(few) > 10, 'few at work', 180)

    def test_who_sleeps_is_not_limited(self):
        self.node.deploy('naps', 'trouble', max_instances=12)
        self.saturate('naps', 'nap?n=300')
        wait_until(lambda: self.at_work('naps') == 12, 'all of them', 180)

    def slices(self, name):
        return {slice_ns(i['pid']) for i in self.node.function(name)['instances'] if i['pid']}

    def test_who_computes_beside_others_has_long_slices(self):
        """As long as it does, and all others short ones; before and after all have the kernel's."""
        short, long, kernel = 100000, 3000000, slice_ns(os.getpid())
        if not kernel:
            self.skipTest('this kernel (before 6.12) tells no slices of its tasks')
        self.assertNotIn(kernel, (short, long))
        for name in ('spins', 'calls'):
            self.node.deploy(name, 'trouble', isolation='reuse', timeout_ms=120000)

        def seen(spins, calls):
            self.assertEqual(self.node.http('POST', '/function/calls/count').status, 200)
            return (self.slices('spins'), self.slices('calls'), slice_ns(self.node.process.pid)) == ({spins}, {calls}, calls)

        def computes():
            """Where others have all processors it may take several events."""
            if not self.at_work('spins'):
                self.assertEqual(self.post('spins/spin?n=3000').status, 202)
            return seen(long, short)
        wait_until(lambda: slice_ns(self.node.process.pid) == kernel, 'the end of what was before')
        self.assertEqual(self.node.http('POST', '/function/calls/count').status, 200)
        self.assertEqual(self.slices('calls'), {kernel})
        wait_until(computes, 'long slices', 180)
        wait_until(lambda: not self.at_work('spins') and not self.queue('spins')['count'], 'its end', 180)
        wait_until(lambda: seen(kernel, kernel), "the kernel's slices", 180)

    def test_large_events_take_turns(self):
        """Events in hand may take half of the node's buffer: who waits for room gets it in turn."""
        node = Node('--buffer-mib', '24')
        self.addCleanup(node.close)
        for name in ('l1', 'l2', 'l3', 'small'):
            node.deploy(name, 'trouble', max_instances=4)
        body = b'x' * (5 << 20)
        for _ in range(6):
            for name in ('l1', 'l2', 'l3'):
                self.assertEqual(node.http('POST', f'/async-function/{name}/nap?n=20', body).status, 202)
        node.http('POST', '/async-function/small/count', b'', {'X-Call-Id': 'small'})
        for name, count in (('l1', 6), ('l2', 6), ('l3', 6), ('small', 1)):
            wait_until(lambda name=name, count=count: sum('; delivered' in line['text'] for line in
                                                          node.logs(name, 1000)) == count, name, 180)


if __name__ == '__main__':
    harness.main()
