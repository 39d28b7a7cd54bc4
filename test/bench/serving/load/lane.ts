/** One way to the server that carries one request at a time. */
export interface Lane {
  /** Sends the request; `done` is told the status: 200 is well for both protocols. */
  send(done: (status: number) => void): void;
  close(): void;
}

export const well = 200;
