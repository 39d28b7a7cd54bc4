import { artifactSettings, openArtifacts } from '@perennial/artifacts';
import { runService } from '@perennial/service';
import { build } from './build.js';
import { settings } from './config.js';

await runService({
  name: 'featurize',
  settings,
  migrations: new URL('../migrations/', import.meta.url),
  build: async (frame) => build(frame, await openArtifacts(artifactSettings())),
});
