import { startRunServers } from '@perennial/testkit';

/** vitest's global setup: what it returns is the teardown. */
export default startRunServers;
