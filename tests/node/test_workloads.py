"""The example workflows, on a real broker, with the devices that ship with them: what comes out
is what a few lines of Python say must come out, whatever is killed meanwhile."""
import collections
import json
import re
import subprocess
import threading
import time
import unittest

import harness
from harness import wait_until
from sinks import Sink
from workflow import PATIENCE_S, Workflow, messages

DAYS = 60
USERS = 4


class Health(Workflow):
    def test_sixty_days_equal_the_reference_exactly(self):
        self.deploy('health')
        weights = collections.defaultdict(list)
        for topic, payload in messages('dhs', '--devices', str(USERS), '--count', str(DAYS)):
            weights[topic.split('/')[1]].append((topic, payload))
        for day in range(DAYS):
            threads = [threading.Thread(target=self.publish, args=weights[user][day]) for user in weights]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            if day % 6 == 3:
                self.kill_something()
            for user in weights:
                wait_until(lambda: self.state(f'dhs-day/{user}') == str(day + 1), f'day {day} of {user}',
                           PATIENCE_S)
        for user, said in weights.items():
            self.assertEqual(json.loads(self.state(f'dhs/{user}')),
                             self.reference([json.loads(payload)['weight'] for _, payload in said]))

    @staticmethod
    def reference(weights):
        def average(values):
            current = 0.0
            for day, value in enumerate(values):
                current = (current * day + value) / (day + 1)
            return current

        def span(length):
            full = (len(weights) - 1) // length * length
            state = {'days': len(weights) - full, 'average': average(weights[full:])}
            if full:
                state['before'] = average(weights[full - length:full])
            return state
        return {'days': len(weights), 'average': average(weights), 'week': span(7), 'month': span(30)}


class Devices(unittest.TestCase):
    def test_their_time_ends_now_so_that_who_looks_at_the_clock_finds_the_silent_one(self):
        began = time.time()
        last = {}
        for topic, payload in messages('cold-chain', '--print', '--interval', '0'):
            last[topic.split('/')[3]] = json.loads(payload)['at']
        self.assertEqual(len(last), 50)
        self.assertGreaterEqual(max(last.values()), int(began))
        self.assertLessEqual(max(last.values()), time.time())
        self.assertGreater(time.time() - last['f2'], 15 * 60)  # SILENT_MINUTES of its mayfly.yml


class Home(Workflow):
    def test_doors_are_counted_once_each_under_concurrency_and_kills(self):
        self.deploy('home')
        options = ['--devices', '3', '--count', '120', '--step', '5000', '--start', '1700000000']
        hours = collections.defaultdict(lambda: [0] * 24)
        for topic, payload in messages('fdc', *options):
            said = json.loads(payload)
            if said['door'] == 'open':
                hours[topic.split('/')[1]][said['at'] // 3600 % 24] += 1
        playing = threading.Thread(target=self.play, args=('fdc', *options, '--interval', '20',
                                                           '--pattern', 'burst'))
        playing.start()
        while playing.is_alive():
            time.sleep(0.5)
            self.kill_something()
        playing.join()
        for fridge, counts in hours.items():
            wanted = ' '.join(map(str, counts))
            wait_until(lambda: self.state(f'fdc/{fridge}') == wanted, f'the habits of {fridge}: {wanted}',
                       PATIENCE_S)

    def test_lights_go_on_and_off_in_the_order_of_motion(self):
        self.deploy('home')
        watcher = self.broker.listen('lights/+/bulb', 80, form='%t %p', client='eye')
        self.heard_by('eye')
        options = ['--devices', '2', '--count', '40', '--pattern', 'burst', '--interval', '10']
        wanted = collections.defaultdict(list)
        for topic, payload in messages('lights', *options):
            wanted[topic.split('/')[1]].append('on' if json.loads(payload)['motion'] else 'off')
        self.play('lights', *options)
        came = collections.defaultdict(list)
        for line in watcher.communicate(timeout=PATIENCE_S)[0].decode().splitlines():
            came[line.split('/')[1]].append(line.split(' ')[1])
        self.assertEqual(came, wanted)

    def test_lights_follow_motion_and_smoke_is_told(self):
        self.deploy('home')
        watcher = subprocess.Popen(['mosquitto_sub', '-h', '127.0.0.1', '-p', str(self.broker.port), '-t',
                                    'lights/+/bulb', '-q', '1', '-v', '-C', '3', '-i', 'watcher'],
                                   stdout=subprocess.PIPE, text=True)
        harness.STARTED.append(watcher)
        self.heard_by('watcher')
        self.publish('lights/hall/motion', '{"motion":true}')
        wait_until(lambda: self.calls('lights') >= 1, 'a call')
        self.publish('lights/attic/motion', '{"motion":false}')
        self.publish('lights/große Küche 100%/motion', '{"motion":true}')
        self.assertEqual(sorted(watcher.communicate(timeout=PATIENCE_S)[0].splitlines()),
                         ['lights/attic/bulb off', 'lights/große Küche 100%/bulb on', 'lights/hall/bulb on'])
        for value in (12, 61, 50, 51):
            self.publish('smoke/hall/value', json.dumps({'value': value, 'room': 'hall'}))
        wait_until(lambda: len(self.told()) >= 2, 'two alarms')
        self.assertEqual(sorted(self.told()), ['Smoke: 51, above 50. Leave the house.',
                                               'Smoke: 61, above 50. Leave the house.'])

    def told(self):
        return [json.loads(m.group(0))['text'] for m in
                (re.search(r'\{"alert":"yes".*\}', line['text']) for line in self.node.logs('user')) if m]


class Air(Workflow):
    def test_every_alert_is_posted_once_by_its_id_although_the_sink_was_down(self):
        sink = Sink()
        port = sink.port
        sink.close()  # down at first
        self.deploy('co2', **self.webhook(sink))
        options = ['--devices', '3', '--count', '30', '--step', '60', '--start', '1700000000']
        high = [payload for _, payload in messages('co2', *options)
                if int(re.search(r'112,"value":(\d+)|112:(\d+)', payload).group(1) or
                       re.search(r'112:(\d+)', payload).group(1)) > 1000]
        self.assertGreater(len(high), 5)
        self.play('co2', *options, '--interval', '10')
        wait_until(lambda: self.calls('logger') >= 90, 'the log', PATIENCE_S)
        time.sleep(2)
        sink = Sink(port=port)
        self.addCleanup(sink.close)
        posted = lambda: {m['metadata']['event_payload']['id']: m for m in
                          (json.loads(r['body']) for r in list(sink.got))}
        wait_until(lambda: len(posted()) >= len(high), f'{len(high)} alerts', PATIENCE_S)
        time.sleep(0.5)
        self.assertEqual(len(posted()), len(high))
        for request in sink.got:
            body = json.loads(request['body'])
            self.assertEqual((request['method'], request['path'], request['headers']['content-type']),
                             ('POST', '/services/T/B/X', 'application/json'))
            self.assertEqual(body['channel'], '#air')
            self.assertRegex(body['text'], r'^CO2 of kit kit[012]: sensor 112 measured 1\d\d\d at ')


class ColdChain(Workflow):
    START = 1700000000

    def alarms(self, sink):
        """id → how often, of what the webhook was told."""
        return collections.Counter(json.loads(r['body'])['metadata']['event_payload']['id']
                                   for r in list(sink.got))

    def test_the_siren_needs_no_uplink_and_the_webhook_hears_of_each_once(self):
        sink = Sink()
        port = sink.port
        sink.close()
        self.deploy('cold-chain', **self.webhook(sink),
                    **{'every: 30s': 'queue: clock', 'ESCALATE_MINUTES: "30"': 'ESCALATE_MINUTES: "10"'})
        siren = subprocess.Popen(['stdbuf', '-oL', 'mosquitto_sub', '-h', '127.0.0.1', '-p',
                                  str(self.broker.port), '-t', 'shop/1/alarm', '-q', '1', '-C', '5', '-i',
                                  'siren', '-W', str(3 * PATIENCE_S)], stdout=subprocess.PIPE, text=True)
        harness.STARTED.append(siren)
        self.heard_by('siren')
        self.play('cold-chain', '--start', str(self.START), '--count', '24', '--interval', '50')
        wait_until(lambda: len(self.keys('cold-chain/1/')) == 50, 'fifty fridges', PATIENCE_S)
        self.clock(24)
        begun, silent = self.START + 10 * 60, self.START + 9 * 60
        raised = [f'1/f0/warm/{begun}/raised', f'1/f1/door/{begun}/raised', f'1/f2/silent/{silent}/raised']
        self.assertEqual(self.hear(siren, 3), raised)
        self.publish('shop/1/acknowledge', '{"fridge":"f1"}')
        wait_until(lambda: '"acknowledged":true' in self.state('cold-chain/1/f1'), 'the acknowledgement')
        self.clock(34)  # nobody has acknowledged the other two
        escalated = [f'1/f0/warm/{begun}/escalated', f'1/f2/silent/{silent}/escalated']
        self.assertEqual(self.hear(siren, 2), escalated)
        siren.kill()
        siren.stdout.close()
        siren.wait()
        sink = Sink(port=port)  # the uplink is back
        self.addCleanup(sink.close)
        wait_until(lambda: set(self.alarms(sink)) == set(raised + escalated), 'the webhook', PATIENCE_S)
        texts = [json.loads(r['body'])['text'] for r in sink.got]
        self.assertTrue(any('fridge f1: door open since' in text for text in texts), texts)
        channels = {json.loads(r['body'])['metadata']['event_payload']['id']: json.loads(r['body'])['channel']
                    for r in sink.got}
        self.assertEqual(channels[raised[0]], '#cold-chain')
        self.assertEqual(channels[escalated[0]], '#cold-chain-urgent')

    @staticmethod
    def hear(siren, count):
        return sorted(json.loads(siren.stdout.readline())['id'] for _ in range(count))

    def clock(self, minute):
        """What the timer says every 30 s, in the devices' time."""
        answer = self.node.http('POST', '/async-function/cold-chain',
                                json.dumps({'at': self.START + minute * 60}),
                                {'ce-specversion': '1.0', 'ce-id': f'clock-{minute}', 'ce-source': '/clock',
                                 'ce-type': 'mayfly.timer', 'content-type': 'application/json'})
        self.assertEqual(answer.status, 202, answer.body)


if __name__ == '__main__':
    harness.main()
