import { afterAll, beforeAll, describe } from 'vitest';
import { dataCases } from './cases/data.js';
import { descriptionCases } from './cases/descriptions.js';
import { extensionCases } from './cases/extensions.js';
import { foreignClientCases } from './cases/foreign-clients.js';
import { fuzzCases } from './cases/fuzz.js';
import { grpcCases } from './cases/grpc.js';
import { httpCases } from './cases/http.js';
import { refusalCases } from './cases/refusals.js';
import { repositoryCases } from './cases/repository.js';
import { type Server, serverUnderTest, wireKinds, wiresOf } from './server.js';
import type { Wire } from './wire/wire.js';

let server: Server;
let wires: ReturnType<typeof wiresOf>;

beforeAll(async () => {
  server = await serverUnderTest();
  wires = wiresOf(server);
});

afterAll(async () => {
  for (const { connection } of wires?.grpc ?? []) connection.close();
  await server?.stop();
});

/** The same cases for every transport and every form of its tensors. */
describe.each(wireKinds)('$name', (kind) => {
  const wire = () => wires.all.find(({ name }) => name === kind.name) as Wire;
  descriptionCases(wire);
  dataCases(wire, kind);
  refusalCases(wire, kind);
  extensionCases(wire);
  repositoryCases(wire, () => server);
});

describe('over HTTP alone', () =>
  httpCases(
    () => wires.http[0] as (typeof wires.http)[number],
    () => server,
  ));
describe('over gRPC alone', () =>
  grpcCases(
    () => wires.grpc[0] as (typeof wires.grpc)[number],
    () => server,
  ));
describe('what is broken', () =>
  fuzzCases(
    () => wires.http[0] as (typeof wires.http)[number],
    () => wires.grpc[0] as (typeof wires.grpc)[number],
  ));
describe('clients of others', () => foreignClientCases(() => server));
