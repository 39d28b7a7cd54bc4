/** The seasons story: a model trained in winter is kept good through two years, with nobody touching anything. */
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
  if (!value) throw new Error(`${name} is not set; run this story by \`npm run demo\``);
  return value;
}
