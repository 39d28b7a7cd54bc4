export { ArtifactCache } from './cache.js';
export { type ArtifactOptions, artifactSettings, openArtifacts } from './open.js';
export type { S3Address } from './s3.js';
export type { ArtifactStore, StoredArtifact } from './store.js';
