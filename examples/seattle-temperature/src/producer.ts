import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Perennial } from '@perennial/client';

/** A producer's program in a process of its own, with its own credential. */
export class Producer {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #folder: string;
  readonly #waiting = new Map<string, () => void>();
  published = 0;

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>, folder: string) {
    this.#child = child;
    this.#folder = folder;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { acknowledged } = JSON.parse(line) as { acknowledged: string };
      this.#waiting.get(acknowledged)?.();
      this.#waiting.delete(acknowledged);
    });
  }

  static async start(platform: Perennial, source: string, name: string): Promise<Producer> {
    const answer = await platform.call<{ nats_credentials: string; nats_url: string; subjects: string[] }>(
      'POST',
      '/v1/producers',
      {
        json: { source, producer: name },
      },
    );
    const folder = mkdtempSync(join(tmpdir(), 'perennial-producer-'));
    const credentialsFile = join(folder, 'producer.creds');
    writeFileSync(credentialsFile, answer.nats_credentials, { mode: 0o600 });
    const tail = answer.subjects.find((subject) => subject.startsWith('rows.'))?.slice('rows.'.length) ?? '';
    const child = spawn(
      process.execPath,
      [fileURLToPath(new URL('./player.js', import.meta.url)), credentialsFile, tail],
      {
        env: { NATS_URL: answer.nats_url },
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    return new Producer(child, folder);
  }

  /** Resolves once the bus has the message durably. */
  publish(arrival: 'rows' | 'labels', id: string, body: unknown): Promise<void> {
    this.published++;
    return new Promise<void>((resolve, reject) => {
      this.#waiting.set(id, resolve);
      this.#child.once('exit', () => reject(new Error('the producer has ended')));
      this.#child.stdin.write(`${JSON.stringify({ arrival, id, body })}\n`);
    }).then(() => void this.#child.removeAllListeners('exit'));
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin.end();
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
