"""Deployments: what is bad is refused, what is good outlives a restart, calls never fail."""
import http.server
import json
import os
import shutil
import socketserver
import subprocess
import tempfile
import threading
import unittest

import harness
from harness import Node, NodeTest, alive, wait_until
from sinks import Gate


FUNCTIONS_MAX = 100


class Refusals(NodeTest):
    @classmethod
    def prepare(cls):
        cls.node.deploy('echo')
        cls.hash = cls.node.function('echo')['image']

    def refused(self, body, *words):
        answer = self.node.api('PUT', '/v1/functions/echo', body)
        self.assertEqual(answer.status, 400, answer.body)
        for word in words:
            self.assertIn(word, answer.error['message'])
        self.assertEqual(self.node.http('POST', '/function/echo', b'still').body, b'still')

    def test_bad_deployments_are_refused_and_what_ran_runs_on(self):
        self.refused({}, 'image')
        self.refused([], 'object')
        self.refused({'image': 'f' * 64}, 'f' * 64)
        self.refused({'image': '../../etc/passwd'}, 'hash')
        self.refused({'image': self.hash, 'colour': 1}, 'colour')
        self.refused({'image': self.hash, 'settings': []}, 'settings')
        self.refused({'image': self.hash, 'settings': {'colour': 1}}, 'colour')
        self.refused({'image': self.hash, 'settings': {'timeout_ms': 0}}, 'timeout_ms')
        self.refused({'image': self.hash, 'settings': {'memory_mib': 4}}, 'memory_mib')
        self.refused({'image': self.hash, 'settings': {'sandbox': 'docker'}}, 'sandbox')
        self.refused({'image': self.hash, 'settings': {'contract': 'http'}}, 'the kernel for programs of the SDK')
        self.assertEqual(self.node.function('echo')['image'], self.hash)

    def test_a_name_that_is_no_dns_label_is_refused(self):
        for name in ('UPPER', '-a', 'a-', 'a_b', 'a.b'):
            self.assertEqual(self.node.api('PUT', f'/v1/functions/{name}', {'image': self.hash}).status, 400)


class MinSandbox(unittest.TestCase):
    def test_a_node_may_refuse_the_process_sandbox(self):
        node = Node('--min-sandbox', 'kvm')
        try:
            image = node.upload('echo')
            answer = node.api('PUT', '/v1/functions/a',
                              {'image': image, 'settings': {'sandbox': 'process'}})
            self.assertEqual(answer.status, 400)
            self.assertIn('--min-sandbox', answer.error['message'])
            support = node.api('GET', '/v1/node').json['sandboxes']['kvm']
            answer = node.api('PUT', '/v1/functions/a', {'image': image})
            self.assertEqual(answer.status, 201 if support['usable'] else 400, answer.body)
            if not support['usable']:
                self.assertIn(support['why'][:60], answer.error['message'])
        finally:
            node.close()


class Redeploy(NodeTest):
    @classmethod
    def prepare(cls):
        cls.node.deploy('f', 'trouble', environment={'COLOUR': 'red'}, max_instances=4)

    def colour(self):
        answer = self.node.http('GET', '/function/f/show')
        self.assertEqual(answer.status, 200)
        return answer.body.decode().split('colour=')[1].strip()

    def test_no_call_fails_while_versions_change(self):
        failed, done, stop = [], [0], threading.Event()

        def hammer():
            connection = self.node.connect()
            while not stop.is_set():
                connection.request('GET', '/function/f/nap?n=2')
                response = connection.getresponse()
                response.read()
                done[0] += 1
                if response.status != 200:
                    failed.append(response.status)
            connection.close()

        threads = [threading.Thread(target=hammer) for _ in range(4)]
        for thread in threads:
            thread.start()
        for i in range(20):
            self.node.deploy('f', 'trouble', environment={'COLOUR': f'c{i}'}, max_instances=4)
            self.assertEqual(self.colour(), f'c{i}')
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])
        self.assertGreater(done[0], 20)
        wait_until(lambda: not any(i['state'] == 'draining'
                                   for i in self.node.function('f')['instances']), 'the old ones')
        self.assertEqual(self.node.function('f')['counters']['faults'], {})

    def test_a_long_call_outlives_its_version_and_its_function(self):
        gates = [Gate(), Gate()]
        for gate in gates:
            self.addCleanup(gate.close)
        connection = self.node.connect()
        self.node.deploy('f', 'trouble', **gates[0].settings)
        connection.request('GET', '/function/f/' + gates[0].path)
        wait_until(gates[0].held, 'the call')
        self.node.deploy('f', 'trouble', environment={'COLOUR': 'late'})
        self.assertEqual(self.colour(), 'late')
        gates[0].open()
        self.assertEqual(connection.getresponse().read(), b'')
        self.node.deploy('g', 'trouble', **gates[1].settings)
        connection.request('GET', '/function/g/' + gates[1].path)
        wait_until(gates[1].held, 'the call')
        self.assertEqual(self.node.api('DELETE', '/v1/functions/g').status, 200)
        self.assertEqual(self.node.http('GET', '/function/g/show').status, 404)
        gates[1].open()
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()

    def test_waiting_calls_of_a_removed_function_are_404(self):
        gate = Gate()
        self.addCleanup(gate.close)
        self.node.deploy('h', 'trouble', max_instances=1, **gate.settings)
        one, two = self.node.connect(), self.node.connect()
        one.request('GET', '/function/h/' + gate.path)
        wait_until(lambda: self.node.function('h')['counters']['started'] == 1, 'the first')
        two.request('GET', '/function/h/show')
        wait_until(lambda: self.node.function('h')['counters']['waiting'] == 1, 'the second')
        self.node.api('DELETE', '/v1/functions/h')
        self.assertEqual(two.getresponse().status, 404)
        gate.open()
        self.assertEqual(one.getresponse().status, 200)
        one.close()
        two.close()


class Between:
    """Stands between `mayfly` and a node, and does something before the first PUT."""

    def __init__(self, node):
        self.seen, self.before_put = [], None
        self.folder = tempfile.mkdtemp(prefix='mf-between-')
        self.path = os.path.join(self.folder, 'sock')
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def forward(self):
                body = self.rfile.read(int(self.headers.get('content-length', 0)))
                act, outer.before_put = (outer.before_put, None) if self.command == 'PUT' else (None, outer.before_put)
                if act:
                    act()
                answer = node.api(self.command, self.path, body)
                outer.seen.append((self.command, answer.status))
                self.send_response(answer.status)
                self.send_header('Content-Length', str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)
            do_GET = do_PUT = do_POST = forward

            def log_message(self, *_):
                pass

            def address_string(self):
                return 'cli'
        self.server = socketserver.ThreadingUnixStreamServer(self.path, Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        shutil.rmtree(self.folder)


class State(unittest.TestCase):
    def test_deployments_are_served_again_after_a_restart(self):
        node = Node()
        node.deploy('echo')
        node.deploy('f', 'trouble', environment={'COLOUR': 'blue'})
        image = node.function('f')['image']
        node.stop()
        node.start()
        self.assertEqual(node.http('POST', '/function/echo', b'again').body, b'again')
        self.assertIn(b'colour=blue', node.http('GET', '/function/f/show').body)
        self.assertEqual(node.function('f')['image'], image)
        node.close()

    def test_the_same_after_a_kill(self):
        node = Node()
        node.deploy('echo')
        below = node.children()
        node.process.kill()
        node.process.wait()
        wait_until(lambda: not any(map(alive, below)),
                   'the end of everything it had started')
        node.start()
        self.assertEqual(node.http('POST', '/function/echo', b'again').body, b'again')
        node.close()

    def test_what_is_broken_is_skipped_and_said(self):
        node = Node()
        node.deploy('good', 'echo')
        node.deploy('torn', 'echo')
        node.deploy('lost', 'trouble')
        node.deploy('gone', 'raw')
        lost, gone = (node.function(name)['image'] for name in ('lost', 'gone'))
        node.stop()
        functions = os.path.join(node.state, 'functions')
        with open(os.path.join(functions, 'torn.json'), 'r+') as file:
            file.truncate(20)
        with open(os.path.join(functions, 'odd.json'), 'w') as file:
            json.dump({'image': '0' * 64, 'settings': {}, 'more': 1}, file)
        open(os.path.join(functions, '.tmp-x.json'), 'w').close()
        path = os.path.join(node.state, 'images', lost + '.mf')
        with open(path, 'r+b') as file:
            file.seek(os.path.getsize(path) // 2)
            file.write(b'\xff' * 64)
        os.unlink(os.path.join(node.state, 'images', gone + '.mf'))
        node.start()
        names = [f['name'] for f in node.api('GET', '/v1/functions').json['functions']]
        self.assertEqual(sorted(names), ['gone', 'good', 'lost'])
        log = node.log().decode()
        for name in ('torn', 'odd'):
            self.assertIn(f'function.skipped file=functions/{name}.json', log)
        self.assertNotIn('image.unusable', log, 'images are looked at when they are needed')
        for name, what in (('lost', 'damaged'), ('gone', 'No such file')):
            for _ in range(3):
                answer = node.http('GET', f'/function/{name}/show')
                self.assertEqual(answer.error['code'], 'cannot-start', answer.body)
                self.assertIn(what, answer.error['message'])
                self.assertIn('deploy the function again', answer.error['message'])
            self.assertEqual(node.log().decode().count(f'image.unusable fn={name} '), 1)
            self.assertIn('no instance could be started: image', '\n'.join(l['text'] for l in node.logs(name)))
        node.deploy('lost', 'trouble')
        self.assertEqual(node.http('GET', '/function/lost/show').status, 200)
        self.assertFalse(os.path.exists(os.path.join(functions, '.tmp-x.json')))
        self.assertTrue(os.path.exists(path), 'an image that an unreadable record may mean stays')
        self.assertEqual(node.http('POST', '/function/good', b'x').body, b'x')
        node.close()

    def check_changes(self, node, name):
        """Each call has a start of its own, and so a look at the image."""
        path = os.path.join(node.state, 'images', node.function(name)['image'] + '.mf')
        with open(path, 'rb') as file:
            good = file.read()
        bad = bytearray(good)
        bad[len(good) // 2] ^= 1
        for content, status in ((bad, 503), (good, 200), (good[:5000], 503), (good, 200)):
            with open(path + '.new', 'wb') as file:
                file.write(content)
            os.rename(path + '.new', path)
            for _ in range(2):
                answer = node.http('GET', f'/function/{name}/show')
                self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(node.log().decode().count(f'image.unusable fn={name} '), 2)

    def test_an_image_that_changes_is_checked_again_before_its_next_use(self):
        node = Node()
        node.deploy('f', 'trouble', isolation='fresh')
        self.check_changes(node, 'f')
        node.close()

    def test_a_large_one_is_checked_beside_the_loop(self):
        node = Node()
        with tempfile.TemporaryDirectory() as folder:
            project = os.path.join(folder, 'large')
            shutil.copytree(os.path.join(os.path.dirname(__file__), 'trouble'), project)
            with open(os.path.join(project, 'trouble.c'), 'a') as file:
                file.write('static const volatile char ballast[3 << 20] = {1};\n'
                           '__attribute__((constructor)) static void carry(void)'
                           ' { (void)ballast[1]; }\n')
            subprocess.run([os.path.join(harness.ARGS.build, 'mayfly'), 'build', project, '-o',
                            project + '.mf'], check=True, stdout=subprocess.DEVNULL)
            node.deploy('large', project, isolation='fresh')
        node.stop()
        node.start()
        self.check_changes(node, 'large')
        node.close()

    def test_images_that_nothing_uses_are_collected(self):
        node = Node()
        images = os.path.join(node.state, 'images')
        node.deploy('a', 'echo')
        node.deploy('b', 'echo')
        node.api('DELETE', '/v1/functions/a')
        self.assertEqual(len(os.listdir(images)), 1)
        node.deploy('b', 'trouble')
        self.assertEqual(len(os.listdir(images)), 2)  # that of the version before is kept
        node.deploy('b', 'heard')
        self.assertEqual(len(os.listdir(images)), 2)
        node.upload('echo')
        self.assertEqual(len(os.listdir(images)), 3)
        node.stop()
        node.start()
        self.assertEqual(len(os.listdir(images)), 2)
        node.api('DELETE', '/v1/functions/b')
        self.assertEqual(os.listdir(images), [])
        self.assertEqual(os.listdir(os.path.join(node.state, 'functions')), [])
        node.close()

    def test_a_function_goes_back_to_the_version_before(self):
        """Image and settings; a second time it is undone. Over a restart, too."""
        node = Node()
        self.addCleanup(node.close)
        back = lambda query='': node.api('POST', '/v1/functions/f/rollback' + query)
        state = lambda: (node.function('f')['image'], node.function('f')['settings']['queue_max'])
        node.deploy('f', 'echo', queue_max=7)
        first = state()
        self.assertEqual(back().status, 404)
        self.assertIn('no version of f before', back().error['message'])
        node.deploy('f', 'heard', queue_max=9)
        second = state()
        node.deploy('f', 'heard', queue_max=9)  # no other version
        self.assertNotEqual(first, second)
        self.assertEqual(back('?dry_run=1').json, {'name': 'f', 'image': first[0], 'dry_run': True})
        self.assertEqual(state(), second)
        self.assertEqual(back().status, 200)
        self.assertEqual(state(), first)
        self.assertEqual(node.http('POST', '/function/f', b'as before').body, b'as before')
        node.stop()
        node.start()
        self.assertEqual(state(), first)
        self.assertEqual(back().status, 200)
        self.assertEqual(state(), second)
        node.deploy('f', 'echo', queue_max=8)  # settings alone make a version
        node.deploy('f', 'echo', queue_max=7)
        self.assertEqual(back().json['settings']['queue_max'], 8)
        self.assertEqual(node.api('POST', '/v1/functions/none/rollback').status, 404)

    def test_no_event_is_lost_by_going_back(self):
        node = Node()
        self.addCleanup(node.close)
        node.deploy('f', 'step', environment={'STEP': ' first', 'NAP_MS': '20'}, max_instances=1)
        node.deploy('f', 'step', environment={'STEP': ' second', 'NAP_MS': '20'}, max_instances=1)
        calls = []
        for i in range(40):
            answer = node.http('POST', '/async-function/f', b'%d' % i)
            self.assertEqual(answer.status, 202)
            calls.append(answer.header('X-Call-Id'))
            if i in (10, 20, 30):
                self.assertEqual(node.api('POST', '/v1/functions/f/rollback').status, 200)
        for call in calls:
            wait_until(lambda: node.api('GET', '/v1/calls/' + call).json['state'] == 'delivered', call)

    def test_a_node_holds_so_many_functions_and_no_more(self):
        node = Node('--functions-max', str(FUNCTIONS_MAX))
        node.deploy('kept', 'echo')
        image = node.function('kept')['image']
        node.stop()
        functions = os.path.join(node.state, 'functions')
        for i in range(FUNCTIONS_MAX - 1):
            with open(os.path.join(functions, f'f{i}.json'), 'w') as file:
                json.dump({'image': image, 'settings': {}}, file)
        node.start()
        answer = node.api('PUT', '/v1/functions/more', {'image': image})
        self.assertEqual(answer.status, 507, answer.body)
        self.assertIn(str(FUNCTIONS_MAX), answer.error['message'])
        self.assertFalse(os.path.exists(os.path.join(functions, 'more.json')))
        self.assertEqual(node.api('PUT', '/v1/functions/kept', {'image': image}).status, 200)
        self.assertEqual(node.api('DELETE', '/v1/functions/f0').status, 200)
        self.assertEqual(node.api('PUT', '/v1/functions/more', {'image': image}).status, 201)
        self.assertEqual(node.api('PUT', '/v1/functions/evenmore', {'image': image}).status, 507)
        node.close()

    def test_an_image_that_is_stored_stays_as_it_is_unless_it_is_damaged(self):
        node = Node()
        node.deploy('a', 'echo')
        path = os.path.join(node.state, 'images', node.function('a')['image'] + '.mf')
        before = os.stat(path)
        node.deploy('a', 'echo')
        node.deploy('b', 'echo')
        self.assertEqual(os.stat(path).st_ino, before.st_ino)
        self.assertEqual(os.stat(path).st_ctime_ns, before.st_ctime_ns)
        self.assertEqual(os.listdir(os.path.dirname(path)), [os.path.basename(path)])
        os.truncate(path, before.st_size - 1)
        self.assertEqual(node.api('GET', '/v1/images/' + node.function('a')['image']).status, 404)
        node.deploy('c', 'echo')
        self.assertEqual(os.stat(path).st_size, before.st_size)
        for name in 'abc':
            self.assertEqual(node.http('POST', f'/function/{name}', b'x').body, b'x')
        node.close()

    def test_an_image_that_is_there_is_not_sent_again_unless_it_is_damaged(self):
        node = Node()
        self.addCleanup(node.close)
        images = os.path.join(node.state, 'images')
        written = lambda: os.stat(images).st_mtime_ns  # an upload makes a file there, in any case
        mayfly = lambda name: subprocess.run(
            [os.path.join(harness.ARGS.build, 'mayfly'), 'deploy', harness.image('echo'), '--name', name, '--sandbox',
             harness.ARGS.sandbox, '--node', 'unix:' + os.path.join(node.state, 'api.sock')],
            check=True, stdout=subprocess.DEVNULL)
        mayfly('a')
        once = written()
        mayfly('b')
        self.assertEqual(written(), once)
        path = os.path.join(images, node.function('a')['image'] + '.mf')
        os.truncate(path, os.stat(path).st_size - 1)
        mayfly('c')
        self.assertNotEqual(written(), once)
        for name in 'abc':
            self.assertEqual(node.http('POST', f'/function/{name}', b'x').body, b'x')

    def test_an_image_that_goes_before_the_deployment_is_sent_again(self):
        """The node had it when it was asked; then the last function that used it was removed."""
        node = Node()
        self.addCleanup(node.close)
        between = Between(node)
        self.addCleanup(between.close)
        folder = tempfile.mkdtemp(prefix='mf-flow-')
        self.addCleanup(shutil.rmtree, folder)
        shutil.copy(harness.image('step'), folder)
        file = os.path.join(folder, 'mayfly.yml')
        with open(file, 'w') as out:
            out.write('workflow: flow\nfunctions:\n' + ''.join(
                f'  {name}:\n    image: step.mf\n    http: true\n    sandbox: {harness.ARGS.sandbox}\n' for name in ('one', 'two')))
        for name, arguments in (('b', (harness.image('step'), '--name', 'b', '--sandbox', harness.ARGS.sandbox)),
                                ('two', ('-f', file))):
            node.deploy('a', 'step')
            between.before_put = lambda: node.api('DELETE', '/v1/functions/a')
            between.seen.clear()
            done = subprocess.run([os.path.join(harness.ARGS.build, 'mayfly'), 'deploy', *arguments, '--node',
                                   'unix:' + between.path], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            changes = [each for each in between.seen if each[0] in ('PUT', 'POST')]
            self.assertEqual([method for method, _ in changes], ['PUT', 'POST', 'PUT'])
            self.assertEqual([status for _, status in changes[1:]], [201, 201], changes)
            self.assertEqual(node.api('GET', f'/v1/functions/{name}').status, 200)
            node.api('DELETE', '/v1/functions/b')

    def test_a_refusal_is_told_once(self):
        """Whatever it is: only an image that is missing is sent, and asked for again."""
        node = Node()
        self.addCleanup(node.close)
        between = Between(node)
        self.addCleanup(between.close)
        done = subprocess.run([os.path.join(harness.ARGS.build, 'mayfly'), 'deploy', harness.image('step'), '--name', 'b',
                               '--sandbox', harness.ARGS.sandbox, '--allow', 'nonsense=x', '--node', 'unix:' + between.path],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertEqual([each for each in between.seen if each[0] in ('PUT', 'POST')], [('POST', 201), ('PUT', 400)])

    def test_an_upload_that_breaks_off_leaves_nothing(self):
        node = Node()
        connection = harness.UnixConnection(os.path.join(node.state, 'api.sock'))
        connection.putrequest('POST', '/v1/images')
        connection.putheader('Content-Length', '1000000')
        connection.endheaders(b'x' * 5000)
        images = os.path.join(node.state, 'images')
        wait_until(lambda: os.listdir(images), 'the beginning')
        connection.close()
        wait_until(lambda: not os.listdir(images), 'the end')
        node.close()


if __name__ == '__main__':
    harness.main()
