export { ArtifactCache } from './cache.js';
export { type ArtifactOptions, artifactSettings, openArtifacts, s3Settings } from './open.js';
export { connectS3, openS3, type S3Address } from './s3.js';
export type { ArtifactStore, ListedArtifact, StoredArtifact } from './store.js';
