/** Three million real flights: train on January, serve, score February. */
import { loadClientConfig, Perennial } from '@perennial/client';
import { tellStory } from './story.js';

const config = loadClientConfig();
const isTold = await tellStory(new Perennial(config), {
  grpcAddress: required('PERENNIAL_GRPC_URL').replace(/^\w+:\/\//, ''),
  token: config.token,
  dataFolder: required('PERENNIAL_DATA_DIR'),
});
process.exitCode = isTold ? 0 : 1;

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; run this story by \`npm run demo -- late-flights\``);
  return value;
}
