"""remains.py: what a node holds when nothing runs but its spawner and its blanks. With as many
blanks each time, every count must be what it was before."""
import collections
import ctypes
import os
import re

PR_SET_CHILD_SUBREAPER = 36
SHARED_MEMORY = '/dev/shm'
LOG_BYTES_MAX = 3 * 4 * (1 << 20) + 65536   # of three functions (base/limits.h), a line each over


def read(path):
    try:
        with open(path, 'rb') as file:
            return file.read().decode(errors='replace')
    except OSError:
        return ''


def adopt_orphans():
    """Whatever outlives its parent becomes a child of ours, so that none can hide."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), 'prctl')


def children(pid):
    return [int(child) for task in listing(f'/proc/{pid}/task')
            for child in read(f'/proc/{pid}/task/{task}/children').split()]


def listing(path):
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


def tree(pid):
    found = [pid]
    for at in found:
        found += children(at)
    return found


def state_of(pid):
    return read(f'/proc/{pid}/stat').rpartition(')')[2].split()[0:1]


def reap_orphans(ours):
    """Ends the zombies among our children that we did not make; how many live on."""
    alive = 0
    for pid in set(children(os.getpid())) - set(ours):
        try:
            alive += os.waitpid(pid, os.WNOHANG)[0] == 0
        except ChildProcessError:
            pass
    return alive


def kind_of(target):
    """Of a descriptor: memfds and anonymous inodes by name, sockets and pipes without number;
    log files, of which some are kept open and some not, not at all."""
    if '/logs/' in target or target.endswith('.log'):
        return None
    return re.sub(r':\[\d+\]|^/proc/.*/|\d{2,}', '', target.replace(' (deleted)', ''))


def descriptors(pids):
    """How many of each kind, over all processes."""
    kinds = collections.Counter()
    for pid in pids:
        for fd in listing(f'/proc/{pid}/fd'):
            try:
                kinds[kind_of(os.readlink(f'/proc/{pid}/fd/{fd}'))] += 1
            except OSError:
                pass
    del kinds[None]
    return dict(kinds)


def kib(pid, file, field):
    found = re.search(rf'^{field}:\s+(\d+)', read(f'/proc/{pid}/{file}'), re.MULTILINE)
    return int(found.group(1)) if found else 0


def shared_memory():
    return [name for name in listing(SHARED_MEMORY) if name.startswith(('mayfly', 'mf'))]


class Remains:
    """A look at it all. Compare only those with as many processes."""

    def __init__(self, node, state):
        self.pids = tree(node)
        self.resident_kib = kib(node, 'status', 'VmRSS')
        self.spawner_kib = sum(kib(pid, 'status', 'VmRSS') for pid in children(node))
        self.pss_kib = sum(kib(pid, 'smaps_rollup', 'Pss') for pid in self.pids)
        self.maps = read(f'/proc/{node}/maps').count('\n')
        self.zombies = [pid for pid in self.pids if state_of(pid) == ['Z']]
        self.node_descriptors = descriptors([node])
        self.descriptors = descriptors(self.pids)
        self.shared_memory = shared_memory()
        self.files = sorted(os.path.relpath(os.path.join(folder, name), state)
                            for folder, _, names in os.walk(state) for name in names)
        self.log_bytes = sum(os.path.getsize(os.path.join(state, 'logs', name))
                             for name in listing(os.path.join(state, 'logs')))

    def in_folder(self, folder):
        return [name for name in self.files if name.startswith(folder + '/')]

    def line(self):
        return (f'node {self.resident_kib} KiB, {sum(self.node_descriptors.values())} descriptors, '
                f'{self.maps} mappings; spawner {self.spawner_kib} KiB; {len(self.pids)} processes, '
                f'{sum(self.descriptors.values())} descriptors, PSS {self.pss_kib} KiB; '
                f'{len(self.files)} files')

    def differences(self, before):
        """What must be as before, and is not; sizes are for others to judge."""
        problems = []
        for what in ('node_descriptors', 'descriptors'):
            was, now = getattr(before, what), getattr(self, what)
            problems += [f'{what}: {was.get(kind, 0)} × {kind} became {now.get(kind, 0)}'
                         for kind in {**was, **now} if was.get(kind, 0) != now.get(kind, 0)]
        for what in ('zombies', 'shared_memory'):
            was, now = getattr(before, what), getattr(self, what)
            if was != now:
                problems.append(f'{what}: {was} became {now}')
        for folder in ('images', 'functions', 'snapshots'):
            was, now = before.in_folder(folder), self.in_folder(folder)
            if len(was) != len(now) or any('/.' in name for name in now):
                problems.append(f'files: {was} became {now}')
        if self.log_bytes > LOG_BYTES_MAX:
            problems.append(f'{self.log_bytes} bytes of logs')
        if len(self.pids) != len(before.pids):
            problems.append(f'{len(before.pids)} processes became {len(self.pids)}')
        return problems
