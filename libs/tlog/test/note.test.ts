import { describe, expect, it } from 'vitest';
import {
  emptyEdge,
  formatCheckpoint,
  formatProof,
  grow,
  leafHash,
  makeSignerKey,
  noteSigner,
  noteVerifier,
  openNote,
  parseCheckpoint,
  parseProof,
  rootOf,
  signNote,
  verifyProof,
} from '../src/mod.js';
import { absent, fromBase64, source, toBase64, utf8, vectors } from './vectors.js';

const signer = noteSigner(makeSignerKey('example.org/audit'));
const verifier = noteVerifier(signer.verifierKey);

function signedTree(entries: readonly string[]): string {
  const { edge } = grow(
    emptyEdge,
    entries.map((entry) => leafHash(utf8(entry))),
  );
  return signNote(
    formatCheckpoint({ origin: 'example.org/audit', size: edge.size, root: rootOf(edge) }),
    signer,
  );
}

describe('a signed note', () => {
  it('is opened by its key, and by no other key of the same name', () => {
    const note = signNote('hello\n', signer);
    expect(openNote(note, [verifier])).toEqual({ text: 'hello\n', verified: [signer.name], unverified: [] });
    const other = noteVerifier(noteSigner(makeSignerKey('example.org/audit')).verifierKey);
    expect(() => openNote(note, [other])).toThrow('no given key');
  });

  it('is refused when a byte of its text or signature was changed', () => {
    const note = signNote('size 15\n', signer);
    expect(() => openNote(note.replace('15', '16'), [verifier])).toThrow(
      expect.objectContaining({ code: 'NOTE_SIGNATURE_INVALID' }),
    );
    expect(() =>
      openNote(
        note.replace(/.(.{8})\n$/, (all, rest) => `${all[0] === 'A' ? 'B' : 'A'}${rest}\n`),
        [verifier],
      ),
    ).toThrow();
  });

  it('cannot be signed without an ending newline', () => {
    expect(() => signNote('hello', signer)).toThrow(expect.objectContaining({ code: 'NOTE_MALFORMED' }));
  });

  it('a damaged signing key is refused without being shown', () => {
    const key = makeSignerKey('example.org/audit');
    const damaged = key.replace(/.{6}$/, '');
    expect(() => noteSigner(damaged)).toThrow(expect.objectContaining({ code: 'NOTE_KEY_INVALID' }));
    expect(() => noteSigner(damaged)).not.toThrow(damaged);
  });
});

describe('a proof file', () => {
  const proof = formatProof({
    index: 1,
    proof: [leafHash(utf8('one'))],
    checkpoint: signedTree(['one', 'two']),
  });
  const log = { origin: 'example.org/audit', verifiers: [verifier] };

  it('shows its entry with nothing but the name and the key of the log', () => {
    expect(verifyProof(utf8('two'), proof, log)).toMatchObject({ index: 1, size: 2 });
  });

  it('is refused for another entry, another log, another key, and after any change of one character', () => {
    expect(() => verifyProof(utf8('three'), proof, log)).toThrow(
      expect.objectContaining({ code: 'PROOF_INVALID' }),
    );
    expect(() => verifyProof(utf8('two'), proof, { ...log, origin: 'x' })).toThrow(
      'for the log "example.org/audit"',
    );
    expect(() => verifyProof(utf8('two'), proof, { ...log, verifiers: [] })).toThrow('no given key');
    for (let at = 0; at < proof.length; at++) {
      const changed = `${proof.slice(0, at)}${proof[at] === 'A' ? 'B' : 'A'}${proof.slice(at + 1)}`;
      expect(() => verifyProof(utf8('two'), changed, log), `character ${at}`).toThrow();
    }
  });

  it('carries extra data', () => {
    const file = { index: 0, proof: [], checkpoint: signedTree(['one']), extra: utf8('why') };
    expect(toBase64(parseProof(formatProof(file)).extra ?? utf8(''))).toBe(toBase64(utf8('why')));
  });
});

it.each(['', 'origin\n1\n', 'origin\n01\nAAAA\n', 'origin\n-1\nAAAA\n', '\n1\nAAAA\n'])(
  '%j is no checkpoint',
  (text) => {
    expect(() => parseCheckpoint(text)).toThrow(expect.objectContaining({ code: 'CHECKPOINT_MALFORMED' }));
  },
);

describe.skipIf(absent)(`notes of others ${source}`, () => {
  it('are signed byte for byte alike', () => {
    for (const { private_key, public_key, text, want } of vectors.signed_notes.sign) {
      expect(noteSigner(private_key).verifierKey).toBe(public_key);
      expect(signNote(text, noteSigner(private_key))).toBe(want);
    }
  });

  it('are opened or refused alike', () => {
    for (const { msg, trusted, verified, unverified, error } of vectors.signed_notes.open) {
      const open = () => openNote(msg, trusted.map(noteVerifier));
      if (error === undefined) expect(open()).toMatchObject({ verified, unverified });
      else expect(open, error).toThrow();
    }
  });

  it('are refused where malformed, as are keys', () => {
    const known = vectors.signed_notes.sign.map((each: { public_key: string }) =>
      noteVerifier(each.public_key),
    );
    const malformed = [
      ...vectors.signed_notes.malformed,
      ...vectors.signed_notes.malformed_base64_bytes.map(fromBase64),
    ];
    for (const note of malformed) {
      expect(() => openNote(note, known)).toThrow(expect.objectContaining({ code: 'NOTE_MALFORMED' }));
    }
    for (const key of vectors.signed_notes.bad_vkeys) expect(() => noteVerifier(key)).toThrow();
    const good = vectors.signed_notes.sign[0].public_key;
    for (let end = 0; end < good.length; end++) expect(() => noteVerifier(good.slice(0, end))).toThrow();
  });

  it('every checkpoint of the golden log is made byte for byte', () => {
    const golden = vectors.tiled_log_golden;
    const key = noteSigner(golden.private_key_PUBLISHED_FOR_TESTS_ONLY);
    const leaves: Uint8Array[] = golden.entries_utf8.map((text: string) => leafHash(utf8(text)));
    for (const [size, checkpoint] of Object.entries(golden.checkpoints)) {
      const { edge } = grow(emptyEdge, leaves.slice(0, Number(size)));
      const text = formatCheckpoint({
        origin: 'example.com/log/testdata',
        size: edge.size,
        root: rootOf(edge),
      });
      expect(signNote(text, key)).toBe(checkpoint);
    }
  });

  it('a real checkpoint is opened though its key has another name than the log', () => {
    const { public_key, checkpoint } = vectors.real_checkpoint_sum_golang_org;
    const { text, verified } = openNote(checkpoint, [noteVerifier(public_key)]);
    expect(verified).toEqual(['sum.golang.org']);
    expect(parseCheckpoint(text)).toMatchObject({ origin: 'go.sum database tree', size: 35_225_469 });
  });

  it('proof files with cosignatures of witnesses are verified', () => {
    const { witness_vkeys_0x04, tlog_proofs } = vectors.DERIVED_from_golden_log;
    const verifiers = [vectors.tiled_log_golden.public_key, ...witness_vkeys_0x04].map(noteVerifier);
    for (const { entry_utf8, file } of tlog_proofs) {
      const log = { origin: 'example.com/log/testdata', verifiers };
      expect(verifyProof(utf8(entry_utf8), file, log).size).toBe(15);
      expect(openNote(parseProof(file).checkpoint, verifiers).verified).toContain('Wit1');
    }
  });
});
