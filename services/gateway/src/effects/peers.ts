import type { DescService } from '@bufbuild/protobuf';
import {
  AccessService,
  AuditService,
  DatasetService,
  FeatureService,
  InferenceService,
  IngestService,
  MonitorService,
  OperationsService,
  RegistryService,
  SchemaService,
  TrainerService,
  ValidateService,
} from '@perennial/contracts';
import type { Client } from '@perennial/service';

export type AskPeer = <D extends DescService>(service: D, peer: string) => Client<D>;

/** The other services, each behind one lasting connection. */
export interface Peers {
  readonly ingest: Client<typeof IngestService>;
  /** Ingest's, too. */
  readonly datasets: Client<typeof DatasetService>;
  readonly validate: Client<typeof ValidateService>;
  /** Validate's, too. */
  readonly schemas: Client<typeof SchemaService>;
  readonly featurize: Client<typeof FeatureService>;
  readonly trainer: Client<typeof TrainerService>;
  /** The registry's, too. */
  readonly access: Client<typeof AccessService>;
  readonly registry: Client<typeof RegistryService>;
  readonly inference: Client<typeof InferenceService>;
  readonly monitor: Client<typeof MonitorService>;
  readonly audit: Client<typeof AuditService>;
  /** Of every one of them, by name: where it stands. */
  readonly operations: ReadonlyMap<string, Client<typeof OperationsService>>;
}

/** `names` are the services that run, without this one. */
export function peersOf(ask: AskPeer, names: readonly string[]): Peers {
  return {
    ingest: ask(IngestService, 'ingest'),
    datasets: ask(DatasetService, 'ingest'),
    validate: ask(ValidateService, 'validate'),
    schemas: ask(SchemaService, 'validate'),
    featurize: ask(FeatureService, 'featurize'),
    trainer: ask(TrainerService, 'trainer'),
    access: ask(AccessService, 'registry'),
    registry: ask(RegistryService, 'registry'),
    inference: ask(InferenceService, 'inference'),
    monitor: ask(MonitorService, 'monitor'),
    audit: ask(AuditService, 'audit'),
    operations: new Map(names.map((name) => [name, ask(OperationsService, name)])),
  };
}
