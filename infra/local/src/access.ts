import { createHash, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
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

/** The pair that the registry signs models with, and whoever loads them knows. */
export interface ModelKeys {
  readonly signingKeyFile: string;
  readonly modelKeysFile: string;
}

/** Makes the pair at the first start, or finds it again; the public half is made of the private one each time. */
export function modelKeys(secretsDir: string): ModelKeys {
  const signingKeyFile = path.join(secretsDir, 'model-signing-key.pem');
  const modelKeysFile = path.join(secretsDir, 'model-keys.pem');
  const pem = rememberedSecret(signingKeyFile, () =>
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().trim(),
  );
  const publicPem = createPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString();
  if (readTextFile(modelKeysFile) !== publicPem.trim()) writePrivateFile(modelKeysFile, publicPem);
  return { signingKeyFile, modelKeysFile };
}

export function writeClientFile(file: string, content: ClientFile): void {
  writePrivateFile(file, `${JSON.stringify(content, undefined, 2)}\n`);
}

/** Removes it at the end, unless another platform has written its own there since. */
export function removeClientFile(file: string, dataDir: string): void {
  const text = readTextFile(file);
  if (text && (JSON.parse(text) as ClientFile).dataDir === dataDir) rmSync(file, { force: true });
}
