"""The management API: each path of docs/openapi.yml answers as it says there."""
import json
import os
import re
import socket
import stat
import subprocess
import tempfile
import unittest

import harness
from harness import Node, NodeTest, wait_until
from sinks import unused_port

OPENAPI = os.path.join(os.path.dirname(__file__), '..', '..', 'docs', 'openapi.yml')


def described():
    """{(method, path): {status, …}} of the OpenAPI file; its layout is ours, two blanks a level."""
    found, path, method = {}, None, None
    in_paths = False
    with open(OPENAPI) as file:
        for line in file:
            if re.match(r'\S', line):
                in_paths = line.startswith('paths:')
            elif in_paths and re.match(r'  (/\S*):', line):
                path = line.strip().rstrip(':')
            elif in_paths and re.match(r'    (get|put|post|delete):', line):
                method = line.strip().rstrip(':').upper()
                found[method, path] = set()
            elif in_paths and re.match(r"        '(\d+)':", line):
                found[method, path].add(int(re.search(r'\d+', line).group()))
    return found


class Described(NodeTest):
    """Every answer seen here must be one that the file names for its path."""

    @classmethod
    def prepare(cls):
        cls.described = described()
        cls.seen = {}

    def call(self, method, pattern, expect, body=None, query='', **values):
        path = pattern.format(**values) + query
        answer = self.node.api(method, path, body)
        self.assertEqual(answer.status, expect, (path, answer.body))
        self.assertIn((method, pattern), self.described)
        self.assertIn(expect, self.described[method, pattern], f'{method} {pattern} in openapi.yml')
        type(self).seen.setdefault((method, pattern), set()).add(expect)
        if answer.header('content-type') == 'application/json' and answer.body:
            answer.json
        if expect >= 400:
            self.assertEqual(set(answer.error) >= {'code', 'message'}, True)
        return answer

    def test_a_function_from_upload_to_removal(self):
        call = self.call
        node = call('GET', '/v1/node', 200).json
        self.assertEqual(node['state_dir'], self.node.state)
        self.assertTrue(node['sandboxes'][harness.ARGS.sandbox]['usable'])
        self.assertEqual(call('GET', '/healthz', 200).body, b'ok\n')
        with open(harness.image('echo'), 'rb') as file:
            data = file.read()
        made = call('POST', '/v1/images', 201, data).json
        self.assertEqual(made['bytes'], len(data))
        self.assertEqual(made['manifest']['name'], 'echo')
        made_hash = made['hash']
        call('POST', '/v1/images', 400, b'no image')
        call('POST', '/v1/images', 400, data[:-1])
        broken = bytearray(data)
        broken[len(data) // 2] ^= 1
        call('POST', '/v1/images', 400, bytes(broken))
        body = {'image': made['hash'], 'settings': {'sandbox': harness.ARGS.sandbox, 'idle_ms': 50000,
                                                 'isolation': 'reuse'}}
        one = call('PUT', '/v1/functions/{name}', 201, body, name='one').json
        self.assertEqual(one['settings']['idle_ms'], 50000)
        self.assertEqual(one['settings']['keep_alive'], '50s')
        self.assertEqual(one['sandbox']['in_force'], harness.ARGS.sandbox)
        self.assertEqual(call('PUT', '/v1/functions/{name}', 200, body, name='one').json['image'],
                         made['hash'])
        call('PUT', '/v1/functions/{name}', 400, b'{', name='one')
        odd = {'image': made['hash'], 'settings': {'keep_alive': 'sometimes'}}
        self.assertIn('none, hybrid, or a duration',
                      call('PUT', '/v1/functions/{name}', 400, odd, name='one').error['message'])
        self.assertEqual(self.node.http('POST', '/function/one', b'hi').body, b'hi')
        listed = call('GET', '/v1/functions', 200).json['functions']
        self.assertEqual([f['name'] for f in listed], ['one'])
        got = call('GET', '/v1/functions/{name}', 200, name='one').json
        self.assertEqual(got['counters']['answered'], {'200': 1})
        self.assertEqual([i['state'] for i in got['instances']], ['idle'])
        self.assertGreater(len(call('GET', '/v1/functions/{name}/logs', 200, name='one',
                                    query='?tail=1').body), 10)
        call('GET', '/metrics', 200)
        made = call('POST', '/v1/queues/{name}/entries', 202, b'x', name='one').json['call']
        wait_until(lambda: call('GET', '/v1/calls/{id}', 200, id=made).json['state'] == 'delivered',
                   'its delivery')
        self.assertEqual(call('GET', '/v1/queues', 200).json['queues'][0]['name'], 'one')
        wait_until(lambda: call('GET', '/v1/queues/{name}', 200, name='one').json['count'] == 0,
                   'its acknowledgement')
        call('GET', '/v1/queues/{name}/entries', 200, name='one')
        call('DELETE', '/v1/queues/{name}/entries', 200, name='one', query='?dead=1')
        call('POST', '/v1/queues/{name}/redrive', 200, name='one')
        call('GET', '/v1/calls/{id}', 404, id='none')
        call('POST', '/v1/publish', 503, b'x', query='?topic=a')
        call('GET', '/v1/queues/{name}', 404, name='none')
        usage = call('GET', '/v1/usage', 200).json
        self.assertEqual(usage['functions'][0]['function'], 'one')
        self.assertIn('stopped', call('POST', '/v1/functions/{name}/stop', 200, name='one').json)
        self.assertNotIn('stopped', call('POST', '/v1/functions/{name}/start', 200, name='one').json)
        call('POST', '/v1/functions/{name}/stop', 404, name='none')
        call('GET', '/v1/images/{id}', 200, id=made_hash)
        call('GET', '/v1/images/{id}', 404, id='f' * 64)
        call('DELETE', '/v1/functions/{name}', 200, name='one')
        self.key_values()
        self.workflows(body)
        for method in ('GET', 'DELETE'):
            call(method, '/v1/functions/{name}', 404, name='one')
        call('GET', '/v1/functions/{name}/logs', 404, name='one')
        missing = set(self.described) - set(self.seen)
        self.assertFalse(missing, 'paths of openapi.yml that were not called')

    def key_values(self):
        call, path = self.call, '/v1/kv/{key}'
        call('GET', path, 404, key='a%2Fb')
        call('PUT', path, 200, b'\0value', key='a%2Fb')
        self.assertEqual(call('GET', path, 200, key='a%2Fb').body, b'\0value')
        call('PUT', path, 200, b'', query='?life_ms=60000', key='%FF%00')
        self.assertLess(int(call('GET', path, 200, key='%ff%00').header('x-expires-in-ms')), 60001)
        self.assertEqual(call('GET', '/v1/kv', 200).json,
                         {'keys': [{'key': 'a/b', 'encoded': 'a%2Fb'},
                                   {'key': '\\xff\\x00', 'encoded': '%FF%00'}], 'more': False})
        self.assertEqual(call('GET', '/v1/kv', 200, query='?count=1&prefix=a%2F').json,
                         {'keys': [{'key': 'a/b', 'encoded': 'a%2Fb'}], 'more': False})
        self.assertEqual(call('GET', '/v1/kv', 200, query='?tenant=other').json['keys'], [])
        for own in ('functions', 'node', 'callbacks'):  # the node's
            call('GET', '/v1/kv', 400, query='?tenant=' + own)
        call('GET', '/v1/kv', 400, query='?tenant=A')
        for number in ('', 'x', '-1', '1x', '0x10', '4294967296', '1.5'):
            call('GET', '/v1/kv', 400, query=f'?prefix=a&count={number}&after=b')
        call('GET', '/v1/kv', 400, query='?prefix=%2')
        call('GET', path, 400, key='x' * 257)
        call('GET', path, 400, key='%zz')
        call('PUT', path, 413, b'x' * 300000, key='large')
        call('DELETE', path, 200, key='a%2Fb')
        call('DELETE', path, 404, key='a%2Fb')

    def workflows(self, entry):
        call, path, back = self.call, '/v1/workflows/{name}', '/v1/workflows/{name}/rollback'
        self.node.upload('echo')
        body = {'functions': {'one': entry}}
        other = dict(entry, settings=dict(entry['settings'], idle_ms=6000))
        self.assertEqual(call('PUT', path, 200, body, name='w', query='?dry_run=1').json['version'], 0)
        self.assertEqual(call('PUT', path, 201, body, name='w').json['version'], 1)
        call('PUT', path, 200, {'functions': {'one': other}}, name='w')
        call('PUT', path, 400, {'functions': {}}, name='w')
        call('PUT', path, 409, body, name='v')
        call('PUT', '/v1/functions/{name}', 409, entry, name='one')
        call('DELETE', '/v1/functions/{name}', 409, name='one')
        self.assertEqual(len(call('GET', '/v1/workflows', 200).json['workflows']), 1)
        self.assertEqual(call('GET', path, 200, name='w').json['version'], 2)
        call('POST', back, 200, {'to': 1}, name='w')
        call('POST', back, 404, {'to': 9}, name='w')
        call('POST', back, 400, {'to': 'x'}, name='w')
        call('DELETE', path, 200, name='w')
        for method in ('GET', 'DELETE'):
            call(method, path, 404, name='w')

    def test_other_paths_and_methods(self):
        self.assertEqual(self.node.api('GET', '/v1/nothing').status, 404)
        self.assertEqual(self.node.api('GET', '/v1/functions/a/b').status, 404)
        self.assertEqual(self.node.api('GET', '/v1/functions/').status, 404)
        self.assertEqual(self.node.api('PATCH', '/v1/functions').status, 405)
        self.assertEqual(self.node.api('PUT', '/v1/functions/UPPER', {}).status, 400)
        self.assertEqual(self.node.api('PUT', '/v1/functions/a', b'x' * 300000).status, 413)

    def test_words_that_are_no_text_are_answered_all_the_same(self):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(harness.PATIENCE_S)
            sock.connect(os.path.join(self.node.state, 'api.sock'))
            sock.sendall(b'GET /v1/functions/\xff\x1b[2J HTTP/1.1\r\nHost: x\r\n'
                         b'Connection: close\r\n\r\n')
            got = b''.join(iter(lambda: sock.recv(65536), b''))
        self.assertTrue(got.startswith(b'HTTP/1.1 404'), got)
        message = json.loads(got.split(b'\r\n\r\n', 1)[1])['error']['message']
        self.assertIn('\\xff\\x1b[2J', message)
        key = 'x' * 63 + 'é'  # cut in the middle of a character
        answer = self.node.api('PUT', '/v1/functions/x', {key: 1})
        self.assertEqual((answer.status, answer.error['code']), (400, 'bad-request'))

    def test_management_is_not_on_the_gateway(self):
        for path in ('/v1/node', '/v1/functions', '/metrics'):
            self.assertEqual(self.node.http('GET', path).status, 404)

    def test_only_the_owner_reaches_the_socket(self):
        mode = os.stat(os.path.join(self.node.state, 'api.sock')).st_mode
        self.assertEqual(stat.S_IMODE(mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(self.node.state).st_mode), 0o700)

    def test_lists_of_many_are_whole_while_functions_come_and_go(self):
        node = Node()
        node.deploy('f0', 'echo')
        node.stop()
        with open(os.path.join(node.state, 'functions', 'f0.json')) as file:
            record = file.read()
        for i in range(1, 2000):
            with open(os.path.join(node.state, 'functions', f'f{i}.json'), 'w') as file:
                file.write(record)
        node.start()
        for path in ('/v1/functions', '/metrics'):
            with socket.socket(socket.AF_UNIX) as lost:  # goes away in the middle
                lost.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                lost.connect(os.path.join(node.state, 'api.sock'))
                lost.sendall(f'GET {path} HTTP/1.1\r\nHost: x\r\n\r\n'.encode())
                self.assertTrue(lost.recv(100).startswith(b'HTTP/1.1 200'))
        connection = harness.UnixConnection(os.path.join(node.state, 'api.sock'))
        connection.request('GET', '/v1/functions')
        response = connection.getresponse()
        text = response.read(1000)
        for i in range(0, 2000, 2):  # the first one of all, too
            self.assertEqual(node.api('DELETE', f'/v1/functions/f{i}').status, 200)
        self.assertEqual(node.http('POST', '/function/f1', b'x').body, b'x')
        names = {f['name'] for f in json.loads(text + response.read())['functions']}
        self.assertTrue(names >= {f'f{i}' for i in range(1, 2000, 2)}, 'those that stay are all there')
        connection.close()
        text = node.api('GET', '/metrics').body
        self.assertEqual(text.count(b'\ngateway_service_count{'), 1000)
        self.assertEqual(text.count(b'\nmayfly_cpu_seconds_total{'), 1, 'of one that was called')
        self.assertIn(b'\nmayfly_connections ', text)
        node.close()

    def test_metrics_pass_promtool_with_every_kind_of_sample(self):
        self.node.deploy('trouble')
        for path in ('/show', '/fail', '/null', '/status?n=404', '/show'):
            self.node.http('GET', '/function/trouble' + path)
        text = self.node.api('GET', '/metrics').body
        for name in (b'gateway_function_invocation_total{function_name="trouble",code="502"} 1',
                     b'gateway_functions_seconds_count{function_name="trouble"} 5',
                     b'gateway_function_invocation_started{function_name="trouble"} 5',
                     b'gateway_service_count{function_name="trouble"} 1',
                     b'mayfly_cold_starts_total{function="trouble",sandbox="%s"} 2' %
                     harness.ARGS.sandbox.encode(),
                     b'mayfly_cold_start_seconds_count{function="trouble"} 2',
                     b'mayfly_instances{function="trouble",state="idle"} 1',
                     b'mayfly_instance_faults_total{function="trouble",cause="page-fault"} 1'):
            self.assertIn(name, text)
        self.assertRegex(text, rb'mayfly_node_resident_bytes [1-9]')
        self.assertRegex(text, rb'mayfly_instance_memory_bytes\{function="trouble"\} [1-9]')
        promtool = subprocess.run(['promtool', 'check', 'metrics'], input=text, capture_output=True)
        self.assertEqual((promtool.returncode, promtool.stderr), (0, b''))


class Remote(unittest.TestCase):
    def test_tcp_needs_the_token(self):
        with tempfile.NamedTemporaryFile('w') as file:
            file.write('a-token-of-some-length\n')
            file.flush()
            port = unused_port()
            node = Node('--api-listen', f'127.0.0.1:{port}', '--api-token-file', file.name)
            try:
                node.port = port
                self.assertEqual(node.http('GET', '/healthz').status, 200)
                answer = node.http('GET', '/v1/node')
                self.assertEqual((answer.status, answer.header('www-authenticate')),
                                 (401, 'Bearer realm="mayfly"'))
                for wrong in ('Bearer a-token-of-some-lengtH', 'Bearer ', 'Basic x', 'Bearer'):
                    self.assertEqual(
                        node.http('GET', '/v1/node', headers={'Authorization': wrong}).status, 401)
                self.assertEqual(node.http('PUT', '/v1/functions/x', b'{}').status, 401)
                self.assertEqual(node.http('GET', '/v1/node', headers={
                    'Authorization': 'Bearer a-token-of-some-length'}).status, 200)
            finally:
                node.close()

    def test_a_token_file_that_others_can_read_is_refused(self):
        with tempfile.NamedTemporaryFile('w') as file:
            file.write('a-token-of-some-length\n')
            file.flush()
            for mode in (0o640, 0o604, 0o622):
                os.chmod(file.name, mode)
                with self.assertRaisesRegex(RuntimeError, 'chmod 600 ' + file.name):
                    Node('--api-listen', '127.0.0.1:0', '--api-token-file', file.name)

    def test_tcp_without_a_token_file_does_not_start(self):
        with self.assertRaises(RuntimeError):
            Node('--api-listen', '127.0.0.1:0')


class GatewayMetrics(NodeTest):
    OPTIONS = ('--gateway-metrics',)

    def test_the_gateway_serves_metrics_where_asked_to(self):
        self.node.deploy('echo')
        self.node.http('POST', '/function/echo', b'x')
        self.assertIn(b'gateway_function_invocation_total{function_name="echo",code="200"} 1',
                      self.node.http('GET', '/metrics').body)


class Options(unittest.TestCase):
    def run_node(self, *arguments):
        return subprocess.run([harness.node_program(), *arguments],
                              capture_output=True, text=True, timeout=harness.PATIENCE_S)

    def test_wrong_options_are_named(self):
        for arguments, word in ((['--nope'], '--nope'), (['--listen', 'x'], '--listen'),
                                (['--blanks', '9999'], '--blanks'), (['--blanks'], '--blanks'),
                                (['--min-sandbox', 'vm'], '--min-sandbox'), (['x'], 'x')):
            got = self.run_node(*arguments)
            self.assertEqual(got.returncode, 2)
            self.assertIn(word, got.stderr)

    def test_help_and_version(self):
        self.assertIn('--listen', self.run_node('--help').stdout)
        self.assertIn('mayfly-node', self.run_node('--version').stdout)

    def test_a_taken_port_is_said(self):
        node = Node()
        with tempfile.TemporaryDirectory() as state:
            got = self.run_node('--state', state, '--listen', f'127.0.0.1:{node.port}')
            self.assertEqual(got.returncode, 1)
            self.assertIn('is taken by another program', got.stderr)
        node.close()

    def test_two_nodes_do_not_share_a_state_directory(self):
        node = Node()
        got = self.run_node('--state', node.state, '--listen', '127.0.0.1:0')
        self.assertEqual(got.returncode, 1)
        self.assertIn('belongs to a node that runs, process %d' % node.process.pid, got.stderr)
        node.close()


if __name__ == '__main__':
    harness.main()
