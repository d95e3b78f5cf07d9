"""MQTT: messages become events of functions, acknowledged when they are durable; publications
get to the broker. A real mosquitto, and what goes wrong with one."""
import json
import os
import random
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

import harness
from harness import Node, wait_until
from mqtt import RETRY_S, MqttTest, bodies, heard

SEED = 5
KILLS = 8


class Messages(MqttTest):
    def setUp(self):
        self.b = self.broker()
        self.n = self.node(self.b)

    def test_a_message_becomes_an_event(self):
        self.deploy(self.n, 'shop/+/door')
        self.subscribed(self.b, self.n, 1)
        self.b.publish('shop/7 ü/door', '{"open":true}')
        event, = wait_until(lambda: heard(self.n), 'the event')
        self.assertEqual(event['type'], 'mayfly.mqtt.message')
        self.assertEqual(event['ce-type'], 'mayfly.mqtt.message')
        self.assertEqual(event['ce-specversion'], '1.0')
        self.assertEqual(event['ce-subject'], 'shop/7%20%C3%BC/door')
        self.assertEqual(event['ce-source'], self.b.url())
        self.assertEqual(event['content-type'], 'application/json')
        self.assertEqual(event['body'], '{"open":true}')
        self.assertEqual(event['x-call-id'], event['ce-id'])
        self.assertRegex(event['ce-id'], '^[0-9a-f]{32}$')

    def test_every_quality_of_service_and_both_versions(self):
        self.deploy(self.n, {'mqtt': 'a', 'qos': 0}, {'mqtt': 'b', 'qos': 1}, {'mqtt': 'c', 'qos': 2})
        self.subscribed(self.b, self.n, 3)
        expected = []
        for topic in 'abc':
            for qos in (0, 1, 2):
                for version in (3, 5):
                    expected.append(f'{topic}{qos}{version}')
                    self.b.publish(topic, expected[-1], qos=qos, version=version)
        self.hears(self.n, expected)
        self.assertEqual(len({event['ce-id'] for event in heard(self.n)}), len(expected))

    def test_wildcards(self):
        self.deploy(self.n, '#', name='all')
        self.deploy(self.n, 'a/#', name='below')
        self.deploy(self.n, 'a/+/c', name='level')
        self.deploy(self.n, '+/b', name='first')
        self.deploy(self.n, '$SYS/broker/version', name='sys')
        self.subscribed(self.b, self.n, 5)
        topics = ['a', 'a/b', 'a/b/c', 'x/b', '/b', 'a/b/c/d', 'a//c']
        for topic in topics:
            self.b.publish(topic, topic)
        self.hears(self.n, topics, 'all')  # and nothing of $SYS
        self.hears(self.n, ['a', 'a/b', 'a/b/c', 'a/b/c/d', 'a//c'], 'below')
        self.hears(self.n, ['a/b/c', 'a//c'], 'level')
        self.hears(self.n, ['a/b', 'x/b', '/b'], 'first')
        self.assertRegex(wait_until(lambda: bodies(self.n, 'sys'), 'its version')[0], '^mosquitto')

    def test_one_subscription_for_two_functions(self):
        self.deploy(self.n, 't', name='one')
        self.deploy(self.n, 't', name='two')
        self.subscribed(self.b, self.n, 1)
        self.b.publish('t', '1')
        self.hears(self.n, ['1'], 'one')
        self.hears(self.n, ['1'], 'two')
        self.assertEqual(self.b.log().count('Sending SUBACK to'), 1)
        self.assertEqual(self.n.api('DELETE', '/v1/functions/one').status, 200)
        self.b.publish('t', '2')
        self.hears(self.n, ['1', '2'], 'two')
        self.assertEqual(self.b.log().count('Received UNSUBSCRIBE'), 0)
        self.assertEqual(self.status(self.n)['subscriptions'], 1)
        self.assertEqual(self.n.api('DELETE', '/v1/functions/two').status, 200)
        wait_until(lambda: self.status(self.n)['subscriptions'] == 0, 'none')
        wait_until(lambda: self.b.log().count('Received UNSUBSCRIBE') == 1, 'the leaving')

    def test_other_triggers_at_the_next_deployment(self):
        self.deploy(self.n, 'a', 'b')
        self.subscribed(self.b, self.n, 2)
        self.deploy(self.n, 'b', 'c')
        self.subscribed(self.b, self.n, 3)
        wait_until(lambda: self.status(self.n)['subscriptions'] == 2, 'a is left')
        for topic in 'abc':
            self.b.publish(topic, topic)
        self.hears(self.n, ['b', 'c'])
        self.deploy(self.n)
        wait_until(lambda: self.status(self.n)['subscriptions'] == 0, 'all are left')

    def test_overlapping_filters(self):
        """Each function gets a message once for each of its filters, whatever others have."""
        self.deploy(self.n, 'a/#', name='one')
        self.deploy(self.n, 'a/b', name='two')
        self.deploy(self.n, '+/b', name='three')
        self.assertNotIn(b'mqtt.twice', self.n.log())
        self.deploy(self.n, 'a/#', 'a/b', name='four')
        self.assertIn(b'mqtt.twice fn=four filter="a/#" other="a/b"', self.n.log())
        self.subscribed(self.b, self.n, 3)
        self.b.publish('a/b', 'x')
        self.b.publish('a/c', 'last')
        self.hears(self.n, ['x', 'last'], 'one')
        self.hears(self.n, ['x'], 'two')
        self.hears(self.n, ['x'], 'three')
        self.hears(self.n, ['x', 'x', 'last'], 'four')

    def test_shared_subscriptions(self):
        """With another node in the group each message gets to one of them; an ordinary
        subscription beside it gets all."""
        other = self.node(self.b, '--node-name', 'other')
        for node in (self.n, other):
            self.deploy(node, '$share/group/s/#', name='shared')
        self.deploy(self.n, 's/#', name='plain')
        self.subscribed(self.b, self.n, 3)
        sent = [str(i) for i in range(40)]
        self.b.publish_lines('s/x', sent)
        self.hears(self.n, sent, 'plain')
        wait_until(lambda: sorted(bodies(self.n, 'shared') + bodies(other, 'shared')) == sorted(sent),
                   'each at one of them')
        self.assertTrue(bodies(self.n, 'shared') and bodies(other, 'shared'))

    def test_retained_messages(self):
        self.b.publish('r/1', 'old', retain=True)
        self.deploy(self.n, 'r/#')
        self.hears(self.n, ['old'])
        self.assertEqual(heard(self.n)[0]['ce-mqttretain'], 'true')
        self.b.publish('r/1', 'new', retain=True)
        self.hears(self.n, ['old', 'new'])
        self.assertNotIn('ce-mqttretain', heard(self.n)[1])
        self.b.stop()
        self.b.start()
        self.connected(self.n)
        self.b.publish('r/2', 'last')
        wait_until(lambda: 'last' in bodies(self.n), 'the last one')
        # Not again for a subscription that was there; but the broker may have missed an acknowledgement.
        of_ids = {event['ce-id']: event['body'] for event in heard(self.n)}
        self.assertEqual(sorted(of_ids.values()), ['last', 'new', 'old'])

    def test_cloudevents_are_taken_as_they_are(self):
        self.deploy(self.n, 'e/#')
        self.subscribed(self.b, self.n, 1)
        attributes = {'specversion': '1.0', 'id': 'A 1', 'source': '/s', 'type': 'com.x', 'subject': 'sü',
                      'extra': 'yes'}
        self.b.publish('e/binary', 'data', properties=[('content-type', 'text/plain')] + [
            ('user-property', *pair) for pair in attributes.items()])
        structured = dict(attributes, datacontenttype='application/json', data={'n': 1})
        self.b.publish('e/structured', json.dumps(structured),
                       properties=[('content-type', 'application/cloudevents+json; charset=utf-8')])
        self.b.publish('e/old', json.dumps(structured), version=3)
        events = wait_until(lambda: len(heard(self.n)) == 3 and heard(self.n), 'three events')
        events.sort(key=lambda event: ('e/binary', 'e/structured', 'e/old').index(event['ce-mqtttopic']))
        for event, kind in zip(events, ('binary', 'structured', 'old')):
            self.assertEqual((event['ce-id'], event['ce-source'], event['type'], event['ce-subject'],
                              event['ce-extra'], event['ce-mqtttopic']),
                             ('A%201', '/s', 'com.x', 's%C3%BC', 'yes', 'e/' + kind), kind)
        self.assertEqual((events[0]['body'], events[0]['content-type']), ('data', 'text/plain'))
        self.assertEqual(json.loads(events[1]['body']), {'n': 1})
        self.assertEqual(events[1]['content-type'], 'application/json')
        self.assertEqual(json.loads(events[2]['body']), {'n': 1})

    def test_what_says_it_is_an_event_and_is_none_is_a_message(self):
        self.deploy(self.n, 'e')
        self.subscribed(self.b, self.n, 1)
        json_type = [('content-type', 'application/cloudevents+json')]
        self.b.publish('e', '{"specversion":"1.0"}', properties=json_type)
        self.b.publish('e', 'no json', properties=json_type)
        self.b.publish('e', 'binary', properties=[('user-property', 'specversion', '1.0')])
        self.b.publish('e', '{"specversion":"1.0","id":1}', version=3)
        self.b.publish('e', b'\0\xff\xfe')
        events = wait_until(lambda: len(heard(self.n)) == 5 and heard(self.n), 'five events')
        for event in events:
            self.assertEqual((event['type'], event['ce-subject']), ('mayfly.mqtt.message', 'e'))

    def test_large_and_too_large(self):
        self.deploy(self.n, 'big')
        self.subscribed(self.b, self.n, 1)
        self.b.publish('big', b'x' * (6 << 20))
        self.b.publish('big', b'y' * ((6 << 20) + 1))
        self.b.publish('big', b'z')
        wait_until(lambda: sorted(event['bytes'] for event in heard(self.n)) == [1, 6 << 20], 'two events')
        self.assertIn(b'why=too-big', self.n.log())
        self.assertEqual(self.metric(self.n, 'mayfly_mqtt_dropped_total{reason="too-big"}'), 1)

    def test_status_and_metrics(self):
        self.deploy(self.n, 'm')
        self.subscribed(self.b, self.n, 1)
        self.b.publish('m', '1', qos=0)
        self.hears(self.n, ['1'])
        status = self.status(self.n)
        self.assertEqual((status['state'], status['version'], status['broker'], status['subscriptions'],
                          status['refused'], status['held']),
                         ('connected', '5', self.b.url(), 1, 0, False))
        self.assertEqual(self.metric(self.n, 'mayfly_mqtt_messages_total'), 1)
        self.assertEqual(self.metric(self.n, 'mayfly_mqtt_connected{link="in"}'), 1)
        if shutil.which('promtool'):
            check = subprocess.run(['promtool', 'check', 'metrics'], capture_output=True,
                                   input=self.n.api('GET', '/metrics').body)
            self.assertEqual((check.returncode, check.stdout, check.stderr), (0, b'', b''))


class Outages(MqttTest):
    def test_the_session_outlives_the_node(self):
        broker = self.broker()
        node = self.node(broker)
        self.deploy(node, {'mqtt': 'p', 'qos': 1}, {'mqtt': 'q', 'qos': 2})
        self.subscribed(broker, node, 2)
        client = self.status(node)['client']
        node.stop()
        broker.publish('p', 'one')
        broker.publish('q', 'two', qos=2)
        node.start()
        self.hears(node, ['one', 'two'])
        self.assertEqual(self.status(node)['client'], client)
        self.assertIn(b'session=resumed', node.log())
        node.process.kill()
        node.process.wait()
        broker.publish('p', 'three')
        node.start()
        self.hears_at_least_once(node, ['one', 'two', 'three'])

    def test_a_broker_that_comes_back_is_subscribed_to_again(self):
        broker = self.broker(persistent=False)
        node = self.node(broker)
        self.deploy(node, 'x/+')
        self.subscribed(broker, node, 1)
        for i in range(3):
            broker.kill()
            wait_until(lambda: self.status(node)['state'] != 'connected', 'the loss')
            broker.start()
            self.connected(node)
            self.subscribed(broker, node, 2 + i)
            broker.publish('x/y', f'{i}')
            self.hears(node, [str(n) for n in range(i + 1)])
        self.assertIn(b'mqtt.lost', node.log())

    def test_a_broker_that_comes_later(self):
        broker = self.broker(start=False)
        node = self.node(broker, connects=False)
        self.deploy(node, 'x')
        wait_until(lambda: self.status(node)['state'] == 'away', 'refusal')
        self.assertIn(b'mqtt.refused', node.log())
        broker.start()
        self.connected(node)
        self.subscribed(broker, node, 1)
        broker.publish('x', '1')
        self.hears(node, ['1'])

    def test_what_was_left_while_the_broker_was_away_is_left(self):
        broker = self.broker()
        node = self.node(broker)
        self.deploy(node, 'gone', 'stays')
        self.subscribed(broker, node, 2)
        broker.stop()
        wait_until(lambda: self.status(node)['state'] != 'connected', 'the loss')
        self.deploy(node, 'stays')
        node.process.kill()  # and the node forgets
        node.process.wait()
        broker.start()
        node.start()
        self.connected(node)
        wait_until(lambda: broker.log().count('Received UNSUBSCRIBE') == 1, 'the leaving')
        wait_until(lambda: self.status(node)['subscriptions'] == 1, 'the answer')
        broker.publish('gone', '1')
        broker.publish('stays', '2')
        self.hears(node, ['2'])

    def test_names_are_looked_up_beside_the_loop(self):
        node = self.node(None, '--mqtt', 'mqtt://no-such-host.invalid', connects=False)
        wait_until(lambda: self.status(node)['state'] == 'away', 'refusal')
        self.assertEqual(node.http('GET', '/healthz').status, 200)

    def test_who_takes_connections_and_says_nothing(self):
        """A port that is silent, one that talks nonsense, one that hangs up."""
        for says in (b'', b'HTTP/1.1 400 Bad Request\r\n\r\n', b'\x20\x03\x00\x01\x00', None):
            with socket.create_server(('127.0.0.1', 0)) as server:
                node = Node('--mqtt', f'mqtt://127.0.0.1:{server.getsockname()[1]}')
                self.addCleanup(node.close)
                connection, _ = server.accept()
                if says:
                    connection.sendall(says)
                if says is None:
                    connection.close()
                if says != b'':
                    wait_until(lambda: b'mqtt.refused' in node.log(), 'refusal')
                self.assertEqual(node.http('GET', '/healthz').status, 200)
                node.stop()
                if says is not None:
                    connection.close()


class Security(MqttTest):
    def secret(self, text):
        path = os.path.join(self.b.folder, 'secret')
        with open(path, 'w') as file:
            file.write(text + '\n')
        os.chmod(path, 0o600)
        return path

    def test_tls_with_a_password(self):
        self.b = self.broker(users={'me': 'pä ss@%', 'other': 'x'}, tls=True)
        ca = self.b.path('ca.pem')
        node = self.node(self.b, '--mqtt', self.b.url('me'), '--mqtt-ca', ca, '--mqtt-password-file',
                         self.secret('pä ss@%'))
        self.deploy(node, 't')
        self.subscribed(self.b, node, 1)
        self.b.publish('t', 'x' * 200000, user='other')  # more than a record of TLS
        for i in range(30):
            self.b.publish('t', f'{i}', user='other', qos=i % 3)
        wait_until(lambda: len(heard(node)) == 31, 'all of them')
        self.assertNotIn('pä ss@%'.encode(), node.log())
        by_name = self.node(self.b, '--mqtt', self.b.url('me:p%C3%A4%20ss%40%25', host='localhost'),
                            '--mqtt-ca', ca)
        by_name.close()

    def test_who_is_not_let_in(self):
        self.b = self.broker(users={'me': 'right'})
        for user in ('me:wrong', None):
            node = self.node(self.b, '--mqtt', self.b.url(user), connects=False)
            wait_until(lambda: b'mqtt.refused' in node.log(), 'refusal')
            self.assertRegex(node.log().decode(), 'mqtt.refused.*why=".*(uthori)')
            node.close()

    def test_a_certificate_that_nobody_vouches_for(self):
        self.b = self.broker(tls=True)
        node = self.node(self.b, connects=False)
        wait_until(lambda: b'mqtt.refused' in node.log(), 'refusal')
        self.assertIn(b'certificate verify failed', node.log())
        other = self.broker(tls=True)
        wrong = self.node(self.b, '--mqtt-ca', other.path('ca.pem'), connects=False)
        wait_until(lambda: b'certificate verify failed' in wrong.log(), 'refusal')

    def test_a_certificate_of_another_host(self):
        self.b = self.broker(tls=True)
        node = self.node(self.b, '--mqtt', self.b.url(host='127.0.0.2'), '--mqtt-ca',
                         self.b.path('ca.pem'), connects=False)
        wait_until(lambda: b'mqtt.refused' in node.log(), 'refusal')
        self.assertRegex(node.log(), b'host name verification failed|certificate verify failed')

    def test_our_own_certificate(self):
        self.b = self.broker('require_certificate true', 'use_identity_as_username true', tls=True)
        node = self.node(self.b, '--mqtt-ca', self.b.path('ca.pem'), '--mqtt-cert', self.b.path('client.pem'),
                         '--mqtt-key', self.b.path('client.key'))
        self.assertEqual(self.status(node)['state'], 'connected')
        without = self.node(self.b, '--mqtt-ca', self.b.path('ca.pem'), connects=False)
        wait_until(lambda: b'mqtt.refused' in without.log(), 'refusal')

    def test_options_that_do_not_fit(self):
        self.b = self.broker(start=False, tls=True)
        ca, secret = self.b.path('ca.pem'), self.secret('x')
        public = self.secret('x') + '2'
        with open(public, 'w') as file:
            file.write('x')
        os.chmod(public, 0o644)
        phrase = self.b.path('phrase.key')
        subprocess.run(['openssl', 'ec', '-in', self.b.path('client.key'), '-aes256', '-passout', 'pass:x', '-out',
                        phrase], check=True, capture_output=True)
        for words, expect in ((['--mqtt', 'http://h'], 'mqtt://'), (['--mqtt', 'mqtt://u:p@'], 'mqtt://'),
                              (['--mqtt-what', 'x'], 'no such option'), (['--mqtt'], 'missing'),
                              (['--mqtt', 'mqtt://h', '--mqtt-ca', ca], 'mqtts'),
                              (['--mqtt', 'mqtts://h', '--mqtt-cert', ca], 'belong together'),
                              (['--mqtt-ca', ca], '--mqtt-ca: of which broker'),
                              (['--mqtt', 'mqtts://h', '--mqtt-ca', '/nosuch'], '--mqtt-ca /nosuch: there is no such'),
                              (['--mqtt', 'mqtts://h', '--mqtt-ca', secret], 'no certificates in PEM'),
                              (['--mqtt', 'mqtts://h', '--mqtt-cert', ca, '--mqtt-key', secret], 'no key in PEM'),
                              (['--mqtt', 'mqtts://h', '--mqtt-cert', ca, '--mqtt-key', public], 'open to others'),
                              (['--mqtt', 'mqtts://h', '--mqtt-cert', ca, '--mqtt-key', phrase], 'pass phrase'),
                              (['--egress-ca', '/nosuch'], '--egress-ca /nosuch: there is no such'),
                              (['--secrets', '/nosuch'], '--secrets /nosuch: No such'),
                              (['--secrets', secret], 'no directory'),
                              (['--mqtt', 'mqtt://h', '--mqtt-password-file', secret], 'needs a user'),
                              (['--mqtt', 'mqtt://u@h', '--mqtt-password-file', public], 'public|secret2')):
            process = subprocess.run([harness.node_program(), '--state',
                                      self.b.path('state'), '--listen', '127.0.0.1:0', *words],
                                     capture_output=True, text=True, timeout=harness.PATIENCE_S)
            self.assertNotEqual(process.returncode, 0)
            self.assertRegex(process.stderr, expect)
            self.assertNotIn('u:p', process.stderr)


def publication(topic, payload=b'', mid=1, dup=False):
    """A PUBLISH of QoS 1, as bytes."""
    body = struct.pack('>H', len(topic)) + topic + struct.pack('>HB', mid, 0) + payload
    length, left = b'', len(body)
    while True:
        left, byte = left >> 7, left & 127
        length += bytes([byte | (128 if left else 0)])
        if not left:
            break
    return bytes([0x32 | (8 if dup else 0)]) + length + body


class FakeBroker:
    """Says to a node's first connection what a test wants; MQTT 5."""

    def __init__(self, test):
        self.test = test
        self.server = socket.create_server(('127.0.0.1', 0))
        test.addCleanup(self.server.close)
        self.url = f'mqtt://127.0.0.1:{self.server.getsockname()[1]}'

    def accept(self, greeting=b'\x20\x03\x00\x00\x00'):
        while True:
            self.connection, _ = self.server.accept()
            self.connection.settimeout(harness.PATIENCE_S)
            self.test.addCleanup(self.connection.close)
            assert self.packet()[0] == 0x10
            if not self.was_given_up():
                break
        self.connection.sendall(greeting)

    def was_given_up(self):
        """It was not accepted for so long that the node tries another one."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        return bool(readable) and self.connection.recv(1, socket.MSG_PEEK) == b''

    def forget(self):
        """Connections of a life that is over, which nobody has accepted."""
        self.server.setblocking(False)
        try:
            while True:
                self.server.accept()[0].close()
        except BlockingIOError:
            pass
        self.server.setblocking(True)

    def exactly(self, count):
        got = b''
        while len(got) < count:
            part = self.connection.recv(count - len(got))
            if not part:
                raise EOFError
            got += part
        return got

    def packet(self):
        kind, = self.exactly(1)
        length, shift = 0, 0
        while True:
            byte, = self.exactly(1)
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return kind, self.exactly(length)

    def publish(self, topic, payload=b'', mid=1, dup=False):
        self.connection.sendall(publication(topic, payload, mid, dup))

    def acknowledged(self):
        """The message identifier of the next PUBACK."""
        while True:
            kind, body = self.packet()
            if kind == 0x40:
                return struct.unpack('>H', body[:2])[0]


class Hostile(MqttTest):
    def start(self, *triggers):
        self.fake = FakeBroker(self)
        self.n = self.node(None, '--mqtt', self.fake.url, connects=False)
        if triggers:
            self.deploy(self.n, *triggers)

    def test_a_refused_subscription_is_told(self):
        self.start('no/way')
        self.fake.accept()
        kind, body = self.fake.packet()
        self.assertEqual(kind, 0x82)
        self.fake.connection.sendall(b'\x90\x04' + body[:2] + b'\x00\x87')
        wait_until(lambda: b'mqtt.not-subscribed' in self.n.log(), 'a line')
        self.assertRegex(self.n.log().decode(), 'mqtt.not-subscribed filter="no/way" why=.*authori')
        self.assertEqual(self.status(self.n)['refused'], 1)

    def test_the_broker_says_how_often_it_wants_to_hear_of_us(self):
        self.start()
        self.fake.accept(b'\x20\x06\x00\x00\x03\x13\x00\x01')  # every second
        self.fake.connection.settimeout(13)  # more than ten times as patient as a broker
        for _ in range(3):
            self.assertEqual(self.fake.packet(), (0xc0, b''))
            self.fake.connection.sendall(b'\xd0\x00')
        self.assertEqual(self.status(self.n)['state'], 'connected')

    def test_messages_nobody_wants_are_acknowledged(self):
        self.start('a')
        self.fake.accept()
        for mid, topic in enumerate((b'b', b'x' * 2000, b'b/c'), 1):
            self.fake.publish(topic, b'payload', mid)
            self.assertEqual(self.fake.acknowledged(), mid)
        self.fake.publish(b'a', b'last', 9)
        self.assertEqual(self.fake.acknowledged(), 9)
        self.hears(self.n, ['last'])
        self.assertEqual(self.metric(self.n, 'mayfly_mqtt_dropped_total'), 3)

    def test_what_is_sent_again_keeps_its_id_and_nothing_else_does(self):
        self.start('a')
        self.fake.accept()
        self.fake.publish(b'a', b'same', 1)
        self.assertEqual(self.fake.acknowledged(), 1)
        self.fake.publish(b'a', b'same', 1)  # another one: the first was acknowledged
        self.assertEqual(self.fake.acknowledged(), 1)
        self.fake.connection.close()
        self.fake.accept(b'\x20\x03\x01\x00\x00')
        self.fake.publish(b'a', b'same', 1, dup=True)
        self.assertEqual(self.fake.acknowledged(), 1)
        self.fake.publish(b'a', b'same', 2, dup=True)  # never seen under that number
        self.assertEqual(self.fake.acknowledged(), 2)
        self.n.process.kill()
        self.n.process.wait()
        self.n.start()
        self.fake.connection.close()
        self.fake.accept(b'\x20\x03\x01\x00\x00')
        self.fake.publish(b'a', b'same', 2, dup=True)
        self.assertEqual(self.fake.acknowledged(), 2)
        # The kill may have cost an event an attempt.
        ids = wait_until(lambda: (lambda found: len(found) == 5 and found)(
            {int(event['x-start-time']): event['ce-id'] for event in heard(self.n)}), 'five events')
        ids = [ids[at] for at in sorted(ids)]
        self.assertEqual(ids[1], ids[2])
        self.assertEqual(ids[3], ids[4])
        self.assertEqual(len(set(ids)), 3)

    def test_the_session_of_a_long_life_is_read_again(self):
        """More batches than the store tells of at once, and messages than whose ids are known."""
        self.start('a')
        self.fake.accept()
        for mid in range(1, 1102):
            self.fake.publish(b'a', b'%d' % mid, mid)
            self.assertEqual(self.fake.acknowledged(), mid)
        self.fake.connection.close()
        self.fake.accept(b'\x20\x03\x01\x00\x00')
        self.fake.publish(b'a', b'1100', 1100, dup=True)
        self.assertEqual(self.fake.acknowledged(), 1100)
        self.assertEqual(self.metric(self.n, 'mayfly_mqtt_redelivered_total'), 1)
        self.n.process.kill()
        self.n.process.wait()
        self.n.start()
        self.fake.connection.close()
        self.fake.server.settimeout(harness.PATIENCE_S)
        self.fake.accept(b'\x20\x03\x01\x00\x00')
        self.fake.publish(b'a', b'1101', 1101, dup=True)
        self.assertEqual(self.fake.acknowledged(), 1101)
        self.assertEqual(self.metric(self.n, 'mayfly_mqtt_redelivered_total'), 1)

    def test_what_follows_the_greeting_at_once_has_a_bound(self):
        self.start('a')
        self.fake.accept(b'\x20\x03\x00\x00\x00' + publication(b'a', b'x' * (1 << 20), 1) * 12)
        for _ in range(12):
            self.fake.acknowledged()
        wait_until(lambda: len(heard(self.n)) == 12, 'twelve events')

    def test_any_bytes(self):
        """Whatever it sends, the node is there, and connects again."""
        chance = random.Random(SEED)
        # What libmosquitto had allocated for a packet that it then gives up, it forgets.
        known = tempfile.NamedTemporaryFile('w', suffix='.supp')
        self.addCleanup(known.close)
        known.write('leak:libmosquitto\n')
        known.flush()
        before = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(before)))
        os.environ['LSAN_OPTIONS'] = f'suppressions={known.name}:print_suppressions=0'
        self.start('a/#')
        cases = [b'\x32\x05\x00\x01a\x00\x00',            # message 0
                 b'\x32\x06\x00\x02\xff\xfe\x00\x01\x00',  # no UTF-8
                 b'\x32\x07\x00\x02a\x00\x00\x01\x00',      # NUL
                 b'\x32\x06\x00\x02a#\x00\x01\x00',          # a wildcard
                 b'\x36\x05\x00\x01a\x00\x01\x00',           # QoS 3
                 b'\x32\xff\xff\xff\xff\x7f',                # a length of five bytes
                 b'\x32\x02\x00\x09', b'\x90\x00', b'\x40\x00', b'\x20\x03\x00\x00\x00',
                 b'\xe0\x00', b'\xe0\x02\x8e\x00', b'\x00' * 64, b'\xf0\x00', b'\x62\x02\x00\x01',
                 b'\x30\x0a\x00\x01a\x05\x0b\x80\x80\x80\x80xx',  # a property that is none
                 ] + [bytes(chance.randrange(256) for _ in range(chance.randrange(1, 200)))
                      for _ in range(12)]
        for case in cases:
            self.fake.accept()
            self.fake.connection.sendall(case)
            try:
                self.fake.connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it has hung up
            wait_until(lambda: self.status(self.n)['state'] == 'away', f'the end of {case}')
            self.fake.connection.close()
            self.assertEqual(self.n.http('GET', '/healthz').status, 200, case)
            self.n.stop()
            self.fake.forget()
            self.n.start()  # which connects at once

    def test_a_flood_is_read_as_fast_as_it_is_kept(self):
        self.start('a')
        self.fake.accept()
        kib = self.n.resident_kib()
        payload = b'x' * 500000
        stop = threading.Event()

        def flood():
            try:
                for mid in range(1, 401):
                    self.fake.publish(b'b' if mid % 4 else b'a', payload, mid)
            except OSError:
                pass
            stop.set()
        thread = threading.Thread(target=flood)
        thread.start()
        acknowledged = 0
        while acknowledged < 400:
            self.fake.acknowledged()
            acknowledged += 1
        thread.join()
        if not harness.sanitized():
            self.assertLess(self.n.resident_kib() - kib, 80 << 10)
        wait_until(lambda: len(heard(self.n)) == 100, 'the wanted ones')


class Stopped(MqttTest):
    def test_a_stopped_function_holds_back_nobody(self):
        broker = self.broker()
        node = self.node(broker)
        self.deploy(node, 'a/#', name='f', queue_max=3)
        self.deploy(node, 'a/#', name='g')
        self.subscribed(broker, node, 1)
        node.api('POST', '/v1/functions/f/stop')
        for i in range(5):
            broker.publish('a/b', f'{i}')
        self.hears(node, ['0', '1', '2', '3', '4'], name='g')
        self.assertEqual(self.metric(node, 'mayfly_mqtt_dropped_total{reason="stopped"}'), 2)
        self.assertIn('mqtt.dropped topic="a/b" bytes=1 why=stopped', node.log().decode())
        self.assertEqual(heard(node, 'f'), [])
        node.api('POST', '/v1/functions/f/start')  # what waited is not lost
        self.hears(node, ['0', '1', '2'], name='f')
        broker.publish('a/b', '5')
        self.hears(node, ['0', '1', '2', '5'], name='f')


class NotDurable(MqttTest):
    """What cannot be kept is not acknowledged, and nothing else suffers."""

    def test_a_full_queue(self):
        broker = self.broker()
        node = self.node(broker)
        self.deploy(node, 'slow', max_instances=1, queue_max=4, environment={'NAP_MS': '150'})
        self.subscribed(broker, node, 1)
        sent = [str(i) for i in range(20)]
        broker.publish_lines('slow', sent)
        wait_until(lambda: self.status(node)['held'], 'back-pressure')
        self.assertRegex(node.log().decode(), 'mqtt.held messages=[0-9]+ fn=f why=queue-full')
        self.hears(node, sent)
        wait_until(lambda: not self.status(node)['held'], 'its end')
        self.assertIn(b'mqtt.goes-on', node.log())
        self.assertEqual(len({event['ce-id'] for event in heard(node)}), 20)
        self.assertEqual(self.metric(node, 'mayfly_mqtt_lost_total'), 0)

    def test_a_full_queue_holds_back_no_urgent_function(self):
        broker = self.broker()
        node = self.node(broker)
        self.deploy(node, 'slow', max_instances=1, queue_max=4, timeout_ms=300000, environment={'NAP_MS': '200000'})
        self.subscribed(broker, node, 1)
        self.assertEqual(self.status(node)['urgent'], 'off')  # no session of which nobody has need
        self.deploy(node, 'alarm', 'slow', name='alarm', priority='urgent')
        self.subscribed(broker, node, 3)
        self.assertEqual(self.status(node)['urgent'], 'connected')
        sent = [str(i) for i in range(30)]
        broker.publish_lines('slow', sent)
        wait_until(lambda: self.status(node)['held'], 'back-pressure')
        broker.publish('alarm', 'fire')
        self.hears(node, [*sent, 'fire'], name='alarm')
        self.assertTrue(self.status(node)['held'])
        self.assertEqual(self.queue(node, 'f')['count'], 4)

    def test_what_waits_at_the_broker_for_a_function_that_becomes_urgent(self):
        broker = self.broker()
        node = self.node(broker)
        self.deploy(node, 'm', max_instances=1, queue_max=4, environment={'NAP_MS': '300'})
        self.subscribed(broker, node, 1)
        sent = [str(i) for i in range(20)]
        broker.publish_lines('m', sent)
        wait_until(lambda: self.status(node)['held'], 'back-pressure')
        self.deploy(node, 'm', priority='urgent')
        self.subscribed(broker, node, 2)
        self.hears(node, sent)
        wait_until(lambda: self.status(node)['subscriptions'] == 1, 'one session')
        broker.publish('m', 'last')
        self.hears(node, [*sent, 'last'])

    def test_a_full_disk(self):
        state = harness.small_disk(self, 48)
        broker = self.broker()
        node = self.node(broker, state=state)
        self.deploy(node, 'd')
        self.subscribed(broker, node, 1)
        broker.publish('d', 'first')
        self.hears(node, ['first'])
        ballast = os.path.join(state, 'ballast')
        with open(ballast, 'wb', buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError:
                pass
        sent = [f'{i}' + 'x' * 60000 for i in range(40)]
        for line in sent:
            broker.publish('d', line)
        wait_until(lambda: self.status(node)['held'], 'back-pressure')
        self.assertIn(b'why=disk-full', node.log())
        os.unlink(ballast)
        wait_until(lambda: len({b[:2].strip('x') for b in bodies(node)} - {'fi'}) == 40, 'all of them', 180)

    def test_the_connection_is_given_up_in_time(self):
        """For so long as it holds back nothing may be sent, not even that we live; so it goes
        before the broker ends it, and the broker sends again."""
        broker = self.broker()
        node = self.node(broker)
        settings = {'queue_max': 4, 'max_instances': 1, 'timeout_ms': 300000}
        self.deploy(node, 's', environment={'NAP_MS': '200000'}, **settings)
        self.subscribed(broker, node, 1)
        sent = [str(i) for i in range(30)]
        broker.publish_lines('s', sent)
        wait_until(lambda: self.status(node)['held'], 'back-pressure')
        wait_until(lambda: b'cannot be made durable' in node.log(), 'the giving up', 120)
        naps = [instance['pid'] for instance in node.function('f')['instances']]
        self.deploy(node, 's', **settings)
        for pid in naps:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: set(bodies(node)) == set(sent), 'all of them', 120)
        ids = {}
        for event in heard(node):
            ids.setdefault(event['body'], set()).add(event['ce-id'])
        self.assertEqual([b for b, of in ids.items() if len(of) > 1], [])


class Kills(MqttTest):
    def publisher(self, broker, count, pause_s):
        """Numbered messages of QoS 1 and 2, over two connections."""
        def run(qos):
            process = subprocess.Popen(['mosquitto_pub', '-h', '127.0.0.1', '-p', str(broker.port), '-t',
                                        f'k/{qos}', '-q', str(qos), '-l'], stdin=subprocess.PIPE)
            harness.STARTED.append(process)
            for i in range(count):
                process.stdin.write(f'{qos}-{i}\n'.encode())
                process.stdin.flush()
                time.sleep(pause_s)
            process.stdin.close()
            self.assertEqual(process.wait(180), 0)
        threads = [threading.Thread(target=run, args=(qos,)) for qos in (1, 2)]
        for thread in threads:
            thread.start()
        return threads

    def check(self, node, sent):
        wait_until(lambda: set(bodies(node)) >= sent, 'every message', 180)
        ids = {}
        for event in heard(node):
            ids.setdefault(event['body'], set()).add(event['ce-id'])
        self.assertEqual(set(ids), sent)
        several = {body: of for body, of in ids.items() if len(of) > 1}
        self.assertEqual(several, {}, 'one id for each')

    def test_the_node_is_killed_at_any_moment(self):
        chance = random.Random(SEED)
        broker = self.broker()
        node = self.node(broker)
        self.deploy(node, {'mqtt': 'k/+', 'qos': 2}, attempts_max=100)  # one may be in hand at many kills
        self.subscribed(broker, node, 1)
        threads = self.publisher(broker, 400, 0.01)
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.1, 0.7))
            node.process.kill()
            node.process.wait()
            node.start()
        for thread in threads:
            thread.join()
        self.check(node, {f'{qos}-{i}' for qos in (1, 2) for i in range(400)})

    def test_the_broker_is_ended_at_any_moment(self):
        """It saves what it has; and the node is killed in between."""
        chance = random.Random(SEED + 1)
        broker = self.broker()
        node = self.node(broker)
        self.deploy(node, 'k/+', attempts_max=100)
        self.subscribed(broker, node, 1)
        sent = []
        for i in range(10):
            for n in range(30):
                sent.append(f'{i}-{n}')
                broker.publish('k/x', sent[-1])
                if n == 15 and i % 3 == 0:
                    node.process.kill()
                    node.process.wait()
                    node.start()
            broker.stop()
            time.sleep(chance.uniform(0, 0.3))
            broker.start()
        self.check(node, set(sent))


class Publishing(MqttTest):
    def publish(self, node, topic, payload, qos=1, retain=0, expect=202, **headers):
        connection = harness.UnixConnection(os.path.join(node.state, 'api.sock'))
        try:
            connection.request('POST', f'/v1/publish?topic={topic}&qos={qos}&retain={retain}', payload,
                               {k.replace('_', '-'): v for k, v in headers.items()})
            answer = harness.Answer(connection.getresponse())
        finally:
            connection.close()
        self.assertEqual(answer.status, expect, answer.body)
        return answer

    def lines(self, process):
        out, _ = process.communicate(timeout=2 * RETRY_S)
        return out.decode().splitlines()

    def test_every_quality_of_service_and_retain(self):
        broker = self.broker()
        node = self.node(broker)
        ear = broker.listen('p/#', 4, qos=2, form='%t %q %p %C')
        self.subscribed(broker, node, 1)
        for qos in (0, 1, 2):
            self.publish(node, 'p/%C3%BC', f'm{qos}', qos)
            wait_until(lambda: self.metric(node, f'mayfly_mqtt_published_total{{qos="{qos}"}}') == 1, 'it')
        self.publish(node, 'p/r', '{}', 1, 1, content_type='application/json')
        self.assertEqual(self.lines(ear), ['p/ü 0 m0 ', 'p/ü 1 m1 ', 'p/ü 2 m2 ',
                                           'p/r 1 {} application/json'])
        late = broker.listen('p/#', 1, form='%t %r %p')
        self.assertEqual(self.lines(late), ['p/r 1 {}'])

    def test_functions_publish(self):
        """What their settings allow: and a message may come back, as an event of another one."""
        broker = self.broker()
        node = self.node(broker)
        self.deploy(node, 'p/#')
        node.deploy('asks', 'asks', allow={'publish': ['p/+']})
        self.subscribed(broker, node, 1)
        ask = lambda topic, qos, body: node.http('POST', f'/function/asks/publish?topic={topic}&qos={qos}',
                                                 body)
        results = [ask('p/1', 1, b'one'), ask('p/2', 2, b'two'), ask('q', 1, b'not'), ask('p/1/2', 1, b'not')]
        names = [next(v for k, v in r.headers if k.lower() == 'x-error') for r in results]
        self.assertEqual(names, ['ok', 'ok', 'denied', 'denied'])
        self.hears(node, ['one', 'two'])

    def test_a_circle_by_the_broker_comes_to_an_end(self):
        broker = self.broker()
        node = self.node(broker)
        node.deploy('siren', triggers=[{'mqtt': 'shop/+/alarm'}], allow={'publish': ['shop/+/alarm']}, attempts_max=1)
        self.subscribed(broker, node, 1)
        self.publish(node, 'shop/1/alarm', '{"shop":"1"}')
        wait_until(lambda: self.queue(node, 'siren')['dead'] == 1, 'the end of it')
        reason = node.api('GET', '/v1/queues/siren/entries?dead=1').json['entries'][0]['reason']
        self.assertIn('passed on too often', reason)
        self.assertEqual(self.metric(node, 'mayfly_mqtt_published_total{qos="1"}'), 33)

    def test_what_cannot_be_published(self):
        broker = self.broker()
        node = self.node(broker)
        for topic in ('a/%2B', '%23', '', 'a%01b', 'x' * 1025):
            self.publish(node, topic, 'x', expect=400)
        self.publish(node, 'a', 'x', qos=3, expect=400)
        alone = Node()
        self.addCleanup(alone.close)
        self.publish(alone, 'a', 'x', expect=503)

    def test_the_spool(self):
        """With the broker away: kept in order, through a kill of the node; QoS 0 is refused."""
        broker = self.broker()
        node = self.node(broker)
        broker.session('s/#', 'ear')
        broker.stop()
        wait_until(lambda: self.status(node)['state'] == 'away', 'the loss')
        for i in range(150):
            self.publish(node, 's/x', str(i))
        node.process.kill()
        node.process.wait()
        node.start()
        for i in range(150, 200):
            self.publish(node, 's/x', str(i))
        wait_until(lambda: self.status(node)['publishing'] == 'away', 'that it was tried')
        self.publish(node, 's/x', 'lost', qos=0, expect=503)
        ear = broker.listen  # after the broker is back
        broker.start()
        got = self.lines(ear('s/#', 200, client='ear'))
        self.assertEqual(got, [f's/x {i}' for i in range(200)])
        wait_until(lambda: self.metric(node, 'mayfly_mqtt_published_total') == 200, 'the acknowledgements')

    def test_kills_while_publishing(self):
        chance = random.Random(SEED + 2)
        broker = self.broker()
        node = self.node(broker)
        broker.session('z', 'ear')
        sent = []
        for i in range(200):
            self.publish(node, 'z', str(i), qos=1 + i % 2)
            sent.append(str(i))
            if chance.random() < 0.05:
                node.process.kill()
                node.process.wait()
                node.start()
            elif chance.random() < 0.03:
                broker.stop()
                broker.start()
        got = set()
        while not got.issuperset(sent):
            more = self.lines(broker.listen('z', 1, client='ear', form='%p'))
            self.assertTrue(more, set(sent) - got)
            got.update(more)
        self.assertEqual(got, set(sent))

    def test_a_publication_the_broker_never_takes_does_not_stop_the_others(self):
        broker = self.broker('max_packet_size 20000')
        node = self.node(broker)
        ear = broker.listen('t/#', 2, form='%p')
        self.subscribed(broker, node, 1)
        self.publish(node, 't/1', 'before')
        self.publish(node, 't/2', 'x' * 100000)
        self.publish(node, 't/3', 'after')
        self.assertEqual(self.lines(ear), ['before', 'after'])
        self.assertIn(b'mqtt.not-published', node.log())
        self.assertEqual(self.metric(node, 'mayfly_mqtt_not_published_total{reason="refused"}'), 1)

    def test_the_connection_for_publications_is_made_when_it_is_needed(self):
        broker = self.broker()
        node = self.node(broker)
        self.assertEqual(self.status(node)['publishing'], 'off')
        self.publish(node, 'a', '1')
        wait_until(lambda: self.status(node)['publishing'] == 'connected', 'it')
        wait_until(lambda: self.status(node)['publishing'] == 'off', 'its end', 120)


if __name__ == '__main__':
    harness.main()
