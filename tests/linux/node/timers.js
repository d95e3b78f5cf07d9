// Order of what becomes due, and that time passes.
const { setTimeout: later } = require('timers/promises');
const order = [];

setTimeout(() => order.push('at 60'), 60);
setTimeout(() => order.push('at 20'), 20);
process.nextTick(() => order.push('tick'));
Promise.resolve().then(() => order.push('promise'));
queueMicrotask(() => order.push('microtask'));
const never = setTimeout(() => order.push('never'), 1);
clearTimeout(never);

function three_times() {
  return new Promise(resolve => {
    let times = 0;
    const every = setInterval(() => {
      if (++times < 3) return;
      clearInterval(every);
      resolve(times);
    }, 5);
  });
}

(async () => {
  const began = process.hrtime.bigint(), date = Date.now();
  console.log(await later(100, 'value'));
  console.log(process.hrtime.bigint() - began >= 99_000_000n, Date.now() - date >= 98, performance.now() > 98);
  console.log(order.join(', '), await three_times());
  await new Promise(resolve => setImmediate(() => setImmediate(resolve)));
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 5);
  await later(100000, 0, { signal: controller.signal }).catch(error => console.log(error.name));
})();
