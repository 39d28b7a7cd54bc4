import { OperationsService, RegistryService } from '@perennial/contracts';
import { type GrpcServer, serveGrpc } from '@perennial/service';
import { freePort } from '@perennial/testkit';

/** The services beside ingest, as far as it asks them: what they need, what they erase, which models there are. */
export interface Neighbours {
  /** For PERENNIAL_PEERS. */
  readonly peers: string;
  /** What each says that it needs. */
  readonly needs: Map<string, string[]>;
  /** Those that do not answer. */
  readonly silent: Set<string>;
  /** What each was asked to erase, and whether for real. */
  readonly erased: { name: string; source: string; rowIds: string[]; dryRun: boolean }[];
  readonly models: { system: string; version: number; manifestDigest: string }[];
  stop(): Promise<void>;
}

const names = ['audit', 'featurize', 'monitor', 'registry', 'trainer', 'validate'];

export async function openNeighbours(): Promise<Neighbours> {
  const servers: GrpcServer[] = [];
  const peers: string[] = [];
  const needs: Neighbours['needs'] = new Map();
  const silent: Neighbours['silent'] = new Set();
  const erased: Neighbours['erased'] = [];
  const models: Neighbours['models'] = [];
  const operations = (name: string) => ({
    service: OperationsService,
    implementation: {
      getProgress: async () => ({}),
      listNeededArtifacts: async function* () {
        if (silent.has(name)) throw new Error('the disk is away');
        yield { digests: needs.get(name) ?? [], digestsAlone: [] };
      },
      eraseFromTables: async ({
        source,
        rowIds,
        dryRun,
      }: {
        source: string;
        rowIds: string[];
        dryRun: boolean;
      }) => {
        erased.push({ name, source, rowIds, dryRun });
        return { places: [] };
      },
    },
  });
  const registry = {
    service: RegistryService,
    implementation: {
      listSystems: async () => ({
        systems: [...new Set(models.map(({ system }) => system))].map((system) => ({ system })),
      }),
      listModels: async ({ system }: { system: string }) => ({
        models: models.filter((one) => one.system === system),
      }),
    },
  };
  for (const name of names) {
    const listen = `127.0.0.1:${await freePort()}`;
    const services = name === 'registry' ? [operations(name), registry] : [operations(name)];
    servers.push(await serveGrpc({ listen, services, onError: () => {}, drainTimeoutMs: 100 }));
    peers.push(`${name}=${listen}`);
  }
  const stop = async () => void (await Promise.all(servers.map((server) => server.drain())));
  return { peers: peers.join(','), needs, silent, erased, models, stop };
}
