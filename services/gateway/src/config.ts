import { z } from '@perennial/service';

const address = z.string().regex(/^.+:\d+$/, 'must be host:port');

/** Settings of this service; each is `PERENNIAL_<UPPER_SNAKE>` in the environment. */
export const settings = {
  httpListen: address
    .default('127.0.0.1:8080')
    .describe(
      'Where HTTP clients come in, as host:port; loopback unless something terminates TLS before it.',
    ),
  publicGrpcListen: address
    .default('127.0.0.1:8081')
    .describe('Where gRPC clients of the Open Inference Protocol come in, as host:port.'),
  tokensFile: z
    .string()
    .min(1)
    .describe('JSON file with the SHA-256 of every token that may come in; without one nobody could.'),
};

export type Settings = z.infer<z.ZodObject<typeof settings>>;
