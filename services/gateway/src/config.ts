import { z } from '@perennial/service';

const address = z.string().regex(/^.+:\d+$/, 'must be host:port');

/** Settings of this service; each is `PERENNIAL_<UPPER_SNAKE>` in the environment. */
export const settings = {
  httpListen: address
    .default('127.0.0.1:8080')
    .describe(
      'Where HTTP clients come in, as host:port; loopback unless TLS is set up here or terminated before it.',
    ),
  publicGrpcListen: address
    .default('127.0.0.1:8081')
    .describe('Where gRPC clients of the Open Inference Protocol come in, as host:port.'),
  modelKeysFile: z
    .string()
    .min(1)
    .optional()
    .describe(
      'PEM file with the Ed25519 public keys that models which run in the gateway must be signed by; without it digests alone vouch for them.',
    ),
  edgeMemoryBudgetMiB: z.coerce
    .number()
    .int()
    .min(0)
    .default(128)
    .describe(
      'Memory of models that run in the gateway itself, for which there is no hop; 0 runs all in pools.',
    ),
  edgeMarkFile: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Says while it exists that models run in the gateway; found at a start it keeps them out for a while. In the temporary folder if left out.',
    ),
  callbackAllowPrivate: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .describe(
      'Whether callbacks may go to private and loopback addresses and over plain HTTP; a client could then reach what lies beside us.',
    ),
  tokensFile: z
    .string()
    .min(1)
    .describe(
      'JSON file with the SHA-256 of tokens that may come in, or the names of client certificates: how the first administrator comes in, who makes API keys for the others.',
    ),
  tlsCertFile: z
    .string()
    .min(1)
    .optional()
    .describe(
      'PEM file with the certificate of both public ports, and those up to its root; without it they are plain.',
    ),
  tlsKeyFile: z.string().min(1).optional().describe('PEM file with the private key of the certificate.'),
  tlsClientCaFile: z
    .string()
    .min(1)
    .optional()
    .describe(
      'PEM file with whoever signs certificates of clients; with it nobody comes in without one (mTLS).',
    ),
  tlsReloadMs: z.coerce
    .number()
    .int()
    .min(0)
    .default(5_000)
    .describe(
      'How often the files of TLS are looked at, in milliseconds: three small reads; 0 reads them at the start alone.',
    ),
  oidcIssuer: z
    .url()
    .optional()
    .describe(
      'The identity provider whose tokens (JWT) let people in, as its "iss" says it: https, or http on this machine.',
    ),
  oidcAudience: z
    .string()
    .min(1)
    .optional()
    .describe('The "aud" that tokens must have, so that those for other services open nothing here.'),
  oidcJwksUrl: z
    .url()
    .optional()
    .describe('Where the public keys of the provider lie; by default its discovery document says it.'),
  oidcRoleClaim: z
    .string()
    .min(1)
    .default('role')
    .describe(
      'The claim with the role or a list of roles (viewer, client, operator, approver, auditor, admin); steps are parted by dots.',
    ),
  oidcTenantClaim: z
    .string()
    .min(1)
    .optional()
    .describe(
      'The claim with the tenant, or a list of them; without it everybody of this issuer and audience is of this tenant.',
    ),
  oidcNameClaim: z
    .string()
    .min(1)
    .default('sub')
    .describe(
      'The claim with the name that stands in the audit log; it must be one that people cannot choose.',
    ),
};

export type Settings = z.infer<z.ZodObject<typeof settings>>;
