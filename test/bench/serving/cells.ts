import type { Protocol } from './bodies.js';
import type { ModelName } from './models.js';
import type { BenchOptions } from './options.js';
import { type Place, places } from './perennial.js';

/** One thing that is measured, in each round once. */
export interface Cell {
  /** `bare` is node:http or grpc-js with no model behind it. */
  readonly server: 'bare' | Place;
  readonly model: ModelName | undefined;
  readonly protocol: Protocol;
  readonly connections: number;
  readonly rows: number;
}

/** Ours right behind the reference of the same protocol, body and connections, so that both meet the same machine. */
export function cellsOf({ protocols, connections, rows, models }: BenchOptions): Cell[] {
  return protocols.flatMap((protocol) =>
    connections.flatMap((count) =>
      rows.flatMap((perRequest) => {
        const common = { protocol, connections: count, rows: perRequest };
        const ours = models.flatMap((model) => places.map((server) => ({ server, model, ...common })));
        return [{ server: 'bare' as const, model: undefined, ...common }, ...ours];
      }),
    ),
  );
}

export function keyOf({ server, model, protocol, connections, rows }: Cell): string {
  return [server, model ?? '-', protocol, connections, rows].join('|');
}

export function referenceKeyOf(cell: Cell): string {
  return keyOf({ ...cell, server: 'bare', model: undefined });
}
