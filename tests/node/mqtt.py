"""mqtt.py: what tests with a broker have in common: nodes that it calls, and what their functions heard."""
import json
import os
import unittest

from broker import Broker
from harness import Node, wait_until

RETRY_S = 180  # a node tries a broker that was lost again and again at least each minute


def heard(node, name='f'):
    """What the function `told` was given, oldest first."""
    folder = os.path.join(node.state, 'logs')
    found = []
    for file in sorted(os.listdir(folder), reverse=True):
        if file == name + '.log' or file.startswith(name + '.log.'):
            with open(os.path.join(folder, file)) as log:
                for line in log:
                    if line.endswith('\n') and '{\\"type\\"' in line:
                        try:
                            found.append(json.loads(json.loads(line)['text']))
                        except ValueError:
                            pass  # the node was killed in the midst of it
    return found


def bodies(node, name='f'):
    return [event['body'] for event in heard(node, name)]


class MqttTest(unittest.TestCase):
    def broker(self, *lines, **how):
        broker = Broker(*lines, **how)
        self.addCleanup(broker.close)
        return broker

    def node(self, broker, *options, connects=True, **how):
        if not any(option == '--mqtt' for option in options):
            options = ('--mqtt', broker.url()) + options
        node = Node(*options, **how)
        self.addCleanup(node.close)
        if connects:
            self.connected(node)
        return node

    def connected(self, node):
        wait_until(lambda: self.status(node)['state'] == 'connected', 'the broker', RETRY_S)

    def status(self, node):
        return node.api('GET', '/v1/node').json['mqtt']

    def deploy(self, node, *triggers, name='f', **settings):
        node.deploy(name, 'told', triggers=[t if isinstance(t, dict) else {'mqtt': t}
                                             for t in triggers], **settings)
        node.snapshot(name)

    def subscribed(self, broker, node, count):
        """The broker has answered that many SUBSCRIBEs in all."""
        wait_until(lambda: broker.log().count('Sending SUBACK to') >= count, 'subscriptions')

    def hears(self, node, expected, name='f', seconds=RETRY_S):
        try:
            wait_until(lambda: sorted(bodies(node, name)) == sorted(expected), 'events', seconds)
        except AssertionError:
            self.assertEqual(sorted(bodies(node, name)), sorted(expected))

    def hears_at_least_once(self, node, expected, name='f'):
        """After a kill some may come again: with the id they had."""
        wait_until(lambda: set(bodies(node, name)) == set(expected), 'events')
        came = {(event['body'], event['ce-id']) for event in heard(node, name)}
        self.assertEqual(len(came), len(expected), came)

    def queue(self, node, name):
        return node.api('GET', f'/v1/queues/{name}').json

    def metric(self, node, name):
        text = node.api('GET', '/metrics').body.decode()
        return sum(float(line.rsplit(' ', 1)[1]) for line in text.splitlines()
                   if line.startswith(name))
