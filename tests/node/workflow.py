"""workflow.py: for test classes: a shipped workflow on a node and a broker of the test's own, its
devices, its states, and things to kill."""
import json
import os
import random
import re
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.parse

import harness
from broker import Broker
from harness import Node, wait_until

WORKFLOWS = os.path.join(os.path.dirname(__file__), '..', '..', 'functions', 'workflows')
SEED = 3
PATIENCE_S = 180


def messages(workload, *options):
    """What the devices say, without a broker: [(topic, payload)]."""
    done = subprocess.run([os.path.join(harness.ARGS.build, 'mayfly-devices'), workload, *options],
                          check=True, capture_output=True, text=True)
    return [(m['topic'], m['payload']) for m in map(json.loads, done.stdout.splitlines())]


class Workflow(unittest.TestCase):
    """One node and one broker for each test."""

    def setUp(self):
        self.random = random.Random(SEED)
        self.broker = Broker()
        self.addCleanup(self.broker.close)
        self.node = Node('--mqtt', self.broker.url(), '--blanks', '4', *self.options())
        self.addCleanup(self.node.close)
        self.deaths, self.reader = 0, False

    def options(self):
        """More of the node's."""
        return ()

    def deploy(self, name, **replaced):
        """The workflow as it ships, but for addresses, in the sandbox of the test."""
        with open(os.path.join(WORKFLOWS, name, 'mayfly.yml')) as file:
            text = file.read()
        text = re.sub(r'source: \.\./\.\./(\S+)',
                      lambda m: f'image: {os.path.abspath(harness.image(m.group(1)))}', text)
        text = text.replace('functions:', f'defaults: {{sandbox: {harness.ARGS.sandbox}, attempts_max: 100}}\nfunctions:', 1)
        for old, new in replaced.items():
            self.assertIn(old, text)
            text = text.replace(old, new)
        path = os.path.join(tempfile.mkdtemp(prefix='mf-workflow-'), 'mayfly.yml')
        self.addCleanup(subprocess.run, ['rm', '-rf', os.path.dirname(path)], check=True)
        with open(path, 'w') as file:
            file.write(text)
        subprocess.run([os.path.join(harness.ARGS.build, 'mayfly'), 'deploy', '-f', path], check=True,
                       capture_output=True, text=True, env={**os.environ, 'MAYFLY_STATE': self.node.state})
        self.subscribed(len(set(re.findall(r'mqtt: (\S+)', text))))

    def subscribed(self, filters):
        """The broker has answered each: what is published from now on is heard."""
        wait_until(lambda: self.broker.log().count('Sending SUBACK to') >= filters, 'subscriptions')

    def heard_by(self, client):
        """What is published from now on is heard by this one of ours, too."""
        wait_until(lambda: f'Sending SUBACK to {client}' in self.broker.log(), client)

    def webhook(self, sink):
        """Into the YAML: a sink of ours in place of Slack's."""
        url = f'http://127.0.0.1:{sink.port}/services/T/B/X'
        return {'WEBHOOK: ""': f'WEBHOOK: "{url}"',
                '"https://hooks.slack.com"': f'"127.0.0.1:{sink.port}"'}

    def play(self, workload, *options):
        subprocess.run([os.path.join(harness.ARGS.build, 'mayfly-devices'), workload, '--broker',
                        f'127.0.0.1:{self.broker.port}', *options], check=True, capture_output=True,
                       timeout=PATIENCE_S)

    def publish(self, topic, payload):
        subprocess.run(['mosquitto_pub', '-h', '127.0.0.1', '-p', str(self.broker.port), '-t', topic, '-q',
                        '1', '-m', payload], check=True, timeout=PATIENCE_S)

    def keys(self, prefix):
        answer = self.reads('scan', prefix=prefix, count=1000)
        return re.findall(rf'^({re.escape(prefix)}[^=\n]*)=', answer.body.decode(), re.M)

    def state(self, key):
        """What stands behind the events of a state (mayfly_state.h)."""
        answer = self.reads('get', key=key)
        value = answer.body.decode()
        return value.split('\n\n', 1)[-1].lstrip('\n') if answer.header('x-error') == 'ok' else ''

    def reads(self, what, **arguments):
        """By a function that may read everything; again while the node is away."""
        if not self.reader:
            self.reader = True
            self.node.deploy('reader', 'asks', allow={'read': ['*']})
        query = urllib.parse.urlencode(arguments)
        return self.node.http('POST', f'/function/reader/{what}?{query}')

    def calls(self, function):
        return self.node.function(function)['counters']['started']

    def kill_something(self):
        """The node, and its spawner or a process of a function, in turn."""
        self.deaths += 1
        if self.deaths % 2:
            self.kill_child()
        else:
            self.kill_node()

    def kill_child(self):
        below = self.node.children()
        if below:
            try:
                os.kill(self.random.choice(below), signal.SIGKILL)
            except ProcessLookupError:
                pass

    def kill_node(self):
        self.node.process.kill()
        self.node.process.wait()
        self.node.start()
