/** A load process: takes an order at a time from its parent and answers with what came of it. */
import { Buffer } from 'node:buffer';
import { busyUs, cpuUs } from '../machine.js';
import { GrpcStreamLane, GrpcUnaryLane, grpcConnectionsMax, openSession } from './grpc-lane.js';
import { Histogram } from './histogram.js';
import { HttpLane } from './http-lane.js';
import { type Lane, well } from './lane.js';
import type { Order, Outcome } from './messages.js';
import { tick } from './ticker.js';

/** What is not answered by then will not be. */
const answersWithinMs = 15_000;

process.on('message', (order: Order) => {
  void run(order).then(
    (outcome) => process.send?.({ outcome }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on('disconnect', () => process.exit());

async function run(order: Order): Promise<Outcome> {
  const { lanes, close } = await open(order);
  try {
    if (order.warmMs > 0) await new Load(lanes, { ...order, perSecond: undefined }).during(order.warmMs);
    const before = {
      cpu: order.pids.map(cpuUs),
      busy: busyUs(),
      own: process.cpuUsage(),
      at: performance.now(),
    };
    const load = new Load(lanes, order);
    await load.during(order.measureMs);
    const own = process.cpuUsage(before.own);
    return {
      seconds: (performance.now() - before.at) / 1_000,
      good: load.good,
      late: load.late,
      refused: load.refused,
      unsent: load.unsent,
      latency: [...load.latency.counts],
      refusal: [...load.refusal.counts],
      cpu: Object.fromEntries(order.pids.map((pid, at) => [pid, cpuUs(pid) - (before.cpu[at] as number)])),
      ownCpuUs: own.user + own.system,
      busyUs: busyUs() - before.busy,
    };
  } finally {
    close();
  }
}

async function open({ protocol, port, token, connections, request }: Order) {
  const bytes = Buffer.from(request, 'base64');
  if (protocol.startsWith('http')) {
    const lanes = await Promise.all(Array.from({ length: connections }, () => HttpLane.open(port, bytes)));
    const close = () => {
      for (const lane of lanes) lane.close();
    };
    return { lanes, close };
  }
  const count = Math.min(connections, grpcConnectionsMax);
  const sessions = await Promise.all(Array.from({ length: count }, () => openSession(port)));
  const Kind = protocol === 'grpc unary' ? GrpcUnaryLane : GrpcStreamLane;
  const lanes: Lane[] = Array.from({ length: connections }, (_, at) => {
    const session = sessions[at % count];
    if (!session) throw new Error('no session');
    return new Kind({ session, token, message: bytes });
  });
  const close = () => {
    for (const lane of lanes) lane.close();
    for (const session of sessions) session.destroy();
  };
  return { lanes, close };
}

type Rules = Pick<Order, 'deadlineMs' | 'requestsMax'> & { readonly perSecond?: number | undefined };

/** Requests over lanes, closed loop or open, and what became of them. */
class Load {
  good = 0;
  late = 0;
  unsent = 0;
  readonly refused: Record<string, number> = {};
  readonly latency = new Histogram();
  readonly refusal = new Histogram();
  readonly #order: Rules;
  readonly #free: Lane[];
  /** Moments at which requests were to be sent, while no lane is free. */
  readonly #waiting: number[] = [];
  #sent = 0;
  #open = 0;
  #isOver = false;
  #ended: () => void = () => {};

  constructor(lanes: readonly Lane[], order: Rules) {
    this.#free = [...lanes];
    this.#order = order;
  }

  async during(ms: number): Promise<void> {
    const { perSecond } = this.#order;
    const ended = new Promise<void>((resolve) => {
      this.#ended = resolve;
    });
    const ticker = perSecond === undefined ? undefined : tick(perSecond, (moments) => this.#due(moments));
    if (!ticker)
      for (let lane = this.#free.pop(); lane; lane = this.#free.pop()) this.#send(lane, performance.now());
    const timer = setTimeout(() => this.#end(), ms);
    await ended;
    clearTimeout(timer);
    ticker?.stop();
  }

  /** What is in hand is waited for, so that no answer falls into another measurement. */
  #end(): void {
    this.#isOver = true;
    this.unsent += this.#waiting.splice(0).length;
    if (this.#open === 0) this.#ended();
    else setTimeout(() => this.#ended(), answersWithinMs).unref();
  }

  #due(moments: readonly number[]): void {
    if (this.#isOver) return;
    for (const dueAt of moments) {
      const lane = this.#free.pop();
      if (lane) this.#send(lane, dueAt);
      else this.#waiting.push(dueAt);
    }
  }

  #send(lane: Lane, dueAt: number): void {
    this.#open += 1;
    this.#sent += 1;
    const sentAt = performance.now();
    lane.send((status) => {
      this.#open -= 1;
      this.#count(status, performance.now(), dueAt, sentAt);
      this.#next(lane);
    });
  }

  #count(status: number, now: number, dueAt: number, sentAt: number): void {
    if (status !== well) {
      this.refused[status] = (this.refused[status] ?? 0) + 1;
      this.refusal.record((now - sentAt) * 1_000);
    } else if (now - dueAt > (this.#order.deadlineMs ?? Number.POSITIVE_INFINITY)) this.late += 1;
    else {
      this.good += 1;
      this.latency.record((now - dueAt) * 1_000);
    }
  }

  #next(lane: Lane): void {
    if (this.#sent >= (this.#order.requestsMax ?? Number.POSITIVE_INFINITY)) this.#isOver = true;
    if (this.#isOver) {
      if (this.#open === 0) this.#ended();
    } else if (this.#order.perSecond === undefined) this.#send(lane, performance.now());
    else this.#fromQueue(lane);
  }

  #fromQueue(lane: Lane): void {
    const { deadlineMs = Number.POSITIVE_INFINITY } = this.#order;
    const oldest = performance.now() - deadlineMs;
    let dueAt = this.#waiting.shift();
    while (dueAt !== undefined && dueAt < oldest) {
      this.unsent += 1;
      dueAt = this.#waiting.shift();
    }
    if (dueAt === undefined) this.#free.push(lane);
    else this.#send(lane, dueAt);
  }
}
