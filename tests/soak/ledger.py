"""ledger.py: which calls may have been lost, and which were.

`No reply is lost but those in flight` is held to account call by call, in both directions of
time and number. The hammer says of every call without a good answer when it began (before the
bytes that ask were sent, on a connection that was alive), when it ended, and how: without an
answer, or by a 502 that names its cause. A kill is a window of time: from before the signal to
the moment after which no call that begins can meet the victim. So:

* A call without an answer must overlap the window of a kill of the node, which ends when the
  node has been reaped: its sockets are closed by then, and who comes later is refused, which
  the hammer does not count as a call. A caller has one call at a time, and loses one to a kill,
  or two: where the kernel closes the connections before the socket that listens, the second
  one was in its backlog.
* A call answered `spawner-lost` must overlap the window of a kill of the spawner, which ends
  when another one runs: the node has then given up all that the old one had. A caller loses
  one to it at most: the next one waits for the new spawner.
* A call answered `killed` needs a kill of a monitor of its own: an instance has begun one
  event at most, and what lies in its ring behind that goes back to the queue. The window ends
  NOTICE_S after the process was gone, in which the node hears of it from the spawner.
* Nothing else is lost. Another status, another cause, a call outside of every window, a second
  one for the same monitor: each is a failure. So a reply that went missing without a kill is
  found, and one that a kill ought not to have cost, too.

What this cannot tell apart: a call that was in flight when its victim died from one that only
was in flight at that time, where a kill of node or spawner hits all that were.
"""
import collections

MONITOR, SPAWNER, NODE = 'monitor', 'spawner', 'node'
NOTICE_S = 1.0
CAUSES = {(0, ''): NODE, (502, 'spawner-lost'): SPAWNER, (502, 'killed'): MONITOR}


A_CALLERS_MOST = {SPAWNER: 1, NODE: 2}


def overlap(loss, window):
    return loss[0] <= window[1] and window[0] <= loss[1]


class Ledger:
    def __init__(self):
        self.windows = {MONITOR: [], SPAWNER: [], NODE: []}  # (from_ns, until_ns), as they came
        self.losses = {MONITOR: [], SPAWNER: [], NODE: []}   # (from_ns, until_ns, caller)
        self.problems = []

    def kill(self, kind, from_ns, until_ns):
        self.windows[kind].append((from_ns, until_ns))

    def lose(self, function, caller, from_ns, until_ns, status, cause):
        kind = CAUSES.get((status, cause))
        if kind is None:
            self.problems.append(f'{function}: a call was answered {status} {cause}')
        else:
            self.losses[kind].append((from_ns, until_ns, f'{function} {caller}'))

    def all_at_once(self, kind):
        """Each window may take what each caller had at it."""
        for loss in self.losses[kind]:
            if not any(overlap(loss, window) for window in self.windows[kind]):
                self.problems.append(f'a call was lost to a {kind} that nobody killed: {loss}')
        for window in self.windows[kind]:
            callers = collections.Counter(loss[2] for loss in self.losses[kind]
                                          if overlap(loss, window))
            for caller, count in callers.items():
                if count > A_CALLERS_MOST[kind]:
                    self.problems.append(f'the kill of a {kind} cost {caller} {count} calls')

    def one_by_one(self, kind):
        """Windows in the order of their ends each take, of the losses that could be theirs,
        the one that ended first. This may miss a pairing, but never invents one."""
        losses = sorted(self.losses[kind])
        for window in sorted(self.windows[kind], key=lambda w: w[1]):
            mine = [at for at, loss in enumerate(losses) if overlap(loss, window)]
            if mine:
                losses.pop(min(mine, key=lambda at: losses[at][1]))
        for loss in losses:
            self.problems.append(f'a call was lost to a {kind} that nobody killed: {loss}')

    def settle(self):
        """The problems of what was entered since the last time; empty: none."""
        self.all_at_once(NODE)
        self.all_at_once(SPAWNER)
        self.one_by_one(MONITOR)
        problems = self.problems
        counts = {kind: (len(self.windows[kind]), len(self.losses[kind])) for kind in self.windows}
        self.__init__()
        return counts, problems
