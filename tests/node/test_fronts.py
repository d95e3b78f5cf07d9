"""Many clients: connections go to several threads, requests to the one that has the functions."""
import concurrent.futures
import os
import signal
import socket
import unittest

import harness
from harness import Answer, Node, NodeTest, PATIENCE_S, alive, wait_until
from sinks import Gate

CLIENTS = 30
CALLS = 40


def fronts(node):
    """How many threads of the daemon are fronts."""
    tasks = f'/proc/{node.process.pid}/task'
    names = []
    for task in os.listdir(tasks):
        with open(f'{tasks}/{task}/comm') as file:
            names.append(file.read().strip())
    return names.count('front')


class Spread(NodeTest):
    OPTIONS = ('--fronts', '2', '--front-after', '4', '--gateway-metrics')

    @classmethod
    def prepare(cls):
        cls.node.deploy('echo')
        cls.node.deploy('trouble', max_instances=32, timeout_ms=60000)

    def opened(self, count):
        """Keep-alive connections that have had an answer, so that all are placed."""
        connections = [self.node.connect() for _ in range(count)]
        for connection in connections:
            connection.request('GET', '/healthz')
            self.assertEqual(Answer(connection.getresponse()).status, 200)
        return connections

    def test_few_clients_need_no_front_and_many_have_them(self):
        node = Node(*self.OPTIONS)
        self.addCleanup(node.close)
        few = [node.connect() for _ in range(4)]
        for connection in few:
            connection.request('GET', '/healthz')
            Answer(connection.getresponse())
        self.assertEqual(fronts(node), 0)
        more = [node.connect() for _ in range(20)]
        for connection in more:
            connection.request('GET', '/healthz')
            Answer(connection.getresponse())
        wait_until(lambda: fronts(node) == 2, 'two fronts')  # a thread names itself
        for connection in few + more:
            connection.close()

    def test_each_client_gets_its_own_answers(self):
        connections = self.opened(CLIENTS)

        def talk(number):
            for call in range(CALLS):
                body = b'client %d call %d ' % (number, call) * (1 + call * 37 % 400)
                connections[number].request('POST', '/function/echo', body)
                answer = Answer(connections[number].getresponse())
                if (answer.status, answer.body) != (200, body):
                    return f'client {number}, call {call}: {answer.status}'
            return None
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            self.assertEqual([p for p in pool.map(talk, range(CLIENTS)) if p], [])

    def test_unknown_functions_and_faults_are_answered_the_same_everywhere(self):
        for connection in self.opened(CLIENTS):
            connection.request('GET', '/function/nobody')
            answer = Answer(connection.getresponse())
            self.assertEqual((answer.status, answer.error['code']), (404, 'unknown-function'))
            connection.request('GET', '/function/trouble/abort')
            answer = Answer(connection.getresponse())
            self.assertEqual((answer.status, answer.error['code']), (502, 'instance-fault'))
            self.assertTrue(answer.header('X-Call-Id'))

    def test_metrics_are_whole_wherever_they_are_asked_for(self):
        for connection in self.opened(12):
            connection.request('GET', '/metrics')
            answer = Answer(connection.getresponse())
            self.assertEqual(answer.header('Content-Type'), 'text/plain; version=0.0.4')
            self.assertIn(b'gateway_function_invocation_started{function_name="echo"}', answer.body)
            self.assertIn(b'mayfly_connections ', answer.body)

    def test_clients_that_vanish_are_cancelled_and_counted(self):
        connections = self.opened(12)
        def gone():
            text = self.node.api('GET', '/metrics').body.decode()
            marks = [line for line in text.splitlines() if 'function_name="trouble",code="499"' in line]
            return int(marks[0].rsplit(' ', 1)[1]) if marks else 0
        before = gone()
        for connection in connections:
            connection.request('GET', '/function/trouble/nap?n=30000')
        wait_until(lambda: sum(i['state'] in ('busy', 'restoring')
                               for i in self.node.function('trouble')['instances']) >= 12, 'calls')
        for connection in connections:
            connection.sock.shutdown(socket.SHUT_RDWR)
            connection.close()
        wait_until(lambda: gone() == before + 12, 'all to be counted')
        wait_until(lambda: not any(i['state'] == 'busy'
                                   for i in self.node.function('trouble')['instances']), 'their ends')


class Full(NodeTest):
    OPTIONS = ('--fronts', '2', '--front-after', '2', '--connections', '8')

    def test_whoever_leaves_makes_room(self):
        request = b'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'
        for leaver in range(8):  # of each thread, one after the other
            socks = [socket.create_connection(('127.0.0.1', self.node.port), PATIENCE_S) for _ in range(9)]
            for sock in socks[:8]:
                sock.sendall(request)
                self.assertTrue(sock.recv(4096).startswith(b'HTTP/1.1 200'))
            socks[8].sendall(request)
            socks[8].settimeout(0.1)
            with self.assertRaises(TimeoutError):
                socks[8].recv(4096)
            socks[8].settimeout(PATIENCE_S)
            socks[leaver].close()
            self.assertTrue(socks[8].recv(4096).startswith(b'HTTP/1.1 200'))
            for sock in socks:
                sock.close()
            wait_until(lambda: b'mayfly_connections 0' in self.node.api('GET', '/metrics').body,
                       'all to have left')


class Ends(unittest.TestCase):
    def test_a_node_that_stops_finishes_what_its_fronts_have(self):
        node = Node('--fronts', '2', '--front-after', '2')
        self.addCleanup(node.process.kill)
        gate = Gate()
        self.addCleanup(gate.close)
        node.deploy('trouble', max_instances=16, **gate.settings)
        connections = [node.connect() for _ in range(12)]
        for connection in connections:
            connection.request('GET', '/function/trouble/' + gate.path)
        wait_until(lambda: gate.held() == 12, 'calls')
        below = node.children()
        node.process.send_signal(signal.SIGTERM)
        wait_until(lambda: b'node.stops' in node.log(), 'the beginning of its end')
        gate.open()
        for connection in connections:
            answer = Answer(connection.getresponse())
            self.assertEqual((answer.status, answer.header('Connection')), (200, 'close'))
        self.assertEqual(node.process.wait(PATIENCE_S), 0)
        wait_until(lambda: not any(map(alive, below)), 'the end of all processes')

    def test_a_second_signal_ends_fronts_with_calls_at_once(self):
        node = Node('--fronts', '2', '--front-after', '0')
        self.addCleanup(node.process.kill)
        node.deploy('trouble', max_instances=16, timeout_ms=60000)
        connections = [node.connect() for _ in range(6)]
        for connection in connections:
            connection.request('GET', '/function/trouble/nap?n=30000')
        wait_until(lambda: len(node.function('trouble')['instances']) >= 6, 'calls')
        for _ in range(2):
            node.process.send_signal(signal.SIGTERM)
            wait_until(lambda: b'node.stops' in node.log(), 'the first')
        self.assertEqual(node.process.wait(PATIENCE_S), 1)
        for connection in connections:
            connection.close()


if __name__ == '__main__':
    harness.main()
