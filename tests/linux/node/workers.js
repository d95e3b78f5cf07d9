// Threads with engines of their own: messages, shared memory, ends, errors.
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

function work() {
  const counters = new Int32Array(workerData.shared);
  for (let i = 0; i < 1000; i++) Atomics.add(counters, 0, 1);
  parentPort.on('message', message => {
    if (message === 'end') parentPort.close();
    else parentPort.postMessage({ id: workerData.id, square: message * message });
  });
}

function once(worker, event) {
  return new Promise((resolve, reject) => {
    worker.once(event, resolve);
    worker.once('error', reject);
  });
}

async function main() {
  const shared = new SharedArrayBuffer(4);
  const resourceLimits = { codeRangeSizeMb: 32 }; // of addresses, which each has 512 MiB of otherwise
  const workers = [1, 2, 3, 4, 5, 6, 7, 8].map(
    id => new Worker(__filename, { workerData: { id, shared }, resourceLimits }));
  const answers = workers.map(worker => once(worker, 'message'));
  workers.forEach((worker, i) => worker.postMessage(i + 2));
  console.log(await Promise.all(answers), Atomics.load(new Int32Array(shared), 0));
  const ends = workers.map(worker => once(worker, 'exit'));
  workers.forEach(worker => worker.postMessage('end'));
  console.log(await Promise.all(ends));
  await once(new Worker('throw new Error("from a worker")', { eval: true, resourceLimits }), 'exit')
    .catch(error => console.log(error.message));
  const busy = new Worker('for (;;);', { eval: true, resourceLimits });
  await once(busy, 'online');
  console.log(await busy.terminate());
}

if (isMainThread) main();
else work();
