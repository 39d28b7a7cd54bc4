export { freePort, isPortFree } from './free-port.js';
export { type Exit, launch, type RunningProcess, untilReady } from './launch.js';
export { logTail } from './log-file.js';
export { rootDir } from './paths.js';
export type { Program } from './program.js';
export { type NatsOptions, type NatsProgram, natsProgram } from './servers/nats.js';
export { type NatsAuth, natsAuth } from './servers/nats-auth.js';
export { findNatsServer } from './servers/nats-binary.js';
export { type PostgresOptions, type PostgresProgram, postgresProgram } from './servers/postgres.js';
