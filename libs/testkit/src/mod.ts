export { freePort } from '@perennial/local';
export {
  type AuthorityForTests,
  type CertificateForTests,
  certificateAuthority,
} from './certificates.js';
export { mutants, withstands } from './mutants.js';
export { type NatsForTests, startNats } from './nats.js';
export { type OwnPostgres, startPostgres } from './own-postgres.js';
export { type DatabaseForTests, type PostgresForTests, postgresForTests } from './postgres.js';
export { realData, withoutRealData } from './real-data.js';
export { startRunServers } from './run-servers.js';
export { tempDir } from './temp-dir.js';
export { waitFor } from './wait-for.js';
