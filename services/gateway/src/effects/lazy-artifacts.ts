import { type ArtifactStore, artifactSettings, openArtifacts } from '@perennial/artifacts';

/** Opens the artifact store when it is first needed, once; a failure is tried again by whoever asks next. */
export function lazyArtifacts(): () => Promise<ArtifactStore> {
  let opened: Promise<ArtifactStore> | undefined;
  return () => {
    opened ??= Promise.resolve()
      .then(() => openArtifacts(artifactSettings()))
      .catch((error: unknown) => {
        opened = undefined;
        throw error;
      });
    return opened;
  };
}
