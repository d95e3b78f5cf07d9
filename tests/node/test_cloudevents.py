"""CloudEvents at the HTTP edge: binary, structured and in batches, in and out. By the examples of the
HTTP protocol binding 1.0.2 and the JSON event format."""
import json
import unittest

import harness
from harness import NodeTest
from test_triggers import heard, wait_for

JSON = 'application/cloudevents+json'
BATCH = 'application/cloudevents-batch+json'


def event(number=1, **more):
    return {'specversion': '1.0', 'type': 'com.example.someevent', 'source': '/mycontext', 'id': str(number), **more}


class Edge(NodeTest):
    @classmethod
    def prepare(cls):
        cls.node.deploy('heard')

    def post(self, body, path='/function/heard', **headers):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        return self.node.http('POST', path, body, {k.replace('_', '-'): v for k, v in headers.items()})

    def refused(self, answer, sentence):
        self.assertEqual((answer.status, answer.error['code']), (400, 'bad-request'))
        self.assertIn(sentence, answer.error['message'])

    def test_structured_mode_becomes_binary(self):
        answer = self.post(event(subject='a b\u00fc"%', ext=True, datacontenttype='text/plain', data='x\ny'),
                           Content_Type=JSON + '; charset=UTF-8', ce_id='of the header', ce_ext='false')
        self.assertEqual((answer.status, answer.body.decode()), (200, '1|a%20b%C3%BC%22%25|text/plain|x\ny'))
        answer = self.post('{"data": {"t": 66.350}, ' + json.dumps(event())[1:], Content_Type=JSON)
        self.assertEqual(answer.body, b'1|-|application/json|{"t": 66.350}')
        answer = self.post(event(data_base64='AP8='), Content_Type=JSON)
        self.assertEqual(answer.body, b'1|-|-|')  # a NUL ends what the function prints
        self.assertIn('true', [e['ext'] for e in heard(self.node, 'heard')])
        self.assertNotIn('false', [e['ext'] for e in heard(self.node, 'heard')])

    def test_binary_mode_is_as_it_was(self):
        attributes = {'ce_specversion': '1.0', 'ce_id': '7', 'ce_source': '/s', 'ce_type': 't'}
        answer = self.post('{"a": 1}', Content_Type='application/json', ce_subject='Euro%20%E2%82%AC', **attributes)
        self.assertEqual(answer.body, b'7|Euro%20%E2%82%AC|application/json|{"a": 1}')
        self.assertEqual(self.post('x', ce_id='no event').body, b'no event|-|-|x')

    def test_what_is_no_event_is_refused(self):
        self.refused(self.post('', Content_Type=JSON), 'an event is a JSON object')
        self.refused(self.post('{"a', Content_Type=JSON), 'no JSON')
        self.refused(self.post(event(data=1, data_base64=''), Content_Type=JSON), 'data stands there twice')
        self.refused(self.post({'specversion': '1.0'}, Content_Type=JSON), 'id is missing')
        self.refused(self.post(b'\xff\xfe', Content_Type=JSON), 'an event is a JSON object')
        self.refused(self.post('[' * 100000, Content_Type=JSON), 'an event is a JSON object')
        self.refused(self.post('{"data":' + '[' * 100000, Content_Type=JSON), 'nested more than 256 deep')
        self.refused(self.post('<a/>', Content_Type='application/cloudevents+xml'), 'JSON is known here')
        self.refused(self.post('', ce_specversion='1.0'), 'id is missing')
        self.refused(self.post('', ce_specversion='1.0', ce_id='1', ce_source='/', ce_type='%FF'),
                     'header ce-type: type is not UTF-8')
        self.refused(self.post('', ce_specversion='0.3'), 'header ce-specversion: it is 1.0')
        self.refused(self.post([event()], Content_Type=BATCH), 'a batch of events goes to /async-function/')
        many = event(**{f'a{i}': 'x' * 4000 for i in range(20)})
        self.refused(self.post(many, Content_Type=JSON), 'too long together')

    def test_a_structured_event_may_wait(self):
        self.node.deploy('later', 'heard')
        answer = self.post(event(9, data=[1]), '/async-function/later', Content_Type=JSON)
        self.assertEqual(answer.status, 202)
        got = wait_for(self.node, 'later', 1)[0]
        self.assertEqual((got['id'], got['content'], got['body']), ('9', 'application/json', '[1]'))
        self.refused(self.post('[]', '/async-function/later', Content_Type=JSON), 'an event is a JSON object')

    def test_a_batch_becomes_events(self):
        self.node.deploy('each', 'heard')
        batch = [event(i, data=i) for i in range(100)]
        answer = self.post(batch, '/async-function/each', Content_Type=BATCH, X_Call_Id='mine')
        self.assertEqual((answer.status, answer.header('x-call-id')), (202, 'mine'))
        events = wait_for(self.node, 'each', 100)
        self.assertEqual(sorted(int(e['id']) for e in events), list(range(100)))
        self.assertEqual({e['id'] for e in events if e['id'] == e['body']}, {str(i) for i in range(100)})
        harness.wait_until(lambda: self.node.api('GET', '/v1/calls/mine-100').json.get('state') == 'delivered', 'its end')
        self.assertEqual(self.post([], '/async-function/each', Content_Type=BATCH).status, 202)

    def test_of_a_batch_all_or_none(self):
        self.node.deploy('none', 'heard', queue_max=10)
        wrong = [event(1), event(2), {'specversion': '1.0'}]
        self.refused(self.post(wrong, '/async-function/none', Content_Type=BATCH), 'event 3: id is missing')
        self.refused(self.post('[' + json.dumps(event()), '/async-function/none', Content_Type=BATCH), 'event 2: no JSON')
        self.refused(self.post([event(i) for i in range(257)], '/async-function/none', Content_Type=BATCH),
                     'at most 256 events')
        self.assertEqual(self.post([event(i) for i in range(11)], '/async-function/none', Content_Type=BATCH).status, 429)
        self.assertEqual(self.post([event()], '/async-function/none', Content_Type=BATCH, X_Call_Id='x' * 128).status, 400)
        self.assertEqual(heard(self.node, 'none'), [])

    def test_a_batch_with_a_long_head(self):
        """Each of its events has the whole head; all of it is counted while it is copied."""
        self.node.deploy('long', 'heard')
        head = {f'X_Long_{i}': 'v' * 3900 for i in range(7)}
        batch = [event(i, data=i) for i in range(256)]
        answer = self.post(batch, '/async-function/long', Content_Type=BATCH, **head)
        self.assertEqual(answer.status, 202)
        self.assertEqual(len(wait_for(self.node, 'long', 256)), 256)
        other = harness.Node('--buffer-mib', '16')
        self.addCleanup(other.close)
        other.deploy('long', 'heard')
        headers = {'Content-Type': BATCH, **{k.replace('_', '-'): v for k, v in head.items()}}
        large = [event(i, data='x' * 8000) for i in range(256)]
        answer = other.http('POST', '/async-function/long', json.dumps(large), headers)
        self.assertEqual((answer.status, answer.error['code']), (503, 'node-full'))
        self.assertEqual(other.http('POST', '/async-function/long', json.dumps(batch[:9]), headers).status, 202)

    def test_replies_that_are_events(self):
        answer = self.post('', '/function/heard?reply')
        self.assertEqual((answer.header('ce-type'), answer.header('ce-subject'), answer.header('content-type'), answer.body),
                         ('test.reply', 'a%20b%C3%BC', 'application/json', b'{"n": 66.350}'))
        answer = self.post('', '/function/heard?reply', Accept='text/plain, ' + JSON)
        self.assertEqual(answer.header('content-type'), JSON)
        self.assertIsNone(answer.header('ce-type'))
        self.assertTrue(answer.body.endswith(b',"data":{"n": 66.350}}'), answer.body)
        self.assertEqual(answer.json, {'specversion': '1.0', 'id': 'reply-1', 'source': '/heard', 'type': 'test.reply',
                                       'subject': 'a b\u00fc', 'datacontenttype': 'application/json', 'data': {'n': 66.35}})
        self.assertEqual(self.post('', Accept=JSON).header('content-type'), None)  # no event: as it is


if __name__ == '__main__':
    harness.main()
