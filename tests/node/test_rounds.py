"""A thousand rounds of deploy, invoke, kill and remove leave nothing behind."""
import os
import signal

import harness
from harness import NodeTest, wait_until

ROUNDS = 1000
BLANKS = 8
WARM_UP = 100
GROWTH_KIB_MAX = 1024


class Rounds(NodeTest):
    OPTIONS = ('--blanks', str(BLANKS))

    def one(self, i, images):
        name = f'f{i % 7}'
        image, path = images[i % 2]
        what = i % 4
        isolation = 'reuse' if what == 0 else ('reset', 'fresh')[i // 4 % 2]
        answer = self.node.api('PUT', f'/v1/functions/{name}',
                               {'image': image, 'settings': {'sandbox': harness.ARGS.sandbox,
                                                             'isolation': isolation,
                                                             'wait_ms': 60000}})
        self.assertIn(answer.status, (200, 201), answer.body)
        self.assertEqual(self.node.http('POST', f'/function/{name}{path}', b'x').status, 200)
        if what == 0:
            pid = self.node.instance_pid(name)
            os.kill(pid, signal.SIGKILL)
        elif what == 1 and i % 2:
            self.assertEqual(self.node.http('GET', f'/function/{name}/null').status, 502)
        if what != 3:
            self.assertEqual(self.node.api('DELETE', f'/v1/functions/{name}').status, 200)

    def state_files(self):
        return sorted(os.path.join(folder, name) for folder, _, names in os.walk(self.node.state)
                      for name in names if name not in ('daemon.log',))

    def settled(self):
        """Back to the spawner and its blanks: (descriptors, files).

        The blanks are counted first: once all are there no process is started, so that whatever
        else lives then can only end. Of a process that is there the node may not have heard yet;
        when it hears of one under KVM it opens its pagemap.
        """
        pagemaps = BLANKS if harness.ARGS.sandbox == 'kvm' else 0
        wait_until(lambda:
                   self.node.api('GET', '/v1/node').json['counts']['blanks'][harness.ARGS.sandbox] ==
                   BLANKS and len(self.node.children()) == 1 + BLANKS and
                   self.node.descriptors_of('pagemap') == pagemaps, 'the instances to end')
        return self.node.descriptors(), self.state_files()

    def test_nothing_is_left(self):
        # 'keep' stays deployed, so that the images do.
        images = []
        for name, path in (('echo', '/'), ('trouble', '/show')):
            self.node.deploy('keep-' + name, name)
            images.append((self.node.function('keep-' + name)['image'], path))
        for i in range(WARM_UP):
            self.one(i, images)
        for i in range(7):
            self.node.api('DELETE', f'/v1/functions/f{i}')
        descriptors, files = self.settled()
        resident = self.node.resident_kib()
        for i in range(ROUNDS):
            self.one(i, images)
        for i in range(7):
            self.node.api('DELETE', f'/v1/functions/f{i}')
        self.assertEqual(self.settled()[1], files)
        # Connections may linger, before as well as now.
        wait_until(lambda: self.node.descriptors() <= descriptors, 'the descriptors')
        if not harness.sanitized():
            self.assertLess(self.node.resident_kib() - resident, GROWTH_KIB_MAX)


if __name__ == '__main__':
    harness.main()
