// BullMQ: `bullmq.mjs worker` or `bullmq.mjs produce`, in the folder with its node_modules.
//
// `concurrency` as its docs have it; `addBulk` sends many in one transaction. Ended jobs
// are removed at once (`removeOnComplete`), as its docs advise for production. Counting and
// payload are those of tally.py, task.py and producing.py.

import { createHash } from "node:crypto";
import { readSync } from "node:fs";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

const require = createRequire(`${process.cwd()}/`);
const { Queue, Worker } = require("bullmq");
const Redis = require("ioredis");

const order = JSON.parse(process.env.RACE_ORDER);
const place = new URL(order.url);
const connection = { host: place.hostname, port: Number(place.port), maxRetriesPerRequest: null };
const BULK = 1000;
const PERIOD_MS = 20;
const BLOCK = "x".repeat(1024);
const CPU_MS = 10;
const options = { removeOnComplete: true };

const nowUs = () => Math.round((performance.timeOrigin + performance.now()) * 1000);
const payload = () => ({ sent_us: Math.round(nowUs()), filling: "x".repeat(159) });

function compute(loops) {
  for (let i = 0; i < loops; i++) createHash("sha256").update(BLOCK).digest();
}

// So many of its own hashes take 10 ms: those of Python's would take it seven times as long.
function calibratedLoops() {
  const loops = 1000;
  let best = Infinity;
  for (let i = 0; i < 20; i++) {
    const started = performance.now();
    compute(loops);
    best = Math.min(best, performance.now() - started);
  }
  return Math.max(1, Math.round((loops * CPU_MS) / best));
}

function work() {
  const client = new Redis(connection);
  const loops = order.work === "cpu" ? calibratedLoops() : 0;
  let ran = 0;
  let waits = [];
  setInterval(() => {
    if (waits.length) client.rpush("race:waits", ...waits);
    if (ran) client.hincrbyfloat("race:ran", process.pid, ran);
    ran = 0;
    waits = [];
  }, PERIOD_MS);
  const handle = async (job) => {
    if (order.keeps_waits) waits.push(nowUs() - job.data.sent_us);
    if (order.work === "sleep") await sleep(1);
    if (order.work === "cpu") compute(loops);
    ran += 1;
  };
  const worker = new Worker("race", handle, { connection, concurrency: order.slots });
  worker.on("error", (error) => console.error(error));
  process.on("SIGTERM", () => process.exit(0));
}

async function produce() {
  const queue = new Queue("race", { connection });
  const send = () => queue.add("race", payload(), options);
  await send();
  if (order.rate) readSync(0, Buffer.alloc(1));
  const rest = order.jobs - 1;
  const started = performance.now();
  if (order.rate) {
    for (let number = 0; number < rest; number++) {
      const wait = started + (number * 1000) / order.rate - performance.now();
      // Timers count whole milliseconds.
      if (wait >= 1) await sleep(wait);
      await send();
    }
  } else if (order.in_bulk) {
    for (let first = 0; first < rest; first += BULK) {
      const length = Math.min(BULK, rest - first);
      await queue.addBulk(
        Array.from({ length }, () => ({ name: "race", data: payload(), opts: options })),
      );
    }
  } else {
    for (let number = 0; number < rest; number++) await send();
  }
  const seconds = (performance.now() - started) / 1000;
  console.log(JSON.stringify({ jobs: rest, seconds }));
  await queue.close();
}

if (process.argv[2] === "worker") work();
else await produce();
