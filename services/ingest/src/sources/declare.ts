import { checkAgrees, type Source, type System, sourceFromJson } from '@perennial/spec';
import type { Store } from '../store.js';
import { findDocument, lockSource, type SourceReading, saveSource, saveSystem, systemsOf } from './store.js';

/** How rows are read as a document says. */
export function readingOf(source: Source, version: number): SourceReading {
  return {
    source: source.name,
    timeColumn: source.time.column,
    keyColumns: source.key,
    zone: source.time.zone,
    late: source.late,
    version,
  };
}

/** A system says how the rows of its source are read, where no document does. */
export async function readSystem(
  tx: Store,
  tenant: string,
  { name: system, source }: Pick<System, 'name' | 'source'>,
): Promise<void> {
  await lockSource(tx, tenant, source.name);
  await saveSystem(tx, tenant, { system, reading: source });
  if (await findDocument(tx, tenant, source.name)) return;
  await saveSource(tx, tenant, {
    source: source.name,
    timeColumn: source.time,
    keyColumns: source.key,
    zone: source.zone,
    late: source.late ?? { policy: 'take' },
    version: 0,
  });
}

/** @throws PlatformError SOURCE_CONFLICT where a system that was applied reads the source in another way */
export async function checkSystems(tx: Store, tenant: string, source: Source): Promise<void> {
  for (const { system, reading } of await systemsOf(tx, tenant, source.name))
    checkAgrees({ name: system, source: { ...reading, schema: 'inferred' } }, source);
}

/** @throws PlatformError SOURCE_CONFLICT where the source is declared in another way */
export async function checkDocument(
  db: Store,
  tenant: string,
  system: Pick<System, 'name' | 'source'>,
): Promise<void> {
  const document = await findDocument(db, tenant, system.source.name);
  if (document) checkAgrees(system, sourceFromJson(document.json));
}
