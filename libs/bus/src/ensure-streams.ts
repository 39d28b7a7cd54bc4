import {
  DiscardPolicy,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { invalid, limits } from '@perennial/kernel';
import type { Bus } from './bus.js';
import { type StreamDefinition, streams } from './streams.js';

const streamNotFound = 10059;
const streamNameInUse = 10058;
const dayMs = 86_400_000;
/** What a cluster of three can hold without losing a fact to one broken disk. */
const clusterReplicas = 3;

type Checked = ReturnType<typeof configOf>;

function configOf(definition: StreamDefinition) {
  const isProtected = definition.isProtected ?? false;
  return {
    name: definition.name,
    subjects: [...definition.subjects],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_age: nanos(definition.maxAgeDays * dayMs),
    max_msg_size: limits.messageBytesMax,
    duplicate_window: nanos(definition.duplicateWindowMs),
    deny_delete: isProtected,
    deny_purge: isProtected,
  };
}

/**
 * Makes the streams that are absent, adds subjects of this release to those that an earlier one made, and compares them
 * with their definitions. Copies, compression and
 * placement are the operator's. Safe when raced.
 *
 * @throws PlatformError BUS_STREAM_DIFFERS, naming the stream and what differs
 */
export async function ensureStreams(
  bus: Bus,
  definitions: readonly StreamDefinition[] = streams,
): Promise<void> {
  for (const definition of definitions) await ensureStream(bus, configOf(definition));
}

async function ensureStream({ jsm, connection }: Bus, wanted: Checked): Promise<void> {
  let found = await configFound(jsm, wanted.name);
  if (!found) {
    const replicas = connection.info?.cluster ? clusterReplicas : 1;
    try {
      await jsm.streams.add({ ...wanted, num_replicas: replicas });
    } catch (error) {
      // Somebody else made it first, perhaps otherwise.
      if (!(error instanceof JetStreamApiError && error.code === streamNameInUse)) throw error;
    }
    // A server drops options it does not know without a word, so what it understood is read back.
    found = await configFound(jsm, wanted.name);
  }
  // What an earlier release made lacks the subjects of this one; to add them takes nothing from anybody.
  const added = wanted.subjects.filter((subject) => found && !found.subjects.includes(subject));
  if (found && added.length > 0) {
    await jsm.streams.update(wanted.name, { subjects: [...found.subjects, ...added] });
    found = await configFound(jsm, wanted.name);
  }
  const differences = found ? differencesOf(wanted, found) : ['it is absent again'];
  if (differences.length > 0) {
    throw invalid(
      'BUS_STREAM_DIFFERS',
      `stream ${wanted.name} differs from its definition: ${differences.join('; ')}. ` +
        'Change it with the nats command line, or release the old definition',
    );
  }
}

async function configFound(jsm: Bus['jsm'], name: string): Promise<StreamConfig | undefined> {
  try {
    return (await jsm.streams.info(name)).config;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === streamNotFound) return undefined;
    throw error;
  }
}

function differencesOf(wanted: Checked, found: StreamConfig): string[] {
  const comparable = (value: unknown) =>
    JSON.stringify(Array.isArray(value) ? [...value].sort() : (value ?? false));
  return Object.entries(wanted)
    .map(([key, value]) => ({ key, value, there: found[key as keyof StreamConfig] }))
    .filter(({ value, there }) => comparable(value) !== comparable(there))
    .map(
      ({ key, value, there }) => `${key} is ${JSON.stringify(there)} and should be ${JSON.stringify(value)}`,
    );
}
