import { open, readFile, rename } from 'node:fs/promises';
import { invalid } from '@perennial/kernel';
import {
  emptyEdge,
  makeSignerKey,
  type NoteSigner,
  noteSigner,
  noteVerifier,
  openNote,
  parseCheckpoint,
  rootOf,
  sameHash,
} from '@perennial/tlog';
import { edgeOf, signCheckpoint } from '../append.js';
import { type SignedCheckpoint, Store } from '../store.js';
import type { Db } from '../tables.js';

export interface SignerOptions {
  readonly db: Db;
  readonly tenant: string;
  readonly origin: string;
  /** Empty: the key is in the database. */
  readonly keyFile: string;
  readonly now: Date;
}

/**
 * The log's key, made when the log begins. It is kept in the database, so that the platform starts with nothing but its
 * database and a restored backup signs on; whoever may write that schema could then sign a history of his own. With a
 * key file that needs the file, too; and the last checkpoint is remembered beside it, so that a log which was cut off or
 * replaced by an older backup is not signed on.
 *
 * @throws PlatformError SIGNING_KEY_UNREADABLE, SIGNING_KEY_DIFFERS, LOG_ORIGIN_DIFFERS, LOG_BEHIND_SIGNER
 */
export async function openSigner(options: SignerOptions): Promise<NoteSigner> {
  const { db, tenant, keyFile } = options;
  const signer = await db.transaction().execute(async (tx) => {
    const store = new Store(tx, tenant);
    return (await existingSigner(store, options)) ?? (await beginLog(store, options));
  });
  if (keyFile !== '') await compareWithMemory(new Store(db, tenant), memoryFile(keyFile));
  return signer;
}

async function beginLog(store: Store, options: SignerOptions): Promise<NoteSigner> {
  const { origin, keyFile, now } = options;
  const key =
    keyFile === ''
      ? makeSignerKey(origin)
      : ((await readKey(keyFile)) ?? (await makeKeyFile(keyFile, origin)));
  const signer = noteSigner(key);
  if (!(await store.begin({ origin, verifierKey: signer.verifierKey }))) {
    const other = await existingSigner(store, options);
    if (other) return other;
  }
  if (keyFile === '') await store.keepSignerKey(key);
  await store.keepCheckpoint(signCheckpoint({ origin }, emptyEdge, { signer, now }));
  return signer;
}

async function existingSigner(
  store: Store,
  { origin, keyFile }: SignerOptions,
): Promise<NoteSigner | undefined> {
  const head = await store.head();
  if (!head) return undefined;
  if (head.origin !== origin) {
    throw invalid(
      'LOG_ORIGIN_DIFFERS',
      `the log began as "${head.origin}" and keeps that name; set PERENNIAL_LOG_ORIGIN back, without the tenant`,
    );
  }
  const key = keyFile === '' ? await store.signerKey() : await readKey(keyFile);
  if (key === undefined) {
    const where = keyFile === '' ? 'in a file: set PERENNIAL_KEY_FILE' : `elsewhere than in ${keyFile}`;
    throw invalid('SIGNING_KEY_UNREADABLE', `the key that signs the log "${origin}" is kept ${where}`);
  }
  const signer = noteSigner(key);
  if (signer.verifierKey !== head.verifierKey) {
    throw invalid(
      'SIGNING_KEY_DIFFERS',
      `the log "${origin}" is signed by ${head.verifierKey}; bring back that key`,
    );
  }
  return signer;
}

const memoryFile = (keyFile: string) => `${keyFile}.checkpoint`;

/** Remembers what was signed last, beside the key. Called after the commit: the memory is never ahead of the log. */
export async function rememberCheckpoint(keyFile: string, { note }: SignedCheckpoint): Promise<void> {
  const file = memoryFile(keyFile);
  await writeWhole(`${file}.tmp`, note, 'w');
  await rename(`${file}.tmp`, file);
}

async function compareWithMemory(store: Store, file: string): Promise<void> {
  const problem = await memoryProblem(store, file);
  if (problem === undefined) return;
  throw invalid(
    'LOG_BEHIND_SIGNER',
    `${problem}; restore the newer database, or move ${file} away to accept the loss for ever`,
  );
}

/** Why the log is not a continuation of what was signed last, or undefined. */
async function memoryProblem(store: Store, file: string): Promise<string | undefined> {
  const note = await readIfThere(file);
  const head = await store.head();
  if (note === undefined || !head) return undefined;
  const remembered = parseCheckpoint(openNote(note, [noteVerifier(head.verifierKey)]).text);
  if (remembered.size > head.size) {
    return `the log has ${head.size} entries, but ${remembered.size} were signed: it was cut off, or the database is an older backup`;
  }
  if (sameHash(rootOf(await edgeOf(store, remembered.size)), remembered.root)) return undefined;
  return `the first ${remembered.size} entries of the log are not those that were signed: another history took their place`;
}

/** What the memory beside the key says against the log as it stands; for Verify. */
export function checkMemory(db: Db, tenant: string, keyFile: string): Promise<string | undefined> {
  return memoryProblem(new Store(db, tenant), memoryFile(keyFile));
}

async function readKey(file: string): Promise<string | undefined> {
  try {
    return await readIfThere(file);
  } catch (cause) {
    throw invalid('SIGNING_KEY_UNREADABLE', `PERENNIAL_KEY_FILE: ${file} cannot be read`, { cause });
  }
}

async function makeKeyFile(file: string, name: string): Promise<string> {
  const key = makeSignerKey(name);
  try {
    await writeWhole(file, `${key}\n`, 'wx');
  } catch (cause) {
    throw invalid('SIGNING_KEY_UNREADABLE', `PERENNIAL_KEY_FILE: ${file} cannot be made`, { cause });
  }
  return key;
}

async function writeWhole(file: string, text: string, flags: 'w' | 'wx'): Promise<void> {
  const handle = await open(file, flags, 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
