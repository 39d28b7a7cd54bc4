import type { Protocol } from '../bodies.js';

/** What the bench tells a load process to do, once at a time. */
export interface Order {
  readonly protocol: Protocol;
  readonly port: number;
  readonly token: string;
  /** Connections, or calls in flight for gRPC, see GrpcLane. */
  readonly connections: number;
  /** base64 of a whole request, see requestBytes. */
  readonly request: string;
  readonly warmMs: number;
  readonly measureMs: number;
  /** Requests a second at random moments; left out: each connection asks again as soon as it is answered. */
  readonly perSecond?: number;
  /** Answers after this are no use, and requests that could not be sent by then are given up. */
  readonly deadlineMs?: number;
  /** Ends after this many requests whatever the time. */
  readonly requestsMax?: number;
  /** Processes whose CPU time is read at the beginning and end of measuring. */
  readonly pids: readonly number[];
}

export interface Outcome {
  readonly seconds: number;
  /** Answered well, in time where there is a deadline. */
  readonly good: number;
  /** Answered well, but late. */
  readonly late: number;
  /** By status (HTTP's, or gRPC's with a minus), others than success. */
  readonly refused: Readonly<Record<string, number>>;
  /** Open loop only: never sent, because no connection was free in time. */
  readonly unsent: number;
  /** Of good answers, from when they were to be sent. Entries of a Histogram. */
  readonly latency: readonly (readonly [number, number])[];
  /** Of refusals, from when they were sent. */
  readonly refusal: readonly (readonly [number, number])[];
  /** Microseconds by pid. */
  readonly cpu: Readonly<Record<string, number>>;
  readonly ownCpuUs: number;
  readonly busyUs: number;
}
