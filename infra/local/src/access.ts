import { createHash, randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { readTextFile, rememberedSecret, writePrivateFile } from './private-file.js';

/** What a client on this machine needs to reach the running platform. */
export interface ClientFile {
  readonly url: string;
  /** `host:port`, as gRPC clients take it. */
  readonly grpcUrl: string;
  readonly natsUrl: string;
  readonly token: string;
  readonly dataDir: string;
}

export interface Access {
  /** The first administrator's token, made at the first start. */
  readonly token: string;
  /** The list the gateway checks tokens against: digests, never the tokens. */
  readonly tokensFile: string;
}

/** Makes the first administrator's token, or finds it again. */
export function adminAccess(secretsDir: string, tenant: string): Access {
  const token = rememberedSecret(path.join(secretsDir, 'admin-token'), () => {
    return `per_${randomBytes(32).toString('base64url')}`;
  });
  const tokensFile = path.join(secretsDir, 'tokens.json');
  const sha256 = createHash('sha256').update(token).digest('hex');
  const tokens = [{ name: 'admin', sha256, tenant, role: 'admin' }];
  if (!readTextFile(tokensFile)?.includes(sha256)) {
    writePrivateFile(tokensFile, `${JSON.stringify({ tokens }, undefined, 2)}\n`);
  }
  return { token, tokensFile };
}

export function writeClientFile(file: string, content: ClientFile): void {
  writePrivateFile(file, `${JSON.stringify(content, undefined, 2)}\n`);
}

/** Removes it at the end, unless another platform has written its own there since. */
export function removeClientFile(file: string, dataDir: string): void {
  const text = readTextFile(file);
  if (text && (JSON.parse(text) as ClientFile).dataDir === dataDir) rmSync(file, { force: true });
}
