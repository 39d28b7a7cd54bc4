import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { waitFor } from '@perennial/kernel';
import { type Platform, startPlatform } from '@perennial/local';
import { cpuUs, pssBytes, withChildren } from './machine.js';
import { type ModelName, modelFile, wideModelFile } from './models.js';

export const places = ['edge', 'pool'] as const;
export type Place = (typeof places)[number];

/** The platform as `npm start` runs it: everything that production has is on, capture of every row included. */
export class Perennial {
  readonly #platform: Platform;
  readonly #folder: string;

  private constructor(platform: Platform, folder: string) {
    this.#platform = platform;
    this.#folder = folder;
  }

  static async start(): Promise<Perennial> {
    const folder = mkdtempSync(path.join(tmpdir(), 'perennial-serving-'));
    return new Perennial(await startPlatform({ dataDir: path.join(folder, 'data') }), folder);
  }

  get token(): string {
    return this.#platform.token;
  }

  port(protocol: string): number {
    const { http, grpc } = this.#platform.urls;
    return Number((protocol.startsWith('http') ? http : grpc).split(':').at(-1));
  }

  /** The processes that a request goes through. */
  get serving(): number[] {
    return ['gateway', 'inference'].map((name) => this.#platform.pid(name) ?? 0);
  }

  /** All processes of the platform: what becomes of a prediction is part of its price. */
  get all(): number[] {
    return this.#platform.names.flatMap((name) => withChildren(this.#platform.pid(name) ?? 0));
  }

  get servingPss(): number {
    return pssBytes(this.serving);
  }

  static modelName(model: ModelName | 'wide', place: Place): string {
    return `bench-${model}-${place}`;
  }

  async bring(model: ModelName | 'wide', place: Place): Promise<void> {
    const name = Perennial.modelName(model, place);
    const file = model === 'wide' ? wideModelFile() : modelFile(model);
    await this.call('POST', `/v1/models/${name}/versions`, file);
    await this.call('PUT', `/v1/models/${name}/serve`, JSON.stringify({ place }));
  }

  /** @throws Error with the answer where it is none of success */
  async call(method: string, route: string, body?: Uint8Array | string): Promise<Buffer> {
    const headers = { authorization: `Bearer ${this.token}` };
    const answer = await fetch(`${this.#platform.urls.http}${route}`, {
      method,
      headers,
      ...(body !== undefined && { body: typeof body === 'string' ? body : Uint8Array.from(body) }),
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    if (!answer.ok) throw new Error(`${method} ${route}: ${answer.status} ${bytes.toString('utf8', 0, 500)}`);
    return bytes;
  }

  /** Until the processes behind the serving ones have done what predictions lead to, or for three seconds. */
  async settled(): Promise<void> {
    const behind = this.all.filter((pid) => !this.serving.includes(pid));
    let before = total(behind);
    const areQuiet = () => {
      const now = total(behind);
      const isQuiet = now - before < 10_000;
      before = now;
      return isQuiet;
    };
    // Busy for longer than that they are measured as they are.
    await waitFor('quiet processes', areQuiet, { withinMs: 3_000, everyMs: 100 }).catch(() => undefined);
  }

  async stop(): Promise<void> {
    await this.#platform.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export function total(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuUs(pid), 0);
}
