import { z } from '@perennial/service';

/** Settings of this service; each is `PERENNIAL_<UPPER_SNAKE>` in the environment. */
export const settings = {
  pool: z.enum(['cpu', 'gpu']).default('cpu').describe('The pool that this replica belongs to.'),
  replicaId: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, 'must be 1 to 64 of a-z, 0-9, "-" and "_"')
    .optional()
    .describe('The name of this replica, told to gateways; made of host and port where left out.'),
  advertise: z
    .string()
    .regex(/^.+:\d+$/, 'must be host:port')
    .optional()
    .describe('Where gateways reach this replica, as host:port; where it listens if left out.'),
  executors: z.coerce
    .number()
    .int()
    .min(0)
    .max(64)
    .default(0)
    .describe(
      'Threads that run models, each with sessions of its own; 0: by the cores that the control group allows, one of them left to the rest, four at most.',
    ),
  isolation: z
    .enum(['thread', 'process'])
    .default('thread')
    .describe(
      'Where models run: threads of this process, or processes of their own, which a model can end without ending the replica, for some tens of microseconds more a batch and some tens of MiB more memory.',
    ),
  threads: z.coerce
    .number()
    .int()
    .min(1)
    .max(64)
    .default(1)
    .describe('Threads of one run; small trees and rows lose by more than one.'),
  memoryBudgetMiB: z.coerce
    .number()
    .int()
    .positive()
    .default(1024)
    .describe('Memory of all loaded models together; past it the least recently used go.'),
  device: z
    .enum(['auto', 'cpu', 'cuda', 'webgpu'])
    .default('auto')
    .describe(
      'What runs models; auto: CUDA where the host has it. Pool gpu refuses models that it must run on the CPU.',
    ),
  cacheDir: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Folder for model files and proofs that they do no harm; replicas of one machine may share it. Left out: no copies, and proofs are made anew after a restart.',
    ),
  cacheMiB: z.coerce
    .number()
    .int()
    .positive()
    .default(4096)
    .describe('Model files in that folder; past it those go that were not used for longest.'),
  modelKeysFile: z
    .string()
    .min(1)
    .optional()
    .describe(
      'PEM file with the Ed25519 public keys that models must be signed by; without it digests alone vouch for them.',
    ),
  testRuns: z.coerce
    .number()
    .int()
    .min(100)
    .default(100)
    .describe('Timed runs of a test; under 100 a 99th percentile says nothing.'),
};
