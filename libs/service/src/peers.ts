import type { DescService } from '@bufbuild/protobuf';
import { invalid } from '@perennial/kernel';
import { createClient } from './grpc/client.js';
import type { Client } from './grpc/types.js';

/** Clients of the other services, one for each service and peer. */
export class Peers {
  readonly #addresses: ReadonlyMap<string, string>;
  readonly #clients = new Map<string, { close(): void }>();

  constructor(addresses: ReadonlyMap<string, string>) {
    this.#addresses = addresses;
  }

  /** @throws PlatformError PEER_UNKNOWN */
  client<D extends DescService>(service: D, peer: string): Client<D> {
    const key = `${peer}/${service.typeName}`;
    let client = this.#clients.get(key);
    if (!client) {
      const address = this.#addresses.get(peer);
      if (!address) {
        throw invalid(
          'PEER_UNKNOWN',
          `PERENNIAL_PEERS does not say where "${peer}" listens; add ${peer}=host:port`,
          {
            field: 'PERENNIAL_PEERS',
          },
        );
      }
      client = createClient(service, address, { peer });
      this.#clients.set(key, client);
    }
    return client as unknown as Client<D>;
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }
}
