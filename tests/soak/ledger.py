"""ledger.py: which calls may have been lost, and which were.

`No reply is lost but those in flight` is held to account call by call, in both directions of
time and number. The hammer says of every call without a good answer when it began (before the
bytes that ask were sent, on a connection that was alive), when it ended, and how: without an
answer, or by a 502 that names its cause. A kill is a window of time: from before the signal to
the moment after which no call that begins can meet the victim. So:

* A call without an answer needs a kill of the node that its time overlaps. That window ends when
  the node has been reaped: its sockets are closed by then, and who comes later is refused, which
  the hammer does not count as a call. A caller has one call at a time, and loses one to a kill,
  or two: where the kernel closes the connections before the socket that listens, the second
  one was in its backlog.
* A call answered `spawner-lost` needs a kill of the spawner likewise. That window ends when
  another one runs: the node has then given up all that the old one had. A caller loses one to
  it at most: the next one waits for the new spawner, and may be lost only with that one.
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

    def pair(self, kind, losses, most):
        """Each window takes so many losses that overlap it. Windows in the order of their ends
        take those that ended first. This may miss a pairing, but never invents one."""
        losses = sorted(losses)
        for window in sorted(self.windows[kind], key=lambda w: w[1]):
            mine = sorted((loss for loss in losses if overlap(loss, window)), key=lambda l: l[1])
            for loss in mine[:most]:
                losses.remove(loss)
        self.problems += [f'a call was lost to a {kind} that nobody killed: {loss}'
                          for loss in losses]

    def pair_by_caller(self, kind, most):
        by_caller = collections.defaultdict(list)
        for loss in self.losses[kind]:
            by_caller[loss[2]].append(loss)
        for losses in by_caller.values():
            self.pair(kind, losses, most)

    def settle(self):
        """The problems of what was entered since the last time; empty: none."""
        self.pair_by_caller(NODE, 2)
        self.pair_by_caller(SPAWNER, 1)
        self.pair(MONITOR, self.losses[MONITOR], 1)
        problems = self.problems
        counts = {kind: (len(self.windows[kind]), len(self.losses[kind])) for kind in self.windows}
        self.__init__()
        return counts, problems
