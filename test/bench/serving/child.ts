import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A program of this bench in a process of its own, that answers one message at a time. */
export class Child {
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#process = child;
  }

  static start(program: string): Child {
    const file = fileURLToPath(new URL(program, import.meta.url));
    return new Child(fork(file, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }));
  }

  get pid(): number {
    return this.#process.pid as number;
  }

  /** The next message, once it came. */
  next<T>(): Promise<T> {
    return new Promise((resolve, reject) => {
      const exited = (code: number | null) => reject(new Error(`a process of the bench ended (${code})`));
      this.#process.once('exit', exited);
      this.#process.once('message', (message) => {
        this.#process.off('exit', exited);
        resolve(message as T);
      });
    });
  }

  ask<T>(message: object): Promise<T> {
    const answer = this.next<T>();
    this.#process.send(message);
    return answer;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.disconnect();
    await ended;
  }
}
