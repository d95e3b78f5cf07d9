"""Several nodes on one Redis hear a message once: functions' sessions with the broker are inherited
(docs/adr/mqtt-several-nodes.md). What comes of it is in queues that the nodes share, so an event is where it is."""
import collections
import os
import signal
import struct
import subprocess
import time
import unittest
import unittest.mock

import harness
from harness import wait_until
from mqtt import MqttTest, bodies, heard

TAKE_OVER_S = 180  # a lease is 15 s; the rest is for a machine that others use
IN_FLIGHT = 128   # base/limits.h


class NodesTest(MqttTest):
    def setUp(self):
        self.b, self.redis = self.broker(), harness.Redis(self)
        self.nodes = [self.join(name) for name in ('one', 'two')]

    def join(self, name, host='127.0.0.1'):
        return self.node(self.b, '--mqtt', self.b.url(host=host), '--store', self.redis.url, '--node-name', name)

    def everywhere(self, *triggers, name='f', **settings):
        for node in self.nodes:
            self.deploy(node, *triggers, name=name, attempts_max=100, **settings)

    def of_all(self, name='f'):
        return [body for node in self.nodes for body in bodies(node, name)]

    def ids(self, name='f'):
        """payload → how often it came under which id."""
        found = collections.defaultdict(collections.Counter)
        for node in self.nodes:
            for event in heard(node, name):
                found[event['body']][event['ce-id']] += 1
        return found

    def granted(self, count):
        wait_until(lambda: self.b.log().count('Sending SUBACK to') >= count, 'subscriptions')

    def hearer(self):
        """The node that hears; and the other one."""
        def look():
            hears = [node.process.poll() is None and self.status(node)['hears'] for node in self.nodes]
            return hears.count(1) == 1 and [self.nodes[hears.index(1)], self.nodes[1 - hears.index(1)]]
        return wait_until(look, 'one that hears', TAKE_OVER_S)

    def comes_once(self, sent, name='f'):
        wait_until(lambda: set(self.of_all(name)) >= set(sent), 'every message', TAKE_OVER_S)
        self.assertEqual(sorted(self.of_all(name)), sorted(sent))

    def flow(self, count, pause_s=0.01):
        """Numbered messages of QoS 1, over one connection that goes on."""
        process = subprocess.Popen(['mosquitto_pub', '-h', '127.0.0.1', '-p', str(self.b.port), '-t', 'f/x', '-q',
                                    '1', '-l'], stdin=subprocess.PIPE)
        harness.STARTED.append(process)
        for i in range(count):
            process.stdin.write(f'{i}\n'.encode())
            process.stdin.flush()
            yield str(i)
            time.sleep(pause_s)
        process.stdin.close()
        self.assertEqual(process.wait(harness.PATIENCE_S), 0)

    def under_one_id(self, sent):
        """At least once each."""
        wait_until(lambda: set(self.ids()) >= set(sent), 'every message', TAKE_OVER_S)
        ids = self.ids()
        self.assertEqual(set(ids), set(sent))
        self.assertEqual({body: of for body, of in ids.items() if len(of) > 1}, {}, 'one id for each')
        return ids

    def check(self, sent, kills):
        """And twice only what was on its way when a node was killed."""
        ids = self.under_one_id(sent)
        twice = [body for body, of in ids.items() if sum(of.values()) > 1]
        self.assertLessEqual(len(twice), IN_FLIGHT * kills)


class Once(NodesTest):
    def test_who_gets_a_message(self):
        """One of them, by default and by $share; each of them, where that is said. And an old message."""
        self.b.publish('two/old', 'old', retain=True)
        self.everywhere('two/+', name='once')
        self.everywhere('$share/g/three/+', name='shared')
        self.everywhere({'mqtt': 'two/+', 'nodes': 'every'}, name='each')
        self.granted(5)
        sent = [str(i) for i in range(20)]
        for line in sent:
            self.b.publish('two/x', line)
            self.b.publish('three/x', line)
        self.comes_once(sent + ['old'], 'once')
        self.comes_once(sent, 'shared')
        wait_until(lambda: len(self.of_all('each')) >= 42, 'each on both')
        self.assertEqual(sorted(self.of_all('each')), sorted(2 * (sent + ['old'])))
        self.assertEqual(sorted(self.status(node)['hears'] for node in self.nodes), [0, 1])
        self.assertEqual(sorted(self.metric(node, 'mayfly_mqtt_functions{by="this"}') for node in self.nodes), [0, 1])

    def test_a_node_is_ended_and_comes_back(self):
        """Who ends says so: the other one hears soon, and nothing is lost in between."""
        self.everywhere('f/+')
        self.granted(1)
        self.b.publish('f/x', 'before')
        self.comes_once(['before'])
        hears, other = self.hearer()
        hears.stop()
        self.b.publish('f/x', 'between')
        self.comes_once(['before', 'between'])
        self.assertEqual(self.status(other)['hears'], 1)
        hears.start()
        self.b.publish('f/x', 'after')
        self.comes_once(['before', 'between', 'after'])
        self.assertEqual(self.b.log().count('Sending SUBACK to'), 2)  # by each, once it heard

    def test_who_has_nothing_to_do_sleeps(self):
        """But for its leases, all at once, each five seconds; and Redis's answer."""
        for i in range(5):
            self.everywhere(f'f/{i}', name=f'f{i}')
        for node in self.nodes:
            wait_until(lambda node=node: node.wakes(6) <= 6, 'six seconds with hardly a waking')

    def test_nodes_that_differ(self):
        """In what they want to hear: told. In the broker's name: it may be another one, so each hears; and told."""
        one, two = self.nodes
        three = self.join('three', '127.0.0.2')
        self.deploy(one, 'f/+')
        self.granted(1)
        self.deploy(two, 'f/+', 'g/+')
        wait_until(lambda: b'mqtt.other-filters fn=f node=one' in two.log(), 'a word')
        self.deploy(three, 'f/+')
        self.granted(2)
        wait_until(lambda: b'mqtt.other-broker fn=f node=one' in three.log(), 'a word')
        self.nodes.append(three)
        self.b.publish('f/x', '1')
        wait_until(lambda: self.of_all() == ['1', '1'], 'each by its broker')
        self.assertNotIn(b'mqtt.other', one.log())

    def test_a_function_that_one_node_has(self):
        """Its messages wait for that node; no other one takes them from it."""
        one, two = self.nodes
        self.deploy(two, 'f/+')
        self.granted(1)
        self.deploy(one, 'g/+', name='g')
        self.granted(2)
        self.b.publish('f/x', '1')
        self.comes_once(['1'])
        two.process.kill()
        two.process.wait()
        self.b.publish('f/x', '2')
        self.b.publish('g/x', '3')
        self.comes_once(['3'], 'g')
        two.start()
        wait_until(lambda: '2' in bodies(two), 'what waited', TAKE_OVER_S)
        self.assertEqual(bodies(one), [])

    def test_it_is_removed(self):
        """Here: the other one goes on, with what came meanwhile. Everywhere: the broker keeps nothing for it."""
        self.everywhere('f/+')
        self.granted(1)
        hears, other = self.hearer()
        self.assertEqual(hears.api('DELETE', '/v1/functions/f').status, 200)
        self.b.publish('f/x', '1')
        wait_until(lambda: bodies(other) == ['1'], 'it', TAKE_OVER_S)
        self.assertEqual(self.b.log().count('Received UNSUBSCRIBE'), 0)
        self.assertEqual(other.api('DELETE', '/v1/functions/f').status, 200)
        wait_until(lambda: self.b.log().count('Received UNSUBSCRIBE') == 1, 'its end')
        wait_until(lambda: self.status(other)['subscriptions'] == 0, 'its end here')
        self.b.publish('f/x', '2')
        self.deploy(other, 'f/+')
        self.granted(3)
        self.b.publish('f/x', '3')
        wait_until(lambda: '3' in bodies(other), 'the new one')
        self.assertEqual(bodies(other)[-1:], ['3'])
        self.assertNotIn('2', bodies(other))

    def test_who_hears_is_said_otherwise(self):
        """A trigger becomes each node's, and one's again: a message in between may come by both, none is lost."""
        self.everywhere('f/+')
        self.granted(1)
        self.everywhere({'mqtt': 'f/+', 'nodes': 'every'})
        self.granted(3)
        wait_until(lambda: self.b.log().count('Received UNSUBSCRIBE') == 1, 'none hears for all', TAKE_OVER_S)
        self.b.publish('f/x', '1')
        wait_until(lambda: sorted(self.of_all()) == ['1', '1'], 'each')
        self.everywhere('f/+')
        self.granted(4)
        self.hearer()
        wait_until(lambda: sorted(self.status(node)['subscriptions'] for node in self.nodes) == [1, 1], 'one filter')
        self.b.publish('f/x', '2')
        wait_until(lambda: '2' in self.of_all(), 'it')
        self.b.publish('f/x', '3')
        wait_until(lambda: '3' in self.of_all(), 'it')
        self.assertEqual(sorted(self.of_all()), ['1', '1', '2', '3'])


class TakeOver(NodesTest):
    def test_who_hears_is_killed(self):
        """In the middle of a flow: once for good, once to come back at once, and the other one, too."""
        self.everywhere('f/+')
        self.granted(1)
        sent, dead = [], None
        for body in self.flow(600, 0.02):
            sent.append(body)
            if len(sent) == 100:  # and it comes back at once
                dead = self.hearer()[0]
                dead.process.kill()
                dead.process.wait()
                dead.start()
            elif len(sent) == 200:
                dead, other = self.hearer()
                dead.process.kill()
                dead.process.wait()
        wait_until(lambda: set(self.ids()) >= set(sent), 'every message', TAKE_OVER_S)
        self.assertEqual(self.status(other)['hears'], 1)
        dead.start()
        other.process.kill()
        other.process.wait()
        self.b.publish('f/x', 'last')
        sent.append('last')
        self.check(sent, 3)
        self.assertEqual(self.status(dead)['hears'], 1)
        other.start()

    def test_who_hears_sleeps(self):
        """Longer than its lease is, with what it has read and not written yet: another has it meanwhile, and
        who wakes makes nothing of it."""
        self.everywhere('f/+')
        self.granted(1)
        hears, other = self.hearer()
        sent = []
        for body in self.flow(300):
            sent.append(body)
            if len(sent) == 100:
                os.kill(hears.process.pid, signal.SIGSTOP)
        self.addCleanup(hears.process.send_signal, signal.SIGCONT)
        wait_until(lambda: self.status(other)['hears'] == 1, 'the other one', TAKE_OVER_S)
        wait_until(lambda: len(set(bodies(other))) > 150, 'its events', TAKE_OVER_S)
        os.kill(hears.process.pid, signal.SIGCONT)
        self.check(sent, 1)
        wait_until(lambda: self.status(hears)['hears'] == 0, 'it knows')
        self.b.publish('f/x', 'last')
        self.check(sent + ['last'], 1)
        connected = self.b.log().count('New client connected')
        time.sleep(3)  # neither throws the other out
        self.assertEqual(self.b.log().count('New client connected'), connected)

    def test_whose_clock_is_ahead(self):
        """Takes the session from one that is busy with it, and knows nothing of that."""
        if harness.sanitized():
            self.skipTest('a sanitizer wants to be loaded first')
        ahead = self.nodes[1]
        ahead.stop()
        with open(ahead.state + '/ahead', 'wb') as file:
            file.write(struct.pack('=q', 60))
        with unittest.mock.patch.dict(os.environ, MF_SET_CLOCK=ahead.state + '/ahead', LD_PRELOAD=os.path.join(
                harness.ARGS.build, 'tests', 'node', 'mf_set_clock.so')):
            ahead.start()
        self.deploy(self.nodes[0], 'f/+', attempts_max=100)
        self.granted(1)
        sent = []
        for body in self.flow(900, 0.0005):  # two lines each: a log takes 2,000 at once
            sent.append(body)
            if len(sent) == 300:
                answer = ahead.api('PUT', '/v1/functions/f', {'image': ahead.upload('told'), 'settings': {
                    'sandbox': harness.ARGS.sandbox, 'isolation': 'reuse', 'triggers': [{'mqtt': 'f/+'}]}})
                self.assertEqual(answer.status, 201)
        wait_until(lambda: self.status(ahead)['hears'] == 1, 'it hears', TAKE_OVER_S)
        self.under_one_id(sent)

    def test_redis_is_away(self):
        """For longer than a lease: nobody makes events, nothing is lost, one hears afterwards."""
        self.everywhere('f/+')
        self.granted(1)
        sent = []
        for body in self.flow(200):
            sent.append(body)
            if len(sent) == 100:
                self.redis.kill()
        wait_until(lambda: [self.status(node)['hears'] for node in self.nodes] == [0, 0], 'no lease', TAKE_OVER_S)
        self.redis.start()
        self.check(sent, 1)
        self.hearer()


if __name__ == '__main__':
    harness.main()
